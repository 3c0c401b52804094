#pragma once
// scratch_sizes.hpp - working memory of a CPU thread (scratch.hpp) for the kernels of one model, by the blocking that they use.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// At most, of a product over any number of rows with k inputs and m outputs, and its two backward products. transposed is the calling
// thread's alone.
struct LinearScratch {
    int64_t accumulators;
    int64_t slab;
    int64_t transposed;
};
LinearScratch linear_forward_scratch(Dtype dtype, int64_t rows, int64_t k, int64_t m, int64_t n_threads);
LinearScratch linear_backward_scratch(Dtype dtype, int64_t rows, int64_t k, int64_t n_threads, bool trains_weight);

}  // namespace cpu
}  // namespace tbrm
