#include "logprob/head_rows_vec.hpp"

namespace tbrm {
namespace cpu {

const HeadRowKernels kHeadRowsAvx512 = kKernels;

}  // namespace cpu
}  // namespace tbrm
