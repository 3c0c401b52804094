// check_global.cpp - accesses to device memory: bounds, initialisation, races within a launch.
#include <cstring>

#include "device_memory.hpp"
#include "engine.hpp"

namespace simt {
namespace {

constexpr unsigned kManyWarps = 2047;  // instead of a thread: several of the block
constexpr unsigned kManyBlocks = 0xfffff;

// Device memory: [launch 16][block 20][thread 11][epoch 15][atomic][unused].
struct GlobalCell {
    uint64_t bits;
    static GlobalCell of(const Fiber& f, unsigned block, unsigned thread, bool atomic) {
        const Block& b = *f.block;
        return {static_cast<uint64_t>(b.launch & 0xffff) << 48 | static_cast<uint64_t>(block) << 28 |
                static_cast<uint64_t>(thread) << 17 | static_cast<uint64_t>(b.epoch & 0x7fff) << 2 |
                (atomic ? 2u : 0u)};
    }
    unsigned launch() const { return bits >> 48; }
    unsigned block() const { return bits >> 28 & 0xfffff; }
    unsigned thread() const { return bits >> 17 & 0x7ff; }
    unsigned epoch() const { return bits >> 2 & 0x7fff; }
    bool atomic() const { return bits & 2; }
    static unsigned number(const Block& b) { return static_cast<unsigned>(b.linear % kManyBlocks); }

    bool races(const Fiber& f) const {
        const Block& b = *f.block;
        if (bits == 0 || launch() != (b.launch & 0xffff)) return false;
        if (block() != number(b)) return true;
        // Lanes of one warp are taken to be in order here.
        return thread() != static_cast<unsigned>(f.thread) && epoch() == (b.epoch & 0x7fff) &&
               (thread() == kManyWarps || thread() / 32 != static_cast<unsigned>(f.thread) / 32);
    }
};

uint64_t get(const uint64_t* cell) {
    return __atomic_load_n(cell, __ATOMIC_RELAXED);
}
void put(uint64_t* cell, uint64_t value) {
    __atomic_store_n(cell, value, __ATOMIC_RELAXED);
}

}  // namespace

void global_access(const Fiber& f, const void* p, std::size_t bytes, Access kind, const void* pc) {
    const Settings& s = settings();
    DeviceMemory& m = *device;
    const std::size_t offset = m.offset(p);
    unsigned char* const state = m.state + offset;
    const auto all_written = [&] {
        uint64_t word = 0;
        if (bytes > 8) return false;
        std::memcpy(&word, state, bytes);
        return word == (0x0202020202020202u >> (64 - 8 * bytes));
    };
    for (std::size_t i = all_written() ? bytes : 0; i < bytes; ++i) {
        if (state[i] == kNothing) {
            if (s.bounds)
                report(Kind::OutOfBounds, pc, "%s %s %zu bytes of device memory: %s", where_am_i().c_str(), word(kind),
                        bytes, near(static_cast<const char*>(p) + i).c_str());
            return;
        }
        if (kind != Access::Write && state[i] == kFresh && s.init) {
            report(Kind::Uninitialised, pc, "%s reads %s that nobody has written", where_am_i().c_str(),
                    near(static_cast<const char*>(p) + i).c_str());
            break;
        }
    }
    if (kind != Access::Read) std::memset(state, kWritten, bytes);
    if (!s.races) return;
    const Block& b = *f.block;
    const uint64_t own = GlobalCell::of(f, GlobalCell::number(b), static_cast<unsigned>(f.thread), false).bits;
    for (std::size_t unit = offset / 2; unit < (offset + bytes + 1) / 2; ++unit) {
        const GlobalCell written{get(m.writes + unit)};
        if (kind == Access::Read && written.launch() != (b.launch & 0xffff) && get(m.reads + unit) == own) continue;
        if (written.races(f) && !(kind == Access::Atomic && written.atomic()))
            report(Kind::GlobalRace, pc, "%s %s %s, which thread %u of block %u writes in the same launch",
                    where_am_i().c_str(), word(kind), near(p).c_str(), written.thread(), written.block());
        const unsigned number = GlobalCell::number(b), thread = static_cast<unsigned>(f.thread);
        const GlobalCell read{get(m.reads + unit)};
        if (kind == Access::Read) {
            GlobalCell now = GlobalCell::of(f, number, thread, false);
            if (read.launch() == (b.launch & 0xffff) && read.bits != 0) {
                if (read.block() != number)
                    now = GlobalCell::of(f, kManyBlocks, kManyWarps, false);
                else if (read.epoch() == (b.epoch & 0x7fff) && read.thread() != thread)
                    now = GlobalCell::of(f, number, kManyWarps, false);
            }
            put(m.reads + unit, now.bits);
        } else {
            if (read.races(f))
                report(Kind::GlobalRace, pc, "%s %s %s, which %s reads in the same launch", where_am_i().c_str(),
                        word(kind), near(p).c_str(),
                        read.block() != number ? "another block" : "another thread of the block");
            put(m.writes + unit, GlobalCell::of(f, number, thread, kind == Access::Atomic).bits);
        }
    }
}

}  // namespace simt
