// sampler_avx2.cpp - the sampler's passes, 8 ids at a time.
#include <immintrin.h>

#include "rollout/sampler_simd.hpp"

namespace tbrm::cpu {
namespace {

struct Avx2 {
    static constexpr int kLanes = 8;
    using F = __m256;
    using M = __m256;
    using U = __m256i;
    static F set(float x) { return _mm256_set1_ps(x); }
    static F load(const float* p) { return _mm256_loadu_ps(p); }
    static void store(float* p, F x) { _mm256_storeu_ps(p, x); }
    static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static F div(F a, F b) { return _mm256_div_ps(a, b); }
    static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
    static F max(F a, F b) { return _mm256_max_ps(a, b); }
    static F exponent(F shifted) {
        const __m256i bits = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
        return _mm256_castsi256_ps(_mm256_add_epi32(bits, _mm256_set1_epi32((127 + kMassBits) << 23)));
    }
    static M none() { return _mm256_setzero_ps(); }
    static M is_nan(F x) { return _mm256_cmp_ps(x, x, _CMP_UNORD_Q); }
    static M greater(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
    static M equal(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
    static M at_least(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
    static M ids_up_to(int32_t first, int32_t last) {
        const __m256i ids = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        const __m256i above = _mm256_cmpgt_epi32(ids, _mm256_set1_epi32(last));
        return _mm256_castsi256_ps(_mm256_xor_si256(above, _mm256_set1_epi32(-1)));
    }
    static M either(M a, M b) { return _mm256_or_ps(a, b); }
    static M both(M a, M b) { return _mm256_and_ps(a, b); }
    static bool any(M m) { return _mm256_movemask_ps(m) != 0; }
    static F keep(M m, F x) { return _mm256_and_ps(m, x); }
    static U zero() { return _mm256_setzero_si256(); }
    static U add_masses(U sum, F x) {
        return _mm256_add_epi64(
                sum, _mm256_add_epi64(four(_mm256_castps256_ps128(x)), four(_mm256_extractf128_ps(x, 1))));
    }
    static uint64_t total(U sum) {
        alignas(32) uint64_t lanes[4];
        _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum);
        return lanes[0] + lanes[1] + lanes[2] + lanes[3];
    }

private:
    // to_mass of four lanes.
    static __m256i four(__m128 x) {
        const __m256d shifted = _mm256_add_pd(_mm256_cvtps_pd(x), _mm256_set1_pd(4503599627370496.0));
        return _mm256_and_si256(_mm256_castpd_si256(shifted), _mm256_set1_epi64x(0xfffffffffffffll));
    }
};

}  // namespace

const SamplerKernels& sampler_kernels_avx2() {
    static constexpr SamplerKernels table = make_sampler_kernels<Avx2>();
    return table;
}

}  // namespace tbrm::cpu
