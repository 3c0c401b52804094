#include "gemm/micro_kernel.hpp"

#include "core/isa.hpp"

namespace tbrm {
namespace cpu {

const MicroKernels& micro_kernels() {
#if defined(__x86_64__) || defined(_M_X64)
    switch (active_isa()) {
        case Isa::Avx512Bf16:
            return *micro_kernels_avx512bf16();
        case Isa::Avx512:
            return *micro_kernels_avx512();
        case Isa::Avx2:
            return *micro_kernels_avx2();
        case Isa::Scalar:
            break;
    }
#endif
    return *micro_kernels_scalar();
}

}  // namespace cpu
}  // namespace tbrm
