// glu_product_cuda.cu - an MLP's input projection and its gate in one product. Contract: ops/glu.hpp.
//
// The columns of a tile come in sixteens: eight of the gate and the same eight of up, so that the thread that has the one's sum has the other's. Sums
// (gemm/tile_mma_cuda.cuh), both roundings and the gate are those of the product and of glu_forward, and so are the bits; [n, 2I] is never written.
#include <algorithm>

#include "core/cuda.hpp"
#include "core/cuda_shared.hpp"
#include "gemm/open_sums_cuda.cuh"
#include "gemm/product_cuda.hpp"
#include "gemm/tile_mma_cuda.cuh"
#include "ops/glu.hpp"
#include "ops/glu_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kFinishThreads = 256;

struct GatedProduct {
    int64_t rows, width, depth;
    const bf16* x;  // [rows, depth]
    const bf16* w;  // [2 width, depth], the gate's rows first
    bf16* y;        // [rows, width]
    Activation activation;

    __device__ bf16 gated(float gate_sum, float up_sum) const {
        const float gate = widen(narrowed<bf16>(gate_sum)), up = widen(narrowed<bf16>(up_sum));
        const float s = activation == Activation::Silu ? Silu::gate(gate) : GeluTanh::gate(gate);
        return narrowed<bf16>(gate * s * up);
    }
};

// kCols rows of w, those that give outputs [first, first + kCols / 2), times kStepDepth of depth; as OperandTile::load.
template <class Tile>
__device__ void load_weights(const GatedProduct& p, int64_t first, int64_t k0, uint4* tile) {
    using B = OperandTile<Tile::kCols, false>;
#pragma unroll
    for (int c = threadIdx.x; c < B::kChunks; c += Tile::kThreads) {
        const int line = c / B::kPerLine, chunk = c % B::kPerLine;
        const int64_t output = first + line / 16 * 8 + line % 8, k = k0 + chunk * kChunk;
        const bool there = output < p.width && k < p.depth;
        const int64_t row = line % 16 < 8 ? output : p.width + output;
        copy_async(tile + B::slot(line, chunk), there ? p.w + row * p.depth + k : p.w, there ? 16 : 0);
    }
}

// y, or the sums of one part of the depth [rows][2 width].
template <class Tile>
__device__ void store_gated(const GatedProduct& p, int64_t row0, int64_t col0, float* sums,
        const float (&total)[Tile::kWarpRows / 16][Tile::kWarpCols / 8][4]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const ProductStore<float> parts(p.rows, 2 * p.width, sums);
#pragma unroll
    for (int i = 0; i < Tile::kWarpRows / 16; ++i) {
#pragma unroll
        for (int j = 0; j < Tile::kWarpCols / 16; ++j) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int64_t row = row0 + i * 16 + lane / 4 + 8 * half, col = col0 + j * 8 + lane % 4 * 2;
                if (row >= p.rows || col >= p.width) continue;
                const float gate[2] = {total[i][2 * j][2 * half], total[i][2 * j][2 * half + 1]};
                const float up[2] = {total[i][2 * j + 1][2 * half], total[i][2 * j + 1][2 * half + 1]};
                if (sums != nullptr) {
                    parts.pair(row, col, gate[0], gate[1]);
                    parts.pair(row, p.width + col, up[0], up[1]);
                } else {
                    const OutPair<bf16> both{{p.gated(gate[0], up[0]), p.gated(gate[1], up[1])}};
                    *reinterpret_cast<OutPair<bf16>*>(p.y + row * p.width + col) = both;
                }
            }
        }
    }
}

template <class Tile>
constexpr int64_t ring_bytes() {
    return kStages * 16 * (OperandTile<Tile::kRows, false>::kChunks + OperandTile<Tile::kCols, false>::kChunks);
}

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads) gated_product_kernel(GatedProduct p, DepthWalk walk) {
    using A = OperandTile<Tile::kRows, false>;
    extern __shared__ __align__(128) char shared[];
    uint4* const a_ring = reinterpret_cast<uint4*>(shared);
    constexpr int64_t kOutputs = Tile::kCols / 2;
    const TilePosition position((p.rows + Tile::kRows - 1) / Tile::kRows, (p.width + kOutputs - 1) / kOutputs);
    const int64_t row0 = position.row * Tile::kRows, col0 = position.col * kOutputs;
    const bool one_part = walk.sums != nullptr;
    const WalkedSteps steps(p.depth, walk, one_part);
    const auto fetch = [&](int64_t step, uint4* a_tile, uint4* b_tile) {
        A::template load<Tile::kThreads, true>(p.x, p.depth, row0, p.rows, step * kStepDepth, p.depth, a_tile);
        load_weights<Tile>(p, col0, step * kStepDepth, b_tile);
    };
    float acc[Tile::kWarpRows / 16][Tile::kWarpCols / 8][4] = {};
    float total[Tile::kWarpRows / 16][Tile::kWarpCols / 8][4] = {};
    walk_steps<Tile, false, false, true>(
            steps.first, steps.end, walk.steps_per_part, a_ring, a_ring + kStages * A::kChunks, fetch, acc, total);
    float* const sums = one_part ? walk.sums + blockIdx.y * p.rows * 2 * p.width : nullptr;
    store_gated<Tile>(p, row0 + Tile::warp_row(), col0 + Tile::warp_col() / 2, sums, total);
}

// One thread per output.
__global__ void __launch_bounds__(kFinishThreads) finish_gated_kernel(GatedProduct p, OpenSums open) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * kFinishThreads + threadIdx.x;
    if (at >= p.rows * p.width) return;
    const int64_t gate = at / p.width * 2 * p.width + at % p.width;
    p.y[at] = p.gated(summed(open, gate), summed(open, gate + p.width));
}

unsigned blocks_for(int64_t n, int64_t each) {
    return static_cast<unsigned>((n + each - 1) / each);
}

template <class Tile>
void launch(const CudaQueue& queue, const GatedProduct& p, bool spread) {
    constexpr int64_t kOutputs = Tile::kCols / 2;
    const DepthParts parts = parts_of(p.depth);
    const int64_t tiles = (p.rows + Tile::kRows - 1) / Tile::kRows * ((p.width + kOutputs - 1) / kOutputs);
    TBRM_ASSERT(tiles < (int64_t{1} << 31), "a gated product of %lld x %lld is too large for one launch",
            static_cast<long long>(p.rows), static_cast<long long>(p.width));
    const DepthWalk walk{parts.steps, spread ? static_cast<float*>(queue.scratch) : nullptr};
    const dim3 grid(static_cast<unsigned>(tiles), spread ? static_cast<unsigned>(parts.count) : 1u);
    reserve_shared(queue, gated_product_kernel<Tile>, ring_bytes<Tile>(), p.width, "a gated product of width");
    gated_product_kernel<Tile>
            <<<grid, Tile::kThreads, static_cast<size_t>(ring_bytes<Tile>()), queue.stream>>>(p, walk);
    TBRM_LAUNCH_CHECK();
    if (!spread) return;
    const OpenSums open{walk.sums, parts.count, p.rows * 2 * p.width};
    finish_gated_kernel<<<blocks_for(p.rows * p.width, kFinishThreads), kFinishThreads, 0, queue.stream>>>(p, open);
    TBRM_LAUNCH_CHECK();
}

constexpr TileSize kSizes[] = {{FlatTile::kRows, FlatTile::kCols}, {BroadTile::kRows, BroadTile::kCols},
        {TallTile::kRows, TallTile::kCols}, {WidestTile::kRows, WidestTile::kCols}};

}  // namespace

GatedPlan plan_gated_product(const CudaQueue& queue, int64_t n, int64_t depth, int64_t width) {
    const bool spreads = parts_of(depth).count > 1 && parts_fit(queue, n, 2 * width, depth);
    GatedPlan best{};
    double shortest = INFINITY;
    for (const bool spread : {false, true}) {
        if (spread && !spreads) continue;
        for (int tile = 0; tile < kGatedTiles; ++tile) {
            const double seconds = modelled_seconds(n, 2 * width, depth, kSizes[tile], spread);
            if (seconds < shortest) best = {tile, spread};
            shortest = std::min(shortest, seconds);
        }
    }
    return best;
}

bool takes_gated_product(const CudaQueue& queue, Dtype dtype, int64_t width, const LinearCall& call, const void* y) {
    const bool by_library = !queue.batch_invariant && queue.lt != nullptr;
    return dtype == Dtype::Bf16 && !by_library && call.bias == nullptr && width % kChunk == 0 &&
           chunks_aligned(static_cast<const bf16*>(call.x), call.inputs) &&
           chunks_aligned(static_cast<const bf16*>(call.w), call.inputs) && reinterpret_cast<uintptr_t>(y) % 16 == 0;
}

void gated_product(const CudaQueue& queue, Activation activation, int64_t n, const LinearCall& call, void* y,
        const GatedPlan& plan) {
    if (n <= 0 || call.outputs <= 0) return;
    const GatedProduct p{n, call.outputs / 2, call.inputs, static_cast<const bf16*>(call.x),
            static_cast<const bf16*>(call.w), static_cast<bf16*>(y), activation};
    switch (plan.tile) {
        case 0:
            return launch<FlatTile>(queue, p, plan.spread);
        case 1:
            return launch<BroadTile>(queue, p, plan.spread);
        case 2:
            return launch<TallTile>(queue, p, plan.spread);
        default:
            return launch<WidestTile>(queue, p, plan.spread);
    }
}

}  // namespace cuda
}  // namespace tbrm
