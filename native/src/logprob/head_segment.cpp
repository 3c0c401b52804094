#include "logprob/head_segment.hpp"

#include <cmath>

#include "core/isa.hpp"
#include "gemm/scratch.hpp"

namespace tbrm {
namespace cpu {

const HeadRowKernels& head_row_kernels() {
#if defined(__x86_64__) || defined(_M_X64)
    if (active_isa() >= Isa::Avx512) return kHeadRowsAvx512;
    if (active_isa() >= Isa::Avx2) return kHeadRowsAvx2;
#endif
    return kHeadRowsScalar;
}

void segment_products(const HeadCall& call, int64_t row, int64_t n_rows, int64_t segment, float* z) {
    const int64_t first = segment * kSegmentColumns / kPanelRows;
    const int64_t panels = panel_count(segment_columns(call.shape.vocab, segment));
    const int64_t d = call.shape.hidden;
    for (int64_t p = 0; p < panels; ++p) {
        call.gemm.tile(call.shape.dtype)(n_rows, kPanelRows, d, call.x_row(row), d, call.w_panel(first + p),
                z + p * kPanelRows, kSegmentColumns, false);
    }
}

void products_to_logits(const HeadCall& call, int64_t n_rows, int64_t segment, float* z) {
    const int64_t columns = segment_columns(call.shape.vocab, segment), padded = padded_columns(columns);
    for (int64_t r = 0; r < n_rows; ++r) {
        float* row = z + r * kSegmentColumns;
        if (call.shape.temperature != 1.0f) call.rows.divide(padded, call.shape.temperature, row);
        std::fill(row + columns, row + padded, -INFINITY);
    }
}

float* logit_tile() {
    return Scratch::get<float>(ScratchUse::Logits, kLogitRows * kSegmentColumns);
}

int64_t rows_per_unit(int64_t rows, int64_t segments) {
    return rows_per_task(rows, segments, kLogitRows, 12, 4);
}

}  // namespace cpu
}  // namespace tbrm
