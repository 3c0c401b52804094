// adamw_scalar.cpp - adamw_kernel.hpp compiled for the baseline instruction set.
#include "optimizer/adamw_kernel.hpp"

namespace tbrm {
namespace cpu {

const AdamWKernels kAdamWScalar{&adamw_update, &block_sum_of_squares};

}  // namespace cpu
}  // namespace tbrm
