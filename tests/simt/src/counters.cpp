#include "counters.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "device_memory.hpp"
#include "engine.hpp"

namespace simt {
namespace {

constexpr uint64_t kSector = 32, kBankBytes = 4, kBanks = 32;

struct Request {
    uint32_t mask = 0, bytes = 0;
    std::array<uint64_t, 32> address;
};

// Requests under way of one instruction, of each warp; of each lane how often it came by.
struct Instruction {
    Space space;
    Access kind;
    std::array<std::vector<Request>, kMostThreads / 32> requests;
    std::array<uint32_t, kMostThreads> times{};
};

struct Open {
    std::map<const void*, Instruction> instructions;  // by address: neighbours in the program are neighbours here
    Counts counts;
};
thread_local Open open_requests;

std::mutex guard;
Counts launch_counts;  // of all workers, of the launch under way
std::map<std::string, Counts>& totals() {
    static auto* const all = new std::map<std::string, Counts>();
    return *all;
}

void add(Counts& to, const Counts& from, double factor) {
    const auto scaled = [&](uint64_t n) { return static_cast<uint64_t>(static_cast<double>(n) * factor + 0.5); };
    to.global_requests += scaled(from.global_requests);
    to.global_sectors += scaled(from.global_sectors);
    to.global_bytes += scaled(from.global_bytes);
    to.touched_read += scaled(from.touched_read);
    to.touched_written += scaled(from.touched_written);
    to.shared_requests += scaled(from.shared_requests);
    to.shared_phases += scaled(from.shared_phases);
    to.shared_passes += scaled(from.shared_passes);
    to.tensor_flops += scaled(from.tensor_flops);
    to.library_flops += scaled(from.library_flops);
}

// One line per kernel, tabs between: bench/gpu/model.sh reads it.
void print() {
    std::fprintf(stderr,
            "SIMT-COUNT\tkernel\tlaunches\tblocks\tthreads\tsectors_per_request\tl2_bytes\tdram_read\tdram_written\t"
            "bank_passes_per_phase\tshared_passes\ttensor_flops\tlibrary_flops\n");
    for (const auto& [name, c] : totals()) {
        const auto ratio = [](uint64_t a, uint64_t b) {
            return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
        };
        std::fprintf(stderr, "SIMT-COUNT\t%s\t%llu\t%llu\t%llu\t%.2f\t%llu\t%llu\t%llu\t%.2f\t%llu\t%llu\t%llu\n",
                name.c_str(), static_cast<unsigned long long>(c.launches), static_cast<unsigned long long>(c.blocks),
                static_cast<unsigned long long>(c.threads), ratio(c.global_sectors, c.global_requests),
                static_cast<unsigned long long>(c.global_sectors * kSector),
                static_cast<unsigned long long>(c.touched_read), static_cast<unsigned long long>(c.touched_written),
                ratio(c.shared_passes, c.shared_phases), static_cast<unsigned long long>(c.shared_passes),
                static_cast<unsigned long long>(c.tensor_flops), static_cast<unsigned long long>(c.library_flops));
    }
}

Counts& total_of(const std::string& name) {
    static const bool registered = (std::atexit(print), true);
    (void)registered;
    return totals()[name];
}

// The launch that touched a sector last, reading and writing.
struct Touched {
    std::atomic<uint32_t>*read, *written;
    Touched() {
        const auto map = [] {
            void* p = mmap(nullptr, kArena / kSector * 4, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (p == MAP_FAILED) std::abort();
            return static_cast<std::atomic<uint32_t>*>(p);
        };
        read = map();
        written = map();
    }
};

void touch(const Fiber& f, uint64_t address, uint32_t bytes, Access kind) {
    static const Touched* const touched = new Touched();
    const uint64_t at = device->offset(reinterpret_cast<const void*>(address));
    const uint32_t now = f.block->launch;
    for (uint64_t sector = at / kSector; sector <= (at + bytes - 1) / kSector; ++sector) {
        const bool new_write = kind != Access::Read && touched->written[sector].exchange(now) != now;
        if (new_write) open_requests.counts.touched_written += kSector;
        // What this launch wrote before need not come from memory.
        if (kind != Access::Write && touched->written[sector].load() != now &&
                touched->read[sector].exchange(now) != now)
            open_requests.counts.touched_read += kSector;
    }
}

void close(const Request& r, Space space) {
    Counts& c = open_requests.counts;
    uint64_t items[64];
    size_t n = 0;
    if (space == Space::Global) {
        for (int lane = 0; lane < 32; ++lane) {
            if (!(r.mask >> lane & 1)) continue;
            c.global_bytes += r.bytes;
            for (uint64_t s = r.address[lane] / kSector; s <= (r.address[lane] + r.bytes - 1) / kSector; ++s)
                if (n < 64) items[n++] = s;
        }
        std::sort(items, items + n);
        c.global_sectors += static_cast<uint64_t>(std::unique(items, items + n) - items);
        ++c.global_requests;
        return;
    }
    // Up to 128 bytes a phase: 32, 16 or 8 lanes. Lanes that want the same word share a pass.
    const int lanes = r.bytes <= 4 ? 32 : r.bytes <= 8 ? 16 : 8;
    ++c.shared_requests;
    for (int first = 0; first < 32; first += lanes) {
        n = 0;
        for (int lane = first; lane < first + lanes; ++lane) {
            if (!(r.mask >> lane & 1)) continue;
            for (uint64_t w = r.address[lane] / kBankBytes; w <= (r.address[lane] + r.bytes - 1) / kBankBytes; ++w)
                if (n < 64) items[n++] = w;
        }
        if (n == 0) continue;
        std::sort(items, items + n);
        n = static_cast<size_t>(std::unique(items, items + n) - items);
        int in_bank[kBanks] = {}, most = 0;
        for (size_t i = 0; i < n; ++i)
            most = std::max(most, ++in_bank[items[i] % kBanks]);
        ++c.shared_phases;
        c.shared_passes += static_cast<uint64_t>(most);
    }
}

// Whether every lane's b follows its a within 16 aligned bytes: a compiler for a processor takes a vector load apart, one for a GPU does not.
bool follows(const Request& a, const Request& b) {
    if (a.mask != b.mask || a.bytes + b.bytes > 16) return false;
    for (size_t lane = 0; lane < 32; ++lane) {
        if (!(a.mask >> lane & 1)) continue;
        if (b.address[lane] != a.address[lane] + a.bytes || b.address[lane] / 16 != a.address[lane] / 16) return false;
    }
    return true;
}

// The requests of one warp, parts of vectors put together again.
void close_warp(size_t warp) {
    for (auto first = open_requests.instructions.begin(); first != open_requests.instructions.end(); ++first) {
        Instruction& instruction = first->second;
        for (size_t time = 0; time < instruction.requests[warp].size(); ++time) {
            Request whole = instruction.requests[warp][time];
            if (whole.mask == 0) continue;
            for (auto next = std::next(first); next != open_requests.instructions.end() && whole.bytes < 16; ++next) {
                std::vector<Request>& others = next->second.requests[warp];
                if (next->second.space != instruction.space || next->second.kind != instruction.kind ||
                        others.size() <= time || others[time].mask == 0)
                    continue;
                if (!follows(whole, others[time])) break;
                whole.bytes += others[time].bytes;
                others[time].mask = 0;
            }
            close(whole, instruction.space);
        }
        instruction.requests[warp].clear();
    }
}

}  // namespace

void count_access(const Fiber& f, Space space, uint64_t address, uint32_t bytes, Access kind, const void* pc) {
    if (space == Space::Global) touch(f, address, bytes, kind);
    if (f.uncounted > 0) return;
    Instruction& instruction = open_requests.instructions[pc];
    instruction.space = space;
    instruction.kind = kind;
    std::vector<Request>& requests = instruction.requests[static_cast<size_t>(f.thread / 32)];
    const uint32_t time = instruction.times[static_cast<size_t>(f.thread)]++;
    if (requests.size() <= time) requests.resize(time + 1);
    Request& r = requests[time];
    r.mask |= 1u << f.thread % 32;
    r.bytes = bytes;
    r.address[static_cast<size_t>(f.thread % 32)] = address;
}

void count_tensor(uint64_t flops) {
    if (settings().counters) open_requests.counts.tensor_flops += flops;
}

void close_requests(const Block& block) {
    if (!settings().counters) return;
    const size_t warps = static_cast<size_t>((block.n + 31) / 32);
    for (size_t w = 0; w < warps; ++w)
        close_warp(w);
    for (auto& [pc, instruction] : open_requests.instructions)
        std::fill_n(instruction.times.begin(), warps * 32, 0u);
    const std::lock_guard<std::mutex> lock(guard);
    add(launch_counts, open_requests.counts, 1.0);
    open_requests.counts = {};
}

void close_launch(const Kernel& kernel, uint64_t blocks, uint64_t ran) {
    if (!settings().counters) return;
    const std::lock_guard<std::mutex> lock(guard);
    Counts& c = total_of(kernel.name);
    const dim3& b = kernel.config.block;
    ++c.launches;
    c.blocks += blocks;
    c.threads += blocks * b.x * b.y * b.z;
    add(c, launch_counts, static_cast<double>(blocks) / static_cast<double>(std::max<uint64_t>(1, ran)));
    launch_counts = {};
}

void count_library(const std::string& name, uint64_t flops, uint64_t read, uint64_t written) {
    if (!settings().counters) return;
    const std::lock_guard<std::mutex> lock(guard);
    Counts& c = total_of(name);
    ++c.launches;
    c.library_flops += flops;
    c.touched_read += read;
    c.touched_written += written;
}

}  // namespace simt
