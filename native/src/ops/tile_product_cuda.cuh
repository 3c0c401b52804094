#pragma once
// tile_product_cuda.cuh - products of small matrices in shared memory, by all threads of a block: C[m, n] (+)= op(A) op(B), fp32 sums.
// kTensor: 16 x 16 x 16 tensor-core tiles, m, n and k multiples of 16; every array 32-byte aligned at its tiles, strides multiples of 8.
// Otherwise one thread per element, k in order. Either way an element depends on its row of op(A) and its column of op(B) only, so the bits of
// a row do not depend on the other rows.
#include <mma.h>

#include <type_traits>

#include "core/cuda_vector.cuh"

namespace tbrm {
namespace cuda {

enum class Op { Plain, Transposed };

// A [m, k], or [k, m] when transposed, with row stride lda; B [k, n], or [n, k] when transposed; C [m, n] fp32. No barrier inside: the
// caller puts one before (operands written) and after (result read).
template <bool kTensor, Op kOpA, Op kOpB, class T>
__device__ void tile_product(
        int m, int n, int k, const T* a, int lda, const T* b, int ldb, float* c, int ldc, bool accumulate) {
    if constexpr (kTensor) {
        static_assert(std::is_same_v<T, bf16>, "tensor cores take bf16");
        using namespace nvcuda::wmma;
        using LayoutA = std::conditional_t<kOpA == Op::Plain, row_major, col_major>;
        using LayoutB = std::conditional_t<kOpB == Op::Plain, row_major, col_major>;
        const int n_warps = static_cast<int>(blockDim.x) / 32, tiles_n = n / 16, tiles = m / 16 * tiles_n;
        for (int tile = static_cast<int>(threadIdx.x) / 32; tile < tiles; tile += n_warps) {
            const int row = tile / tiles_n * 16, col = tile % tiles_n * 16;
            fragment<accumulator, 16, 16, 16, float> sum;
            if (accumulate)
                load_matrix_sync(sum, c + row * ldc + col, static_cast<unsigned>(ldc), mem_row_major);
            else
                fill_fragment(sum, 0.0f);
            for (int step = 0; step < k; step += 16) {
                fragment<matrix_a, 16, 16, 16, __nv_bfloat16, LayoutA> left;
                fragment<matrix_b, 16, 16, 16, __nv_bfloat16, LayoutB> right;
                const T* const a_tile = kOpA == Op::Plain ? a + row * lda + step : a + step * lda + row;
                const T* const b_tile = kOpB == Op::Plain ? b + step * ldb + col : b + col * ldb + step;
                load_matrix_sync(left, reinterpret_cast<const __nv_bfloat16*>(a_tile), static_cast<unsigned>(lda));
                load_matrix_sync(right, reinterpret_cast<const __nv_bfloat16*>(b_tile), static_cast<unsigned>(ldb));
                mma_sync(sum, left, right, sum);
            }
            store_matrix_sync(c + row * ldc + col, sum, static_cast<unsigned>(ldc), mem_row_major);
        }
    } else {
        for (int at = static_cast<int>(threadIdx.x); at < m * n; at += static_cast<int>(blockDim.x)) {
            const int row = at / n, col = at % n;
            float sum = accumulate ? c[row * ldc + col] : 0.0f;
            for (int step = 0; step < k; ++step) {
                const T left = kOpA == Op::Plain ? a[row * lda + step] : a[step * lda + row];
                const T right = kOpB == Op::Plain ? b[step * ldb + col] : b[col * ldb + step];
                sum = fmaf(widen(left), widen(right), sum);
            }
            c[row * ldc + col] = sum;
        }
    }
}

}  // namespace cuda
}  // namespace tbrm
