// self_check.cpp - the comparison, and what the checks of single kernels (self_check_kernels.cpp) are made of.
#include "device/self_check.hpp"

#include <cmath>
#include <cstring>

#include "core/guard.hpp"
#include "core/philox.hpp"

namespace tbrm {
namespace {

bool same_bits(float a, float b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

// The element that is furthest beyond what is allowed; -1 when all are within. What passes must be true, so a NaN on either side fails,
// unless the reference has it too.
int64_t worst_of(const SelfCheckRun::Result& got, const SelfCheckRun::Result& expected, double& allowed) {
    double squares = 0;
    for (const float x : expected.values)
        squares += std::isfinite(x) ? static_cast<double>(x) * static_cast<double>(x) : 0.0;
    const double typical = std::sqrt(squares / static_cast<double>(std::max<size_t>(1, expected.values.size())));
    int64_t worst = -1;
    double most = 0;
    for (size_t i = 0; i < expected.values.size(); ++i) {
        if (same_bits(got.values[i], expected.values[i])) continue;
        const double right = expected.values[i], tolerance = got.tolerance * (std::fabs(right) + typical);
        const double error = std::fabs(static_cast<double>(got.values[i]) - right);
        if (error <= tolerance) continue;
        const double excess = std::isnan(error) ? INFINITY : error - tolerance;
        if (worst >= 0 && excess <= most) continue;
        worst = static_cast<int64_t>(i);
        most = excess;
        allowed = tolerance;
    }
    return worst;
}

}  // namespace

std::vector<float> SelfCheckRun::numbers(int64_t n, float scale, Dtype dtype) {
    std::vector<float> values(static_cast<size_t>(n));
    const uint64_t seed = ++seed_;
    for (size_t i = 0; i < values.size(); ++i) {
        const uint32_t bits = philox4x32(seed, static_cast<uint32_t>(i), 0, 0, 0).x[0];
        const float value = scale * (static_cast<float>(bits >> 8) * 0x1p-23f - 1.0f);
        values[i] = dtype == Dtype::F32 ? value : to_float(to_bf16(value));
    }
    return values;
}

DeviceBuffer<char> SelfCheckRun::rows_of(Dtype dtype, const std::vector<float>& values) {
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

DeviceBuffer<char> SelfCheckRun::matrix_of(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values) {
    DeviceBuffer<char> buffer(device_, device_.weight_elements(dtype, rows, cols) * dtype_bytes(dtype));
    device_.zero(buffer.data(), buffer.size());
    device_.pack_rows(dtype, buffer.data(), rows, cols, 0, rows, Dtype::F32, values.data());
    return buffer;
}

std::vector<float> SelfCheckRun::fetch(Dtype dtype, const void* from, int64_t n) {
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

std::vector<float> SelfCheckRun::fetch_matrix(const float* from, int64_t rows, int64_t cols) {
    std::vector<float> values(static_cast<size_t>(rows * cols));
    device_.unpack_rows(Dtype::F32, from, rows, cols, 0, rows, Dtype::F32, values.data());
    return values;
}

void SelfCheckRun::result(const char* kernel, const std::string& shape, std::vector<float> values, double tolerance) {
    results_.push_back({kernel, shape, std::move(values), tolerance});
}

int32_t self_check(Device& device, Device& reference, const SelfCheckHook& hook) {
    reference.enter();
    const std::vector<SelfCheckRun::Result> expected = SelfCheckRun(reference).run();
    device.enter();
    std::vector<SelfCheckRun::Result> got = SelfCheckRun(device).run();
    TBRM_ASSERT(got.size() == expected.size(), "the two runs gave %zu and %zu results", got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
        if (hook) hook(got[i].kernel, got[i].values);
        double allowed = 0;
        const int64_t worst = worst_of(got[i], expected[i], allowed);
        if (worst < 0) continue;
        const size_t at = static_cast<size_t>(worst);
        TBRM_FAIL(TBRM_STATUS_INTERNAL,
                "self-check: %s (%s) is wrong on this device: element %zu is %.9g, expected %.9g, allowed error %.3g; "
                "use "
                "trainer.device=cpu, and report this line with the output of tbrm-native doctor",
                got[i].kernel.c_str(), got[i].shape.c_str(), at, static_cast<double>(got[i].values[at]),
                static_cast<double>(expected[i].values[at]), allowed);
    }
    return static_cast<int32_t>(got.size());
}

}  // namespace tbrm
