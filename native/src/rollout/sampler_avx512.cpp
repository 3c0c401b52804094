// sampler_avx512.cpp - the sampler's passes, 16 ids at a time.
#include <immintrin.h>

#include "rollout/sampler_simd.hpp"

namespace tbrm::cpu {
namespace {

struct Avx512 {
    static constexpr int kLanes = 16;
    using F = __m512;
    using M = __mmask16;
    using U = __m512i;
    static F set(float x) { return _mm512_set1_ps(x); }
    static F load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
    static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static F div(F a, F b) { return _mm512_div_ps(a, b); }
    static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
    static F max(F a, F b) { return _mm512_max_ps(a, b); }
    static F exponent(F shifted) {
        const __m512i bits = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
        return _mm512_castsi512_ps(_mm512_add_epi32(bits, _mm512_set1_epi32((127 + kMassBits) << 23)));
    }
    static M none() { return 0; }
    static M is_nan(F x) { return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q); }
    static M greater(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
    static M equal(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
    static M at_least(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
    static M ids_up_to(int32_t first, int32_t last) {
        const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        return _mm512_cmple_epi32_mask(_mm512_add_epi32(_mm512_set1_epi32(first), lanes), _mm512_set1_epi32(last));
    }
    static M either(M a, M b) { return static_cast<M>(a | b); }
    static M both(M a, M b) { return static_cast<M>(a & b); }
    static bool any(M m) { return m != 0; }
    static F keep(M m, F x) { return _mm512_maskz_mov_ps(m, x); }
    static U zero() { return _mm512_setzero_si512(); }
    static U add_masses(U sum, F x) {
        const __m512i low = _mm512_cvtps_epi64(_mm512_castps512_ps256(x));
        const __m512i high = _mm512_cvtps_epi64(_mm512_extractf32x8_ps(x, 1));
        return _mm512_add_epi64(sum, _mm512_add_epi64(low, high));
    }
    static uint64_t total(U sum) { return static_cast<uint64_t>(_mm512_reduce_add_epi64(sum)); }
};

}  // namespace

const SamplerKernels& sampler_kernels_avx512() {
    static constexpr SamplerKernels table = make_sampler_kernels<Avx512>();
    return table;
}

}  // namespace tbrm::cpu
