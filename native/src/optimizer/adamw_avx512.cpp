// adamw_avx512.cpp - adamw_kernel.hpp compiled for avx512.
#include "optimizer/adamw_kernel.hpp"

namespace tbrm {
namespace cpu {

const AdamWKernels kAdamWAvx512{&adamw_update, &block_sum_of_squares};

}  // namespace cpu
}  // namespace tbrm
