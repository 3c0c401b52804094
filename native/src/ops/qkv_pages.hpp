#pragma once
// qkv_pages.hpp - what decoding does with the projection's rows before attention, at once: the norms of q and k where a model has them, the
// rotation, and keys and values into their pages.
#include <cstdint>

#include "core/dtype.hpp"
#include "ops/attention.hpp"

namespace tbrm {

struct QkvRows {
    Dtype dtype;
    AttentionShape shape;
    int64_t n;
    void* qkv;  // [n][q heads | k heads | v heads], row stride ld; afterwards q is ready for attention, k and v are unspecified
    int64_t ld;
    const float *q_norm, *k_norm;  // [head_dim], or null: no norms
    float eps;
    const int32_t* positions;            // [n]
    const float *cos_table, *sin_table;  // rope.hpp
    const int64_t* pages;                // as kv_write; below 0: the keys and values of the row are not written
    const int32_t* slots;
    void* pool;
};

namespace cpu {

// The bits of rms_norm_forward over each head, rope_apply and kv_write, one after the other.
void qkv_to_pages(const QkvRows& rows);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

struct OpenSums;  // gemm/product_cuda.hpp

// As the CPU twin, in one launch. Where sums has parts, qkv is their sum plus bias [width] (null: none), and is not read; then ld is the width.
void qkv_to_pages(const CudaQueue& queue, const QkvRows& rows, const OpenSums& sums, const float* bias);

}  // namespace cuda
}  // namespace tbrm
