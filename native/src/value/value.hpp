#pragma once
// value.hpp - the head of a critic: one number per row, value = w . x + b. Contract: tbrm.h, section "value".
//
// w is plain fp32 (numbers that dtype can represent): a layout for matrix products would be all padding at one row. Both directions read x
// once and are bound by memory. Nothing is kept from forward but x, which the body holds anyway.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// x [rows, d] in dtype, contiguous; w [d]; bias [1] or null; out [rows]. fp32 sums in one fixed order: the bits of a row are its own.
void value_forward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* bias, float* out);

// dx[r, :] = dv[r] w, rounded to dtype once; dw[k] += sum_r dv[r] x[r, k] and dbias += sum_r dv[r], rows in order. dw and dbias may be null.
// dx is not x.
void value_backward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* dv, void* dx,
        float* dw, float* dbias);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; pointers are memory of the queue's device. Sums of dw and dbias are fp32, in blocks of rows merged in order.
void value_forward(const CudaQueue& queue, Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w,
        const float* bias, float* out);

void value_backward(const CudaQueue& queue, Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w,
        const float* dv, void* dx, float* dw, float* dbias);

}  // namespace cuda
}  // namespace tbrm
