#pragma once
// head_rows_cuda.cuh - what the head does to rows of logits on a GPU: one block per row and segment of 1024 columns, whose logits stay in
// registers. The portable path: logits come from cuBLAS in fp32, a slice of the vocabulary at a time.
#include <cstdint>

#include "core/cuda_reduce.cuh"
#include "core/cuda_vector.cuh"
#include "core/dtype.hpp"

namespace tbrm {
namespace cuda {

constexpr int kSegmentColumns = 1024;
constexpr int kRowThreads = 128;
constexpr int kPerThread = kSegmentColumns / kRowThreads;

// As cpu::SegmentSums, and the sum without the label's own term (equal to sum where the segment does not hold the label).
struct SegmentSums {
    float max, sum, weighted, sum_without_label;
};

// A slice of the vocabulary: columns [first, first + columns) of V, first a multiple of kSegmentColumns, for rows of one chunk.
struct Slice {
    int64_t first;
    int64_t columns;
    int64_t ld;    // row stride of z and of e or dz
    int64_t rows;  // of the chunk
    float temperature;
    const int32_t* labels;  // of the chunk; may be null
};

// This thread's logits of its block's row and segment, -inf beyond the vocabulary.
struct RowPart {
    int64_t row, segment, base;  // segment of the slice; base: its first column in the slice
    float z[kPerThread];

    __device__ RowPart(const Slice& slice, const float* logits) {
        row = blockIdx.x;
        segment = blockIdx.y;
        base = segment * kSegmentColumns;
#pragma unroll
        for (int i = 0; i < kPerThread; ++i) {
            const int64_t c = column(i);
            z[i] = c < slice.columns ? logits[row * slice.ld + c] / slice.temperature : -INFINITY;
        }
    }
    __device__ int64_t column(int i) const {
        return base + threadIdx.x + static_cast<int64_t>(i) * kRowThreads;
    }
};

// sums [segments of the slice][rows]; q [rows]; e (may be null) [rows][ld]: exp(z - max), the label's column zero.
template <class T>
__global__ void head_reduce_kernel(Slice slice, const float* logits, SegmentSums* sums, float* q, T* e) {
    const RowPart part(slice, logits);
    float top = -INFINITY;
#pragma unroll
    for (int i = 0; i < kPerThread; ++i)
        top = fmaxf(top, part.z[i]);
    top = reduce_block<kRowThreads>(top, Max());
    const float shift = top == -INFINITY ? 0.0f : top;
    const int64_t label = slice.labels != nullptr ? slice.labels[part.row] - slice.first : -1;

    float sum = 0.0f, weighted = 0.0f, others = 0.0f;
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
        const int64_t c = part.column(i);
        const float x = part.z[i] - shift, y = expf(x);
        const bool is_label = c == label;
        sum += y;
        // The clamp keeps 0 * -inf out and lets a NaN through.
        weighted += (x < -200.0f ? -200.0f : x) * y;
        if (!is_label) others += y;
        if (is_label && c < slice.columns) q[part.row] = part.z[i];
        if (e != nullptr && c < slice.columns) narrow(is_label ? 0.0f : y, e + part.row * slice.ld + c);
    }
    sum = reduce_block<kRowThreads>(sum, Add());
    weighted = reduce_block<kRowThreads>(weighted, Add());
    others = reduce_block<kRowThreads>(others, Add());
    if (threadIdx.x == 0) sums[part.segment * slice.rows + part.row] = {top, sum, weighted, others};
}

constexpr int kMergeThreads = 128;

// Merges the segments of a row, in fp64, by a warp: each lane those 32 apart in index order, then the lanes in pairs. sums [segments][rows]. h, rest may
// be null.
static __global__ void __launch_bounds__(kMergeThreads)
        head_merge_kernel(int64_t rows, int64_t segments, const SegmentSums* sums, float* v, float* h, float* rest) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int64_t row = (static_cast<int64_t>(blockIdx.x) * kMergeThreads + threadIdx.x) / 32;
    if (row >= rows) return;
    float largest = -INFINITY;
    for (int64_t s = lane; s < segments; s += 32)
        largest = fmaxf(largest, sums[s * rows + row].max);
    for (int hop = 16; hop > 0; hop /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, hop));
    const double top = largest;
    double sum = 0.0, weighted = 0.0, others = 0.0;
    for (int64_t s = lane; s < segments; s += 32) {
        const SegmentSums part = sums[s * rows + row];
        if (part.sum == 0.0f) continue;  // a segment of -inf alone
        const double lower = static_cast<double>(part.max) - top, factor = exp(lower);
        sum += factor * part.sum;
        others += factor * part.sum_without_label;
        if (factor > 0.0) weighted += factor * (part.weighted + lower * part.sum);
    }
    for (int hop = 16; hop > 0; hop /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, hop);
        others += __shfl_xor_sync(0xffffffffu, others, hop);
        weighted += __shfl_xor_sync(0xffffffffu, weighted, hop);
    }
    if (lane != 0) return;
    v[row] = static_cast<float>(top + log(sum));
    if (h != nullptr) h[row] = static_cast<float>(log(sum) - weighted / sum);
    if (rest != nullptr) rest[row] = static_cast<float>(others / sum);
}

// What backward knows per row of a chunk; dh and h may be null.
struct RowSlopes {
    const float* q;
    const float* v;
    const float* h;
    const float* rest;
    const float* dq;
    const float* dv;
    const float* dh;
    float temperature;

    __device__ bool active(int64_t row) const {
        return dq[row] != 0.0f || dv[row] != 0.0f || (dh != nullptr && dh[row] != 0.0f);
    }
    // dz of the label: (dQ + dV p - dH p (log p + H)) / T, exact where p is near 1.
    __device__ float label_slope(int64_t row) const {
        const double dq_row = dq[row], dv_row = dv[row], other = rest[row], p = 1.0 - other;
        double slope = (dq_row + dv_row) - dv_row * other;
        if (dh != nullptr && dh[row] != 0.0f && p > 0.0) {
            const double logp = other < 0.5 ? log1p(-other) : static_cast<double>(q[row]) - static_cast<double>(v[row]);
            slope -= static_cast<double>(dh[row]) * p * (logp + static_cast<double>(h[row]));
        }
        return static_cast<float>(slope) / temperature;
    }
};

// Kept exponentials -> dz in place: e *= dv exp(max - v) / T. max [segments of the slice][max_ld].
template <class T>
__global__ void head_scale_kernel(Slice slice, RowSlopes rows, const float* max, int64_t max_ld, T* e) {
    const int64_t row = blockIdx.x, segment = blockIdx.y;
    const float slope = rows.dv[row] / slice.temperature;
    const float factor = slope == 0.0f ? 0.0f : slope * expf(max[segment * max_ld + row] - rows.v[row]);
    for (int i = 0; i < kPerThread; ++i) {
        const int64_t c = segment * kSegmentColumns + threadIdx.x + static_cast<int64_t>(i) * kRowThreads;
        if (c >= slice.columns) return;
        T* at = e + row * slice.ld + c;
        narrow(factor == 0.0f ? 0.0f : factor * widen(*at), at);
    }
}

// Logits computed again -> dz, the label's column zero.
template <class T>
__global__ void head_gradient_kernel(Slice slice, RowSlopes rows, const float* logits, T* dz) {
    const RowPart part(slice, logits);
    const int64_t row = part.row, label = slice.labels[row] - slice.first;
    const bool active = rows.active(row);
    const float v = rows.v[row], scale = 1.0f / slice.temperature, dv = rows.dv[row] * scale;
    const float dh = rows.dh != nullptr ? -rows.dh[row] * scale : 0.0f, h = rows.h != nullptr ? rows.h[row] : 0.0f;
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
        const int64_t c = part.column(i);
        if (c >= slice.columns) return;
        const float x = part.z[i] - v, logp = x < -200.0f ? -200.0f : x;
        const bool zero = !active || c == label;
        narrow(zero ? 0.0f : expf(logp) * (dv + dh * (logp + h)), dz + row * slice.ld + c);
    }
}

// The max of each segment, apart from the rest of its sums: what outlives the forward. max [segments][max_ld].
__global__ void head_keep_max_kernel(
        int64_t rows, int64_t segments, const SegmentSums* sums, int64_t sums_ld, float* max, int64_t max_ld) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    for (int64_t s = blockIdx.y; s < segments; s += gridDim.y)
        max[s * max_ld + row] = sums[s * sums_ld + row].max;
}

// x with the rows that have no gradient set to zero: what they hold (a NaN, say) meets no sum.
template <class T>
__global__ void head_active_rows_kernel(int64_t hidden, RowSlopes rows, const T* x, T* out) {
    const int64_t row = blockIdx.x;
    const bool active = rows.active(row);
    for (int64_t k = threadIdx.x; k < hidden; k += blockDim.x) {
        if (active)
            out[row * hidden + k] = x[row * hidden + k];
        else
            narrow(0.0f, out + row * hidden + k);
    }
}

// dx = acc + d_a W[a], rounded once.
template <class T>
__global__ void head_finish_input_kernel(
        int64_t hidden, RowSlopes rows, const int32_t* labels, const T* w, const float* acc, T* dx) {
    const int64_t row = blockIdx.x;
    const bool active = rows.active(row);
    const float slope = active ? rows.label_slope(row) : 0.0f;
    const T* weights = w + static_cast<int64_t>(labels[row]) * hidden;
    for (int64_t k = threadIdx.x; k < hidden; k += blockDim.x) {
        const float value = acc[row * hidden + k];
        narrow(active ? value + slope * widen(weights[k]) : value, dx + row * hidden + k);
    }
}

// What the label's column of a row is multiplied by; zero for a row without a gradient.
static __global__ void head_label_slopes_kernel(int64_t n, RowSlopes rows, float* slopes) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row < n) slopes[row] = rows.active(row) ? rows.label_slope(row) : 0.0f;
}

constexpr int kLabelThreads = 128;

// dw[a] += d_a x. Rows in order of (label, row): labels[i] of row order[i]. Block (i, c): the run of equal labels that begins at i, columns
// [128 c, ..): a sum in a register, rows in order. No atomics.
template <class T>
__global__ void __launch_bounds__(kLabelThreads) head_label_weight_kernel(int64_t n, int64_t hidden,
        const float* slopes, const int32_t* labels, const int32_t* order, const T* x, float* dw) {
    const int64_t first = blockIdx.x, k = static_cast<int64_t>(blockIdx.y) * kLabelThreads + threadIdx.x;
    const int32_t label = labels[first];
    if (k >= hidden || (first > 0 && labels[first - 1] == label)) return;
    float* const out = dw + static_cast<int64_t>(label) * hidden + k;
    float sum = *out;
    for (int64_t i = first; i < n && labels[i] == label; ++i) {
        const float slope = slopes[order[i]];
        if (slope != 0.0f) sum += slope * widen(x[static_cast<int64_t>(order[i]) * hidden + k]);
    }
    *out = sum;
}

}  // namespace cuda
}  // namespace tbrm
