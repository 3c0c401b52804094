#include "logprob/head_rows_vec.hpp"

namespace tbrm {
namespace cpu {

const HeadRowKernels kHeadRowsAvx2 = kKernels;

}  // namespace cpu
}  // namespace tbrm
