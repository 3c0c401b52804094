// device_numbers.cpp - made-up inputs on a device, and results from it.
#include "device/device_numbers.hpp"

#include "core/philox.hpp"

namespace tbrm {

std::vector<float> DeviceNumbers::numbers(int64_t n, float scale, Dtype dtype) {
    std::vector<float> values(static_cast<size_t>(n));
    const uint64_t seed = ++seed_;
    Philox4 bits{};
    for (size_t i = 0; i < values.size(); ++i) {
        if (i % 4 == 0) bits = philox4x32(seed, static_cast<uint32_t>(i / 4), 0, 0, 0);
        const float value = scale * (static_cast<float>(bits.x[i % 4] >> 8) * 0x1p-23f - 1.0f);
        values[i] = dtype == Dtype::F32 ? value : to_float(to_bf16(value));
    }
    return values;
}

DeviceBuffer<char> DeviceNumbers::rows_of(Dtype dtype, const std::vector<float>& values) {
    DeviceBuffer<char> buffer(device_, static_cast<int64_t>(values.size()) * dtype_bytes(dtype));
    if (dtype == Dtype::F32) {
        device_.upload(buffer.data(), values.data(), buffer.size());
        return buffer;
    }
    std::vector<bf16> narrow(values.size());
    for (size_t i = 0; i < values.size(); ++i)
        narrow[i] = to_bf16(values[i]);
    device_.upload(buffer.data(), narrow.data(), buffer.size());
    return buffer;
}

DeviceBuffer<char> DeviceNumbers::matrix_of(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values) {
    DeviceBuffer<char> buffer(device_, device_.weight_elements(dtype, rows, cols) * dtype_bytes(dtype));
    device_.zero(buffer.data(), buffer.size());
    device_.pack_rows(dtype, buffer.data(), rows, cols, 0, rows, Dtype::F32, values.data());
    return buffer;
}

std::vector<float> DeviceNumbers::fetch(Dtype dtype, const void* from, int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    if (dtype == Dtype::F32) {
        device_.download(values.data(), from, n * 4);
        return values;
    }
    std::vector<bf16> narrow(values.size());
    device_.download(narrow.data(), from, n * 2);
    for (size_t i = 0; i < narrow.size(); ++i)
        values[i] = to_float(narrow[i]);
    return values;
}

std::vector<float> DeviceNumbers::fetch_matrix(const float* from, int64_t rows, int64_t cols) {
    std::vector<float> values(static_cast<size_t>(rows * cols));
    device_.unpack_rows(Dtype::F32, from, rows, cols, 0, rows, Dtype::F32, values.data());
    return values;
}

}  // namespace tbrm
