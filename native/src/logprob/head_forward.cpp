// head_forward.cpp - Q, V and H in one pass over W. Contract: logprob/head.hpp.
#include "logprob/head_forward.hpp"

#include <cmath>
#include <cstring>

namespace tbrm {
namespace cpu {
namespace {

// Rows whose segment sums are held at once: bounds that scratch at 12 bytes per 1024 logits of so many rows.
constexpr int64_t kSumRows = 2048;

// What a chunk of rows leaves behind per row and segment.
struct ChunkSums {
    int64_t segments;
    HostBuffer<SegmentSums> all;             // [rows][segments]
    HostBuffer<SegmentSums> label_left_out;  // [rows] the label's segment without the label
};

struct RowTotals {
    double max, sum, weighted;  // relative to max
};

// Merges a row's segments in index order, in fp64; segment `replaced` counts as `instead`.
RowTotals merge_segments(int64_t segments, const SegmentSums* sums, int64_t replaced, const SegmentSums& instead) {
    const auto segment = [&](int64_t s) -> const SegmentSums& { return s == replaced ? instead : sums[s]; };
    RowTotals total{-INFINITY, 0.0, 0.0};
    for (int64_t s = 0; s < segments; ++s) {
        if (static_cast<double>(segment(s).max) > total.max) total.max = static_cast<double>(segment(s).max);
    }
    for (int64_t s = 0; s < segments; ++s) {
        const double part = static_cast<double>(segment(s).sum);
        if (part == 0.0) continue;  // a segment of -inf alone
        const double lower = static_cast<double>(segment(s).max) - total.max, factor = std::exp(lower);
        total.sum += factor * part;
        if (factor > 0.0) total.weighted += factor * (static_cast<double>(segment(s).weighted) + lower * part);
    }
    return total;
}

void finish_row(const HeadCall& call, int64_t row, const ChunkSums& sums, int64_t r, const ForwardOutputs& out) {
    const SegmentSums* all = sums.all.data() + r * sums.segments;
    const RowTotals total = merge_segments(sums.segments, all, -1, all[0]);
    const double log_sum = std::log(total.sum);
    out.v[row] = static_cast<float>(total.max + log_sum);
    if (out.h != nullptr) out.h[row] = static_cast<float>(log_sum - total.weighted / total.sum);
    if (out.rest == nullptr) return;
    const RowTotals others =
            merge_segments(sums.segments, all, call.labels[row] / kSegmentColumns, sums.label_left_out[r]);
    out.rest[row] =
            others.sum == 0.0 ? 0.0f : static_cast<float>(std::exp(others.max - total.max) * others.sum / total.sum);
}

// Q, the label's zero in E, and the sums without the label, when this segment holds it. z is used up.
void finish_label(const HeadCall& call, int64_t row, int64_t segment, float* z, char* e, const ForwardOutputs& out,
        SegmentSums* label_left_out) {
    const int64_t columns = segment_columns(call.shape.vocab, segment);
    const int64_t label = call.labels[row] - segment * kSegmentColumns;
    if (label < 0 || label >= columns) return;
    out.q[row] = z[label];
    if (e != nullptr) std::memset(e + label * call.element_bytes(), 0, static_cast<size_t>(call.element_bytes()));
    if (out.rest == nullptr) return;
    z[label] = -INFINITY;
    *label_left_out = call.rows.reduce(padded_columns(columns), z, false, call.shape.dtype, nullptr);
}

// One unit: rows [row, row + n) of the pass, of which the first is number r of its chunk, over one segment.
void forward_unit(const HeadCall& call, int64_t row, int64_t r, int64_t n, int64_t segment, const ForwardOutputs& out,
        ChunkSums& sums) {
    const int64_t first = segment * kSegmentColumns, columns = segment_columns(call.shape.vocab, segment);
    float* tile = logit_tile();
    segment_products(call, row, n, segment, tile);
    if (out.logits != nullptr) {
        for (int64_t i = 0; i < n; ++i) {
            std::memcpy(out.logits + (row + i) * out.ld + first, tile + i * kSegmentColumns,
                    static_cast<size_t>(columns) * sizeof(float));
        }
    }
    products_to_logits(call, n, segment, tile);
    for (int64_t i = 0; i < n; ++i) {
        float* z = tile + i * kSegmentColumns;
        const bool keep = out.kept != nullptr && row + i < out.kept->rows;
        char* e = keep ? out.kept->row(call, segment, row + i) : nullptr;
        const SegmentSums result = call.rows.reduce(padded_columns(columns), z, out.h != nullptr, call.shape.dtype, e);
        sums.all[(r + i) * sums.segments + segment] = result;
        if (keep) out.kept->max[segment * out.kept->rows + row + i] = result.max;
        if (call.labels != nullptr) finish_label(call, row + i, segment, z, e, out, &sums.label_left_out[r + i]);
    }
}

}  // namespace

void KeptExponentials::allocate(const HeadShape& shape, int64_t n) {
    rows = n;
    e.resize(n * panel_count(shape.vocab) * kPanelRows * dtype_bytes(shape.dtype));
    max.resize(n * segment_count(shape.vocab));
}

int64_t head_forward_bytes(const HeadShape& shape, int64_t rows) {
    return std::min(rows, kSumRows) * (segment_count(shape.vocab) + 1) * static_cast<int64_t>(sizeof(SegmentSums));
}

void forward_pass(const HeadCall& call, int64_t rows, const ForwardOutputs& out) {
    if (rows == 0) return;
    const int64_t largest = std::min(rows, kSumRows), segments = segment_count(call.shape.vocab);
    ChunkSums sums{segments, HostBuffer<SegmentSums>(largest * segments), HostBuffer<SegmentSums>(largest)};
    for (int64_t start = 0; start < rows; start += kSumRows) {
        const int64_t n = std::min(kSumRows, rows - start);
        const int64_t block = rows_per_unit(n, segments), blocks = ceil_div(n, block);
        // Blocks of rows vary fastest: the threads share a segment of W in the last-level cache.
        parallel_for_dynamic(segments * blocks, n * call.shape.vocab * call.shape.hidden / 16, [&](int64_t unit) {
            const int64_t r = unit % blocks * block;
            forward_unit(call, start + r, r, std::min(block, n - r), unit / blocks, out, sums);
        });
        parallel_for(n, n * segments * 64, [&](int64_t r) { finish_row(call, start + r, sums, r, out); });
    }
}

void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
        float* out_q, float* out_v, float* out_h) {
    ForwardOutputs out;
    out.q = out_q;
    out.v = out_v;
    out.h = out_h;
    forward_pass(HeadCall(shape, x, w, labels), rows, out);
}

void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
        float* out_v) {
    ForwardOutputs out;
    out.v = out_v;
    out.logits = out_logits;
    out.ld = ld;
    forward_pass(HeadCall(shape, x, w, nullptr), rows, out);
}

}  // namespace cpu
}  // namespace tbrm
