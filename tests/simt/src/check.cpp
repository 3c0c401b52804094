// check.cpp - where an access of a kernel goes, and which checks it meets there.
#include <link.h>

#include "device_memory.hpp"
#include "engine.hpp"

namespace simt {

bool instrumented = false;

const char* word(Access kind) {
    return kind == Access::Read ? "reads" : kind == Access::Write ? "writes" : "atomically changes";
}

namespace {

// Code and constants of the program and its libraries.
bool in_image(const void* p) {
    struct Query {
        uintptr_t at;
        bool found;
    } query{reinterpret_cast<uintptr_t>(p), false};
    dl_iterate_phdr(
            [](dl_phdr_info* info, size_t, void* data) {
                Query& q = *static_cast<Query*>(data);
                for (int i = 0; i < info->dlpi_phnum; ++i) {
                    const auto& header = info->dlpi_phdr[i];
                    if (header.p_type == PT_LOAD && q.at - (info->dlpi_addr + header.p_vaddr) < header.p_memsz)
                        q.found = true;
                }
                return q.found ? 1 : 0;
            },
            &query);
    return query.found;
}

void other_access(const Fiber& f, const void* p, std::size_t bytes, Access kind, const void* pc) {
    const Kernel& k = *f.block->kernel;
    if (static_cast<std::size_t>(static_cast<const char*>(p) - static_cast<const char*>(k.packed.get())) <
            k.packed_bytes)
        return;
    if (in_image(p) || !settings().bounds) return;
    const bool stack =
            static_cast<std::size_t>(static_cast<const char*>(p) - worker->stacks) < kMostThreads * kStackBytes;
    report(Kind::HostAccess, pc, "%s %s %zu bytes at %p, %s", where_am_i().c_str(), word(kind), bytes, p,
            stack ? "local memory of another thread" : "which is not device memory");
}

}  // namespace

void vector_off(std::size_t bytes) {
    if (current == nullptr) return;
    report(Kind::Misaligned, __builtin_return_address(0),
            "%s moves a vector of %zu bytes at an address that is no multiple of that", where_am_i().c_str(), bytes);
}

void access(const void* p, std::size_t bytes, Access kind, const void* pc) {
    const Fiber* const f = current;
    if (f == nullptr) {
        if (device->contains(p) && !is_pinned(p))
            report(Kind::HostTouchesDevice, pc, "the host %s %zu bytes of device memory (%s)", word(kind), bytes,
                    near(p).c_str());
        return;
    }
    if (static_cast<std::size_t>(static_cast<const char*>(p) - f->stack) < kStackBytes) return;
    const std::size_t shared = static_cast<std::size_t>(static_cast<const char*>(p) - worker->shared);
    const bool known = shared < kSharedArena || device->contains(p);
    if (known && bytes <= 16 && (bytes & (bytes - 1)) == 0 && reinterpret_cast<uintptr_t>(p) % bytes != 0)
        report(Kind::Misaligned, pc, "%s %s %zu bytes at an address that is no multiple of that", where_am_i().c_str(),
                word(kind), bytes);
    if (settings().counters && known)
        count_access(*f, shared < kSharedArena ? Space::Shared : Space::Global,
                shared < kSharedArena ? shared : reinterpret_cast<uint64_t>(p), static_cast<uint32_t>(bytes), kind, pc);
    if (settings().sample > 0) return;
    if (shared < kSharedArena)
        shared_access(*f, shared, bytes, kind, pc);
    else if (known)
        global_access(*f, p, bytes, kind, pc);
    else
        other_access(*f, p, bytes, kind, pc);
}

void check_access(const void* p, std::size_t bytes, Access kind) {
    access(p, bytes, kind, __builtin_return_address(0));
}

}  // namespace simt
