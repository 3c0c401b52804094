#pragma once
// head_rows.hpp - what the head does to one row of one segment of logits, per instruction set.
#include <cstdint>

#include "core/dtype.hpp"

namespace tbrm {
namespace cpu {

// One row over one segment: exponentials relative to the segment's own maximum, so that nothing overflows whatever the logits.
struct SegmentSums {
    float max;       // max z; -inf when every z is
    float sum;       // sum exp(z - max)
    float weighted;  // sum (z - max) exp(z - max); 0 unless asked for
};

// The gradient of one row, dz = scale * p * (dv - dh * (log p + h)); the label's own terms are not in it.
struct RowGradient {
    float v, h;    // of the forward
    float dv, dh;  // from the caller
    float scale;   // 1 / temperature
};

// n is any number of columns; whole vectors are touched up to the next multiple of 64, where z holds -inf.
struct HeadRowKernels {
    void (*divide)(int64_t n, float divisor, float* z);
    // e (of dtype, may be null): exp(z - max).
    SegmentSums (*reduce)(int64_t n, const float* z, bool weighted, Dtype dtype, void* e);
    void (*gradient)(int64_t n, const float* z, const RowGradient& row, Dtype dtype, void* dz);
    // out[r] = factor[r] * e[r] over rows of one panel's 64 columns (e: row stride ld); all zero when factor is, whatever e holds.
    void (*scale_panel)(int64_t rows, const void* e, int64_t ld, const float* factor, Dtype dtype, void* out);
    // out[r] += factor[r] * acc[r] over rows of 64 columns; nothing is added where factor is 0. A null factor is 1 everywhere.
    void (*add_scaled)(int64_t rows, const float* acc, const float* factor, float* out);
};

// Of core/isa.hpp's active instruction set.
const HeadRowKernels& head_row_kernels();

extern const HeadRowKernels kHeadRowsScalar, kHeadRowsAvx2, kHeadRowsAvx512;

}  // namespace cpu
}  // namespace tbrm
