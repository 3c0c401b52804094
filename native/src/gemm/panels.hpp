#pragma once
// panels.hpp - the layout of a weight matrix W[M, K] (M outputs, K inputs) in CPU memory.
//
// Rows are grouped in panels of 64. Inside a panel the 64 rows are interleaved, so that a kernel that produces 64 outputs of one token
// streams through memory once, and one token costs the same bytes as many:
//     fp32   [ceil(M/64)][K][64]
//     bf16   [ceil(M/64)][ceil(K/2)][64][2]     pairs along K, as vdpbf16ps wants them
// Rows beyond M and the second half of an odd K are zero and stay zero. Master weights, gradients and Adam moments use the fp32 form,
// so the optimizer is elementwise. The last word on why is docs/adr/0003-panel-layout.md.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {

constexpr int64_t kPanelRows = 64;

inline int64_t panel_count(int64_t rows) {
    return (rows + kPanelRows - 1) / kPanelRows;
}

// Elements (not bytes) that W[rows, cols] takes, padding included.
inline int64_t panel_elements(Dtype dtype, int64_t rows, int64_t cols) {
    return panel_count(rows) * kPanelRows * (dtype == Dtype::F32 ? cols : (cols + 1) / 2 * 2);
}

// Index of element (row, col).
inline int64_t panel_index(Dtype dtype, int64_t row, int64_t col, int64_t cols) {
    const int64_t panel = row / kPanelRows, lane = row % kPanelRows;
    if (dtype == Dtype::F32) return (panel * cols + col) * kPanelRows + lane;
    return ((panel * ((cols + 1) / 2) + col / 2) * kPanelRows + lane) * 2 + col % 2;
}

namespace cpu {

// Row-major source -> panels; rows [first_row, first_row + n_rows) of a matrix of `rows` rows (fused parameters are filled part by
// part). Rounds fp32 to bf16 (nearest even) when dst is bf16. Padding of the touched panels must have been zeroed by the caller.
void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
        Dtype src_dtype, const void* src);

// The inverse, to row-major.
void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
        Dtype dst_dtype, void* dst);

// fp32 panels -> bf16 panels of the same matrix (rounds to nearest even): after each optimizer step.
void narrow_panels(int64_t rows, int64_t cols, const float* src, bf16* dst);

}  // namespace cpu
}  // namespace tbrm
