#pragma once
// engine.hpp - what the parts of the emulator share.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "counters.hpp"
#include "simt/simt.hpp"

namespace simt {

constexpr int kMostThreads = 1024;
constexpr std::size_t kStackBytes = 64 << 10;
constexpr std::size_t kStaticLimit = 48 << 10;  // of __shared__ variables, as on every GPU
constexpr std::size_t kDynamicAt = 64 << 10;    // where the dynamic part begins in the arena of a block
constexpr std::size_t kSharedArena = 320 << 10;

struct Settings {
    bool lazy;   // SIMT_EAGER=1: every launch runs at once instead of when somebody waits for the stream
    bool races;  // SIMT_RACES=0 switches the check off, and so on
    bool init;
    bool bounds;
    int order;    // SIMT_ORDER: 0 forward, 1 reverse, 2.. random with this seed: in which order runnable threads run
    int threads;  // SIMT_THREADS: blocks at a time
    int shared_optin;  // SIMT_SHARED: bytes of shared memory that a block may have; 232448 on a H100, 166912 on an A100
    int most_reports;
    bool no_library;  // SIMT_NO_CUBLASLT=1: the heuristics never find a kernel
    bool counters;
    int sample;
};
// SIMT_COUNTERS=1; SIMT_SAMPLE=n: of each launch at most n blocks run, spread over the grid, and stand for the others. Results are then none, and
// nothing is checked.
const Settings& settings();
extern bool instrumented;  // whether loads and stores of kernels are checked at all (SIMT_INSTRUMENT=ON)

// ---- reports (report.cpp)
enum class Kind {
    Race,
    GlobalRace,
    Uninitialised,
    OutOfBounds,
    HostAccess,
    Misaligned,
    DivergentBarrier,
    BarrierAfterExit,
    Deadlock,
    WarpMask,
    AsyncCopy,
    SharedTooLarge,
    Library,
    HostTouchesDevice,
    Leak
};
void report(Kind kind, const void* pc, const char* format, ...) __attribute__((format(printf, 3, 4)));
int report_count();

// ---- fibers and blocks (engine.cpp)
struct Block;
enum class State : uint8_t { Runnable, Barrier, Warp, Done };

struct PendingCopy {
    uint32_t to;
    const void* from;
    int bytes, valid, group;
};

struct Fiber {
    void* stack_pointer;
    char* stack;
    Block* block;
    uint3 index;
    int thread;  // in the block
    State state;
    Site site;  // of the barrier or warp operation that it waits in
    int barrier_result;
    int copy_group;
    int uncounted;  // accesses that the counters leave out: an emulated instruction's own
    std::vector<PendingCopy> copies;
};

struct SharedVariable {
    const void* tag;
    const char* name;
    uint32_t offset, bytes;
};

struct Block {
    const Kernel* kernel;
    uint3 index;
    uint64_t linear;
    int n;
    uint32_t serial;  // differs from every other block's that this arena has seen
    uint32_t launch;
    uint32_t epoch;  // barriers passed
    uint32_t warp_epoch[32];
    char* shared;  // arena
    std::vector<SharedVariable> variables;
    uint32_t static_used;
    Fiber* fibers;
};

// A warp operation that waits for lanes.
struct Pending {
    uint32_t mask, arrived;
    Complete complete;
    Site site;
    void* lanes[32];
};

struct Worker {
    Fiber fibers[kMostThreads];
    char* stacks = nullptr;
    char* shared = nullptr;
    uint64_t* shared_writes = nullptr;  // one cell per 2 bytes
    uint64_t* shared_reads = nullptr;
    void* scheduler = nullptr;
    uint32_t serial = 0;
    int order[kMostThreads];
    int position[kMostThreads];
    std::vector<Pending> pending[kMostThreads / 32];  // of each warp, one per mask
    std::mt19937 random;
};

extern thread_local Fiber* current __attribute__((tls_model("initial-exec")));
extern thread_local Worker* worker __attribute__((tls_model("initial-exec")));
std::string where_am_i();

void run_kernel(const Kernel& kernel);
// Another runnable thread goes on: of this warp first, then of the warps that come later in this round.
void give_way();

// ---- memory (check.cpp, runtime.cpp)
void access(const void* p, std::size_t bytes, Access kind, const void* pc);
void shared_access(const Fiber& f, std::size_t offset, std::size_t bytes, Access kind, const void* pc);
void global_access(const Fiber& f, const void* p, std::size_t bytes, Access kind, const void* pc);
const char* word(Access kind);  // "reads", ...
char* device_allocate(std::size_t bytes, bool pinned);
bool device_free(void* p, const char* what);
bool is_device(const void* p);
bool is_pinned(const void* p);
// Whole ranges, for copies and library calls: all of it must be allocated (and, to be read, written before).
void check_range(const void* p, std::size_t bytes, bool read, const char* what);
void mark_written(void* p, std::size_t bytes);
void copy_state(void* to, const void* from, std::size_t bytes);
void shared_async_begin(uint32_t offset, int bytes);
void shared_async_end(uint32_t offset, int bytes);

void enqueue(cudaStream_t stream, std::function<void()> work);
void drain(cudaStream_t stream);

// ---- profile.cpp
void count_launch(const Kernel& kernel, double seconds);
void count_graph_launch();

}  // namespace simt
