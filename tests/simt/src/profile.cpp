// profile.cpp - SIMT_PROFILE=1: launches, threads and seconds per kernel, at exit.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include "engine.hpp"

namespace simt {
namespace {

struct Line {
    long launches = 0;
    uint64_t threads = 0;
    double seconds = 0;
};

std::mutex guard;
long graph_launches = 0;
std::map<std::string, Line>& lines() {
    static auto* const all = new std::map<std::string, Line>();
    return *all;
}

void print() {
    std::fprintf(stderr, "SIMT: %-70s %9s %12s %9s\n", "kernel", "launches", "threads", "seconds");
    for (const auto& [name, line] : lines())
        std::fprintf(stderr, "SIMT: %-70s %9ld %12llu %9.2f\n", name.c_str(), line.launches,
                static_cast<unsigned long long>(line.threads), line.seconds);
    std::fprintf(stderr, "SIMT: %ld launches of graphs\n", graph_launches);
}

bool profiled() {
    static const bool on = std::getenv("SIMT_PROFILE") != nullptr && (std::atexit(print), true);
    return on;
}

}  // namespace

void count_launch(const Kernel& kernel, double seconds) {
    if (!profiled()) return;
    const std::lock_guard<std::mutex> lock(guard);
    const dim3 &g = kernel.config.grid, &b = kernel.config.block;
    Line& line = lines()[kernel.name];
    ++line.launches;
    line.threads += static_cast<uint64_t>(g.x) * g.y * g.z * b.x * b.y * b.z;
    line.seconds += seconds;
}

void count_graph_launch() {
    const std::lock_guard<std::mutex> lock(guard);
    ++graph_launches;
}

}  // namespace simt
