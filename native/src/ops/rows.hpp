#pragma once
// rows.hpp - moving rows and rounding numbers on a GPU; the CPU's device does these with memcpy (device/cpu_device.cpp).
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// dst[i, :] = src[rows[i], :]; rows of d elements, contiguous.
void gather_rows(
        const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const int32_t* rows, const void* src, void* dst);
void gather_rows(
        const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, void* dst);

// dst[rows[i], :] = src[i, :], every other of its n_dst rows zero; rows without repeats.
void scatter_rows(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src,
        int64_t n_dst, void* dst);

// `rows` rows of `width` bytes between arrays of different row strides (bytes).
void copy_2d(const CudaQueue& queue, void* dst, int64_t dst_stride, const void* src, int64_t src_stride, int64_t width,
        int64_t rows);

// Rounds to nearest even.
void narrow(const CudaQueue& queue, int64_t n, const float* src, bf16* dst);

// dst[i] = what storing src[i] as dtype keeps, widened again. src and dst may be the same memory.
void round_vector(const CudaQueue& queue, Dtype dtype, int64_t n, const float* src, float* dst);

// dst[i] = shift + src[i].
void shift_vector(const CudaQueue& queue, int64_t n, float shift, const float* src, float* dst);

}  // namespace cuda
}  // namespace tbrm
