// head_cpu.cpp - CPU twin of the head. Contract: logprob/head.hpp.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "gemm/panels.hpp"
#include "logprob/head.hpp"

namespace tbrm {
namespace cpu {
namespace {

template <class T>
float logit(const T* x, const void* w, Dtype dtype, int64_t column, int64_t hidden) {
    const T* panels = static_cast<const T*>(w);
    float sum = 0.0f;
    for (int64_t k = 0; k < hidden; ++k) {
        sum += to_float(x[k]) * to_float(panels[panel_index(dtype, column, k, hidden)]);
    }
    return sum;
}

float logit(const HeadShape& shape, const void* x, const void* w, int64_t row, int64_t column) {
    const int64_t d = shape.hidden;
    if (shape.dtype == Dtype::F32) return logit(static_cast<const float*>(x) + row * d, w, shape.dtype, column, d);
    return logit(static_cast<const bf16*>(x) + row * d, w, shape.dtype, column, d);
}

struct RowSums {
    double v, h;
};

RowSums reduce_row(const std::vector<float>& z) {
    double top = -INFINITY, sum = 0.0, weighted = 0.0;
    for (const float value : z)
        top = std::max<double>(top, value);
    for (const float value : z) {
        const double e = std::exp(value - top);
        sum += e;
        if (e > 0) weighted += e * (value - top);
    }
    return {top + std::log(sum), std::log(sum) - weighted / sum};
}

void row_logits(const HeadShape& shape, const void* x, const void* w, int64_t row, std::vector<float>& z) {
    z.resize(static_cast<size_t>(shape.vocab));
    for (int64_t c = 0; c < shape.vocab; ++c)
        z[static_cast<size_t>(c)] = logit(shape, x, w, row, c) / shape.temperature;
}

}  // namespace

void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
        float* out_q, float* out_v, float* out_h) {
    parallel_for(rows, rows * shape.vocab * shape.hidden, [&](int64_t r) {
        std::vector<float> z;
        row_logits(shape, x, w, r, z);
        const RowSums sums = reduce_row(z);
        out_q[r] = z[static_cast<size_t>(labels[r])];
        out_v[r] = static_cast<float>(sums.v);
        if (out_h != nullptr) out_h[r] = static_cast<float>(sums.h);
    });
}

void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
        float* out_v) {
    parallel_for(rows, rows * shape.vocab * shape.hidden, [&](int64_t r) {
        std::vector<float> z;
        row_logits(shape, x, w, r, z);
        for (int64_t c = 0; c < shape.vocab; ++c)
            out_logits[r * ld + c] = logit(shape, x, w, r, c);
        out_v[r] = static_cast<float>(reduce_row(z).v);
    });
}

struct HeadTape::Impl {
    HeadShape shape;
    int64_t rows;
    const void* x;
    std::vector<int32_t> labels;
};

HeadTape::HeadTape() = default;
HeadTape::~HeadTape() = default;
HeadTape::HeadTape(HeadTape&&) noexcept = default;
HeadTape& HeadTape::operator=(HeadTape&&) noexcept = default;

void HeadTape::forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
        const float*, float* out_q, float* out_v, float* out_h) {
    impl_.reset(new Impl{shape, rows, x, std::vector<int32_t>(labels, labels + rows)});
    head_forward(shape, rows, x, w, labels, out_q, out_v, out_h);
}

void HeadTape::backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) {
    const Impl& kept = *impl_;
    const HeadShape& shape = kept.shape;
    const int64_t d = shape.hidden;
    std::vector<float> z;
    std::vector<double> dx_row(static_cast<size_t>(d));
    for (int64_t r = 0; r < kept.rows; ++r) {
        row_logits(shape, kept.x, w, r, z);
        const RowSums sums = reduce_row(z);
        std::fill(dx_row.begin(), dx_row.end(), 0.0);
        for (int64_t c = 0; c < shape.vocab; ++c) {
            const double logp = static_cast<double>(z[static_cast<size_t>(c)]) - sums.v, p = std::exp(logp);
            double dz = static_cast<double>(dv[r]) * p;
            if (dh != nullptr && p > 0) dz -= static_cast<double>(dh[r]) * p * (logp + sums.h);
            if (c == kept.labels[static_cast<size_t>(r)]) dz += static_cast<double>(dq[r]);
            dz /= static_cast<double>(shape.temperature);
            for (int64_t k = 0; k < d; ++k) {
                const int64_t at = panel_index(shape.dtype, c, k, d);
                const bool wide = shape.dtype == Dtype::F32;
                const float weight =
                        wide ? static_cast<const float*>(w)[at] : to_float(static_cast<const bf16*>(w)[at]);
                const float input = wide ? static_cast<const float*>(kept.x)[r * d + k]
                                         : to_float(static_cast<const bf16*>(kept.x)[r * d + k]);
                dx_row[static_cast<size_t>(k)] += dz * static_cast<double>(weight);
                dw[panel_index(Dtype::F32, c, k, d)] += static_cast<float>(dz * static_cast<double>(input));
            }
        }
        for (int64_t k = 0; k < d; ++k) {
            const float value = static_cast<float>(dx_row[static_cast<size_t>(k)]);
            if (shape.dtype == Dtype::F32)
                static_cast<float*>(dx)[r * d + k] = value;
            else
                static_cast<bf16*>(dx)[r * d + k] = to_bf16(value);
        }
    }
    impl_.reset();
}

int64_t HeadTape::kept_bytes() const {
    return 0;
}

}  // namespace cpu
}  // namespace tbrm
