#pragma once
// vec.hpp - fp32 vectors behind one set of names, so that a kernel is written once and compiled per instruction set. Included only by
// files that tbrm_isa_sources compiles, and by the scalar ones. Everything sits in an anonymous namespace: a function shared between
// translation units of different instruction sets could be linked from the wrong one.
//
// `part` variants touch the first n < kLanes elements and read zeros beyond them. bf16 is rounded to nearest even by integer
// arithmetic, as to_bf16 does; the processor's own conversion, which store_flushed may use, makes denormals zero.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/dtype.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace tbrm {
namespace {

#if defined(__AVX512F__)

struct Vec {
    using T = __m512;
    static constexpr int kLanes = 16;
    static constexpr bool kFused = true;

    static T zero() { return _mm512_setzero_ps(); }
    static T set1(float x) { return _mm512_set1_ps(x); }
    static T load(const float* p) { return _mm512_loadu_ps(p); }
    static T load(const bf16* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
    static T load_part(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(mask(n), p); }
    static T load_part(const bf16* p, int64_t n) { return widen(_mm256_maskz_loadu_epi16(mask(n), p)); }
    static void store(float* p, T x) { _mm512_storeu_ps(p, x); }
    static void store(bf16* p, T x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow(x)); }
    static void store_flushed(float* p, T x) { store(p, x); }
#if defined(__AVX512BF16__)
    static void store_flushed(bf16* p, T x) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(x));
    }
#else
    static void store_flushed(bf16* p, T x) {
        store(p, x);
    }
#endif
    static void store_part(float* p, T x, int64_t n) {
        _mm512_mask_storeu_ps(p, mask(n), x);
    }
    static void store_part(bf16* p, T x, int64_t n) {
        _mm256_mask_storeu_epi16(p, mask(n), narrow(x));
    }

    static T add(T a, T b) {
        return _mm512_add_ps(a, b);
    }
    static T sub(T a, T b) {
        return _mm512_sub_ps(a, b);
    }
    static T mul(T a, T b) {
        return _mm512_mul_ps(a, b);
    }
    static T div(T a, T b) {
        return _mm512_div_ps(a, b);
    }
    static T fma(T a, T b, T c) {
        return _mm512_fmadd_ps(a, b, c);
    }
    static T max(T a, T b) {
        return _mm512_max_ps(a, b);
    }  // b where either is NaN
    static T round(T x) {
        return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    // x * 2^n for integral n <= 127; underflows to zero. exp_vec clamps its argument to kExpLow, below which that is so.
    static constexpr float kExpLow = -104.0f;
    static T scale_by_power(T x, T n) {
        return _mm512_scalef_ps(x, n);
    }
    // Lane by lane: a < b ? yes : no. False for a NaN.
    static T select_less(T a, T b, T yes, T no) {
        return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
    }
    // Lanes n and up become `other`.
    static T keep_first(T x, int64_t n, T other) {
        return _mm512_mask_blend_ps(mask(n), other, x);
    }
    static float sum(T x) {
        const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
        const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
        const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
        return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
    }
    static float max_lane(T x) {
        return _mm512_reduce_max_ps(x);
    }

private:
    static __mmask16 mask(int64_t n) {
        return static_cast<__mmask16>(n >= 16 ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u);
    }
    static T widen(__m256i x) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
    }
    static __m256i narrow(T x) {
        const __m512i bits = _mm512_castps_si512(x);
        const __m512i high = _mm512_srli_epi32(bits, 16);
        const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
        const __m512i rounded =
                _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd), 16);
        const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
        const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        return _mm512_cvtepi32_epi16(_mm512_mask_blend_epi32(nan, rounded, quiet));
    }
};

#elif defined(__AVX2__)

struct Vec {
    using T = __m256;
    static constexpr int kLanes = 8;
    static constexpr bool kFused = true;

    static T zero() { return _mm256_setzero_ps(); }
    static T set1(float x) { return _mm256_set1_ps(x); }
    static T load(const float* p) { return _mm256_loadu_ps(p); }
    static T load(const bf16* p) { return widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
    static T load_part(const float* p, int64_t n) { return _mm256_maskload_ps(p, mask(n)); }
    static T load_part(const bf16* p, int64_t n) {
        alignas(16) uint16_t whole[8] = {};
        std::memcpy(whole, p, static_cast<size_t>(n) * 2);
        return widen(_mm_load_si128(reinterpret_cast<const __m128i*>(whole)));
    }
    static void store(float* p, T x) { _mm256_storeu_ps(p, x); }
    static void store(bf16* p, T x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow(x)); }
    static void store_flushed(float* p, T x) { store(p, x); }
    static void store_flushed(bf16* p, T x) { store(p, x); }
    static void store_part(float* p, T x, int64_t n) { _mm256_maskstore_ps(p, mask(n), x); }
    static void store_part(bf16* p, T x, int64_t n) {
        alignas(16) uint16_t whole[8];
        _mm_store_si128(reinterpret_cast<__m128i*>(whole), narrow(x));
        std::memcpy(p, whole, static_cast<size_t>(n) * 2);
    }

    static T add(T a, T b) { return _mm256_add_ps(a, b); }
    static T sub(T a, T b) { return _mm256_sub_ps(a, b); }
    static T mul(T a, T b) { return _mm256_mul_ps(a, b); }
    static T div(T a, T b) { return _mm256_div_ps(a, b); }
    static T fma(T a, T b, T c) { return _mm256_fmadd_ps(a, b, c); }
    static T max(T a, T b) { return _mm256_max_ps(a, b); }
    static T round(T x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static constexpr float kExpLow = -88.5f;  // 2^-128: flushed
    static T scale_by_power(T x, T n) {
        const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        const __m256i bits = _mm256_slli_epi32(_mm256_max_epi32(biased, _mm256_setzero_si256()), 23);
        return mul(x, _mm256_castsi256_ps(bits));
    }
    static T select_less(T a, T b, T yes, T no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
    static T keep_first(T x, int64_t n, T other) { return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(mask(n))); }
    static float sum(T x) {
        const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
        return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
    }
    static float max_lane(T x) {
        const __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        const __m128 pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
        return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
    }

private:
    static __m256i mask(int64_t n) {
        const int lanes = static_cast<int>(n >= 8 ? 8 : n <= 0 ? 0 : n);
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static T widen(__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); }
    static __m128i narrow(T x) {
        const __m256i bits = _mm256_castps_si256(x);
        const __m256i high = _mm256_srli_epi32(bits, 16);
        const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
        const __m256i rounded =
                _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
        const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
        const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
        const __m256i chosen = _mm256_blendv_epi8(rounded, quiet, nan);
        return _mm_packus_epi32(_mm256_castsi256_si128(chosen), _mm256_extracti128_si256(chosen, 1));
    }
};

#else

struct Vec {
    using T = float;
    static constexpr int kLanes = 1;
    static constexpr bool kFused = false;

    static T zero() { return 0.0f; }
    static T set1(float x) { return x; }
    static T load(const float* p) { return *p; }
    static T load(const bf16* p) { return to_float(*p); }
    static T load_part(const float*, int64_t) { return 0.0f; }
    static T load_part(const bf16*, int64_t) { return 0.0f; }
    static void store(float* p, T x) { *p = x; }
    static void store(bf16* p, T x) { *p = to_bf16(x); }
    static void store_flushed(float* p, T x) { *p = x; }
    static void store_flushed(bf16* p, T x) { *p = to_bf16(x); }
    static void store_part(float*, T, int64_t) {}
    static void store_part(bf16*, T, int64_t) {}

    static T add(T a, T b) { return a + b; }
    static T sub(T a, T b) { return a - b; }
    static T mul(T a, T b) { return a * b; }
    static T div(T a, T b) { return a / b; }
    static T fma(T a, T b, T c) { return a * b + c; }
    static T max(T a, T b) { return a > b ? a : b; }
    static T round(T x) { return std::nearbyint(x); }
    static constexpr float kExpLow = -88.5f;
    static T scale_by_power(T x, T n) {
        if (n != n) return x;
        const int32_t biased = static_cast<int32_t>(n) + 127;
        const uint32_t bits = static_cast<uint32_t>(biased > 0 ? biased : 0) << 23;
        float power;
        std::memcpy(&power, &bits, sizeof power);
        return x * power;
    }
    static T select_less(T a, T b, T yes, T no) { return a < b ? yes : no; }
    static T keep_first(T x, int64_t n, T other) { return n > 0 ? x : other; }
    static float sum(T x) { return x; }
    static float max_lane(T x) { return x; }
};

#endif

// exp(x) for x <= 88; 0 for -inf and wherever the result has no normal fp32 number (AVX-512: no number). Relative error below 2e-7 where
// it has (tests/native/attention_test.cpp), exp(0) = 1 exactly. Argument reduction by ln 2 in two parts, then 1 + r + r^2 p(r) with the
// minimax p of degree 4 on |r| <= ln(2)/2 (Remez exchange; relative error of the polynomial 4e-9).
template <class V>
inline typename V::T exp_vec(typename V::T x) {
    using T = typename V::T;
    const T safe = V::max(V::set1(V::kExpLow), x);
    const T n = V::round(V::mul(safe, V::set1(1.44269504088896341f)));
    T r = V::fma(n, V::set1(-0.693145751953125f), safe);
    r = V::fma(n, V::set1(-1.42860682030941723e-6f), r);
    T p = V::set1(0.0013814583653584123f);
    p = V::fma(p, r, V::set1(0.008368724025785923f));
    p = V::fma(p, r, V::set1(0.04166838899254799f));
    p = V::fma(p, r, V::set1(0.1666652113199234f));
    p = V::fma(p, r, V::set1(0.4999999403953552f));
    p = V::fma(p, V::mul(r, r), r);
    return V::scale_by_power(V::add(p, V::set1(1.0f)), n);
}

}  // namespace
}  // namespace tbrm
