#include "logprob/head_rows_vec.hpp"

namespace tbrm {
namespace cpu {

const HeadRowKernels kHeadRowsScalar = kKernels;

}  // namespace cpu
}  // namespace tbrm
