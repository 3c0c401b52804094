// product_cuda.cu - which kernel and which tile compute a product. Contract: product_cuda.hpp.
#include <algorithm>

#include "core/cuda.hpp"
#include "gemm/open_sums_cuda.cuh"
#include "gemm/product_cuda.hpp"
#include "gemm/tile_fma_cuda.cuh"
#include "gemm/tile_mma_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kFinishThreads = 256;

int64_t tiles(int64_t extent, int64_t tile) {
    return (extent + tile - 1) / tile;
}

unsigned grid_of(const Product& p, int64_t tile_rows, int64_t tile_cols) {
    const int64_t blocks = tiles(p.rows, tile_rows) * tiles(p.cols, tile_cols);
    TBRM_ASSERT(blocks < (int64_t{1} << 31), "a product of %lld x %lld is too large for one launch",
            static_cast<long long>(p.rows), static_cast<long long>(p.cols));
    return static_cast<unsigned>(blocks);
}

bool aligned_for_copies(const void* base, int64_t ld) {
    return chunks_aligned(static_cast<const bf16*>(base), ld);
}

bool takes_parts(const Product& p) {
    return p.dtype == Dtype::Bf16 && !p.a_depth_major && !p.b_depth_major;
}

// ----------------------------------------------------- which tile -----------------------------------------------------

TileSize size_of(ProductTile tile) {
    switch (tile) {
        case ProductTile::Flat:
            return {FlatTile::kRows, FlatTile::kCols};
        case ProductTile::Middle:
            return {MiddleTile::kRows, MiddleTile::kCols};
        case ProductTile::Broad:
            return {BroadTile::kRows, BroadTile::kCols};
        case ProductTile::Tall:
            return {TallTile::kRows, TallTile::kCols};
        default:
            return {LargeTile::kRows, LargeTile::kCols};
    }
}

// ------------------------------------------------------ launches ------------------------------------------------------

template <class Tile, bool kADepthMajor, bool kBDepthMajor, bool kAligned, class Out>
void launch_mma(const CudaQueue& queue, const Product& p, bool spread) {
    const DepthParts parts = parts_of(p.depth);
    const DepthWalk walk{parts.steps, spread ? static_cast<float*>(queue.scratch) : nullptr};
    const dim3 grid(grid_of(p, Tile::kRows, Tile::kCols), spread ? static_cast<unsigned>(parts.count) : 1u);
    product_mma_kernel<Tile, kADepthMajor, kBDepthMajor, kAligned, Out>
            <<<grid, Tile::kThreads, 0, queue.stream>>>(p, walk);
}

template <bool kADepthMajor, bool kBDepthMajor, class Out>
void launch_tile(const CudaQueue& queue, const Product& p, const ProductPlan& plan) {
    if (!aligned_for_copies(p.a, p.lda) || !aligned_for_copies(p.b, p.ldb))
        return launch_mma<MiddleTile, kADepthMajor, kBDepthMajor, false, Out>(queue, p, plan.spread);
    if constexpr (!kADepthMajor) {
        if (plan.tile == ProductTile::Flat)
            return launch_mma<FlatTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p, plan.spread);
    }
    if constexpr (!kADepthMajor && !kBDepthMajor) {
        if (plan.tile == ProductTile::Broad)
            return launch_mma<BroadTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p, plan.spread);
        if (plan.tile == ProductTile::Tall)
            return launch_mma<TallTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p, plan.spread);
    }
    if (plan.tile == ProductTile::Large)
        launch_mma<LargeTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p, plan.spread);
    else
        launch_mma<MiddleTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p, plan.spread);
}

template <bool kADepthMajor, bool kBDepthMajor>
void choose_output(const CudaQueue& queue, const Product& p, const ProductPlan& plan) {
    if (p.dtype == Dtype::F32) {
        TBRM_ASSERT(p.c_dtype == Dtype::F32, "an fp32 product has an fp32 result");
        product_fma_kernel<kADepthMajor, kBDepthMajor>
                <<<grid_of(p, kFmaTile, kFmaTile), kFmaThreads, 0, queue.stream>>>(p);
    } else if (p.c_dtype == Dtype::F32) {
        launch_tile<kADepthMajor, kBDepthMajor, float>(queue, p, plan);
    } else {
        launch_tile<kADepthMajor, kBDepthMajor, bf16>(queue, p, plan);
    }
}

void launch(const CudaQueue& queue, const Product& p, const ProductPlan& plan) {
    if (p.a_depth_major) {
        TBRM_ASSERT(p.b_depth_major, "a depth-major first operand comes with a depth-major second one");
        choose_output<true, true>(queue, p, plan);
    } else if (p.b_depth_major) {
        choose_output<false, true>(queue, p, plan);
    } else {
        choose_output<false, false>(queue, p, plan);
    }
    TBRM_LAUNCH_CHECK();
}

// One thread per element.
template <class Out>
__global__ void __launch_bounds__(kFinishThreads) finish_product_kernel(Product p, OpenSums open) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * kFinishThreads + threadIdx.x;
    if (at < p.rows * p.cols) ProductStore<Out>(p).one(at / p.cols, at % p.cols, summed(open, at));
}

void finish(const CudaQueue& queue, const Product& p, const OpenSums& open) {
    const unsigned blocks = static_cast<unsigned>(tiles(p.rows * p.cols, kFinishThreads));
    if (p.c_dtype == Dtype::F32)
        finish_product_kernel<float><<<blocks, kFinishThreads, 0, queue.stream>>>(p, open);
    else
        finish_product_kernel<bf16><<<blocks, kFinishThreads, 0, queue.stream>>>(p, open);
    TBRM_LAUNCH_CHECK();
}

OpenSums open_sums(const CudaQueue& queue, const Product& p) {
    return {static_cast<const float*>(queue.scratch), parts_of(p.depth).count, p.rows * p.cols};
}

}  // namespace

// Each multiprocessor's share of 5.5 TB/s from the second-level cache and of 500 TFLOP/s, and the last wave as long as the others.
double modelled_seconds(int64_t rows, int64_t cols, int64_t depth, const TileSize& tile, bool spread) {
    constexpr double kMultiprocessors = 132, kBytes = 5.5e12 / kMultiprocessors, kFlops = 5e14 / kMultiprocessors;
    const double tile_rows = static_cast<double>(tile.rows), tile_cols = static_cast<double>(tile.cols);
    const int64_t parts = spread ? parts_of(depth).count : 1;
    const int64_t blocks = tiles(rows, tile.rows) * tiles(cols, tile.cols) * parts;
    const double walked = static_cast<double>(depth) / static_cast<double>(parts);
    // What is spread is written and read once more, in fp32.
    const double bytes = (tile_rows + tile_cols) * walked * 2 + (spread ? tile_rows * tile_cols * 8 : 0);
    const double block = std::max(bytes / kBytes, 2 * tile_rows * tile_cols * walked / kFlops);
    return static_cast<double>(tiles(blocks, static_cast<int64_t>(kMultiprocessors))) * block;
}

bool parts_fit(const CudaQueue& queue, int64_t rows, int64_t cols, int64_t depth) {
    return parts_of(depth).count * rows * cols * static_cast<int64_t>(sizeof(float)) <= queue.scratch_bytes;
}

ProductPlan plan_product(const CudaQueue& queue, const Product& p) {
    ProductPlan best{ProductTile::Middle, false};
    if (p.dtype == Dtype::F32) return best;
    const bool aligned = aligned_for_copies(p.a, p.lda) && aligned_for_copies(p.b, p.ldb), forward = takes_parts(p);
    const bool spreads = forward && parts_of(p.depth).count > 1 && parts_fit(queue, p.rows, p.cols, p.depth);
    const auto seconds_of = [&](const ProductPlan& plan) {
        return modelled_seconds(p.rows, p.cols, p.depth, size_of(plan.tile), plan.spread);
    };
    double shortest = seconds_of(best);
    const auto consider = [&](const ProductPlan& plan) {
        const double seconds = seconds_of(plan);
        if (seconds < shortest) {
            shortest = seconds;
            best = plan;
        }
    };
    for (const bool spread : {false, true}) {
        if (spread && !spreads) continue;
        consider({ProductTile::Middle, spread});
        if (!aligned) continue;
        consider({ProductTile::Large, spread});
        if (forward) consider({ProductTile::Broad, spread});
        if (forward) consider({ProductTile::Tall, spread});
        if (!p.a_depth_major) consider({ProductTile::Flat, spread});
    }
    return best;
}

void multiply_planned(const CudaQueue& queue, const Product& p, const ProductPlan& plan) {
    if (p.rows <= 0 || p.cols <= 0) return;
    TBRM_ASSERT(!plan.spread || (takes_parts(p) && parts_fit(queue, p.rows, p.cols, p.depth)),
            "the depth cannot be spread over blocks");
    launch(queue, p, plan);
    if (plan.spread) finish(queue, p, open_sums(queue, p));
}

void multiply_invariant(const CudaQueue& queue, const Product& p) {
    multiply_planned(queue, p, plan_product(queue, p));
}

void multiply(const CudaQueue& queue, const Product& p) {
    if (!queue.batch_invariant && queue.lt != nullptr && multiply_by_library(queue, p)) return;
    multiply_invariant(queue, p);
}

OpenSums multiply_open(const CudaQueue& queue, const Product& p) {
    if (p.rows <= 0 || p.cols <= 0) return {};
    if (!queue.batch_invariant && queue.lt != nullptr && multiply_by_library(queue, p)) return {};
    const ProductPlan plan = plan_product(queue, p);
    launch(queue, p, plan);
    return plan.spread ? open_sums(queue, p) : OpenSums{};
}

void multiply_backward(const CudaQueue& queue, const Product& p) {
    if (queue.lt != nullptr && multiply_by_library(queue, p)) return;
    multiply_invariant(queue, p);
}

}  // namespace cuda
}  // namespace tbrm
