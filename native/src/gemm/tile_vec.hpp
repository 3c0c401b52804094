#pragma once
// tile_vec.hpp - the register tile of gemm/micro_kernel.hpp over gemm/vec.hpp: kTileRows rows times kTileVectors vectors of columns, whose
// sums stay in registers while k runs. Compiled per instruction set, hence the anonymous namespace.
#include "gemm/slab_scalar.hpp"
#include "gemm/vec.hpp"

namespace tbrm {
namespace {

// 24 + 4 + 1 of 32 registers, or 12 + 2 + 1 of 16.
constexpr int kTileRows = 6;
constexpr int kTileVectors = Vec::kLanes == 16 ? 4 : 2;

// One step of k in fp32.
struct StepF32 {
    using T = float;
    static constexpr int64_t kPerStep = 1;  // values of k

    template <int kRows, int kVectors>
    static inline void run(const T* a, int64_t lda, const T* b, Vec::T (&sum)[kRows][kVectors]) {
        Vec::T columns[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            columns[v] = Vec::load(b + v * Vec::kLanes);
        }
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
            const Vec::T x = Vec::set1(a[r * lda]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
                sum[r][v] = Vec::fma(x, columns[v], sum[r][v]);
            }
        }
    }
    // k beyond the last whole step: none.
    template <int kRows, int kVectors>
    static inline void run_rest(const T*, int64_t, const T*, Vec::T (&)[kRows][kVectors]) {}
};

template <class Step, int kRows, int kVectors>
inline void tile_block(int64_t k, const typename Step::T* a, int64_t lda, const typename Step::T* b, int64_t cols,
        float* acc, int64_t ldacc, bool accumulate) {
    Vec::T sum[kRows][kVectors];
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            sum[r][v] = accumulate ? Vec::load(acc + r * ldacc + v * Vec::kLanes) : Vec::zero();
        }
    }
    const int64_t steps = k / Step::kPerStep, line = cols * Step::kPerStep;
    for (int64_t i = 0; i < steps; ++i) {
        Step::run(a, lda, b, sum);
        a += Step::kPerStep;
        b += line;
    }
    if (k % Step::kPerStep != 0) Step::run_rest(a, lda, b, sum);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            Vec::store(acc + r * ldacc + v * Vec::kLanes, sum[r][v]);
        }
    }
}

template <class Step, int kVectors>
inline void tile_rows(int64_t rows, int64_t k, const typename Step::T* a, int64_t lda, const typename Step::T* b,
        int64_t cols, float* acc, int64_t ldacc, bool accumulate) {
    int64_t r = 0;
    // Long sums take their turn long after the last: what they start from has left the caches (a weight gradient), and is asked for one tile
    // ahead.
    const bool prefetch = accumulate && k >= 128;
    for (; r + kTileRows <= rows; r += kTileRows) {
        if (prefetch && r + 2 * kTileRows <= rows) {
            for (int64_t ahead = r + kTileRows; ahead < r + 2 * kTileRows; ++ahead) {
                for (int64_t c = 0; c < kVectors * Vec::kLanes; c += 16) {
                    _mm_prefetch(reinterpret_cast<const char*>(acc + ahead * ldacc + c), _MM_HINT_T0);
                }
            }
        }
        tile_block<Step, kTileRows, kVectors>(k, a + r * lda, lda, b, cols, acc + r * ldacc, ldacc, accumulate);
    }
    a += r * lda;
    acc += r * ldacc;
    switch (rows - r) {
        case 5:
            return tile_block<Step, 5, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 4:
            return tile_block<Step, 4, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 3:
            return tile_block<Step, 3, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 2:
            return tile_block<Step, 2, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 1:
            return tile_block<Step, 1, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        default:
            return;
    }
}

// MicroKernels::Tile.
template <class Step>
void tile_vec(int64_t rows, int64_t cols, int64_t k, const void* a, int64_t lda, const void* b, float* acc,
        int64_t ldacc, bool accumulate) {
    using T = typename Step::T;
    constexpr int64_t kBlockCols = kTileVectors * Vec::kLanes;
    const T* left = static_cast<const T*>(a);
    const T* right = static_cast<const T*>(b);
    int64_t c = 0;
    for (; c + kBlockCols <= cols; c += kBlockCols) {
        tile_rows<Step, kTileVectors>(rows, k, left, lda, right + c * Step::kPerStep, cols, acc + c, ldacc, accumulate);
    }
    for (; c + Vec::kLanes <= cols; c += Vec::kLanes) {
        tile_rows<Step, 1>(rows, k, left, lda, right + c * Step::kPerStep, cols, acc + c, ldacc, accumulate);
    }
    if (c < cols) tile_columns_scalar(rows, c, cols, k, left, lda, right, acc, ldacc, accumulate);
}

}  // namespace
}  // namespace tbrm
