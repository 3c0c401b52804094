#pragma once
// tile_mma_cuda.cuh - the bf16 product: m16n8k16 tensor-core steps, operands through a ring of asynchronous copies (sm_80 and newer).
//
// Invariance: every tile shape walks depth in steps of 32, each two k16 instructions in ascending order into one accumulator per element,
// with zeros beyond the end. A forward product's depth is cut into parts by the depth alone (parts_of): each part is a chain from zero, and
// the parts are added in order, whether one block walks them all or each has a block of its own. So an element has the same bits whatever
// the tile and the grid, and the host may pick what fills the machine.
#include "core/cuda_mma.cuh"
#include "core/cuda_vector.cuh"
#include "gemm/product_cuda.hpp"
#include "gemm/product_store_cuda.cuh"

namespace tbrm {
namespace cuda {

constexpr int kStages = 3;
constexpr int kGroupRows = 16;  // row tiles that share the columns of b in the second-level cache

// kExtent rows of a (or columns of b) times kStepDepth of depth in shared memory, as 16-byte chunks of 8 elements. A line is one row (4
// chunks along depth), or one depth when memory is depth-major (kExtent / 8 chunks). Chunks are permuted within a line so that the eight
// lines that one ldmatrix step reads lie in different banks.
template <int kExtent, bool kDepthMajor>
struct OperandTile {
    static constexpr int kPerLine = (kDepthMajor ? kExtent : kStepDepth) / kChunk;
    static constexpr int kChunks = kExtent * kStepDepth / kChunk;
    static_assert(!kDepthMajor || kPerLine % 8 == 0, "the permutation needs eight chunks in a line");

    __device__ static int slot(int line, int chunk) {
        return line * kPerLine + (kDepthMajor ? chunk ^ (line & 7) : chunk ^ ((line >> 1) & 3));
    }

    // Elements [first, first + kExtent) of `extent` times depths [k0, k0 + kStepDepth) of `depth`; zeros beyond either end.
    template <int kThreads, bool kAligned>
    __device__ static void load(
            const bf16* src, int64_t ld, int64_t first, int64_t extent, int64_t k0, int64_t depth, uint4* tile) {
#pragma unroll
        for (int c = threadIdx.x; c < kChunks; c += kThreads) {
            const int line = c / kPerLine, chunk = c % kPerLine;
            const int64_t outer = (kDepthMajor ? k0 : first) + line, outer_end = kDepthMajor ? depth : extent;
            const int64_t inner = (kDepthMajor ? first : k0) + chunk * kChunk, inner_end = kDepthMajor ? extent : depth;
            const int64_t left = outer < outer_end ? inner_end - inner : 0;
            const int valid = left <= 0 ? 0 : left < kChunk ? static_cast<int>(left) : kChunk;
            const bf16* from = valid > 0 ? src + outer * ld + inner : src;
            uint4* to = tile + slot(line, chunk);
            if constexpr (kAligned) {
                copy_async(to, from, valid * static_cast<int>(sizeof(bf16)));
            } else {
                uint32_t word[4];
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const uint32_t low = 2 * i < valid ? from[2 * i].bits : 0u;
                    const uint32_t high = 2 * i + 1 < valid ? from[2 * i + 1].bits : 0u;
                    word[i] = low | high << 16;
                }
                *to = make_uint4(word[0], word[1], word[2], word[3]);
            }
        }
    }

    // Rows [row, row + 16) of a, depths [k, k + 16) of the step, as the first operand.
    __device__ static void first_operand(const uint4* tile, int row, int k, uint32_t (&r)[4]) {
        const int lane = threadIdx.x % 32;
        if constexpr (kDepthMajor)
            load_matrices<true>(r, tile + slot(k + lane % 8 + lane / 16 * 8, row / kChunk + lane / 8 % 2));
        else
            load_matrices<false>(r, tile + slot(row + lane % 16, k / kChunk + lane / 16));
    }

    // Columns [col, col + 16) of b as two second operands: r[0], r[1] the first eight columns, r[2], r[3] the others.
    __device__ static void second_operand(const uint4* tile, int col, int k, uint32_t (&r)[4]) {
        const int lane = threadIdx.x % 32;
        if constexpr (kDepthMajor)
            load_matrices<true>(r, tile + slot(k + lane % 16, col / kChunk + lane / 16));
        else
            load_matrices<false>(r, tile + slot(col + lane % 8 + lane / 16 * 8, k / kChunk + lane / 8 % 2));
    }
};

// Rows and columns of a block, and of each of its warps.
template <int kRows_, int kCols_, int kWarpRows_, int kWarpCols_>
struct TileShape {
    static constexpr int kRows = kRows_, kCols = kCols_, kWarpRows = kWarpRows_, kWarpCols = kWarpCols_;
    static constexpr int kWarpsAcross = kCols / kWarpCols;
    static constexpr int kThreads = 32 * (kRows / kWarpRows) * kWarpsAcross;
    static_assert(kWarpRows % 16 == 0 && kWarpCols % 16 == 0, "a warp works in pieces of 16 by 16");

    // Where this thread's warp works in the tile.
    __device__ static int warp_row() { return static_cast<int>(threadIdx.x) / 32 / kWarpsAcross * kWarpRows; }
    __device__ static int warp_col() { return static_cast<int>(threadIdx.x) / 32 % kWarpsAcross * kWarpCols; }
};
using LargeTile = TileShape<128, 128, 64, 32>;
using MiddleTile = TileShape<64, 64, 32, 32>;
using FlatTile = TileShape<16, 64, 16, 16>;  // for a few rows: decoding
// For decoding with some hundred rows: the widths of a model's projections leave less of a last wave empty in 96 columns than in powers of two.
using BroadTile = TileShape<64, 96, 32, 48>;
using TallTile = TileShape<128, 96, 32, 48>;
using WidestTile = TileShape<128, 144, 32, 48>;  // more shared memory than a kernel has unasked

// Which tile this block computes: groups of kGroupRows row tiles, column by column.
struct TilePosition {
    int64_t row, col;

    __device__ TilePosition(int64_t row_tiles, int64_t col_tiles) {
        const int64_t id = blockIdx.x, per_group = kGroupRows * col_tiles, first = id / per_group * kGroupRows;
        const int64_t rows = row_tiles - first < kGroupRows ? row_tiles - first : kGroupRows;
        row = first + id % per_group % rows;
        col = id % per_group / rows;
    }
};

// How a launch walks the parts of the depth.
struct DepthWalk {
    int64_t steps_per_part;
    float* sums;  // [parts][rows][cols]: block y leaves the sum of part y there; null: a block walks all parts and finishes its elements
};

// total += acc, acc = 0.
template <int kRows, int kCols>
__device__ inline void add_part(float (&total)[kRows][kCols][4], float (&acc)[kRows][kCols][4]) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
        for (int j = 0; j < kCols; ++j) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                total[i][j][e] = __fadd_rn(total[i][j][e], acc[i][j][e]);
                acc[i][j][e] = 0.0f;
            }
        }
    }
}

template <class Tile, class Store>
__device__ inline void store_tile(const Store& store, int64_t row0, int64_t col0,
        const float (&acc)[Tile::kWarpRows / 16][Tile::kWarpCols / 8][4]) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < Tile::kWarpRows / 16; ++i) {
#pragma unroll
        for (int j = 0; j < Tile::kWarpCols / 8; ++j) {
            const int64_t row = row0 + i * 16 + lane / 4, col = col0 + j * 8 + lane % 4 * 2;
            store.pair(row, col, acc[i][j][0], acc[i][j][1]);
            store.pair(row + 8, col, acc[i][j][2], acc[i][j][3]);
        }
    }
}

// Steps [first, end) of the depth by this block, operands in rings of kStages stages: fetch(step, a, b) begins the copies of a step. With
// kParts total has the parts' sums, otherwise acc the only one.
template <class Tile, bool kADepthMajor, bool kBDepthMajor, bool kParts, class Fetch>
__device__ inline void walk_steps(int64_t first, int64_t end, int64_t steps_per_part, uint4* a_ring, uint4* b_ring,
        const Fetch& fetch, float (&acc)[Tile::kWarpRows / 16][Tile::kWarpCols / 8][4],
        float (&total)[kParts ? Tile::kWarpRows / 16 : 1][kParts ? Tile::kWarpCols / 8 : 1][4]) {
    using A = OperandTile<Tile::kRows, kADepthMajor>;
    using B = OperandTile<Tile::kCols, kBDepthMajor>;
    const auto fetch_step = [&](int64_t step) {
        const int stage = static_cast<int>(step % kStages);
        if (step < end) fetch(step, a_ring + stage * A::kChunks, b_ring + stage * B::kChunks);
        commit_copies();  // an empty group too: the count below stays right
    };
    const int warp_row = Tile::warp_row(), warp_col = Tile::warp_col();
    int64_t part_end = first + steps_per_part;
    for (int step = 0; step < kStages - 1; ++step)
        fetch_step(first + step);
    for (int64_t step = first; step < end; ++step) {
        wait_for_copies<kStages - 2>();
        // Everybody's copies of this step are there, and everybody is done with the stage that is fetched into next.
        __syncthreads();
        fetch_step(step + kStages - 1);
        const uint4* const a_tile = a_ring + static_cast<int>(step % kStages) * A::kChunks;
        const uint4* const b_tile = b_ring + static_cast<int>(step % kStages) * B::kChunks;
#pragma unroll
        for (int k = 0; k < kStepDepth; k += 16) {
            uint32_t a[Tile::kWarpRows / 16][4], b[Tile::kWarpCols / 16][4];
#pragma unroll
            for (int i = 0; i < Tile::kWarpRows / 16; ++i)
                A::first_operand(a_tile, warp_row + i * 16, k, a[i]);
#pragma unroll
            for (int j = 0; j < Tile::kWarpCols / 16; ++j)
                B::second_operand(b_tile, warp_col + j * 16, k, b[j]);
#pragma unroll
            for (int i = 0; i < Tile::kWarpRows / 16; ++i) {
#pragma unroll
                for (int j = 0; j < Tile::kWarpCols / 8; ++j)
                    multiply_add(acc[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
            }
        }
        if constexpr (kParts) {
            if (step + 1 == part_end) {
                add_part(total, acc);
                part_end += steps_per_part;
            }
        }
    }
    if constexpr (kParts) add_part(total, acc);  // zeros, where the depth ends with a part
}

// The steps of a block: all, or those of part blockIdx.y.
struct WalkedSteps {
    int64_t first, end;

    __device__ WalkedSteps(int64_t depth, const DepthWalk& walk, bool one_part) {
        const int64_t all = (depth + kStepDepth - 1) / kStepDepth;
        first = one_part ? blockIdx.y * walk.steps_per_part : 0;
        end = one_part && first + walk.steps_per_part < all ? first + walk.steps_per_part : all;
    }
};

template <class Tile, bool kADepthMajor, bool kBDepthMajor, bool kAligned, class Out>
__global__ void __launch_bounds__(Tile::kThreads) product_mma_kernel(Product p, DepthWalk walk) {
    constexpr bool kParts = !kADepthMajor && !kBDepthMajor;  // forward products
    using A = OperandTile<Tile::kRows, kADepthMajor>;
    using B = OperandTile<Tile::kCols, kBDepthMajor>;
    __shared__ uint4 a_ring[kStages * A::kChunks];
    __shared__ uint4 b_ring[kStages * B::kChunks];
    const TilePosition position((p.rows + Tile::kRows - 1) / Tile::kRows, (p.cols + Tile::kCols - 1) / Tile::kCols);
    const int64_t row0 = position.row * Tile::kRows, col0 = position.col * Tile::kCols;
    const bool one_part = kParts && walk.sums != nullptr;
    const WalkedSteps steps(p.depth, walk, one_part);
    const auto fetch = [&](int64_t step, uint4* a_tile, uint4* b_tile) {
        A::template load<Tile::kThreads, kAligned>(
                static_cast<const bf16*>(p.a), p.lda, row0, p.rows, step * kStepDepth, p.depth, a_tile);
        B::template load<Tile::kThreads, kAligned>(
                static_cast<const bf16*>(p.b), p.ldb, col0, p.cols, step * kStepDepth, p.depth, b_tile);
    };
    float acc[Tile::kWarpRows / 16][Tile::kWarpCols / 8][4] = {};
    float total[kParts ? Tile::kWarpRows / 16 : 1][kParts ? Tile::kWarpCols / 8 : 1][4] = {};
    walk_steps<Tile, kADepthMajor, kBDepthMajor, kParts>(
            steps.first, steps.end, walk.steps_per_part, a_ring, b_ring, fetch, acc, total);
    const int64_t row = row0 + Tile::warp_row(), col = col0 + Tile::warp_col();
    if constexpr (kParts) {
        if (one_part)
            store_tile<Tile>(
                    ProductStore<float>(p.rows, p.cols, walk.sums + blockIdx.y * p.rows * p.cols), row, col, total);
        else
            store_tile<Tile>(ProductStore<Out>(p), row, col, total);
    } else {
        store_tile<Tile>(ProductStore<Out>(p), row, col, acc);
    }
}

}  // namespace cuda
}  // namespace tbrm
