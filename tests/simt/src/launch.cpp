// launch.cpp - kernel launches: the driver's limits, and what a fault in a kernel says.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "engine.hpp"
#include "stream.hpp"

namespace simt {
namespace {

std::map<const void*, int>& reserved_shared() {
    static auto* const all = new std::map<const void*, int>();
    return *all;
}

// A null pointer in a kernel ends the process; the message names the kernel and the thread.
void on_fault(int, siginfo_t* info, void*) {
    char text[600];
    const int n = std::snprintf(text, sizeof text, "SIMT: %s touches address %p, which is not mapped\n",
            where_am_i().c_str(), info->si_addr);
    if (write(2, text, static_cast<size_t>(n)) < 0) _exit(87);
    _exit(87);
}

void catch_faults() {
    static const bool once = [] {
        static char stack[64 << 10];
        stack_t alternate{};
        alternate.ss_sp = stack;
        alternate.ss_size = sizeof stack;
        sigaltstack(&alternate, nullptr);
        struct sigaction action {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGSEGV, &action, nullptr);
        sigaction(SIGBUS, &action, nullptr);
        return true;
    }();
    (void)once;
}

// Dynamic shared memory that the launch may ask for.
std::size_t allowed_shared(const Kernel& kernel) {
    const Lock lock(runtime_guard);
    const auto found = reserved_shared().find(kernel.function);
    return found == reserved_shared().end() ? kStaticLimit
                                            : std::max(kStaticLimit, static_cast<std::size_t>(found->second));
}

}  // namespace

void submit(Kernel kernel) {
    const Config& c = kernel.config;
    const uint64_t threads = static_cast<uint64_t>(c.block.x) * c.block.y * c.block.z;
    const bool valid = threads > 0 && threads <= kMostThreads && c.block.z <= 64 && c.grid.x > 0 &&
                       c.grid.x <= 0x7fffffffu && c.grid.y > 0 && c.grid.y <= 65535 && c.grid.z > 0 &&
                       c.grid.z <= 65535 && c.shared <= allowed_shared(kernel);
    if (!valid) {
        // As the driver: nothing runs, and the next cudaGetLastError reports it.
        fail(cudaErrorInvalidConfiguration);
        return;
    }
    catch_faults();
    enqueue(c.stream, [kernel = std::move(kernel)] {
        const auto start = std::chrono::steady_clock::now();
        run_kernel(kernel);
        count_launch(kernel, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    });
}

cudaError_t set_dynamic_shared(const void* function, cudaFuncAttribute attribute, int bytes) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || bytes < 0 || bytes > settings().shared_optin)
        return fail(cudaErrorInvalidValue);
    const Lock lock(runtime_guard);
    reserved_shared()[function] = bytes;
    return cudaSuccess;
}

}  // namespace simt
