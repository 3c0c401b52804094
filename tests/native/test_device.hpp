#pragma once
// test_device.hpp - the device that the tests of model, gradient, optimizer, checkpoint and rollout run on: the CPU, or the GPU with
// TBRM_TEST_DEVICE=cuda, or libtorch on the CPU with TBRM_TEST_DEVICE=torch. Without a GPU the program then exits with 77 (skipped), or fails when TBRM_REQUIRE_CUDA=1.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "device/device.hpp"

namespace tbrm::testing {

inline std::unique_ptr<Device> make_test_device(int32_t n_threads) {
    const char* wanted = std::getenv("TBRM_TEST_DEVICE");
    if (wanted != nullptr && std::strcmp(wanted, "torch") == 0) return make_torch_device(-1, n_threads);
    if (wanted == nullptr || std::strcmp(wanted, "cuda") != 0) return make_cpu_device(n_threads);
    try {
        return make_cuda_device(0);
    } catch (const Failure& failure) {
        if (failure.code != TBRM_STATUS_UNSUPPORTED) throw;
        const char* required = std::getenv("TBRM_REQUIRE_CUDA");
        const bool must = required != nullptr && std::strcmp(required, "1") == 0;
        std::printf("%s: %s\n", must ? "FAILED" : "SKIPPED", failure.what());
        std::fflush(stdout);
        std::exit(must ? 1 : 77);
    }
}

}  // namespace tbrm::testing
