#pragma once
// cub::DeviceRadixSort of the SIMT emulator: a stable sort of pairs by bits [begin, end) of the keys, in stream order.
#include <cuda_runtime.h>

namespace simt {
cudaError_t sort_pairs(void* scratch, size_t& bytes, const int32_t* keys_in, int32_t* keys_out,
        const int32_t* values_in, int32_t* values_out, int n, int begin, int end, cudaStream_t stream);
}
namespace cub {
struct DeviceRadixSort {
    static cudaError_t SortPairs(void* scratch, size_t& bytes, const int32_t* keys_in, int32_t* keys_out,
            const int32_t* values_in, int32_t* values_out, int n, int begin, int end, cudaStream_t stream) {
        return simt::sort_pairs(scratch, bytes, keys_in, keys_out, values_in, values_out, n, begin, end, stream);
    }
};
}  // namespace cub
