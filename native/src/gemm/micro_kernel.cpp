#include "gemm/micro_kernel.hpp"

namespace tbrm {
namespace cpu {

const MicroKernels& micro_kernels() {
    return *micro_kernels_scalar();
}

}  // namespace cpu
}  // namespace tbrm
