#pragma once
// head_forward.hpp - the pass over all segments that head_forward, head_logits and HeadTape share.
#include <cstdint>

#include "core/memory.hpp"
#include "logprob/head_segment.hpp"

namespace tbrm {
namespace cpu {

// exp(z - max of the segment) of rows [0, rows), kept for backward. Rows are the inner dimension of a segment, so that both products of
// the backward stream through it:
//     e    [segment][rows][padded columns of the segment], label's column zero
//     max  [segment][rows]
struct KeptExponentials {
    int64_t rows = 0;
    HostBuffer<char> e;
    HostBuffer<float> max;

    static int64_t bytes_per_row(const HeadShape& shape) {
        return panel_count(shape.vocab) * kPanelRows * dtype_bytes(shape.dtype) +
               segment_count(shape.vocab) * static_cast<int64_t>(sizeof(float));
    }
    void allocate(const HeadShape& shape, int64_t n);
    char* row(const HeadCall& call, int64_t segment, int64_t r) {
        const int64_t padded = padded_columns(segment_columns(call.shape.vocab, segment));
        return e.data() + (segment * kSegmentColumns * rows + r * padded) * call.element_bytes();
    }
};

// Where a forward pass leaves its results; what is null is not produced.
struct ForwardOutputs {
    float* q = nullptr;
    float* v = nullptr;
    float* h = nullptr;
    float* rest = nullptr;    // 1 - p[label], summed without the label: p - 1 would cancel where p is near 1
    float* logits = nullptr;  // products before the temperature
    int64_t ld = 0;           // row stride of logits
    KeptExponentials* kept = nullptr;
};

void forward_pass(const HeadCall& call, int64_t rows, const ForwardOutputs& out);

}  // namespace cpu
}  // namespace tbrm
