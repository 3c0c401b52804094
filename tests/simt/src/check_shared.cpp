// check_shared.cpp - accesses to a block's shared memory: bounds, initialisation, races, asynchronous copies. Two cells for each two bytes hold
// the last writer and the last reader, with the number of barriers that they had passed.
#include <cstring>

#include "engine.hpp"

namespace simt {
namespace {

constexpr unsigned kManyWarps = 2047;  // instead of a thread: several of the block
constexpr unsigned kManyLanes = 1024;  // + warp: several of one warp

// Shared memory: [serial 24][thread 11][epoch 15][warp epoch 12][atomic][pending].
struct SharedCell {
    uint64_t bits;
    static SharedCell of(const Fiber& f, unsigned thread, bool atomic, bool pending) {
        const Block& b = *f.block;
        return {static_cast<uint64_t>(b.serial & 0xffffff) << 40 | static_cast<uint64_t>(thread) << 29 |
                static_cast<uint64_t>(b.epoch & 0x7fff) << 14 |
                static_cast<uint64_t>(b.warp_epoch[f.thread / 32] & 0xfff) << 2 | (atomic ? 2u : 0u) |
                (pending ? 1u : 0u)};
    }
    unsigned serial() const { return bits >> 40; }
    unsigned thread() const { return bits >> 29 & 0x7ff; }
    unsigned epoch() const { return bits >> 14 & 0x7fff; }
    unsigned warp_epoch() const { return bits >> 2 & 0xfff; }
    bool atomic() const { return bits & 2; }
    bool pending() const { return bits & 1; }
    bool of_block(const Block& b) const { return serial() == (b.serial & 0xffffff); }
    unsigned warp() const {
        return thread() < kManyLanes ? thread() / 32 : thread() == kManyWarps ? 99 : thread() - kManyLanes;
    }

    static bool same_epoch(uint64_t a, uint64_t b) {
        return ((a ^ b) & (uint64_t{0xffffff} << 40 | uint64_t{0x7fff} << 14)) == 0;
    }
    // Of this block, complete, and by the same thread or before the last barrier.
    static bool in_order(uint64_t cell, uint64_t own) {
        const uint64_t other = cell ^ own;
        return other >> 40 == 0 && (cell & 1) == 0 &&
               ((other & uint64_t{0x7fff} << 14) != 0 || (other & uint64_t{0x7ff} << 29) == 0);
    }

    // Whether this access and one that f makes now have no order.
    bool races(const Fiber& f) const {
        const Block& b = *f.block;
        if (!of_block(b) || epoch() != (b.epoch & 0x7fff) || thread() == static_cast<unsigned>(f.thread)) return false;
        const unsigned own = static_cast<unsigned>(f.thread) / 32;
        return warp() != own || warp_epoch() == (b.warp_epoch[own] & 0xfff);
    }
};

}  // namespace

void shared_access(const Fiber& f, std::size_t offset, std::size_t bytes, Access kind, const void* pc) {
    const Settings& s = settings();
    const Block& b = *f.block;
    const char* name = "dynamic";
    std::size_t into = offset - kDynamicAt;
    bool inside = offset >= kDynamicAt && offset + bytes <= kDynamicAt + b.kernel->config.shared;
    for (const SharedVariable& v : b.variables) {
        if (offset < v.offset || offset + bytes > v.offset + v.bytes) continue;
        inside = true;
        name = v.name;
        into = offset - v.offset;
    }
    if (s.bounds && !inside) {
        report(Kind::OutOfBounds, pc, "%s %s %zu bytes of shared memory at %zu, outside every variable",
                where_am_i().c_str(), word(kind), bytes, offset >= kDynamicAt ? offset - kDynamicAt : offset);
        return;
    }
    const uint64_t own = SharedCell::of(f, static_cast<unsigned>(f.thread), false, false).bits;
    for (std::size_t unit = offset / 2; unit < (offset + bytes + 1) / 2; ++unit) {
        const SharedCell written{worker->shared_writes[unit]};
        // Most accesses: to what this thread wrote, or anybody before the last barrier, and that nobody else reads now.
        if (kind == Access::Read && SharedCell::in_order(written.bits, own)) {
            if (worker->shared_reads[unit] == own) continue;
            if (!SharedCell::same_epoch(worker->shared_reads[unit], own)) {
                worker->shared_reads[unit] = own;
                continue;
            }
        }
        if (kind != Access::Write) {
            if (s.init && !written.of_block(b))
                report(Kind::Uninitialised, pc,
                        "%s reads %s shared memory, byte %zu, that no thread of the block has written",
                        where_am_i().c_str(), name, into);
            if (s.races && written.of_block(b) && written.pending())
                report(Kind::AsyncCopy, pc,
                        "%s reads %s shared memory, byte %zu, into which thread %u copies asynchronously",
                        where_am_i().c_str(), name, into, written.thread());
        }
        if (s.races && written.races(f) && !(kind == Access::Atomic && written.atomic()))
            report(Kind::Race, pc, "%s %s %s shared memory, byte %zu, that thread %u writes without a barrier between",
                    where_am_i().c_str(), word(kind), name, into, written.thread());
        if (kind == Access::Read) {
            const SharedCell read{worker->shared_reads[unit]};
            unsigned thread = static_cast<unsigned>(f.thread);
            if (read.of_block(b) && read.epoch() == (b.epoch & 0x7fff) && read.thread() != thread)
                thread = read.warp() == thread / 32 ? kManyLanes + thread / 32 : kManyWarps;
            worker->shared_reads[unit] = SharedCell::of(f, thread, false, false).bits;
        } else {
            const SharedCell read{worker->shared_reads[unit]};
            if (s.races && read.races(f))
                report(Kind::Race, pc, "%s %s %s shared memory, byte %zu, that %s reads without a barrier between",
                        where_am_i().c_str(), word(kind), name, into,
                        read.thread() < kManyLanes ? ("thread " + std::to_string(read.thread())).c_str()
                                                   : "another thread");
            worker->shared_writes[unit] =
                    SharedCell::of(f, static_cast<unsigned>(f.thread), kind == Access::Atomic, false).bits;
        }
    }
}

void shared_async_begin(uint32_t offset, int bytes) {
    const Fiber& f = *current;
    const void* pc = __builtin_return_address(0);
    // One instruction with the read of the same copy: a place of its own in the counters.
    if (settings().counters)
        count_access(f, Space::Shared, offset, static_cast<uint32_t>(bytes), Access::Write,
                static_cast<const char*>(pc) + 1);
    if (settings().sample > 0) return;
    shared_access(f, offset, static_cast<std::size_t>(bytes), Access::Write, pc);
    if (settings().init) std::memset(f.block->shared + offset, 0xff, static_cast<std::size_t>(bytes));
    for (uint32_t unit = offset / 2; unit < (offset + static_cast<uint32_t>(bytes) + 1) / 2; ++unit)
        worker->shared_writes[unit] = SharedCell::of(f, static_cast<unsigned>(f.thread), false, true).bits;
}

void shared_async_end(uint32_t offset, int bytes) {
    if (settings().sample > 0) return;
    const Fiber& f = *current;
    for (uint32_t unit = offset / 2; unit < (offset + static_cast<uint32_t>(bytes) + 1) / 2; ++unit)
        worker->shared_writes[unit] = SharedCell::of(f, static_cast<unsigned>(f.thread), false, false).bits;
}

}  // namespace simt
