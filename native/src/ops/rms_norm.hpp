#pragma once
// rms_norm.hpp - y = x / sqrt(mean(x^2) + eps) * weight, rows of width d. fp32 arithmetic, one rounding at the store.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// x, y: n rows with strides ldx, ldy (elements) in dtype; weight fp32 [d]; out_inv_rms [n] fp32 or null (what backward needs).
// x and y may be the same memory.
void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps,
        void* y, int64_t ldy, float* out_inv_rms);

// dx = (AddTo: +=) gradient through the norm; dweight [d] fp32 += (fixed order), null when the weight is not trained. x is the forward's
// input.
void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
        const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx, float* dweight);

// Rows of partial sums of dweight that the backward allocates.
int64_t rms_norm_partial_rows(int64_t n);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device. A row's bits depend on d and the row alone.
void rms_norm_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx,
        const float* weight, float eps, void* y, int64_t ldy, float* out_inv_rms);

// Every head of q and k in one launch; the bits of rms_norm_forward over each. Contract: Device::heads_norm_forward.
void heads_norm_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t n_q, int64_t n_k, int64_t d, void* x,
        int64_t ldx, const float* q_weight, const float* k_weight, float eps, float* out_inv_rms, int64_t ld_inv_rms);

void rms_norm_backward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx,
        const float* weight, const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
        float* dweight);

}  // namespace cuda
}  // namespace tbrm
