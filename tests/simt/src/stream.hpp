#pragma once
// stream.hpp - queues of work, events and graphs. Work runs when somebody waits for it: as late as the contract allows, so that memory that is
// freed or changed too early is seen. SIMT_EAGER=1: at once.
#include <cuda_runtime.h>

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

using SimtWork = std::function<void()>;

struct CUgraph_st {
    std::vector<SimtWork> nodes;  // in the order of their capture: one stream, no branches
};
struct CUgraphExec_st {
    std::vector<SimtWork> nodes;
};
struct CUstream_st {
    std::deque<SimtWork> work;
    bool running = false;
    CUgraph_st* capture = nullptr;  // what is enqueued goes there instead
    bool capture_failed = false;
};
struct CUevent_st {
    cudaStream_t stream = nullptr;
    long pending = 0;  // recorded and not reached yet
    std::chrono::steady_clock::time_point at{};
};

namespace simt {

using Lock = std::lock_guard<std::recursive_mutex>;
extern std::recursive_mutex runtime_guard;

cudaError_t fail(cudaError_t error);  // remembered for cudaGetLastError
std::set<cudaStream_t>& streams();
CUstream_st& stream_of(cudaStream_t stream);  // null: the legacy stream

// Reports a call that a capture does not take, and spoils the capture; true when `stream` is being captured.
bool refused_in_capture(cudaStream_t stream, const char* call);
// The same for calls that no capture anywhere may see.
bool refused_in_any_capture(const char* call);

}  // namespace simt
