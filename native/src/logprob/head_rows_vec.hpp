#pragma once
// head_rows_vec.hpp - head_rows.hpp written once over gemm/vec.hpp; included by one file per instruction set.
#include <algorithm>
#include <cmath>

#include "gemm/panels.hpp"
#include "gemm/vec.hpp"
#include "logprob/head_rows.hpp"

namespace tbrm {
namespace cpu {
namespace {

// Independent chains of additions, so that latency hides behind throughput. The order is fixed: chain c takes vectors c, c + 4, ...
constexpr int kChains = 4;
constexpr int64_t kStep = kChains * Vec::kLanes;

inline void prefetch(const void* line) {
#if defined(__GNUC__)
    __builtin_prefetch(line);
#else
    (void)line;
#endif
}

inline float sum_chains(const Vec::T (&chain)[kChains]) {
    return Vec::sum(Vec::add(Vec::add(chain[0], chain[1]), Vec::add(chain[2], chain[3])));
}

void divide_vec(int64_t n, float divisor, float* z) {
    const Vec::T d = Vec::set1(divisor);
    for (int64_t c = 0; c < n; c += Vec::kLanes)
        Vec::store(z + c, Vec::div(Vec::load(z + c), d));
}

inline float row_max(int64_t n, const float* z) {
    Vec::T top[kChains];
    for (Vec::T& chain : top)
        chain = Vec::set1(-INFINITY);
    for (int64_t c = 0; c < n; c += kStep) {
        for (int i = 0; i < kChains; ++i)
            top[i] = Vec::max(top[i], Vec::load(z + c + i * Vec::kLanes));
    }
    return Vec::max_lane(Vec::max(Vec::max(top[0], top[1]), Vec::max(top[2], top[3])));
}

template <bool kWeighted, class E>
SegmentSums reduce_row(int64_t n, const float* z, E* e) {
    const float max = row_max(n, z);
    // A segment of -inf alone has no maximum to subtract; every exponential is 0 then.
    const Vec::T shift = Vec::set1(max == -INFINITY ? 0.0f : max);
    const Vec::T lowest = Vec::set1(-100.0f);
    Vec::T sum[kChains], weighted[kChains];
    for (int i = 0; i < kChains; ++i)
        sum[i] = weighted[i] = Vec::zero();
    for (int64_t c = 0; c < n; c += kStep) {
        for (int i = 0; i < kChains; ++i) {
            const int64_t at = c + i * Vec::kLanes;
            const Vec::T x = Vec::sub(Vec::load(z + at), shift), y = exp_vec<Vec>(x);
            sum[i] = Vec::add(sum[i], y);
            // The exponential is 0 below -87: the clamp keeps 0 * -inf out, and lets a NaN through.
            if (kWeighted) weighted[i] = Vec::fma(Vec::select_less(x, lowest, lowest, x), y, weighted[i]);
            if (e != nullptr) Vec::store(e + at, y);
        }
    }
    return {max, sum_chains(sum), kWeighted ? sum_chains(weighted) : 0.0f};
}

SegmentSums reduce_vec(int64_t n, const float* z, bool weighted, Dtype dtype, void* e) {
    if (dtype == Dtype::F32) {
        float* wide = static_cast<float*>(e);
        return weighted ? reduce_row<true>(n, z, wide) : reduce_row<false>(n, z, wide);
    }
    bf16* narrow = static_cast<bf16*>(e);
    return weighted ? reduce_row<true>(n, z, narrow) : reduce_row<false>(n, z, narrow);
}

template <class T>
void gradient_row(int64_t n, const float* z, const RowGradient& row, T* dz) {
    const Vec::T v = Vec::set1(row.v), h = Vec::set1(row.h), lowest = Vec::set1(-100.0f);
    const Vec::T dv = Vec::set1(row.dv * row.scale), dh = Vec::set1(-row.dh * row.scale);
    for (int64_t c = 0; c < n; c += Vec::kLanes) {
        const Vec::T x = Vec::sub(Vec::load(z + c), v);
        const Vec::T logp = Vec::select_less(x, lowest, lowest, x);
        Vec::store(dz + c, Vec::mul(exp_vec<Vec>(logp), Vec::fma(dh, Vec::add(logp, h), dv)));
    }
}

void gradient_vec(int64_t n, const float* z, const RowGradient& row, Dtype dtype, void* dz) {
    if (dtype == Dtype::F32)
        gradient_row(n, z, row, static_cast<float*>(dz));
    else
        gradient_row(n, z, row, static_cast<bf16*>(dz));
}

template <class T>
void scale_panel_rows(int64_t rows, const T* e, int64_t ld, const float* factor, T* out) {
    // A panel's columns are one or two lines out of each row: too far apart for the processor to foresee.
    constexpr int64_t kAhead = 12;
    for (int64_t r = 0; r < rows; ++r) {
        prefetch(e + (r + kAhead) * ld);
        prefetch(e + (r + kAhead) * ld + kPanelRows / 2);
        const Vec::T f = Vec::set1(factor[r]);
        for (int64_t c = 0; c < kPanelRows; c += Vec::kLanes)
            Vec::store(
                    out + r * kPanelRows + c, factor[r] == 0.0f ? Vec::zero() : Vec::mul(f, Vec::load(e + r * ld + c)));
    }
}

void scale_panel_vec(int64_t rows, const void* e, int64_t ld, const float* factor, Dtype dtype, void* out) {
    if (dtype == Dtype::F32)
        scale_panel_rows(rows, static_cast<const float*>(e), ld, factor, static_cast<float*>(out));
    else
        scale_panel_rows(rows, static_cast<const bf16*>(e), ld, factor, static_cast<bf16*>(out));
}

void add_scaled_vec(int64_t rows, const float* acc, const float* factor, float* out) {
    for (int64_t r = 0; r < rows; ++r) {
        const float scale = factor == nullptr ? 1.0f : factor[r];
        if (scale == 0.0f) continue;
        const Vec::T f = Vec::set1(scale);
        for (int64_t c = r * kPanelRows; c < (r + 1) * kPanelRows; c += Vec::kLanes)
            Vec::store(out + c, Vec::fma(f, Vec::load(acc + c), Vec::load(out + c)));
    }
}

constexpr HeadRowKernels kKernels{&divide_vec, &reduce_vec, &gradient_vec, &scale_panel_vec, &add_scaled_vec};

}  // namespace
}  // namespace cpu
}  // namespace tbrm
