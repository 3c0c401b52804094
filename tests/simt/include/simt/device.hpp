#pragma once
// device.hpp - what kernels find in cuda_runtime.h: keywords, built-in variables, warp operations, intrinsics, atomics.
#include <math.h>

#include <cstdint>
#include <cstring>

#include "simt/simt.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __CUDA_ARCH_FEAT_SIMT__ 1

#define threadIdx (::simt::thread_index())
#define blockIdx (::simt::block_index())
#define blockDim (::simt::block_extent())
#define gridDim (::simt::grid_extent())
constexpr int warpSize = 32;

#define SIMT_SITE (::simt::Site{__FILE__, __LINE__})
#define __syncthreads() ((void)::simt::block_barrier(::simt::Vote::None, 0, SIMT_SITE))
#define __syncthreads_or(p) (::simt::block_barrier(::simt::Vote::Or, (p), SIMT_SITE))
#define __syncthreads_and(p) (::simt::block_barrier(::simt::Vote::And, (p), SIMT_SITE))
#define __syncthreads_count(p) (::simt::block_barrier(::simt::Vote::Count, (p), SIMT_SITE))
#define SIMT_PICK_MASK(mask, ...) mask
#define __syncwarp(...) (::simt::warp_barrier(SIMT_PICK_MASK(__VA_ARGS__ __VA_OPT__(, ) 0xffffffffu), SIMT_SITE))
#define __shfl_sync(mask, value, lane) \
    (::simt::shuffle((mask), (value), [simt_l = static_cast<int>(lane)](int) { return simt_l & 31; }, SIMT_SITE))
#define __shfl_xor_sync(mask, value, hop) \
    (::simt::shuffle((mask), (value), [simt_h = static_cast<int>(hop)](int own) { return own ^ simt_h; }, SIMT_SITE))
#define __shfl_up_sync(mask, value, hop) \
    (::simt::shuffle((mask), (value), [simt_h = static_cast<int>(hop)](int own) { return own - simt_h; }, SIMT_SITE))
#define __shfl_down_sync(mask, value, hop) \
    (::simt::shuffle((mask), (value), [simt_h = static_cast<int>(hop)](int own) { return own + simt_h; }, SIMT_SITE))
#define __ballot_sync(mask, p) (::simt::ballot((mask), (p), SIMT_SITE))
#define __any_sync(mask, p) (::simt::ballot((mask), (p), SIMT_SITE) != 0)
#define __all_sync(mask, p) (::simt::ballot((mask), (p), SIMT_SITE) == (mask))

template <class T>
constexpr T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
constexpr T max(T a, T b) {
    return a < b ? b : a;
}

// A compiler may take the members of a vector that is copied one by one: only the copy itself knows that the device moves it at once.
template <class T>
struct alignas(2 * sizeof(T)) simt_pair {
    T x, y;
    simt_pair() = default;
    constexpr simt_pair(T a, T b) : x(a), y(b) {}
    simt_pair(const simt_pair& o) : x(o.x), y(o.y) { ::simt::vector_at(&o, sizeof o); }
    simt_pair& operator=(const simt_pair& o) {
        ::simt::vector_at(&o, sizeof o);
        ::simt::vector_at(this, sizeof o);
        x = o.x, y = o.y;
        return *this;
    }
};
template <class T>
struct alignas(4 * sizeof(T)) simt_quad {
    T x, y, z, w;
    simt_quad() = default;
    constexpr simt_quad(T a, T b, T c, T d) : x(a), y(b), z(c), w(d) {}
    simt_quad(const simt_quad& o) : x(o.x), y(o.y), z(o.z), w(o.w) { ::simt::vector_at(&o, sizeof o); }
    simt_quad& operator=(const simt_quad& o) {
        ::simt::vector_at(&o, sizeof o);
        ::simt::vector_at(this, sizeof o);
        x = o.x, y = o.y, z = o.z, w = o.w;
        return *this;
    }
};
using float2 = simt_pair<float>;
using uint2 = simt_pair<unsigned>;
using float4 = simt_quad<float>;
using uint4 = simt_quad<unsigned>;
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
inline float2 make_float2(float x, float y) {
    return {x, y};
}

// Products and sums that may not be contracted: the empty asm hides where the value came from.
inline float simt_opaque(float x) {
    __asm__("" : "+x"(x));
    return x;
}
inline float __fmul_rn(float a, float b) {
    return simt_opaque(a * b);
}
inline float __fadd_rn(float a, float b) {
    return simt_opaque(simt_opaque(a) + simt_opaque(b));
}
inline float __fsub_rn(float a, float b) {
    return simt_opaque(simt_opaque(a) - simt_opaque(b));
}
inline float __fmaf_rn(float a, float b, float c) {
    return fmaf(a, b, c);
}
inline float __fdividef(float a, float b) {
    return a / b;
}
inline float __expf(float x) {
    return expf(x);
}
inline uint32_t __float_as_uint(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float __uint_as_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
template <class T>
inline T __ldg(const T* p) {
    return *p;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

namespace simt {
template <class T>
T atomic_add(T* p, T value);
template <class T>
T atomic_max(T* p, T value);
template <class T>
T atomic_exchange(T* p, T value);
template <class T>
T atomic_cas(T* p, T expected, T value);
}  // namespace simt
inline unsigned long long atomicAdd(unsigned long long* p, unsigned long long v) {
    return simt::atomic_add(p, v);
}
inline unsigned atomicAdd(unsigned* p, unsigned v) {
    return simt::atomic_add(p, v);
}
inline int atomicAdd(int* p, int v) {
    return simt::atomic_add(p, v);
}
inline float atomicAdd(float* p, float v) {
    return simt::atomic_add(p, v);
}
inline int atomicMax(int* p, int v) {
    return simt::atomic_max(p, v);
}
inline unsigned atomicExch(unsigned* p, unsigned v) {
    return simt::atomic_exchange(p, v);
}
inline unsigned atomicCAS(unsigned* p, unsigned e, unsigned v) {
    return simt::atomic_cas(p, e, v);
}

inline uint64_t __cvta_generic_to_shared(const void* p) {
    return simt::shared_offset(p);
}
