#pragma once
// row_kernels.hpp - the inner loops of norms, activations and attention, one table per instruction set and dtype. A row's bits depend on
// the row alone.
#include <cstdint>

#include "core/dtype.hpp"
#include "ops/glu.hpp"

namespace tbrm {
namespace cpu {

// Online softmax of one 64-key block, per query row (all arrays [rows] unless said).
struct SoftmaxRows {
    int64_t rows;
    const int32_t* n_valid;  // keys of this block that the row may see, 0 .. 64
    float scale;             // above 0
    const float* scores;     // [rows][64]
    float* max;              // running maximum of the scaled scores, -inf at the start
    float* sum;              // running sum of exp(score - max)
    void* p;                 // out [rows][64] in dtype: exp(score - max), 0 for keys beyond n_valid
    float* acc;              // [rows][ldacc], d columns: multiplied by exp(old max - new max)
    int64_t ldacc;
    int64_t d;
    // Keys of this block that lie before the row's window, at least 0; null: none. A row with no key between the two is left as it is.
    const int32_t* n_before = nullptr;
};

// p = exp(scale * score - lse), ds = p * (dp - delta) * scale; both 0 for keys beyond n_valid.
struct SoftmaxBackwardRows {
    int64_t rows;
    const int32_t* n_valid;
    float scale;
    const float* scores;  // [rows][64]
    const float* dp;      // [rows][64]
    const float* lse;
    const float* delta;
    void* p;                            // out [rows][64] in dtype
    void* ds;                           // out [rows][64] in dtype
    const int32_t* n_before = nullptr;  // as above; their p and ds are 0 too
};

// One row of a gated activation, and of its gradient.
using GluRow = void (*)(int64_t i, const void* gate, const void* up, void* y);
using GluBackwardRow = void (*)(int64_t i, const void* gate, const void* up, const void* dy, void* dgate, void* dup);

struct RowKernels {
    void (*rms_norm)(int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps, void* y,
            int64_t ldy, float* out_inv_rms);
    // dweight [d] += over the rows in order.
    void (*rms_norm_backward)(int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx, float* dweight);
    // One head: x[0..half) and x[half..2 half) with cos[half], sin[half]; sin_sign is -1 for the inverse.
    void (*rope)(int64_t half, const float* cos, const float* sin, float sin_sign, void* x);
    GluRow glu[kActivations];
    GluBackwardRow glu_backward[kActivations];
    void (*softmax)(const SoftmaxRows& args);
    void (*softmax_backward)(const SoftmaxBackwardRows& args);
    // y = acc * factor, rounded once; no negative zeros.
    void (*scale_row)(int64_t d, const float* acc, float factor, void* y);
    // sum_i a[i] * b[i] in fp32.
    float (*dot)(int64_t d, const void* a, const void* b);
};

// Of the active instruction set.
const RowKernels& row_kernels(Dtype dtype);

const RowKernels* row_kernels_scalar(Dtype dtype);
const RowKernels* row_kernels_avx2(Dtype dtype);
const RowKernels* row_kernels_avx512(Dtype dtype);
const RowKernels* row_kernels_avx512bf16(Dtype dtype);

}  // namespace cpu
}  // namespace tbrm
