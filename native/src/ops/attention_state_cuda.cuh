#pragma once
// attention_state_cuda.cuh - attention of 16 (query row, head) pairs by one warp on tensor cores, in registers: what every walk over keys is made
// of, so that decode, prefill and training have the same bits.
//
// Keys are cut into parts of kPartKeys at fixed places of their sequence. A part is walked page by page with an online softmax that begins
// anew; then the parts are merged in order. Who walks a part, and when, shows in no bit. Products and sums are spelled out: where the compiler
// may contract them it may do so in one kernel and not in the other.
#include "core/cuda_mma.cuh"
#include "core/cuda_vector.cuh"
#include "ops/attention.hpp"

namespace tbrm {
namespace cuda {

constexpr int kPageKeys = static_cast<int>(kPageTokens);
constexpr int kPartPages = 2;
constexpr int kPartKeys = kPartPages * kPageKeys;
constexpr int kWarpPairs = 16;

// Rows of D bf16 in shared memory as chunks of 16 bytes, permuted within a row so that eight rows' chunks lie in different banks.
template <int D>
struct HeadTile {
    static constexpr int kRowChunks = D / kChunk;
    __device__ static int slot(int row, int chunk) { return row * kRowChunks + (chunk ^ (row & 7)); }
};

// What a row has seen of some keys: the weighted values over exp(score - max), their weights' sum, and max. Fragment of mma: [.][0], [.][1] belong to
// row lane / 4, columns 8 i + lane % 4 * 2 and the next; [.][2], [.][3] to row lane / 4 + 8.
template <int D>
struct PartState {
    float values[D / 8][4];
    float max[2], sum[2];

    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < D / 8; ++i)
#pragma unroll
            for (int e = 0; e < 4; ++e)
                values[i][e] = 0.0f;
        max[0] = max[1] = -INFINITY;
        sum[0] = sum[1] = 0.0f;
    }
};

// Factors by which two states are brought to their common maximum.
struct MergeFactors {
    float max, first, second;
    __device__ MergeFactors(float first_max, float second_max) {
        max = fmaxf(first_max, second_max);
        first = first_max == -INFINITY ? 0.0f : expf(__fsub_rn(first_max, max));
        second = second_max == -INFINITY ? 0.0f : expf(__fsub_rn(second_max, max));
    }
    __device__ float merged(float a, float b) const { return __fmaf_rn(b, second, __fmul_rn(a, first)); }
};

// total = total and then part.
template <int D>
__device__ inline void merge(PartState<D>& total, const PartState<D>& part) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        const MergeFactors f(total.max[h], part.max[h]);
        total.max[h] = f.max;
        total.sum[h] = f.merged(total.sum[h], part.sum[h]);
#pragma unroll
        for (int i = 0; i < D / 8; ++i) {
            total.values[i][2 * h] = f.merged(total.values[i][2 * h], part.values[i][2 * h]);
            total.values[i][2 * h + 1] = f.merged(total.values[i][2 * h + 1], part.values[i][2 * h + 1]);
        }
    }
}

// Which keys of a page a lane's two rows see: [first, end), counted from the page's first key.
struct SeenKeys {
    int first[2], end[2];
};

// scores [i] = those of keys 8 i + lane % 4 * 2 and the next. q: 16 rows from row `row` of the tile.
template <int D>
__device__ inline void page_scores(const uint4* q, int row, const uint4* keys, float (&scores)[kPageKeys / 8][4]) {
    using Tile = HeadTile<D>;
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < kPageKeys / 8; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e)
            scores[i][e] = 0.0f;
#pragma unroll
    for (int k = 0; k < D; k += 16) {
        uint32_t a[4];
        load_matrices<false>(a, q + Tile::slot(row + lane % 16, k / kChunk + lane / 16));
#pragma unroll
        for (int j = 0; j < kPageKeys / 16; ++j) {
            uint32_t b[4];
            load_matrices<false>(b, keys + Tile::slot(j * 16 + lane % 8 + lane / 16 * 8, k / kChunk + lane / 8 % 2));
            multiply_add(scores[2 * j], a, b[0], b[1]);
            multiply_add(scores[2 * j + 1], a, b[2], b[3]);
        }
    }
}

// scores -> probabilities, state brought to the new maximum.
template <int D>
__device__ inline void page_softmax(
        float scale, const SeenKeys& seen, float (&scores)[kPageKeys / 8][4], PartState<D>& state) {
    const int column = static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        const auto sees = [&](int i, int e) {
            const int key = i * 8 + column + e;
            return key >= seen.first[h] && key < seen.end[h];
        };
        float now = state.max[h];
#pragma unroll
        for (int i = 0; i < kPageKeys / 8; ++i) {
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                float& score = scores[i][2 * h + e];
                score = __fmul_rn(score, scale);
                if (sees(i, e)) now = fmaxf(now, score);
            }
        }
        now = fmaxf(now, __shfl_xor_sync(0xffffffffu, now, 1));
        now = fmaxf(now, __shfl_xor_sync(0xffffffffu, now, 2));
        const float fade = state.max[h] == -INFINITY ? 0.0f : expf(__fsub_rn(state.max[h], now));
        float added = 0.0f;
#pragma unroll
        for (int i = 0; i < kPageKeys / 8; ++i) {
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                float& score = scores[i][2 * h + e];
                score = sees(i, e) ? expf(__fsub_rn(score, now)) : 0.0f;
                added = __fadd_rn(added, score);
            }
        }
        added = __fadd_rn(added, __shfl_xor_sync(0xffffffffu, added, 1));
        added = __fadd_rn(added, __shfl_xor_sync(0xffffffffu, added, 2));
        state.max[h] = now;
        state.sum[h] = __fmaf_rn(state.sum[h], fade, added);
#pragma unroll
        for (int i = 0; i < D / 8; ++i) {
            state.values[i][2 * h] = __fmul_rn(state.values[i][2 * h], fade);
            state.values[i][2 * h + 1] = __fmul_rn(state.values[i][2 * h + 1], fade);
        }
    }
}

__device__ inline uint32_t packed_pair(float low, float high) {
    return static_cast<uint32_t>(narrowed<bf16>(low).bits) | static_cast<uint32_t>(narrowed<bf16>(high).bits) << 16;
}

template <int D>
__device__ inline void page_values(const float (&p)[kPageKeys / 8][4], const uint4* values, PartState<D>& state) {
    using Tile = HeadTile<D>;
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int k = 0; k < kPageKeys / 16; ++k) {
        // What a product gave is laid out as the next one's first operand.
        const uint32_t a[4] = {packed_pair(p[2 * k][0], p[2 * k][1]), packed_pair(p[2 * k][2], p[2 * k][3]),
                packed_pair(p[2 * k + 1][0], p[2 * k + 1][1]), packed_pair(p[2 * k + 1][2], p[2 * k + 1][3])};
#pragma unroll
        for (int j = 0; j < D / 16; ++j) {
            uint32_t b[4];
            load_matrices<true>(b, values + Tile::slot(k * 16 + lane % 16, j * 2 + lane / 16));
            multiply_add(state.values[2 * j], a, b[0], b[1]);
            multiply_add(state.values[2 * j + 1], a, b[2], b[3]);
        }
    }
}

// Copies `count` rows into a tile of `rows`, zeros beyond, by threads thread, thread + n_threads, ... Rows that are not 16-byte aligned are copied at once.
template <int D, class RowOf>
__device__ inline void fetch_rows(
        int rows, int count, bool wide, uint4* tile, int thread, int n_threads, const RowOf& row_of) {
    using Tile = HeadTile<D>;
    for (int at = thread; at < rows * Tile::kRowChunks; at += n_threads) {
        const int row = at / Tile::kRowChunks, chunk = at % Tile::kRowChunks;
        const bf16* const from = row_of(row < count ? row : 0) + chunk * kChunk;
        uint4* const to = tile + Tile::slot(row, chunk);
        if (wide) {
            copy_async(to, from, row < count ? 16 : 0);
            continue;
        }
        uint32_t word[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            word[i] = row < count ? from[2 * i].bits | static_cast<uint32_t>(from[2 * i + 1].bits) << 16 : 0u;
        *to = make_uint4(word[0], word[1], word[2], word[3]);
    }
}

}  // namespace cuda
}  // namespace tbrm
