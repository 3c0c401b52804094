#pragma once
// self_check.hpp - every kernel of a device against the same kernel of another one (the CPU's), on small odd shapes. Run before the first step
// on hardware that no test of ours has seen: a kernel that is wrong there stops the run instead of spoiling it.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "device/device_numbers.hpp"

namespace tbrm {

// What a kernel gave, before it is compared; tests put a wrong number in.
using SelfCheckHook = std::function<void(const std::string& kernel, std::vector<float>& values)>;

// How many results were compared. Throws TBRM_STATUS_INTERNAL naming kernel, shape, the element that is furthest off, and what was allowed.
int32_t self_check(Device& device, Device& reference, const SelfCheckHook& hook = {});

// One run of the checks on one of the two devices: each result goes to `result`, in the same order on both.
class SelfCheckRun : private DeviceNumbers {
public:
    struct Result {
        std::string kernel, shape;
        std::vector<float> values;
        double tolerance;  // of an element, relative to its size and the result's root mean square; 0: the same bits
    };

    explicit SelfCheckRun(Device& device) : DeviceNumbers(device) {}
    std::vector<Result> run();

private:
    void products(Dtype dtype, int64_t n, int64_t k, int64_t m);
    void rows(Dtype dtype, int64_t n, int64_t d);
    void value_head(Dtype dtype, int64_t rows, int64_t d);
    void rotation(Dtype dtype, int64_t n);
    void attention(Dtype dtype, const AttentionShape& shape, const std::vector<int64_t>& lengths);
    void head(Dtype dtype, int64_t rows, int64_t vocab, int64_t hidden);
    void sampler(int64_t vocab);
    void residual();
    void optimizer(int64_t n);

    void result(const char* kernel, const std::string& shape, std::vector<float> values, double tolerance);
    std::vector<Result> results_;
};

}  // namespace tbrm
