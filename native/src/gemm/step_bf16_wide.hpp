#pragma once
// step_bf16_wide.hpp - bf16 products on instruction sets without a bf16 dot product: a pair is widened to fp32 and takes two fused
// multiply-adds, the even k first. Compiled per instruction set, hence the anonymous namespace.
#include "gemm/tile_vec.hpp"

namespace tbrm {
namespace {

#if defined(__AVX512F__)
using PairBits = __m512i;
inline PairBits load_pairs(const bf16* p) {
    return _mm512_loadu_si512(p);
}
inline PairBits set1_pair(uint32_t pair) {
    return _mm512_set1_epi32(static_cast<int>(pair));
}
inline Vec::T even_of(PairBits x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
}
inline Vec::T odd_of(PairBits x) {
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
#else
using PairBits = __m256i;
inline PairBits load_pairs(const bf16* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline PairBits set1_pair(uint32_t pair) {
    return _mm256_set1_epi32(static_cast<int>(pair));
}
inline Vec::T even_of(PairBits x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
}
inline Vec::T odd_of(PairBits x) {
    return _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
#endif

struct StepBf16Wide {
    using T = bf16;
    static constexpr int64_t kPerStep = 2;

    template <int kRows, int kVectors>
    static inline void run(const T* a, int64_t lda, const T* b, Vec::T (&sum)[kRows][kVectors]) {
        Vec::T even[kVectors], odd[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            const PairBits bits = load_pairs(b + v * Vec::kLanes * 2);
            even[v] = even_of(bits);
            odd[v] = odd_of(bits);
        }
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
            uint32_t pair;
            std::memcpy(&pair, a + r * lda, sizeof pair);
            const PairBits bits = set1_pair(pair);
            const Vec::T x0 = even_of(bits), x1 = odd_of(bits);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
                sum[r][v] = Vec::fma(x1, odd[v], Vec::fma(x0, even[v], sum[r][v]));
            }
        }
    }
    template <int kRows, int kVectors>
    static inline void run_rest(const T* a, int64_t lda, const T* b, Vec::T (&sum)[kRows][kVectors]) {
        for (int r = 0; r < kRows; ++r) {
            const Vec::T x = Vec::set1(slab_value(a[r * lda]));
            for (int v = 0; v < kVectors; ++v) {
                sum[r][v] = Vec::fma(x, even_of(load_pairs(b + v * Vec::kLanes * 2)), sum[r][v]);
            }
        }
    }
};

}  // namespace
}  // namespace tbrm
