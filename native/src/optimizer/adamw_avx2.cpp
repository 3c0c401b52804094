// adamw_avx2.cpp - adamw_kernel.hpp compiled for avx2.
#include "optimizer/adamw_kernel.hpp"

namespace tbrm {
namespace cpu {

const AdamWKernels kAdamWAvx2{&adamw_update, &block_sum_of_squares};

}  // namespace cpu
}  // namespace tbrm
