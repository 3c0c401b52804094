// self_check_test.cpp - the start-up check of a device's kernels: passes where they are right, and names the kernel that is not.
#include <cstring>
#include <set>

#include "core/guard.hpp"
#include "device/self_check.hpp"
#include "test_device.hpp"
#include "testing.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// The message of the failure, or nothing when the check passed.
std::string failure_of(Device& device, Device& reference, const SelfCheckHook& hook) {
    try {
        self_check(device, reference, hook);
    } catch (const Failure& failure) {
        CHECK(failure.code == TBRM_STATUS_INTERNAL);
        return failure.what();
    }
    return "";
}

}  // namespace

TBRM_TEST(the_device_of_the_tests_passes) {
    const std::unique_ptr<Device> reference = make_cpu_device(1), device = make_test_device(2);
    const bool is_invariant = device->batch_invariant();
    CHECK(is_invariant || device->kind() == TBRM_DEVICE_KIND_TORCH_CPU);
    CHECK(self_check(*device, *reference) > 100);
    CHECK(device->batch_invariant() == is_invariant);
}

// One element of one result, by twice what its kind of sum may be off, by a NaN, or by the sign of a zero where bits are compared.
TBRM_TEST(a_wrong_element_of_any_kernel_is_named) {
    const std::unique_ptr<Device> reference = make_cpu_device(1), device = make_cpu_device(1);
    std::set<std::string> kernels;
    self_check(*device, *reference, [&](const std::string& kernel, std::vector<float>&) { kernels.insert(kernel); });
    CHECK(kernels.size() > 30);
    for (const std::string& name : kernels) {
        for (const float factor : {1.5f, NAN}) {
            const std::string message =
                    failure_of(*device, *reference, [&](const std::string& kernel, std::vector<float>& values) {
                        if (kernel != name) return;
                        size_t largest = 0;
                        for (size_t i = 0; i < values.size(); ++i)
                            if (std::fabs(values[i]) > std::fabs(values[largest])) largest = i;
                        values[largest] *= factor;
                    });
            CHECK_MSG(message.find("self-check: " + name + " (") != std::string::npos, "%s: %s", name.c_str(),
                    message.c_str());
        }
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
