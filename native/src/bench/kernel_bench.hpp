#pragma once
// kernel_bench.hpp - the microbenchmarks of the library's kernels: what is timed, what it must give, and what it costs at least. One list for
// every device; the caller warms up, times and compares (tbrm.h, section bench).
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "device/device_numbers.hpp"

namespace tbrm {

// Elements that a kernel gave beside what fp64 gives from the same inputs.
class BenchValues {
public:
    // tolerance: of an element, relative to its size and the root mean square of `what`; 0: equal.
    void add(const char* what, double tolerance, float got, double expected);
    // Largest error as a share of what is allowed; infinite where anything is NaN. At most 1 passes.
    double worst_share() const;
    std::vector<float>& got(size_t group) { return groups_[group].got; }
    size_t size() const { return groups_.size(); }

private:
    struct Group {
        std::string what;
        double tolerance;
        std::vector<float> got;
        std::vector<double> expected;
    };
    std::vector<Group> groups_;
};

// A kernel with its inputs on a device.
struct KernelBench {
    double flops;  // multiply-adds count twice; 0 where memory alone bounds it
    double bytes;  // read and written at least
    std::function<void()> run;
    // Lays the inputs anew where run changes them, runs once, and compares some of what came out.
    std::function<void(BenchValues&)> check;
};

struct KernelBenchSpec {
    std::string name, shape;
    Dtype dtype;
    std::function<KernelBench(Device&)> make;
};

// Every microbenchmark, in the order in which tables show them.
const std::vector<KernelBenchSpec>& kernel_benches();

// The parts of that list.
void add_product_benches(std::vector<KernelBenchSpec>& list);
void add_row_benches(std::vector<KernelBenchSpec>& list);
void add_attention_benches(std::vector<KernelBenchSpec>& list);
void add_head_benches(std::vector<KernelBenchSpec>& list);
void add_update_benches(std::vector<KernelBenchSpec>& list);

// Sums of some thousand products in fp32 against fp64, and one rounding to bf16 (2^-9) with as much again for what was rounded before it.
constexpr double kBenchF32 = 2e-5, kBenchBf16 = 0x1p-8;

inline double bench_tolerance(Dtype dtype) {
    return dtype == Dtype::F32 ? kBenchF32 : kBenchBf16;
}

// `count` indices below n, always the same ones.
std::vector<int64_t> bench_sample(int64_t n, int64_t count);

}  // namespace tbrm
