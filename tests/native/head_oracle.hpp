#pragma once
// head_oracle.hpp - the head by its definition, in fp64 from the same (rounded) inputs, and the inputs themselves.
#include <algorithm>

#include "core/guard.hpp"
#include "gemm/panels.hpp"
#include "logprob/head.hpp"
#include "testing.hpp"

namespace tbrm::testing {

// Numbers of a dtype, as the kernels take them and widened.
struct Tensor {
    Dtype dtype;
    std::vector<float> wide;
    std::vector<bf16> narrow;

    Tensor(Dtype type, std::vector<float> values) : dtype(type), wide(std::move(values)) {
        if (dtype == Dtype::F32) return;
        for (float& value : wide) {
            narrow.push_back(to_bf16(value));
            value = to_float(narrow.back());
        }
    }
    const void* data() const {
        return dtype == Dtype::F32 ? static_cast<const void*>(wide.data()) : static_cast<const void*>(narrow.data());
    }
};

struct HeadCase {
    HeadShape shape;
    int64_t rows;
    Tensor w, x;               // row-major, [V, D] and [rows, D]
    std::vector<char> panels;  // w in panels
    std::vector<int32_t> labels;
    std::vector<float> dq, dv, dh;

    // Logits of standard deviation about `spread`; labels at random, the last row's at V - 1.
    HeadCase(Dtype dtype, int64_t n, int64_t vocab, int64_t hidden, uint64_t seed, double spread = 3.0,
            float temperature = 1.0f, int64_t budget = 0)
        : shape{dtype, hidden, vocab, temperature, budget},
          rows(n),
          w(dtype, normals(vocab * hidden, seed, 1.0 / std::sqrt(static_cast<double>(hidden)))),
          x(dtype, normals(n * hidden, seed + 1, spread)) {
        for (int64_t r = 0; r < n; ++r) {
            const double u = uniform(seed + 2, static_cast<uint64_t>(r));
            labels.push_back(static_cast<int32_t>(
                    r + 1 == n ? vocab - 1 : static_cast<int64_t>(u * static_cast<double>(vocab))));
        }
        dq = normals(n, seed + 3);
        dv = normals(n, seed + 4);
        dh = normals(n, seed + 5);
        pack();
    }

    void pack() {
        const int64_t size = dtype_bytes(shape.dtype);
        panels.assign(static_cast<size_t>(panel_elements(shape.dtype, shape.vocab, shape.hidden) * size), 0);
        for (int64_t v = 0; v < shape.vocab; ++v) {
            for (int64_t k = 0; k < shape.hidden; ++k) {
                const int64_t from = v * shape.hidden + k, to = panel_index(shape.dtype, v, k, shape.hidden);
                std::memcpy(panels.data() + to * size, static_cast<const char*>(w.data()) + from * size,
                        static_cast<size_t>(size));
            }
        }
    }

    // Row r becomes one whose label has the logit `logit` and hardly any other competes.
    void make_peaked(int64_t r, double logit) {
        const int64_t d = shape.hidden, label = labels[static_cast<size_t>(r)];
        double norm = 0;
        for (int64_t k = 0; k < d; ++k)
            norm += std::pow(static_cast<double>(w.wide[static_cast<size_t>(label * d + k)]), 2);
        std::vector<float> values = x.wide;
        for (int64_t k = 0; k < d; ++k) {
            values[static_cast<size_t>(r * d + k)] =
                    static_cast<float>(logit * static_cast<double>(shape.temperature) / norm *
                                       static_cast<double>(w.wide[static_cast<size_t>(label * d + k)]));
        }
        x = Tensor(shape.dtype, values);
    }
};

struct HeadResult {
    std::vector<float> q, v, h, dx, dw;  // dw row-major
};

inline HeadResult forward(const HeadCase& c, bool entropy = true) {
    const size_t n = static_cast<size_t>(c.rows);
    HeadResult r{
            std::vector<float>(n, NAN), std::vector<float>(n, NAN), std::vector<float>(entropy ? n : 0, NAN), {}, {}};
    cpu::head_forward(c.shape, c.rows, c.x.data(), c.panels.data(), c.labels.data(), r.q.data(), r.v.data(),
            entropy ? r.h.data() : nullptr);
    return r;
}

// Forward and backward through the tape. dw starts from `dw_before` everywhere, dx and the rest from NaN.
inline HeadResult forward_backward(const HeadCase& c, bool with_dh, float dw_before = 0.0f, bool entropy = true) {
    const size_t n = static_cast<size_t>(c.rows);
    const int64_t d = c.shape.hidden;
    HeadResult r{std::vector<float>(n, NAN), std::vector<float>(n, NAN), std::vector<float>(entropy ? n : 0, NAN),
            std::vector<float>(n * static_cast<size_t>(d), NAN), {}};
    std::vector<float> dw(static_cast<size_t>(panel_elements(Dtype::F32, c.shape.vocab, d)), dw_before);
    std::vector<bf16> narrow(r.dx.size(), bf16{0x7fc0});
    void* dx = c.shape.dtype == Dtype::F32 ? static_cast<void*>(r.dx.data()) : static_cast<void*>(narrow.data());

    cpu::HeadTape tape;
    tape.forward(c.shape, c.rows, c.x.data(), c.panels.data(), c.labels.data(), r.q.data(), r.v.data(),
            entropy ? r.h.data() : nullptr);
    tape.backward(c.panels.data(), c.dq.data(), c.dv.data(), with_dh ? c.dh.data() : nullptr, dx, dw.data());

    if (c.shape.dtype == Dtype::Bf16)
        std::transform(narrow.begin(), narrow.end(), r.dx.begin(), [](bf16 b) { return to_float(b); });
    r.dw.resize(static_cast<size_t>(c.shape.vocab * d));
    for (int64_t v = 0; v < c.shape.vocab; ++v) {
        for (int64_t k = 0; k < d; ++k)
            r.dw[static_cast<size_t>(v * d + k)] = dw[static_cast<size_t>(panel_index(Dtype::F32, v, k, d))];
    }
    return r;
}

// Bytes of exponentials that a kept row takes.
inline int64_t kept_row_bytes(const HeadShape& shape) {
    return panel_count(shape.vocab) * kPanelRows * dtype_bytes(shape.dtype) + (shape.vocab + 1023) / 1024 * 4;
}

struct HeadOracle {
    std::vector<double> q, v, h, dx, dw;
    std::vector<double>
            magnitude;  // [rows] largest sum_k |x_k w_k| / temperature of a column: the scale of a logit's rounding
    std::vector<double> p_label;

    explicit HeadOracle(const HeadCase& c, bool with_dh = false) {
        const int64_t d = c.shape.hidden, vocab = c.shape.vocab;
        const double inv_t = 1.0 / static_cast<double>(c.shape.temperature);
        dx.resize(static_cast<size_t>(c.rows * d));
        dw.resize(static_cast<size_t>(vocab * d));
        std::vector<double> z(static_cast<size_t>(vocab));
        for (int64_t r = 0; r < c.rows; ++r) {
            const float* x = c.x.wide.data() + r * d;
            double top = -INFINITY, largest = 0;
            for (int64_t col = 0; col < vocab; ++col) {
                const float* w = c.w.wide.data() + col * d;
                double sum = 0, absolute = 0;
                for (int64_t k = 0; k < d; ++k) {
                    const double product = static_cast<double>(x[k]) * static_cast<double>(w[k]);
                    sum += product;
                    absolute += std::fabs(product);
                }
                z[static_cast<size_t>(col)] = sum * inv_t;
                top = std::max(top, sum * inv_t);
                largest = std::max(largest, absolute * inv_t);
            }
            double sum = 0;
            for (const double value : z)
                sum += std::exp(value - top);
            const double lse = top + std::log(sum);
            double entropy = 0;
            for (const double value : z)
                entropy -= std::exp(value - lse) * (value - lse);
            const int64_t label = c.labels[static_cast<size_t>(r)];
            q.push_back(z[static_cast<size_t>(label)]);
            v.push_back(lse);
            h.push_back(entropy);
            magnitude.push_back(largest);
            p_label.push_back(std::exp(q.back() - lse));
            // 1 - p of the label, summed over the others: fp64 cancels as well.
            double others = 0;
            for (int64_t col = 0; col < vocab; ++col) {
                if (col != label) others += std::exp(z[static_cast<size_t>(col)] - lse);
            }
            for (int64_t col = 0; col < vocab; ++col) {
                const size_t row = static_cast<size_t>(r);
                const double logp = z[static_cast<size_t>(col)] - lse, p = std::exp(logp);
                const double dq = static_cast<double>(c.dq[row]), dv = static_cast<double>(c.dv[row]);
                double dz = col == label ? (dq + dv) - dv * others : dv * p;
                if (with_dh) dz -= static_cast<double>(c.dh[row]) * p * (logp + entropy);
                dz *= inv_t;
                const float* w = c.w.wide.data() + col * d;
                for (int64_t k = 0; k < d; ++k) {
                    dx[static_cast<size_t>(r * d + k)] += dz * static_cast<double>(w[k]);
                    dw[static_cast<size_t>(col * d + k)] += dz * static_cast<double>(x[k]);
                }
            }
        }
    }
};

}  // namespace tbrm::testing
