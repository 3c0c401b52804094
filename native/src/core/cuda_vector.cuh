#pragma once
// cuda_vector.cuh - elements of a dtype in registers: widening, rounding, and chunks of 8 that are moved in 16-byte pieces where the
// addresses allow it. Who owns which element never depends on the alignment, so neither do the bits of a sum.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cuda {

__device__ inline float widen(float x) {
    return x;
}
__device__ inline float widen(bf16 x) {
    return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
}
__device__ inline void narrow(float x, float* out) {
    *out = x;
}
// Round to nearest even; NaN stays NaN.
__device__ inline void narrow(float x, bf16* out) {
    const uint32_t bits = __float_as_uint(x);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    out->bits = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <class T>
__device__ T narrowed(float x) {
    T out;
    narrow(x, &out);
    return out;
}

constexpr int kChunk = 8;

template <class T>
struct alignas(16) Chunk {
    T at[kChunk];
};

// Whether rows of stride ld from p may be moved in chunks: a null pointer may.
template <class T>
bool chunks_aligned(const T* p, int64_t ld) {
    return reinterpret_cast<uintptr_t>(p) % 16 == 0 && ld % (16 / static_cast<int64_t>(sizeof(T))) == 0;
}

// out[i] = p[i] for i < count, 0 beyond; count up to 8 is looked at. aligned: p is a multiple of 16 bytes.
template <class T>
__device__ inline void load_chunk(const T* p, int64_t count, bool aligned, float (&out)[kChunk]) {
    if (aligned && count >= kChunk) {
        const Chunk<T> chunk = *reinterpret_cast<const Chunk<T>*>(p);
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            out[i] = widen(chunk.at[i]);
        return;
    }
#pragma unroll
    for (int i = 0; i < kChunk; ++i)
        out[i] = i < count ? widen(p[i]) : 0.0f;
}

template <class T>
__device__ inline void store_chunk(T* p, int64_t count, bool aligned, const float (&values)[kChunk]) {
    if (aligned && count >= kChunk) {
        Chunk<T> chunk;
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            narrow(values[i], &chunk.at[i]);
        *reinterpret_cast<Chunk<T>*>(p) = chunk;
        return;
    }
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
        if (i < count) narrow(values[i], p + i);
    }
}

}  // namespace cuda

// Calls body(T*) with a null pointer of the dtype: picks the instantiation.
template <class Body>
void with_cuda_dtype(Dtype dtype, Body&& body) {
    if (dtype == Dtype::F32)
        body(static_cast<float*>(nullptr));
    else
        body(static_cast<bf16*>(nullptr));
}

}  // namespace tbrm
