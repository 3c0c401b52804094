#include "ops/row_kernels.hpp"

#include "core/isa.hpp"

namespace tbrm {
namespace cpu {

const RowKernels& row_kernels(Dtype dtype) {
#if defined(__x86_64__) || defined(_M_X64)
    switch (active_isa()) {
        case Isa::Avx512Bf16:
            return *row_kernels_avx512bf16(dtype);
        case Isa::Avx512:
            return *row_kernels_avx512(dtype);
        case Isa::Avx2:
            return *row_kernels_avx2(dtype);
        case Isa::Scalar:
            break;
    }
#endif
    return *row_kernels_scalar(dtype);
}

}  // namespace cpu
}  // namespace tbrm
