// linear.cpp - y = x W^T. One task computes a block of rows times one panel of W, keeping the panel (or a block of its columns) in the
// second-level cache while the rows pass.
#include "gemm/linear.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/panels.hpp"
#include "gemm/scratch.hpp"
#include "gemm/scratch_sizes.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kDepthBytes = 4096;   // of one row of W that are used at a time: a panel block of 256 KiB
constexpr int64_t kTileRows = 48;       // rows whose fp32 tile stays in the first-level cache between product and store
constexpr int64_t kBlockRows = 240;     // rows per task
constexpr int64_t kTasksPerThread = 4;  // rows per task are lowered towards kTileRows until there are this many

struct Forward {
    Dtype dtype;
    int64_t n, k, m;
    const char* x;
    int64_t ldx;
    const char* w;
    const float* bias;
    bool add_to;
    char* y;
    int64_t ldy;
};

// Rows [row, row + rows) times panel `panel`.
void forward_task(const Forward& f, const MicroKernels& kernels, int64_t row, int64_t rows, int64_t panel) {
    const int64_t size = dtype_bytes(f.dtype), depth = kDepthBytes / size;
    const int64_t panel_bytes = panel_elements(f.dtype, kPanelRows, f.k) * size;
    const char* w = f.w + panel * panel_bytes;
    const int64_t cols = std::min(kPanelRows, f.m - panel * kPanelRows);
    const float* bias = f.bias != nullptr ? f.bias + panel * kPanelRows : nullptr;
    const int64_t step = f.k > depth ? rows : kTileRows;
    float* acc = Scratch::get<float>(ScratchUse::Accumulators, step * kPanelRows);
    for (int64_t r = row; r < row + rows; r += step) {
        const int64_t now = std::min(step, row + rows - r);
        int64_t at = 0;
        do {
            const int64_t take = std::min(depth, f.k - at);
            kernels.tile(f.dtype)(now, kPanelRows, take, f.x + (r * f.ldx + at) * size, f.ldx,
                    w + at * kPanelRows * size, acc, kPanelRows, at > 0);
            at += take;
        } while (at < f.k);
        kernels.finish_rows(f.dtype)(
                now, cols, acc, kPanelRows, bias, f.add_to, f.y + (r * f.ldy + panel * kPanelRows) * size, f.ldy);
    }
}

}  // namespace

LinearScratch linear_forward_scratch(Dtype dtype, int64_t rows, int64_t k, int64_t m, int64_t n_threads) {
    const int64_t block = rows_per_task(rows, panel_count(m), kBlockRows, kTileRows, kTasksPerThread, n_threads);
    const int64_t step = k > kDepthBytes / dtype_bytes(dtype) ? std::min(block, rows) : kTileRows;
    return {step * kPanelRows * 4, 0, 0};
}

void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
        const float* bias, Epilogue epilogue, void* y, int64_t ldy) {
    if (n <= 0 || m <= 0) return;
    const Forward f{dtype, n, k, m, static_cast<const char*>(x), ldx, static_cast<const char*>(w), bias,
            epilogue == Epilogue::AddTo, static_cast<char*>(y), ldy};
    const MicroKernels& kernels = micro_kernels();
    const int64_t panels = panel_count(m);
    const int64_t block = rows_per_task(n, panels, kBlockRows, kTileRows, kTasksPerThread);
    const int64_t blocks = ceil_div(n, block);
    parallel_for_dynamic(blocks * panels, n * k * m / 16, [&](int64_t task) {
        const int64_t row = task / panels * block;
        forward_task(f, kernels, row, std::min(block, n - row), task % panels);
    });
}

}  // namespace cpu
}  // namespace tbrm
