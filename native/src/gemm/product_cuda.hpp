#pragma once
// product_cuda.hpp - one matrix product on a GPU, whichever code computes it: what the three products of a linear layer, and the head's
// logits, have in common.
#include <cstdint>

#include "core/dtype.hpp"
#include "gemm/linear.hpp"

namespace tbrm {

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// c[rows, cols] = sum over depth of a . b (+ bias[col]) (+ c), fp32 sums, one rounding to c_dtype.
struct Product {
    Dtype dtype;  // of a and b
    int64_t rows, cols, depth;
    const void* a;
    int64_t lda;
    bool a_depth_major;  // a[k * lda + row] instead of a[row * lda + k]
    const void* b;
    int64_t ldb;
    bool b_depth_major;  // b[k * ldb + col] instead of b[col * ldb + k]
    const float* bias;   // [cols] or null
    bool add_to;
    void* c;
    Dtype c_dtype;
    int64_t ldc;
};

// The parts that the depth of a bf16 forward product (neither operand depth-major) is cut into: a function of the depth alone. Each part is summed
// from zero with depth ascending; then the parts are added in order. Of 32 depths each:
constexpr int64_t kStepDepth = 32;
struct DepthParts {
    int64_t count, steps;  // parts, and steps of each but the last, which may have fewer
};
constexpr DepthParts parts_of(int64_t depth) {
    constexpr int64_t kShortest = 512, kMost = 8;
    const int64_t steps = (depth + kStepDepth - 1) / kStepDepth, wanted = depth / kShortest;
    const int64_t most = wanted < 1 ? 1 : wanted > kMost ? kMost : wanted;
    const int64_t each = steps <= most ? 1 : (steps + most - 1) / most;
    return {steps == 0 ? 1 : (steps + each - 1) / each, each};
}

// Every element is summed over the depth in an order that no other size changes: its bits depend on its row of a and its column of b alone,
// not on rows, cols, the tile it falls into, or whether the parts of the depth are walked by one block or by several.
void multiply_invariant(const CudaQueue& queue, const Product& p);

// Sums of the parts of a product's depth, [count][rows][cols] in the queue's scratch until its next use. count 0: the product is finished.
struct OpenSums {
    const float* sums = nullptr;
    int64_t count = 0, stride = 0;
};

// As multiply, but where the parts of the depth are walked by several blocks, adding them up is left to the caller, with everything that comes
// after: bias, what c holds, the rounding. c is then untouched.
OpenSums multiply_open(const CudaQueue& queue, const Product& p);
// linear.hpp's forward in this way, y [n, outputs].
OpenSums linear_forward_open(
        const CudaQueue& queue, Dtype dtype, int64_t n, const LinearCall& call, Epilogue epilogue, void* y);

// A model of one H100 by which kernels are compared, and nothing else: seconds of a bf16 forward product by blocks of one tile each, whose depth is
// walked by one block or spread over as many as it has parts.
struct TileSize {
    int64_t rows, cols;
};
double modelled_seconds(int64_t rows, int64_t cols, int64_t depth, const TileSize& tile, bool spread);

// Whether the parts of a product's depth fit the queue's scratch.
bool parts_fit(const CudaQueue& queue, int64_t rows, int64_t cols, int64_t depth);

// The tiles of the bf16 product: 16 x 64, 64 x 64, 64 x 96, 128 x 96, 128 x 128. Which one is taken, and whether the parts of the depth are spread over
// blocks, shows in no bit; tests ask for each. Broad and Tall are for forward products in 16-byte pieces alone.
enum class ProductTile { Flat, Middle, Broad, Tall, Large };
struct ProductPlan {
    ProductTile tile;
    bool spread;
};
// What multiply_invariant takes for a product: the fastest by a model of one H100.
ProductPlan plan_product(const CudaQueue& queue, const Product& p);
void multiply_planned(const CudaQueue& queue, const Product& p, const ProductPlan& plan);

// By cuBLASLt, through the queue's plan cache. The order of additions depends on all sizes. A bias is rounded to c_dtype first.
// Returns false when the library has no kernel for the product; nothing was done then.
bool multiply_by_library(const CudaQueue& queue, const Product& p);

// A forward product: the one or the other, as the queue says.
void multiply(const CudaQueue& queue, const Product& p);

// A product of the backward pass, whose rows nobody compares with other calls': by the library where it has a kernel. The same call gives the same
// bits: its plan is pinned and its workspace its own.
void multiply_backward(const CudaQueue& queue, const Product& p);

}  // namespace cuda
}  // namespace tbrm
