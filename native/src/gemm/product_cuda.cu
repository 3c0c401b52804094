// product_cuda.cu - which kernel and which tile compute a product. Contract: product_cuda.hpp.
#include "core/cuda.hpp"
#include "gemm/product_cuda.hpp"
#include "gemm/tile_fma_cuda.cuh"
#include "gemm/tile_mma_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int64_t kFlatRows = 16;  // at most: the flat tile has no more
constexpr int64_t kFullBlocks =
        96;  // large tiles below which a GPU has idle multiprocessors, so that middle ones are faster

int64_t tiles(int64_t extent, int64_t tile) {
    return (extent + tile - 1) / tile;
}

unsigned grid_of(const Product& p, int64_t tile_rows, int64_t tile_cols) {
    const int64_t blocks = tiles(p.rows, tile_rows) * tiles(p.cols, tile_cols);
    TBRM_ASSERT(blocks < (int64_t{1} << 31), "a product of %lld x %lld is too large for one launch",
            static_cast<long long>(p.rows), static_cast<long long>(p.cols));
    return static_cast<unsigned>(blocks);
}

template <class Tile, bool kADepthMajor, bool kBDepthMajor, bool kAligned, class Out>
void launch_mma(const CudaQueue& queue, const Product& p) {
    product_mma_kernel<Tile, kADepthMajor, kBDepthMajor, kAligned, Out>
            <<<grid_of(p, Tile::kRows, Tile::kCols), Tile::kThreads, 0, queue.stream>>>(p);
}

bool aligned_for_copies(const void* base, int64_t ld) {
    return chunks_aligned(static_cast<const bf16*>(base), ld);
}

template <bool kADepthMajor, bool kBDepthMajor, class Out>
void choose_tile(const CudaQueue& queue, const Product& p) {
    if (!aligned_for_copies(p.a, p.lda) || !aligned_for_copies(p.b, p.ldb))
        return launch_mma<MiddleTile, kADepthMajor, kBDepthMajor, false, Out>(queue, p);
    if constexpr (!kADepthMajor) {
        if (p.rows <= kFlatRows) return launch_mma<FlatTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p);
    }
    const int64_t large = tiles(p.rows, LargeTile::kRows) * tiles(p.cols, LargeTile::kCols);
    if (p.rows > MiddleTile::kRows && large >= kFullBlocks)
        launch_mma<LargeTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p);
    else
        launch_mma<MiddleTile, kADepthMajor, kBDepthMajor, true, Out>(queue, p);
}

template <bool kADepthMajor, bool kBDepthMajor>
void choose_output(const CudaQueue& queue, const Product& p) {
    if (p.dtype == Dtype::F32) {
        TBRM_ASSERT(p.c_dtype == Dtype::F32, "an fp32 product has an fp32 result");
        product_fma_kernel<kADepthMajor, kBDepthMajor>
                <<<grid_of(p, kFmaTile, kFmaTile), kFmaThreads, 0, queue.stream>>>(p);
    } else if (p.c_dtype == Dtype::F32) {
        choose_tile<kADepthMajor, kBDepthMajor, float>(queue, p);
    } else {
        choose_tile<kADepthMajor, kBDepthMajor, bf16>(queue, p);
    }
}

}  // namespace

void multiply_invariant(const CudaQueue& queue, const Product& p) {
    if (p.rows <= 0 || p.cols <= 0) return;
    if (p.a_depth_major) {
        TBRM_ASSERT(p.b_depth_major, "a depth-major first operand comes with a depth-major second one");
        choose_output<true, true>(queue, p);
    } else if (p.b_depth_major) {
        choose_output<false, true>(queue, p);
    } else {
        choose_output<false, false>(queue, p);
    }
    TBRM_LAUNCH_CHECK();
}

void multiply(const CudaQueue& queue, const Product& p) {
    if (!queue.batch_invariant && queue.lt != nullptr && multiply_by_library(queue, p)) return;
    multiply_invariant(queue, p);
}

void multiply_backward(const CudaQueue& queue, const Product& p) {
    if (queue.lt != nullptr && multiply_by_library(queue, p)) return;
    multiply_invariant(queue, p);
}

}  // namespace cuda
}  // namespace tbrm
