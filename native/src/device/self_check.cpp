// self_check.cpp - the comparison, and what the checks of single kernels (self_check_kernels.cpp) are made of.
#include "device/self_check.hpp"

#include <cmath>
#include <cstring>

#include "core/guard.hpp"

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
