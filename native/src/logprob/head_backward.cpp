#include "logprob/head_backward.hpp"

#include <cmath>
#include <cstring>

#include "gemm/scratch.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kInputRows = 1024;  // rows that share a transposed strip of W
constexpr int64_t kTileRows = 48;     // rows of a strip's accumulator tile
constexpr int64_t kStrips = 2;        // strips of 64 columns that share a pass over the rows of dZ
constexpr int64_t kDepth = 1024;      // rows n per pass over a panel of dW
constexpr int64_t kGroup = 4;         // segments between two meetings of the threads

// The arrays of a chunk's backward.
struct ChunkSizes {
    int64_t group;       // segments at a time
    int64_t slice;       // bytes
    int64_t ld;          // of transposed
    int64_t transposed;  // bytes
    int64_t dx;          // floats

    ChunkSizes(const HeadShape& shape, const BackwardChunk& chunk, int64_t slice_bytes, bool trains_weight) {
        const int64_t n = chunk.rows(), d = shape.hidden, size = dtype_bytes(shape.dtype);
        const int64_t row = chunk.n_recomputed * kSegmentColumns * size;
        group = row == 0 ? kGroup : std::max<int64_t>(1, std::min(kGroup, slice_bytes / row));
        slice = std::min(group, segment_count(shape.vocab)) * row;
        // One line more than needed: rows at a power of two would fight for the same sets of the cache.
        ld = ceil_div(n, 32) * 32 + 32;
        transposed = trains_weight ? d * ld * size : 0;
        dx = panel_count(d) * kPanelRows * n;
    }
};

// dZ of a group of segments: the recomputed rows' in `slice`, laid out as KeptExponentials, and the kept ones'.
struct Pass {
    const HeadCall& call;
    const RowCoefficients& rows;
    const BackwardChunk& chunk;
    KeptExponentials& kept;
    HostBuffer<char> slice;       // [segment of the group][n_recomputed][padded columns]
    HostBuffer<char> transposed;  // X^T: [hidden][ld] of this chunk; empty when W is not trained
    int64_t ld;
    HostBuffer<float> dx;          // [strip of 64 columns][rows of the chunk][64]
    HostBuffer<int32_t> by_label;  // rows of the chunk, ordered by (label, row)
    int64_t group_first;           // of the group at hand
    int64_t group_last;

    int64_t padded(int64_t segment) const { return padded_columns(segment_columns(call.shape.vocab, segment)); }
    // dz of the chunk's row r (kept rows: before their factor).
    char* dz(int64_t segment, int64_t r) {
        if (r < chunk.n_kept) return kept.row(call, segment, chunk.first + r);
        const int64_t at = (segment - group_first) * chunk.n_recomputed * kSegmentColumns;
        return slice.data() + (at + (r - chunk.n_kept) * padded(segment)) * call.element_bytes();
    }
    const float* factors(int64_t segment) const { return kept.max.data() + segment * kept.rows + chunk.first; }
};

// Recomputes the logits of rows [r, r + n) of the chunk over one segment and turns them into dz, the label's column zero.
void recompute_unit(Pass& pass, int64_t r, int64_t n, int64_t segment) {
    const HeadCall& call = pass.call;
    const int64_t columns = segment_columns(call.shape.vocab, segment), size = call.element_bytes();
    float* tile = logit_tile();
    segment_products(call, pass.chunk.first + r, n, segment, tile);
    products_to_logits(call, n, segment, tile);
    for (int64_t i = 0; i < n; ++i) {
        const int64_t row = pass.chunk.first + r + i;
        char* dz = pass.dz(segment, r + i);
        if (!pass.rows.active(row)) {
            std::memset(dz, 0, static_cast<size_t>(pass.padded(segment) * size));
            continue;
        }
        const RowGradient gradient{pass.rows.v[row], pass.rows.h != nullptr ? pass.rows.h[row] : 0.0f,
                pass.rows.dv[row], pass.rows.entropy_slope(row), 1.0f / call.shape.temperature};
        call.rows.gradient(pass.padded(segment), tile + i * kSegmentColumns, gradient, call.shape.dtype, dz);
        const int64_t label = call.labels[row] - segment * kSegmentColumns;
        if (label >= 0 && label < columns) std::memset(dz + label * size, 0, static_cast<size_t>(size));
    }
}

// slab[v][c] = W[v][d0 + c] for the columns v of a segment and 64 inputs c.
void transpose_strip(const HeadCall& call, int64_t segment, int64_t depth, int64_t d0, char* slab) {
    const int64_t size = call.element_bytes(), first_panel = segment * kSegmentColumns / kPanelRows;
    for (int64_t p = 0; p < depth / kPanelRows; ++p) {
        call.gemm.transpose_slab(call.shape.dtype)(std::min(kPanelRows, call.shape.hidden - d0),
                call.w_panel(first_panel + p) + d0 * kPanelRows * size, slab + p * kPanelRows * kPanelRows * size);
    }
}

// Adds rows [r, r + n) of dZ times W, over the group, into strips [strip, last) of dx. The rows lie on one side of n_kept.
void input_gradient_unit(Pass& pass, int64_t r, int64_t n, int64_t strip, int64_t last) {
    const HeadCall& call = pass.call;
    const int64_t slab_bytes = kSegmentColumns * kPanelRows * call.element_bytes();
    char* slabs = Scratch::get<char>(ScratchUse::Slab, kStrips * slab_bytes);
    float* acc = Scratch::get<float>(ScratchUse::Accumulators, kTileRows * kPanelRows);
    const bool is_kept = r < pass.chunk.n_kept;
    for (int64_t s = pass.group_first; s < pass.group_last; ++s) {
        const int64_t depth = pass.padded(s);
        for (int64_t j = strip; j < last; ++j)
            transpose_strip(call, s, depth, j * kPanelRows, slabs + (j - strip) * slab_bytes);
        for (int64_t i = r; i < r + n; i += kTileRows) {
            const int64_t take = std::min(kTileRows, r + n - i);
            for (int64_t j = strip; j < last; ++j) {
                call.gemm.tile(call.shape.dtype)(take, kPanelRows, depth, pass.dz(s, i), depth,
                        slabs + (j - strip) * slab_bytes, acc, kPanelRows, false);
                call.rows.add_scaled(take, acc, is_kept ? pass.factors(s) + i : nullptr,
                        pass.dx.data() + (j * pass.chunk.rows() + i) * kPanelRows);
            }
        }
    }
}

// dw panel += (64 columns of dZ)^T X for rows [r, r + n) of the chunk, on one side of n_kept, n <= kDepth.
void weight_gradient_rows(Pass& pass, int64_t r, int64_t n, int64_t segment, int64_t panel, float* dw) {
    const HeadCall& call = pass.call;
    const int64_t size = call.element_bytes(), column = (panel * kPanelRows - segment * kSegmentColumns) * size;
    char* slab = Scratch::get<char>(ScratchUse::Slab, kDepth * kPanelRows * size);
    const char* source = pass.dz(segment, r) + column;
    int64_t ld = pass.padded(segment);
    if (r < pass.chunk.n_kept) {
        char* scaled = Scratch::get<char>(ScratchUse::Logits, kDepth * kPanelRows * size);
        call.rows.scale_panel(n, source, ld, pass.factors(segment) + r, call.shape.dtype, scaled);
        source = scaled;
        ld = kPanelRows;
    }
    call.gemm.interleave_rows(call.shape.dtype)(n, kPanelRows, source, ld, kPanelRows, slab);
    call.gemm.tile(call.shape.dtype)(
            call.shape.hidden, kPanelRows, n, pass.transposed.data() + r * size, pass.ld, slab, dw, kPanelRows, true);
}

// The label's own term, d_a x into row a of dW, for the chunk's labels in this panel, in row order.
void weight_gradient_labels(const Pass& pass, int64_t panel, float* dw) {
    const HeadCall& call = pass.call;
    const auto label_of = [&](int32_t r) { return call.labels[pass.chunk.first + r]; };
    const int32_t* end = pass.by_label.data() + pass.chunk.rows();
    const int32_t* at = std::lower_bound(pass.by_label.data(), end, panel * kPanelRows,
            [&](int32_t r, int64_t first) { return label_of(r) < first; });
    for (; at != end && label_of(*at) < (panel + 1) * kPanelRows; ++at) {
        const int64_t row = pass.chunk.first + *at;
        if (!pass.rows.active(row)) continue;
        const float slope = pass.rows.label_slope(row) / call.shape.temperature;
        float* out = dw + label_of(*at) % kPanelRows;
        const char* x = call.x_row(row);
        for (int64_t k = 0; k < call.shape.hidden; ++k) {
            out[k * kPanelRows] +=
                    slope * (call.shape.dtype == Dtype::F32 ? reinterpret_cast<const float*>(x)[k]
                                                            : to_float(reinterpret_cast<const bf16*>(x)[k]));
        }
    }
}

void weight_gradient_unit(Pass& pass, int64_t panel, float* dw_panels) {
    const int64_t segment = panel * kPanelRows / kSegmentColumns;
    float* dw = dw_panels + panel * kPanelRows * pass.call.shape.hidden;
    const int64_t n_kept = pass.chunk.n_kept, n = pass.chunk.rows();
    for (int64_t r = 0; r < n_kept; r += kDepth)
        weight_gradient_rows(pass, r, std::min(kDepth, n_kept - r), segment, panel, dw);
    for (int64_t r = n_kept; r < n; r += kDepth)
        weight_gradient_rows(pass, r, std::min(kDepth, n - r), segment, panel, dw);
    weight_gradient_labels(pass, panel, dw);
}

// X^T of the chunk. A row without a gradient becomes zero, so that what it holds (a NaN, say) meets no sum.
void transpose_inputs(Pass& pass) {
    const HeadCall& call = pass.call;
    const int64_t d = call.shape.hidden, n = pass.chunk.rows(), size = call.element_bytes();
    parallel_for(panel_count(d), n * d, [&](int64_t strip) {
        const int64_t d0 = strip * kPanelRows, cols = std::min(kPanelRows, d - d0);
        char* out = pass.transposed.data() + d0 * pass.ld * size;
        call.gemm.transpose_rows(call.shape.dtype)(n, cols, call.x_row(pass.chunk.first) + d0 * size, d, out, pass.ld);
        for (int64_t r = 0; r < n; ++r) {
            if (pass.rows.active(pass.chunk.first + r)) continue;
            for (int64_t c = 0; c < cols; ++c)
                std::memset(out + (c * pass.ld + r) * size, 0, static_cast<size_t>(size));
        }
    });
}

// dx = what the segments gave + d_a W[a], rounded once.
void finish_input_gradient(Pass& pass, char* out) {
    const HeadCall& call = pass.call;
    const int64_t d = call.shape.hidden, n = pass.chunk.rows(), size = call.element_bytes();
    parallel_for(n, n * d * 4, [&](int64_t r) {
        const int64_t row = pass.chunk.first + r, label = call.labels[row];
        const bool active = pass.rows.active(row);
        const float slope = active ? pass.rows.label_slope(row) / call.shape.temperature : 0.0f;
        const char* panel = call.w_panel(label / kPanelRows);
        for (int64_t d0 = 0; d0 < d; d0 += kPanelRows) {
            float* acc = pass.dx.data() + (d0 / kPanelRows * n + r) * kPanelRows;
            const int64_t cols = std::min(kPanelRows, d - d0);
            for (int64_t c = 0; active && c < cols; ++c) {
                const int64_t at = panel_index(call.shape.dtype, label % kPanelRows, d0 + c, d);
                acc[c] += slope * (call.shape.dtype == Dtype::F32 ? reinterpret_cast<const float*>(panel)[at]
                                                                  : to_float(reinterpret_cast<const bf16*>(panel)[at]));
            }
            call.gemm.finish_rows(call.shape.dtype)(
                    1, cols, acc, kPanelRows, nullptr, false, out + (row * d + d0) * size, d);
        }
    });
}

void recompute_group(Pass& pass) {
    const int64_t n = pass.chunk.n_recomputed, segments = pass.group_last - pass.group_first;
    if (n == 0) return;
    const int64_t block = rows_per_unit(n, segments), blocks = ceil_div(n, block);
    parallel_for_dynamic(segments * blocks, n * segments * pass.call.shape.hidden * 64, [&](int64_t unit) {
        const int64_t r = unit % blocks * block;
        recompute_unit(pass, pass.chunk.n_kept + r, std::min(block, n - r), pass.group_first + unit / blocks);
    });
}

// One product's units beside the other's: they share nothing but dZ. dw may be null.
void products_of_group(Pass& pass, float* dw) {
    const int64_t all_strips = panel_count(pass.call.shape.hidden), strips = ceil_div(all_strips, kStrips);
    const int64_t n_kept = pass.chunk.n_kept;
    const int64_t block = rows_per_task(pass.chunk.rows(), strips, kInputRows, 2 * kTileRows, 2);
    const int64_t kept_blocks = ceil_div(n_kept, block);
    const int64_t input_units = strips * (kept_blocks + ceil_div(pass.chunk.n_recomputed, block));
    const int64_t first_panel = pass.group_first * kSegmentColumns / kPanelRows;
    const int64_t last_panel =
            std::min(panel_count(pass.call.shape.vocab), pass.group_last * kSegmentColumns / kPanelRows);
    const int64_t weight_units = dw != nullptr ? last_panel - first_panel : 0;
    const int64_t work = pass.chunk.rows() * pass.call.shape.hidden * (last_panel - first_panel) * 8;
    parallel_for_dynamic(input_units + weight_units, work, [&](int64_t unit) {
        if (unit >= input_units) return weight_gradient_unit(pass, first_panel + unit - input_units, dw);
        const int64_t rows = unit / strips, strip = unit % strips * kStrips;
        const bool is_kept = rows < kept_blocks;
        const int64_t r = is_kept ? rows * block : n_kept + (rows - kept_blocks) * block;
        input_gradient_unit(pass, r, std::min(block, (is_kept ? n_kept : pass.chunk.rows()) - r), strip,
                std::min(all_strips, strip + kStrips));
    });
}

}  // namespace

float RowCoefficients::label_slope(int64_t row) const {
    const double dq_row = static_cast<double>(dq[row]), dv_row = static_cast<double>(dv[row]);
    const double other = static_cast<double>(rest[row]);
    double slope = (dq_row + dv_row) - dv_row * other;  // dQ + dV p
    if (entropy_slope(row) != 0.0f) {
        const double logp =
                other < 0.5 ? std::log1p(-other) : static_cast<double>(q[row]) - static_cast<double>(v[row]);
        const double p = 1.0 - other;
        if (p > 0.0) slope -= static_cast<double>(entropy_slope(row)) * p * (logp + static_cast<double>(h[row]));
    }
    return static_cast<float>(slope);
}

void kept_factors(const HeadCall& call, const RowCoefficients& rows, KeptExponentials& kept) {
    const int64_t segments = segment_count(call.shape.vocab);
    parallel_for(segments, kept.rows * segments * 16, [&](int64_t s) {
        float* factor = kept.max.data() + s * kept.rows;
        for (int64_t r = 0; r < kept.rows; ++r) {
            const float slope = rows.dv[r] / call.shape.temperature;
            factor[r] = slope == 0.0f ? 0.0f : slope * std::exp(factor[r] - rows.v[r]);
        }
    });
}

HeadScratch head_forward_scratch() {
    return {0, 0, kLogitRows * kSegmentColumns * 4};
}

HeadScratch head_backward_scratch(Dtype dtype) {
    const int64_t size = dtype_bytes(dtype), panel = kDepth * kPanelRows * size;
    return {kTileRows * kPanelRows * 4, std::max(kStrips * kSegmentColumns * kPanelRows * size, panel),
            std::max(head_forward_scratch().logits, panel)};
}

int64_t backward_chunk_bytes(
        const HeadShape& shape, const BackwardChunk& chunk, int64_t slice_bytes, bool trains_weight) {
    const ChunkSizes sizes(shape, chunk, slice_bytes, trains_weight);
    return sizes.slice + sizes.transposed + sizes.dx * 4 + chunk.rows() * 4;
}

void backward_chunk(const HeadCall& call, const RowCoefficients& rows, const BackwardChunk& chunk,
        KeptExponentials& kept, int64_t slice_bytes, void* dx, float* dw) {
    const int64_t n = chunk.rows(), segments = segment_count(call.shape.vocab);
    const ChunkSizes sizes(call.shape, chunk, slice_bytes, dw != nullptr);
    const int64_t group = sizes.group;
    Pass pass{call, rows, chunk, kept, HostBuffer<char>(sizes.slice), HostBuffer<char>(sizes.transposed), sizes.ld,
            HostBuffer<float>(sizes.dx), HostBuffer<int32_t>(n), 0, 0};
    std::memset(pass.dx.data(), 0, static_cast<size_t>(pass.dx.bytes()));
    for (int64_t r = 0; r < n; ++r)
        pass.by_label[r] = static_cast<int32_t>(r);
    std::stable_sort(pass.by_label.begin(), pass.by_label.end(),
            [&](int32_t a, int32_t b) { return call.labels[chunk.first + a] < call.labels[chunk.first + b]; });
    if (dw != nullptr) transpose_inputs(pass);
    for (int64_t s = 0; s < segments; s += group) {
        pass.group_first = s;
        pass.group_last = std::min(segments, s + group);
        recompute_group(pass);
        products_of_group(pass, dw);
    }
    finish_input_gradient(pass, static_cast<char*>(dx));
}

}  // namespace cpu
}  // namespace tbrm
