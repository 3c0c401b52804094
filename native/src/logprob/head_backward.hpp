#pragma once
// head_backward.hpp - the two products of the backward over a chunk of rows: dX = dZ W and dW += dZ^T X, where dZ comes segment by
// segment, from the kept exponentials or recomputed. docs/math/logprob.md derives it.
#include <cstdint>

#include "core/memory.hpp"
#include "logprob/head_forward.hpp"

namespace tbrm {
namespace cpu {

// What the forward left per row, and what the caller gives. dh and h may be null.
struct RowCoefficients {
    const float* q;
    const float* v;
    const float* h;
    const float* rest;  // 1 - p[label]
    const float* dq;
    const float* dv;
    const float* dh;

    float entropy_slope(int64_t row) const { return dh != nullptr ? dh[row] : 0.0f; }
    bool active(int64_t row) const { return dq[row] != 0.0f || dv[row] != 0.0f || (dh != nullptr && dh[row] != 0.0f); }
    // dz of the label but for the 1 / temperature: exact where p is near 1.
    float label_slope(int64_t row) const;
};

// Rows [first, first + n_kept) from `kept` (rows of the same number), then n_recomputed rows whose logits are computed again.
struct BackwardChunk {
    int64_t first;
    int64_t n_kept;
    int64_t n_recomputed;
    int64_t rows() const { return n_kept + n_recomputed; }
};

// kept.max must hold the factor of each (segment, row) instead of the maximum: see kept_factors. slice_bytes bounds the recomputed dZ.
// dw may be null: W is not trained.
void backward_chunk(const HeadCall& call, const RowCoefficients& rows, const BackwardChunk& chunk,
        KeptExponentials& kept, int64_t slice_bytes, void* dx, float* dw);

// What backward_chunk allocates.
int64_t backward_chunk_bytes(
        const HeadShape& shape, const BackwardChunk& chunk, int64_t slice_bytes, bool trains_weight);

// Working memory of a thread (gemm/scratch.hpp), by use, in bytes.
struct HeadScratch {
    int64_t accumulators, slab, logits;
};
HeadScratch head_forward_scratch();
HeadScratch head_backward_scratch(Dtype dtype);

// max -> dv exp(max - V) / temperature, in place: what turns an exponential into dz.
void kept_factors(const HeadCall& call, const RowCoefficients& rows, KeptExponentials& kept);

}  // namespace cpu
}  // namespace tbrm
