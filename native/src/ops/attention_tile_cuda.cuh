#pragma once
// attention_tile_cuda.cuh - what the forward and the backward kernels of attention share: where keys and values lie, the shared memory of a
// block, and copies into it.
#include <cstdint>

#include "core/cuda.hpp"
#include "core/cuda_shared.hpp"
#include "core/cuda_vector.cuh"
#include "ops/attention.hpp"
#include "ops/tile_product_cuda.cuh"

namespace tbrm {
namespace cuda {

constexpr int kAttentionThreads = 128;
constexpr int kTilePairs = 32;  // (query row, head) pairs of a block
constexpr int kKeys = static_cast<int>(kPageTokens);
constexpr int kScoresLd = kKeys + 4;  // fp32 rows; a multiple of 4, and not of 32 banks
constexpr int kProbsLd = kKeys + 8;   // rows in T; a multiple of 8

// Row stride of a [.., head_dim] array in shared memory: whole 16-byte units plus one, against bank conflicts.
template <class T>
__host__ __device__ inline int padded_ld(int head_dim) {
    constexpr int kUnit = 16 / static_cast<int>(sizeof(T));
    return (head_dim + kUnit - 1) / kUnit * kUnit + kUnit;
}

// fp32 accumulators of width head_dim.
__host__ __device__ inline int sums_ld(int head_dim) {
    return (head_dim + 3) / 4 * 4 + 4;
}

// Cuts shared memory into arrays, each on a 128-byte boundary. On the host it only counts.
class SharedCursor {
public:
    __host__ __device__ explicit SharedCursor(char* base) : base_(base) {}
    template <class U>
    __host__ __device__ U* take(int64_t count) {
        U* const array = base_ == nullptr ? nullptr : reinterpret_cast<U*>(base_ + used_);
        used_ = (used_ + count * static_cast<int64_t>(sizeof(U)) + 127) / 128 * 128;
        return array;
    }
    __host__ __device__ int64_t used() const { return used_; }

private:
    char* base_;
    int64_t used_ = 0;
};

// Copies `count` rows of `width` elements into shared memory (row stride ld) and fills rows up to `rows` with zeros. row_of(r) is the address
// of row r. Sixteen bytes at a time where rows allow it.
template <class T, class RowOf>
__device__ void load_rows(int rows, int count, int width, int ld, T* dst, bool wide, const RowOf& row_of) {
    if (wide) {
        constexpr int kUnit = 16 / static_cast<int>(sizeof(T));
        const int units = width / kUnit;
        for (int at = static_cast<int>(threadIdx.x); at < rows * units; at += static_cast<int>(blockDim.x)) {
            const int row = at / units, unit = at % units;
            uint4 value = make_uint4(0, 0, 0, 0);
            if (row < count) value = *reinterpret_cast<const uint4*>(row_of(row) + unit * kUnit);
            *reinterpret_cast<uint4*>(dst + row * ld + unit * kUnit) = value;
        }
    } else {
        for (int at = static_cast<int>(threadIdx.x); at < rows * width; at += static_cast<int>(blockDim.x)) {
            const int row = at / width, col = at % width;
            dst[row * ld + col] = row < count ? row_of(row)[col] : narrowed<T>(0.0f);
        }
    }
}

// Tensor cores take bf16 and whole 16-wide tiles.
inline bool takes_tensor_cores(Dtype dtype, int64_t head_dim) {
    return dtype == Dtype::Bf16 && head_dim % 16 == 0;
}

// Whether rows that start at `base` and lie `ld` elements apart, and heads of head_dim elements in them, are 16-byte aligned.
inline bool rows_are_wide(Dtype dtype, const void* base, int64_t ld, int64_t head_dim) {
    const int64_t size = dtype_bytes(dtype);
    return reinterpret_cast<uintptr_t>(base) % 16 == 0 && ld * size % 16 == 0 && head_dim * size % 16 == 0;
}

}  // namespace cuda
}  // namespace tbrm
