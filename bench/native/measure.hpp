#pragma once
// measure.hpp - wall times of contenders that take turns (a shared machine drifts; a ratio of interleaved runs does not), and peak memory.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

namespace tbrm::bench {

inline double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Processor time of all threads of this process: what is left to trust where other processes share the cores. Run with
// OMP_WAIT_POLICY=passive, or waiting counts as work.
inline double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

inline double median_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0.0 : values[values.size() / 2];
}

struct Contender {
    std::string name;
    std::function<void()> run;
    std::vector<double> times, cpu_times;

    double median() const { return median_of(times); }
    double cpu_median() const { return median_of(cpu_times); }
    double best() const { return times.empty() ? 0.0 : *std::min_element(times.begin(), times.end()); }
};

// One round to warm up, then `rounds` rounds in which every contender runs once.
inline void take_turns(std::vector<Contender>& contenders, int rounds) {
    for (int round = -1; round < rounds; ++round) {
        for (Contender& c : contenders) {
            const double start = seconds(), cpu_start = cpu_seconds();
            c.run();
            if (round < 0) continue;
            c.times.push_back(seconds() - start);
            c.cpu_times.push_back(cpu_seconds() - cpu_start);
        }
    }
}

// One "Name: 123 kB" line of /proc/self/status in bytes; 0 where there is none.
inline int64_t status_bytes(const char* name) {
    std::FILE* file = std::fopen("/proc/self/status", "r");
    if (file == nullptr) return 0;
    char line[256];
    long long kib = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
        if (std::strncmp(line, name, std::strlen(name)) == 0)
            std::sscanf(line + std::strlen(name), "%*[: \t]%lld", &kib);
    }
    std::fclose(file);
    return kib * 1024;
}

// Resident memory that `run` needed beyond what was resident before it.
inline int64_t peak_extra_bytes(const std::function<void()>& run) {
    if (std::FILE* file = std::fopen("/proc/self/clear_refs", "w")) {
        std::fputs("5", file);  // the peak starts again from here
        std::fclose(file);
    }
    const int64_t before = status_bytes("VmRSS");
    run();
    return status_bytes("VmHWM") - before;
}

inline int64_t integer_argument(int argc, char** argv, const char* name, int64_t otherwise) {
    const size_t length = std::strlen(name);
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') return std::atoll(argv[i] + length + 1);
    }
    return otherwise;
}

}  // namespace tbrm::bench
