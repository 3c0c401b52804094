#pragma once
// tile_avx2.hpp - the register tile of gemm/micro_kernel.hpp for 16 registers of 8 lanes. Compiled per instruction set, hence the anonymous
// namespace.
//
// k runs in pieces whose slab stays in the first-level cache while all rows pass. Rows in bf16 are widened once per piece, so that the inner
// loop takes them as fp32 does; a slab in bf16 is widened as it is read, the even k of a pair first: the same chain of fused multiply-adds.
#include <algorithm>

#include "gemm/slab_scalar.hpp"
#include "gemm/vec.hpp"

#if defined(__GNUC__)
#define TBRM_NOINLINE __attribute__((noinline))
#else
#define TBRM_NOINLINE __declspec(noinline)
#endif

namespace tbrm {
namespace {

constexpr int64_t kTileRows = 6;    // rows of the widest tile: 12 sums, 2 columns, 1 broadcast
constexpr int64_t kBlockRows = 48;  // whose sums (12 KiB) stay close between two pieces
constexpr int64_t kPieceColumns = 64;
constexpr int64_t kPieceBytes = 24 << 10;  // of a slab of 64 columns, in a cache of 32 KiB

// sum += x * y. GCC's choice among the forms of the instruction overwrites x and spills sums; this form keeps both in place.
inline void add_product(__m256& sum, __m256 x, __m256 y) {
#if defined(__GNUC__)
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y));
#else
    sum = _mm256_fmadd_ps(x, y, sum);
#endif
}

struct PieceF32 {
    using T = float;
    static constexpr int64_t kPerStep = 1;
    static constexpr int64_t kDepth = kPieceBytes / (kPieceColumns * 4);

    template <int kRows, int kVectors>
    static inline void step(const float* a, int64_t lda, const float* b, __m256 (&sum)[kRows][kVectors]) {
        __m256 columns[kVectors];
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
            columns[v] = _mm256_loadu_ps(b + v * 8);
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
            const __m256 x = _mm256_broadcast_ss(a + r * lda);
#pragma GCC unroll 8
            for (int v = 0; v < kVectors; ++v)
                add_product(sum[r][v], x, columns[v]);
        }
    }
    template <int kRows, int kVectors>
    static inline void rest(const float*, int64_t, const float*, __m256 (&)[kRows][kVectors]) {}
};

struct PieceBf16 {
    using T = bf16;
    static constexpr int64_t kPerStep = 2;
    static constexpr int64_t kDepth = kPieceBytes / (kPieceColumns * 2);

    static inline __m256 even(const bf16* pairs) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs)), 16));
    }
    // The mask stays in memory: its register is the one that the sums lack.
    static inline __m256 odd(const bf16* pairs) {
        alignas(32) static const uint32_t mask[8] = {
                0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u};
        __m256 x = _mm256_loadu_ps(reinterpret_cast<const float*>(pairs));
#if defined(__GNUC__)
        __asm__("vandps %1, %0, %0" : "+x"(x) : "m"(*reinterpret_cast<const __m256*>(mask)));
#else
        x = _mm256_and_ps(x, *reinterpret_cast<const __m256*>(mask));
#endif
        return x;
    }
    template <int kRows, int kVectors>
    static inline void step(const float* a, int64_t lda, const bf16* b, __m256 (&sum)[kRows][kVectors]) {
        rest(a, lda, b, sum);
        __m256 columns[kVectors];
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
            columns[v] = odd(b + v * 16);
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
            const __m256 x = _mm256_broadcast_ss(a + r * lda + 1);
#pragma GCC unroll 8
            for (int v = 0; v < kVectors; ++v)
                add_product(sum[r][v], x, columns[v]);
        }
    }
    // The first of a pair: all that there is of the last when k is odd.
    template <int kRows, int kVectors>
    static inline void rest(const float* a, int64_t lda, const bf16* b, __m256 (&sum)[kRows][kVectors]) {
        __m256 columns[kVectors];
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
            columns[v] = even(b + v * 16);
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
            const __m256 x = _mm256_broadcast_ss(a + r * lda);
#pragma GCC unroll 8
            for (int v = 0; v < kVectors; ++v)
                add_product(sum[r][v], x, columns[v]);
        }
    }
};

// Kept a function: inlined side by side, the blocks would share registers and spill.
template <class Piece, int kRows, int kVectors>
TBRM_NOINLINE void block_avx2(int64_t k, const float* a, int64_t lda, const typename Piece::T* b, int64_t cols,
        float* acc, int64_t ldacc, bool accumulate) {
    __m256 sum[kRows][kVectors];
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
            sum[r][v] = accumulate ? _mm256_loadu_ps(acc + r * ldacc + v * 8) : _mm256_setzero_ps();
    }
    int64_t i = 0;
#pragma GCC unroll 4
    for (; i + Piece::kPerStep <= k; i += Piece::kPerStep) {
        Piece::step(a + i, lda, b, sum);
        b += cols * Piece::kPerStep;
    }
    if (i < k) Piece::rest(a + i, lda, b, sum);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
            _mm256_storeu_ps(acc + r * ldacc + v * 8, sum[r][v]);
    }
}

template <class Piece, int kVectors>
inline void block_rows(int64_t rows, int64_t k, const float* a, int64_t lda, const typename Piece::T* b, int64_t cols,
        float* acc, int64_t ldacc, bool accumulate) {
    switch (rows) {
        case 6:
            return block_avx2<Piece, 6, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 5:
            return block_avx2<Piece, 5, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 4:
            return block_avx2<Piece, 4, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 3:
            return block_avx2<Piece, 3, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        case 2:
            return block_avx2<Piece, 2, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
        default:
            return block_avx2<Piece, 1, kVectors>(k, a, lda, b, cols, acc, ldacc, accumulate);
    }
}

// Whole vectors of columns for 1 .. kTileRows rows. Few rows take more columns at once: eight sums at least hide the latency of an addition.
// Returns the columns that are done.
template <class Piece>
inline int64_t block_columns(int64_t rows, int64_t cols, int64_t k, const float* a, int64_t lda,
        const typename Piece::T* b, float* acc, int64_t ldacc, bool accumulate) {
    int64_t c = 0;
    if (rows == 1) {
        for (; c + 64 <= cols; c += 64)
            block_avx2<Piece, 1, 8>(k, a, lda, b + c * Piece::kPerStep, cols, acc + c, ldacc, accumulate);
    } else if (rows == 2) {
        for (; c + 32 <= cols; c += 32)
            block_avx2<Piece, 2, 4>(k, a, lda, b + c * Piece::kPerStep, cols, acc + c, ldacc, accumulate);
    }
    for (; c + 16 <= cols; c += 16)
        block_rows<Piece, 2>(rows, k, a, lda, b + c * Piece::kPerStep, cols, acc + c, ldacc, accumulate);
    for (; c + 8 <= cols; c += 8)
        block_rows<Piece, 1>(rows, k, a, lda, b + c * Piece::kPerStep, cols, acc + c, ldacc, accumulate);
    return c;
}

// Rows of the next block: six, or an even share where that would leave a block too small to hide latency.
inline int64_t next_rows(int64_t left) {
    return left > kTileRows && left < 10 ? (left + 1) / 2 : std::min(left, kTileRows);
}

// Rows as fp32: themselves, or widened into `wide`.
struct WideRows {
    const float* data;
    int64_t ld;
};

inline WideRows wide_rows(int64_t, int64_t, const float* a, int64_t lda, float*) {
    return {a, lda};
}

inline WideRows wide_rows(int64_t rows, int64_t k, const bf16* a, int64_t lda, float* wide) {
    constexpr int64_t kLd = PieceBf16::kDepth + 16;  // rows a power of two apart would share a set of the cache
    for (int64_t r = 0; r < rows; ++r) {
        int64_t i = 0;
        for (; i + 8 <= k; i += 8)
            _mm256_storeu_ps(wide + r * kLd + i, Vec::load(a + r * lda + i));
        for (; i < k; ++i)
            wide[r * kLd + i] = slab_value(a[r * lda + i]);
    }
    return {wide, kLd};
}

// The rows of one block over the whole of k.
template <class Piece>
void tile_rows_avx2(int64_t rows, int64_t cols, int64_t k, const typename Piece::T* a, int64_t lda,
        const typename Piece::T* b, float* acc, int64_t ldacc, bool accumulate) {
    alignas(32) float wide[sizeof(typename Piece::T) == 2 ? kTileRows * (PieceBf16::kDepth + 16) : 8];
    int64_t at = 0;
    do {
        const int64_t depth = std::min(Piece::kDepth, k - at);
        const bool add = accumulate || at > 0;
        const typename Piece::T* slab = b + at * cols;
        for (int64_t r = 0; r < rows;) {
            const int64_t take = next_rows(rows - r);
            const typename Piece::T* left = a + r * lda + at;
            const WideRows x = wide_rows(take, depth, left, lda, wide);
            const int64_t done =
                    block_columns<Piece>(take, cols, depth, x.data, x.ld, slab, acc + r * ldacc, ldacc, add);
            if (done < cols) tile_columns_scalar(take, done, cols, depth, left, lda, slab, acc + r * ldacc, ldacc, add);
            r += take;
        }
        at += depth;
    } while (at < k);
}

// MicroKernels::Tile.
template <class Piece>
void tile_avx2(int64_t rows, int64_t cols, int64_t k, const void* a, int64_t lda, const void* b, float* acc,
        int64_t ldacc, bool accumulate) {
    using T = typename Piece::T;
    for (int64_t r = 0; r < rows; r += kBlockRows) {
        tile_rows_avx2<Piece>(std::min(kBlockRows, rows - r), cols, k, static_cast<const T*>(a) + r * lda, lda,
                static_cast<const T*>(b), acc + r * ldacc, ldacc, accumulate);
    }
}

}  // namespace
}  // namespace tbrm
