// block.cpp - blocks of threads as fibers. The blocks of a launch are shared out to OpenMP threads; a block stays on one of them until its
// last thread has returned. A thread runs until it waits for others (a barrier, a warp operation) or returns: there is no preemption, the
// checks find what another order could change.
#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "engine.hpp"

namespace simt {

thread_local Fiber* current = nullptr;
thread_local Worker* worker = nullptr;

// Saves the callee's registers, stores the stack pointer, and goes on where `to` left off.
extern "C" void simt_switch(void** from, void* to);
asm(R"(
.text
.globl simt_switch
.type simt_switch, @function
simt_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size simt_switch, .-simt_switch
)");

namespace {

void resume(Fiber* to) {
    Fiber* const from = current;
    current = to;
    simt_switch(&from->stack_pointer, to->stack_pointer);
}

void to_scheduler() {
    Fiber* const from = current;
    current = nullptr;
    simt_switch(&from->stack_pointer, worker->scheduler);
}

}  // namespace

void give_way() {
    const Block& block = *current->block;
    const int at = worker->position[current->thread], first = at / 32 * 32, end = std::min(first + 32, block.n);
    for (int i = at + 1; i < end; ++i)
        if (block.fibers[worker->order[i]].state == State::Runnable) return resume(&block.fibers[worker->order[i]]);
    for (int i = first; i < at; ++i)
        if (block.fibers[worker->order[i]].state == State::Runnable) return resume(&block.fibers[worker->order[i]]);
    for (int i = end; i < block.n; ++i)
        if (block.fibers[worker->order[i]].state == State::Runnable) return resume(&block.fibers[worker->order[i]]);
    to_scheduler();
}

namespace {

extern "C" void simt_fiber_main() {
    const Kernel& kernel = *current->block->kernel;
    kernel.invoke(kernel.packed.get());
    current->state = State::Done;
    give_way();
    std::abort();  // nobody resumes it
}

void prepare(Fiber& fiber) {
    // What simt_switch pops: six registers, then where it returns to. On entry the stack pointer is 8 beyond a multiple of 16. Stacks begin at
    // different distances from a page's end, or all of them would fight for the same lines of the cache.
    const std::size_t colour = static_cast<std::size_t>(fiber.thread) * 832 % 8192 / 64 * 64;
    void** top = reinterpret_cast<void**>(fiber.stack + kStackBytes - 64 - colour);
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(&simt_fiber_main);
    for (int i = 0; i < 6; ++i)
        *--top = nullptr;
    fiber.stack_pointer = top;
    fiber.state = State::Runnable;
    fiber.copy_group = 0;
    fiber.uncounted = 0;
    fiber.copies.clear();
}

// Names a fiber's place; for reports.
std::string place(const Fiber& f) {
    char text[512];
    const Block& b = *f.block;
    std::snprintf(text, sizeof text, "%s block (%u,%u,%u) thread %d (%u,%u,%u)", b.kernel->name, b.index.x, b.index.y,
            b.index.z, f.thread, f.index.x, f.index.y, f.index.z);
    return text;
}

// All threads that are left wait in a barrier: lets them go on. False when they can never go on.
bool release(Block& block) {
    int waiting = 0, done = 0;
    const Fiber* one = nullptr;
    for (int i = 0; i < block.n; ++i) {
        const Fiber& f = block.fibers[i];
        done += f.state == State::Done;
        if (f.state != State::Barrier) continue;
        ++waiting;
        if (one != nullptr && (one->site.line != f.site.line || std::strcmp(one->site.file, f.site.file) != 0)) {
            report(Kind::DivergentBarrier, nullptr, "%s waits in the barrier at %s:%d, %s in the one at %s:%d",
                    place(*one).c_str(), one->site.file, one->site.line, place(f).c_str(), f.site.file, f.site.line);
        }
        one = &f;
    }
    if (waiting + done < block.n || waiting == 0) return false;
    if (done > 0)
        report(Kind::BarrierAfterExit, nullptr,
                "%s waits in the barrier at %s:%d; %d threads of the block have returned without it",
                place(*one).c_str(), one->site.file, one->site.line, done);
    int any = 0, all = 1, count = 0;
    for (int i = 0; i < block.n; ++i) {
        if (block.fibers[i].state != State::Barrier) continue;
        const int predicate = block.fibers[i].barrier_result >> 2;
        any |= predicate;
        all &= predicate;
        count += predicate;
    }
    close_requests(block);
    ++block.epoch;
    for (int i = 0; i < block.n; ++i) {
        Fiber& f = block.fibers[i];
        if (f.state != State::Barrier) continue;
        const Vote vote = static_cast<Vote>(f.barrier_result & 3);
        f.barrier_result = vote == Vote::Or ? any : vote == Vote::And ? all : vote == Vote::Count ? count : 0;
        f.state = State::Runnable;
    }
    return true;
}

void report_deadlock(const Block& block) {
    const Fiber* first = nullptr;
    int waiting = 0;
    for (int i = 0; i < block.n; ++i) {
        const Fiber& f = block.fibers[i];
        if (f.state == State::Done || f.state == State::Runnable) continue;
        if (first == nullptr) first = &f;
        ++waiting;
    }
    if (first == nullptr) return;
    report(Kind::Deadlock, nullptr, "%s and %d more threads wait for ever, it in the %s at %s:%d",
            place(*first).c_str(), waiting - 1, first->state == State::Barrier ? "barrier" : "warp operation",
            first->site.file, first->site.line);
}

void set_order(int n) {
    std::iota(worker->order, worker->order + n, 0);
    const int order = settings().order;
    if (order == 1) std::reverse(worker->order, worker->order + n);
    if (order > 1) {
        // Warps in any order, lanes in any order within their warp's stretch; a last short warp stays last.
        std::mt19937& random = worker->random;
        std::vector<int> warps(static_cast<size_t>(n / 32));
        std::iota(warps.begin(), warps.end(), 0);
        std::shuffle(warps.begin(), warps.end(), random);
        for (size_t w = 0; w < warps.size(); ++w) {
            int* const lanes = worker->order + w * 32;
            std::iota(lanes, lanes + 32, warps[w] * 32);
            std::shuffle(lanes, lanes + 32, random);
        }
    }
    for (int i = 0; i < n; ++i)
        worker->position[worker->order[i]] = i;
}

void make_worker() {
    if (worker != nullptr) return;
    worker = new Worker();
    worker->random.seed(static_cast<unsigned>(settings().order));
    const auto map = [](std::size_t bytes) {
        void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) std::abort();
        return p;
    };
    worker->stacks = static_cast<char*>(map(kMostThreads * kStackBytes));
    worker->shared = static_cast<char*>(map(kSharedArena));
    worker->shared_writes = static_cast<uint64_t*>(map(kSharedArena / 2 * 8));
    worker->shared_reads = static_cast<uint64_t*>(map(kSharedArena / 2 * 8));
    for (int i = 0; i < kMostThreads; ++i)
        worker->fibers[i].stack = worker->stacks + static_cast<std::size_t>(i) * kStackBytes;
}

std::atomic<uint32_t> launches{0};

void run_block(const Kernel& kernel, uint64_t linear, uint32_t launch) {
    const Config& c = kernel.config;
    Block block{};
    block.kernel = &kernel;
    block.index = {static_cast<unsigned>(linear % c.grid.x), static_cast<unsigned>(linear / c.grid.x % c.grid.y),
            static_cast<unsigned>(linear / c.grid.x / c.grid.y)};
    block.linear = linear;
    block.n = static_cast<int>(c.block.x * c.block.y * c.block.z);
    block.serial = ++worker->serial;
    block.launch = launch;
    block.shared = worker->shared;
    block.fibers = worker->fibers;
    // What an earlier block left is not to be seen.
    if (settings().init && c.shared > 0) std::memset(worker->shared + kDynamicAt, 0xff, c.shared);
    for (int i = 0; i < block.n; ++i) {
        Fiber& f = worker->fibers[i];
        f.block = &block;
        f.thread = i;
        const unsigned u = static_cast<unsigned>(i);
        f.index = {u % c.block.x, u / c.block.x % c.block.y, u / c.block.x / c.block.y};
        prepare(f);
    }
    set_order(block.n);
    for (;;) {
        Fiber* next = nullptr;
        bool done = true;
        for (int i = 0; i < block.n && next == nullptr; ++i) {
            Fiber& f = block.fibers[worker->order[i]];
            done &= f.state == State::Done;
            if (f.state == State::Runnable) next = &f;
        }
        if (next == nullptr) {
            if (done) break;
            if (release(block)) continue;
            report_deadlock(block);
            for (auto& waiting : worker->pending)
                waiting.clear();
            break;
        }
        current = next;
        simt_switch(&worker->scheduler, next->stack_pointer);
    }
    current = nullptr;
    close_requests(block);
}

}  // namespace

std::string where_am_i() {
    return current != nullptr ? place(*current) : std::string("the host");
}

void run_kernel(const Kernel& kernel) {
    const Config& c = kernel.config;
    const uint64_t blocks = static_cast<uint64_t>(c.grid.x) * c.grid.y * c.grid.z;
    const uint32_t launch = ++launches;
    const uint64_t runs =
            settings().sample > 0 ? std::min<uint64_t>(blocks, static_cast<uint64_t>(settings().sample)) : blocks;
#pragma omp parallel num_threads(settings().threads)
    {
        make_worker();
#pragma omp for schedule(dynamic)
        for (uint64_t i = 0; i < runs; ++i)
            run_block(kernel, i * blocks / runs, launch);
    }
    close_launch(kernel, blocks, runs);
}

uint3 thread_index() noexcept {
    return current->index;
}
uint3 block_index() noexcept {
    return current->block->index;
}
uint3 block_extent() noexcept {
    const dim3& d = current->block->kernel->config.block;
    return {d.x, d.y, d.z};
}
uint3 grid_extent() noexcept {
    const dim3& d = current->block->kernel->config.grid;
    return {d.x, d.y, d.z};
}
int lane_id() noexcept {
    return current->thread % 32;
}

void* dynamic_shared() {
    return current->block->shared + kDynamicAt;
}

void* static_shared(const void* tag, std::size_t bytes, std::size_t align, const char* name) {
    Block& b = *current->block;
    for (const SharedVariable& v : b.variables)
        if (v.tag == tag) return b.shared + v.offset;
    const uint32_t offset = static_cast<uint32_t>((b.static_used + align - 1) / align * align);
    b.variables.push_back({tag, name, offset, static_cast<uint32_t>(bytes)});
    b.static_used =
            offset + static_cast<uint32_t>((bytes + 63) / 64 * 64) + 64;  // and a gap, for accesses beyond the end
    std::size_t all = 0;
    for (const SharedVariable& v : b.variables)
        all += v.bytes;
    if (all > kStaticLimit || b.static_used > kDynamicAt)
        report(Kind::SharedTooLarge, nullptr, "%s has %zu bytes of __shared__ variables, at most %zu are allowed",
                b.kernel->name, all, kStaticLimit);
    if (settings().init) std::memset(b.shared + offset, 0xff, bytes);
    return b.shared + offset;
}

uint32_t shared_offset(const void* generic) {
    return static_cast<uint32_t>(static_cast<const char*>(generic) - current->block->shared);
}
void* shared_pointer(uint32_t offset) {
    return current->block->shared + offset;
}

int block_barrier(Vote vote, int predicate, Site site) {
    Fiber* const f = current;
    f->state = State::Barrier;
    f->site = site;
    f->barrier_result = (predicate != 0 ? 4 : 0) | static_cast<int>(vote);
    give_way();
    return f->barrier_result;
}

}  // namespace simt
