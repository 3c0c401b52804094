#pragma once
// linear.hpp - y = x W^T and its two gradients. W[M, K] is in panels (gemm/panels.hpp) on CPU, row-major on CUDA.
//
// Row invariance (docs/math/linear.md): y[n, m] is one accumulation over k = 0 .. K-1 in fixed order, whatever N, the other rows, the thread
// count or the tile that computed it. Rollout and training call the same forward.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

// How a linear output is combined with what is already there.
enum class Epilogue { Store, AddTo };  // AddTo: y += x W^T (residual connection), the sum rounded once to dtype

// The forward of a linear layer over rows that lie side by side: x [n, inputs] -> [n, outputs]; bias [outputs] or null.
struct LinearCall {
    int64_t inputs, outputs;
    const void* x;
    const void* w;
    const float* bias;
};

namespace cpu {

// y[n, 0..M) (row stride ldy) = x[n, 0..K) (row stride ldx) . W^T + bias.
// x, y in dtype; W in dtype panels; bias fp32 [M] or null. fp32 accumulation, one rounding at the store.
void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
        const float* bias, Epilogue epilogue, void* y, int64_t ldy);

// dx[n, 0..K) = dy[n, 0..M) . W  (AddTo: dx += ...). dy, dx in dtype.
void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy, const void* w,
        Epilogue epilogue, void* dx, int64_t lddx);

// dx (fp32) += dy . W: for sums that are carried over several calls, as the head's over segments of the vocabulary.
void linear_backward_input_add_f32(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
        const void* w, float* dx, int64_t lddx);

// dw (fp32 panels) += dy^T x; dbias [M] += column sums of dy, when not null. Sums over n in fixed order of fixed blocks, so the bits do
// not depend on the thread count.
void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy, const void* x,
        int64_t ldx, float* dw, float* dbias);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device, W and dW row-major. With queue.batch_invariant the bits of a
// row of y, or of dx, are its own; otherwise cuBLASLt computes: equal bits for equal calls, not with other rows beside it, and a bias is rounded to
// dtype before it is added.
void linear_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx,
        const void* w, const float* bias, Epilogue epilogue, void* y, int64_t ldy);

// y in fp32: the head's logits.
void linear_forward_f32(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x,
        int64_t ldx, const void* w, float* y, int64_t ldy);

void linear_backward_input(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy,
        int64_t lddy, const void* w, Epilogue epilogue, void* dx, int64_t lddx);

void linear_backward_weight(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy,
        int64_t lddy, const void* x, int64_t ldx, float* dw, float* dbias);

}  // namespace cuda
}  // namespace tbrm
