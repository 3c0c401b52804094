// cuda_twins_main.cpp - runs the tests of the CUDA twins. Without a GPU the program exits with 77 (skipped), or fails when
// TBRM_REQUIRE_CUDA=1.
#include <cstdlib>

#include "cuda_testing.hpp"
#include "device/cuda_handles.hpp"

namespace tbrm::testing {

CudaQueue& queue() {
    static CudaHandles handles(0);
    return handles.queue();
}

}  // namespace tbrm::testing

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        const char* required = std::getenv("TBRM_REQUIRE_CUDA");
        const bool must = required != nullptr && std::strcmp(required, "1") == 0;
        std::printf("%s: no CUDA device\n", must ? "FAILED" : "SKIPPED");
        return must ? 1 : 77;
    }
    return tbrm::testing::run(argc, argv);
}
