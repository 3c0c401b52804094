// async_copy.cpp - cp.async: a copy is done as late as it may be, so that a wait that is missing or too weak is seen.
#include <cstring>

#include "engine.hpp"

namespace simt {

void copy_async(uint32_t to, const void* from, int bytes, int valid) {
    if (to % static_cast<uint32_t>(bytes) != 0 || reinterpret_cast<uintptr_t>(from) % static_cast<unsigned>(bytes) != 0)
        report(Kind::Misaligned, __builtin_return_address(0), "%s: cp.async of %d bytes from %p to shared %u",
                where_am_i().c_str(), bytes, from, to);
    if (valid < 0 || valid > bytes) {
        report(Kind::OutOfBounds, __builtin_return_address(0), "%s: cp.async of %d bytes, of which %d are to be read",
                where_am_i().c_str(), bytes, valid);
        valid = valid < 0 ? 0 : bytes;
    }
    if (valid > 0) access(from, static_cast<std::size_t>(valid), Access::Read, __builtin_return_address(0));
    shared_async_begin(to, bytes);
    current->copies.push_back({to, from, bytes, valid, current->copy_group});
}

void commit_copies() {
    ++current->copy_group;
}

void wait_for_copies(int pending_groups) {
    Fiber& f = *current;
    size_t done = 0;
    for (; done < f.copies.size() && f.copies[done].group < f.copy_group - pending_groups; ++done) {
        const PendingCopy& c = f.copies[done];
        char* to = f.block->shared + c.to;
        std::memcpy(to, c.from, static_cast<size_t>(c.valid));
        std::memset(to + c.valid, 0, static_cast<size_t>(c.bytes - c.valid));
        shared_async_end(c.to, c.bytes);
    }
    f.copies.erase(f.copies.begin(), f.copies.begin() + static_cast<std::ptrdiff_t>(done));
}

}  // namespace simt
