// micro_kernel_avx512bf16.cpp - vdpbf16ps: a pair of bf16 products per lane and instruction. All else is the AVX-512 table's.
#include "gemm/micro_kernel.hpp"
#include "gemm/tile_vec.hpp"

namespace tbrm {
namespace {

struct StepBf16Dot {
    using T = bf16;
    static constexpr int64_t kPerStep = 2;

    template <int kRows, int kVectors>
    static inline void run(const T* a, int64_t lda, const T* b, Vec::T (&sum)[kRows][kVectors]) {
        __m512i columns[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            columns[v] = _mm512_loadu_si512(b + v * Vec::kLanes * 2);
        }
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
            int32_t pair;
            std::memcpy(&pair, a + r * lda, sizeof pair);
            dot(_mm512_set1_epi32(pair), columns, sum[r]);
        }
    }
    // The last of an odd k: both second halves are masked, so that neither's memory is used.
    template <int kRows, int kVectors>
    static inline void run_rest(const T* a, int64_t lda, const T* b, Vec::T (&sum)[kRows][kVectors]) {
        const __m512i first = _mm512_set1_epi32(0xffff);
        __m512i columns[kVectors];
        for (int v = 0; v < kVectors; ++v) {
            columns[v] = _mm512_and_si512(_mm512_loadu_si512(b + v * Vec::kLanes * 2), first);
        }
        for (int r = 0; r < kRows; ++r) {
            dot(_mm512_set1_epi32(a[r * lda].bits), columns, sum[r]);
        }
    }

private:
    template <int kVectors>
    static inline void dot(__m512i x, const __m512i (&columns)[kVectors], Vec::T (&sum)[kVectors]) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            sum[v] = _mm512_dpbf16_ps(sum[v], (__m512bh)x, (__m512bh)columns[v]);
        }
    }
};

}  // namespace

namespace cpu {

const MicroKernels* micro_kernels_avx512bf16() {
    static const MicroKernels table = [] {
        MicroKernels all = *micro_kernels_avx512();
        all.tile_bf16 = tile_vec<StepBf16Dot>;
        return all;
    }();
    return &table;
}

}  // namespace cpu
}  // namespace tbrm
