#pragma once
// device_numbers.hpp - reproducible inputs on a device in its own layouts, and results back from it: what the self-check and the
// microbenchmarks compare with.
#include <cstdint>
#include <vector>

#include "device/device.hpp"

namespace tbrm {

class DeviceNumbers {
public:
    explicit DeviceNumbers(Device& device) : device_(device) {}

    // In [-1, 1) times scale, rounded to dtype; each call gives others.
    std::vector<float> numbers(int64_t n, float scale, Dtype dtype = Dtype::F32);
    DeviceBuffer<char> rows_of(Dtype dtype, const std::vector<float>& values);
    DeviceBuffer<char> matrix_of(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values);
    template <class T>
    DeviceBuffer<T> buffer_of(const std::vector<T>& values) {
        DeviceBuffer<T> buffer;
        buffer.assign(device_, values.data(), static_cast<int64_t>(values.size()));
        return buffer;
    }
    std::vector<float> fetch(Dtype dtype, const void* from, int64_t n);
    std::vector<float> fetch_matrix(const float* from, int64_t rows, int64_t cols);

    Device& device_;

private:
    uint64_t seed_ = 0;
};

}  // namespace tbrm
