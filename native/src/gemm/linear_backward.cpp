// linear_backward.cpp - dx = dy W and dW += dy^T x, on the same micro-kernel as the forward.
#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "gemm/linear.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/panels.hpp"
#include "gemm/scratch.hpp"
#include "gemm/scratch_sizes.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kInputDepth = 512;  // outputs m per transposed slab: 64 KiB in bf16
constexpr int64_t kInputRows = 480;   // rows per task of the input gradient
constexpr int64_t kTileRows = 48;
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kWeightRows = 512;           // rows n per pass over dW
constexpr int64_t kTransposedBytes = 2 << 20;  // of x^T, shared: it stays in the last-level cache
constexpr int64_t kWeightCols = 1024;          // inputs k per task of the weight gradient

struct InputGradient {
    Dtype dtype;
    int64_t n, k, m;
    const char* dy;
    int64_t lddy;
    const char* w;
};

// Row stride of x^T in elements: one line more than needed, as rows at a power of two would fight for the same sets of the cache.
int64_t transposed_ld(int64_t rows) {
    return ceil_div(rows, 32) * 32 + 32;
}

// Rows between two meetings of the threads: as many passes as x^T of them fits.
int64_t transposed_rows(Dtype dtype, int64_t n, int64_t k) {
    const int64_t pass = k * dtype_bytes(dtype) * kWeightRows;
    return std::min(std::max<int64_t>(1, kTransposedBytes / (pass + 1)) * kWeightRows, n);
}

// Asks for `bytes` from p on.
void prefetch(const char* p, int64_t bytes) {
#if defined(__GNUC__)
    for (int64_t at = 0; at < bytes; at += 64) {
        __builtin_prefetch(p + at, 0, 2);
    }
#else
    static_cast<void>(p), static_cast<void>(bytes);
#endif
}

// slab[mm][kk] = W[m0 + mm][k0 + kk] for 64 inputs kk and `depth` outputs mm (a multiple of 64). The runs of W that this reads are a panel
// apart and too short for the processor to foresee the next.
void transpose_weights(
        const InputGradient& g, const MicroKernels& kernels, int64_t k0, int64_t m0, int64_t depth, char* slab) {
    const int64_t size = dtype_bytes(g.dtype), inputs = std::min(kPanelRows, g.k - k0);
    const int64_t panel_bytes = panel_elements(g.dtype, kPanelRows, g.k) * size;
    const char* run = g.w + m0 / kPanelRows * panel_bytes + k0 * kPanelRows * size;
    for (int64_t m = 0; m < depth; m += kPanelRows, run += panel_bytes) {
        if (m + kPanelRows < depth) prefetch(run + panel_bytes, inputs * kPanelRows * size);
        kernels.transpose_slab(g.dtype)(inputs, run, slab + m * kPanelRows * size);
    }
}

// acc[rows][64] (+)= dy rows times the inputs [k0, k0 + 64) of W.
void input_gradient_tile(const InputGradient& g, const MicroKernels& kernels, int64_t row, int64_t rows, int64_t k0,
        float* acc, int64_t ldacc, bool accumulate) {
    const int64_t size = dtype_bytes(g.dtype);
    char* slab = Scratch::get<char>(ScratchUse::Slab, kInputDepth * kPanelRows * size);
    for (int64_t m0 = 0; m0 < g.m; m0 += kInputDepth) {
        const int64_t take = std::min(kInputDepth, g.m - m0);
        transpose_weights(g, kernels, k0, m0, panel_count(take) * kPanelRows, slab);
        kernels.tile(g.dtype)(rows, kPanelRows, take, g.dy + (row * g.lddy + m0) * size, g.lddy, slab, acc, ldacc,
                accumulate || m0 > 0);
    }
}

// Calls body(row, rows, k0, cols) for every task of the input gradient.
template <class Body>
void for_each_input_task(int64_t n, int64_t k, int64_t m, Body&& body) {
    const int64_t columns = panel_count(k);
    const int64_t block = rows_per_task(n, columns, kInputRows, kTileRows, kTasksPerThread);
    const int64_t blocks = ceil_div(n, block);
    parallel_for_dynamic(blocks * columns, n * k * m / 16, [&](int64_t task) {
        const int64_t row = task / columns * block, k0 = task % columns * kPanelRows;
        body(row, std::min(block, n - row), k0, std::min(kPanelRows, k - k0));
    });
}

}  // namespace

LinearScratch linear_backward_scratch(Dtype dtype, int64_t rows, int64_t k, int64_t n_threads, bool trains_weight) {
    const int64_t size = dtype_bytes(dtype);
    const int64_t block = rows_per_task(rows, panel_count(k), kInputRows, kTileRows, kTasksPerThread, n_threads);
    LinearScratch scratch{std::min(block, rows) * kPanelRows * 4, kInputDepth * kPanelRows * size, 0};
    if (!trains_weight) return scratch;
    scratch.slab = std::max(scratch.slab, slab_elements(dtype, kWeightRows, kPanelRows) * size);
    scratch.transposed = k * transposed_ld(transposed_rows(dtype, rows, k)) * size;
    return scratch;
}

void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy, const void* w,
        Epilogue epilogue, void* dx, int64_t lddx) {
    if (n <= 0 || k <= 0) return;
    const InputGradient g{dtype, n, k, m, static_cast<const char*>(dy), lddy, static_cast<const char*>(w)};
    const MicroKernels& kernels = micro_kernels();
    for_each_input_task(n, k, m, [&](int64_t row, int64_t rows, int64_t k0, int64_t cols) {
        float* acc = Scratch::get<float>(ScratchUse::Accumulators, rows * kPanelRows);
        if (m <= 0) std::fill(acc, acc + rows * kPanelRows, 0.0f);
        input_gradient_tile(g, kernels, row, rows, k0, acc, kPanelRows, false);
        kernels.finish_rows(dtype)(rows, cols, acc, kPanelRows, nullptr, epilogue == Epilogue::AddTo,
                static_cast<char*>(dx) + (row * lddx + k0) * dtype_bytes(dtype), lddx);
    });
}

void linear_backward_input_add_f32(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
        const void* w, float* dx, int64_t lddx) {
    if (n <= 0 || k <= 0 || m <= 0) return;
    const InputGradient g{dtype, n, k, m, static_cast<const char*>(dy), lddy, static_cast<const char*>(w)};
    const MicroKernels& kernels = micro_kernels();
    for_each_input_task(n, k, m, [&](int64_t row, int64_t rows, int64_t k0, int64_t cols) {
        float* to = dx + row * lddx + k0;
        if (cols == kPanelRows) return input_gradient_tile(g, kernels, row, rows, k0, to, lddx, true);
        // The last columns of a width that is no multiple of 64: dx has no room for the padding.
        float* acc = Scratch::get<float>(ScratchUse::Accumulators, rows * kPanelRows);
        for (int64_t r = 0; r < rows; ++r) {
            std::copy_n(to + r * lddx, cols, acc + r * kPanelRows);
            std::fill_n(acc + r * kPanelRows + cols, kPanelRows - cols, 0.0f);
        }
        input_gradient_tile(g, kernels, row, rows, k0, acc, kPanelRows, true);
        for (int64_t r = 0; r < rows; ++r) {
            std::copy_n(acc + r * kPanelRows, cols, to + r * lddx);
        }
    });
}

void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy, const void* x,
        int64_t ldx, float* dw, float* dbias) {
    if (n <= 0 || m <= 0) return;
    const MicroKernels& kernels = micro_kernels();
    const int64_t size = dtype_bytes(dtype), panels = panel_count(m), strips = ceil_div(k, kWeightCols);
    const int64_t span = transposed_rows(dtype, n, k), ldt = transposed_ld(span);
    char* xt = Scratch::get<char>(
            ScratchUse::Transposed, k * ldt * size);  // of the calling thread, filled and read by all
    for (int64_t n0 = 0; n0 < n; n0 += span) {
        const int64_t all = std::min(span, n - n0), blocks = ceil_div(all, kWeightRows);
        parallel_for(ceil_div(k, kPanelRows) * blocks, all * k, [&](int64_t task) {
            const int64_t c0 = task / blocks * kPanelRows, cols = std::min(kPanelRows, k - c0);
            const int64_t r0 = task % blocks * kWeightRows, take = std::min(kWeightRows, all - r0);
            kernels.transpose_rows(dtype)(take, cols, static_cast<const char*>(x) + ((n0 + r0) * ldx + c0) * size, ldx,
                    xt + (c0 * ldt + r0) * size, ldt);
        });
        parallel_for_dynamic(panels * strips, all * k * m / 16, [&](int64_t task) {
            const int64_t panel = task % panels, k0 = task / panels * kWeightCols;
            const int64_t m0 = panel * kPanelRows, cols = std::min(kPanelRows, m - m0);
            char* slab = Scratch::get<char>(ScratchUse::Slab, slab_elements(dtype, kWeightRows, kPanelRows) * size);
            for (int64_t r0 = 0; r0 < all; r0 += kWeightRows) {
                const int64_t take = std::min(kWeightRows, all - r0);
                const char* rows = static_cast<const char*>(dy) + ((n0 + r0) * lddy + m0) * size;
                kernels.interleave_rows(dtype)(take, cols, rows, lddy, kPanelRows, slab);
                kernels.tile(dtype)(std::min(kWeightCols, k - k0), kPanelRows, take, xt + (k0 * ldt + r0) * size, ldt,
                        slab, dw + (panel * k + k0) * kPanelRows, kPanelRows, true);
                if (dbias != nullptr && k0 == 0) kernels.column_sums(dtype)(take, cols, rows, lddy, dbias + m0);
            }
        });
    }
    if (k == 0 && dbias != nullptr) kernels.column_sums(dtype)(n, m, dy, lddy, dbias);
}

}  // namespace cpu
}  // namespace tbrm
