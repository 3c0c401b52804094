#pragma once
// cuda_sort.hpp - a stable sort of numbered keys on a GPU: what sums over equal keys in one order are made of.
#include <cstdint>

#include "core/cuda.hpp"

namespace tbrm {

// keys[i] in [0, bound). sorted[j] ascends; order[j] is where sorted[j] stood, ascending among equal keys.
struct SortedKeys {
    CudaArray<int32_t> sorted, order;
};
SortedKeys sort_keys(const CudaQueue& queue, int64_t n, int64_t bound, const int32_t* keys);

}  // namespace tbrm
