#pragma once
// counters.hpp - what a roofline needs, per kernel: requests and sectors of device memory, passes over the banks of shared memory, bytes that a
// launch touches at least once, tensor-core operations. SIMT_COUNTERS=1 switches them on. The k-th time that the lanes of a warp come by an
// instruction between two barriers is taken to be one request.
#include <cstdint>
#include <string>

namespace simt {

enum class Access;
enum class Space { Shared, Global };
struct Block;
struct Fiber;
struct Kernel;

struct Counts {
    uint64_t launches = 0, blocks = 0, threads = 0;
    uint64_t global_requests = 0, global_sectors = 0,
             global_bytes = 0;                       // sectors of 32 bytes: traffic between L2 and multiprocessor
    uint64_t touched_read = 0, touched_written = 0;  // bytes of sectors, each once a launch: traffic with DRAM at least
    uint64_t shared_requests = 0, shared_phases = 0, shared_passes = 0;  // passes beyond the phases are bank conflicts
    uint64_t tensor_flops = 0, library_flops = 0;
};

void count_access(const Fiber& f, Space space, uint64_t address, uint32_t bytes, Access kind, const void* pc);
void count_tensor(uint64_t flops);
// At a barrier and at the end: the requests so far are complete.
void close_requests(const Block& block);
// Of `blocks` blocks `ran` were run; what they counted stands for all.
void close_launch(const Kernel& kernel, uint64_t blocks, uint64_t ran);
void count_library(const std::string& name, uint64_t flops, uint64_t read, uint64_t written);

}  // namespace simt
