#pragma once
// head_segment.hpp - logits of a block of rows over one segment of the vocabulary: the unit of work of everything the head does.
#include <algorithm>
#include <cstdint>

#include "core/parallel.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/panels.hpp"
#include "logprob/head.hpp"
#include "logprob/head_rows.hpp"

namespace tbrm {
namespace cpu {

// The vocabulary is cut here and nowhere else, whatever the batch, the budget and the thread count: partial sums have one order.
constexpr int64_t kSegmentColumns = 1024;
// Rows that share a pass over a panel of W: their logits of one segment stay in the second-level cache.
constexpr int64_t kLogitRows = 48;

inline int64_t segment_count(int64_t vocab) {
    return ceil_div(vocab, kSegmentColumns);
}

// Columns of a segment: real, and rounded up to whole panels (what a row kernel touches).
inline int64_t segment_columns(int64_t vocab, int64_t segment) {
    return std::min(kSegmentColumns, vocab - segment * kSegmentColumns);
}
inline int64_t padded_columns(int64_t columns) {
    return panel_count(columns) * kPanelRows;
}

// The arguments that every pass of one call shares, and the kernels it runs on.
struct HeadCall {
    HeadShape shape;
    const void* x;
    const void* w;
    const int32_t* labels;
    const MicroKernels& gemm;
    const HeadRowKernels& rows;

    HeadCall(const HeadShape& s, const void* x_, const void* w_, const int32_t* labels_)
        : shape(s), x(x_), w(w_), labels(labels_), gemm(micro_kernels()), rows(head_row_kernels()) {}

    int64_t element_bytes() const { return dtype_bytes(shape.dtype); }
    const char* x_row(int64_t row) const { return static_cast<const char*>(x) + row * shape.hidden * element_bytes(); }
    const char* w_panel(int64_t panel) const {
        return static_cast<const char*>(w) +
               panel * panel_elements(shape.dtype, kPanelRows, shape.hidden) * element_bytes();
    }
};

// z[r*kSegmentColumns + c] = x[row + r] . W[segment*kSegmentColumns + c], r < n_rows; padding columns hold zeros (W's padding).
void segment_products(const HeadCall& call, int64_t row, int64_t n_rows, int64_t segment, float* z);

// Products -> logits: divides by the temperature (one correctly rounded division) and sets padding columns to -inf.
void products_to_logits(const HeadCall& call, int64_t n_rows, int64_t segment, float* z);

// This thread's kLogitRows x kSegmentColumns tile.
float* logit_tile();

// Rows per unit of work over `segments` segments: at most kLogitRows, less when there would be too few units for the threads.
int64_t rows_per_unit(int64_t rows, int64_t segments);

}  // namespace cpu
}  // namespace tbrm
