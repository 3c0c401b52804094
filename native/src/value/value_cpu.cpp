// value_cpu.cpp - the value head on the processor. Contract: value.hpp.
#include <algorithm>

#include "core/parallel.hpp"
#include "value/value.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kLanes =
        16;  // partial sums of a row, merged in order: what a compiler turns into vectors of any width
constexpr int64_t kColumns = 64;  // columns of dw that one unit of work sums over all rows

float widen(float x) {
    return x;
}
float widen(bf16 x) {
    return to_float(x);
}
void narrow(float x, float* out) {
    *out = x;
}
void narrow(float x, bf16* out) {
    *out = to_bf16(x);
}

template <class T>
float dot(int64_t d, const T* x, const float* w) {
    float lanes[kLanes] = {};
    const int64_t whole = d / kLanes * kLanes;
    for (int64_t k = 0; k < whole; k += kLanes) {
        for (int64_t i = 0; i < kLanes; ++i)
            lanes[i] += widen(x[k + i]) * w[k + i];
    }
    for (int64_t k = whole; k < d; ++k)
        lanes[k - whole] += widen(x[k]) * w[k];
    for (int64_t width = kLanes / 2; width > 0; width /= 2) {
        for (int64_t i = 0; i < width; ++i)
            lanes[i] += lanes[i + width];
    }
    return lanes[0];
}

template <class T>
void forward(int64_t rows, int64_t d, const T* x, const float* w, const float* bias, float* out) {
    const float shift = bias != nullptr ? *bias : 0.0f;
    parallel_for(rows, rows * d, [&](int64_t r) { out[r] = dot(d, x + r * d, w) + shift; });
}

template <class T>
void input_slope(int64_t rows, int64_t d, const float* w, const float* dv, T* dx) {
    parallel_for(rows, rows * d, [&](int64_t r) {
        for (int64_t k = 0; k < d; ++k)
            narrow(dv[r] * w[k], dx + r * d + k);
    });
}

template <class T>
void weight_slope(int64_t rows, int64_t d, const T* x, const float* dv, float* dw) {
    parallel_for(ceil_div(d, kColumns), rows * d, [&](int64_t block) {
        const int64_t first = block * kColumns, n = std::min(kColumns, d - first);
        double sums[kColumns] = {};
        for (int64_t r = 0; r < rows; ++r) {
            const double factor = static_cast<double>(dv[r]);
            for (int64_t k = 0; k < n; ++k)
                sums[k] += factor * static_cast<double>(widen(x[r * d + first + k]));
        }
        for (int64_t k = 0; k < n; ++k)
            dw[first + k] += static_cast<float>(sums[k]);
    });
}

}  // namespace

void value_forward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* bias, float* out) {
    if (dtype == Dtype::F32)
        forward(rows, d, static_cast<const float*>(x), w, bias, out);
    else
        forward(rows, d, static_cast<const bf16*>(x), w, bias, out);
}

void value_backward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* dv, void* dx,
        float* dw, float* dbias) {
    if (dtype == Dtype::F32) {
        input_slope(rows, d, w, dv, static_cast<float*>(dx));
        if (dw != nullptr) weight_slope(rows, d, static_cast<const float*>(x), dv, dw);
    } else {
        input_slope(rows, d, w, dv, static_cast<bf16*>(dx));
        if (dw != nullptr) weight_slope(rows, d, static_cast<const bf16*>(x), dv, dw);
    }
    if (dbias == nullptr) return;
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r)
        sum += static_cast<double>(dv[r]);
    *dbias += static_cast<float>(sum);
}

}  // namespace cpu
}  // namespace tbrm
