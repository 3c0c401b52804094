#pragma once
// attention_oracle.hpp - causal grouped-query attention and its gradients in fp64, from the same inputs, with a bound of what fp32
// arithmetic on them may differ by.
//
// Bounds. A score is a sum of head_dim products: off by at most `slack` = (2 head_dim + 8) u sum|q k| scale, and a probability by that,
// relatively, twice (score and log-sum-exp), plus the exponential's own 2e-7. bf16 rounds probabilities, score gradients and `out` once.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/attention.hpp"
#include "rounding.hpp"

namespace tbrm::testing {

struct AttentionProblem {
    Dtype dtype;
    AttentionShape shape;
    std::vector<int64_t> offsets;
    Array qkv, dout;

    AttentionProblem(Dtype type, int64_t n_heads, int64_t n_kv_heads, int64_t head_dim,
            const std::vector<int64_t>& lengths, uint64_t seed)
        : dtype(type),
          shape{n_heads, n_kv_heads, head_dim, static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))},
          offsets{0} {
        for (const int64_t length : lengths)
            offsets.push_back(offsets.back() + length);
        qkv = random_array(type, tokens() * width(), seed, 1.5);
        dout = random_array(type, tokens() * out_width(), seed + 1);
    }
    int64_t tokens() const { return offsets.back(); }
    int64_t n_seqs() const { return static_cast<int64_t>(offsets.size()) - 1; }
    int64_t width() const { return (shape.n_heads + 2 * shape.n_kv_heads) * shape.head_dim; }
    int64_t out_width() const { return shape.n_heads * shape.head_dim; }
    double q(int64_t token, int64_t head, int64_t d) const { return qkv[token * width() + head * shape.head_dim + d]; }
    double k(int64_t token, int64_t kv, int64_t d) const {
        return qkv[token * width() + (shape.n_heads + kv) * shape.head_dim + d];
    }
    double v(int64_t token, int64_t kv, int64_t d) const {
        return qkv[token * width() + (shape.n_heads + shape.n_kv_heads + kv) * shape.head_dim + d];
    }
    std::string name() const {
        return format("%s heads %lld/%lld dim %lld window %lld tokens %lld", name_of(dtype),
                static_cast<long long>(shape.n_heads), static_cast<long long>(shape.n_kv_heads),
                static_cast<long long>(shape.head_dim), static_cast<long long>(shape.window),
                static_cast<long long>(tokens()));
    }
};

// The same problem where a query sees its last `window` keys.
inline AttentionProblem with_window(AttentionProblem problem, int64_t window) {
    problem.shape.window = window;
    return problem;
}

struct AttentionOracle {
    std::vector<double> out, out_bound;    // [tokens][n_heads][head_dim]
    std::vector<double> lse, lse_bound;    // [tokens][n_heads]
    std::vector<double> dqkv, dqkv_bound;  // [tokens][width]

    explicit AttentionOracle(const AttentionProblem& a, bool backward = true)
        : out(static_cast<size_t>(a.tokens() * a.out_width())),
          out_bound(out.size()),
          lse(static_cast<size_t>(a.tokens() * a.shape.n_heads)),
          lse_bound(lse.size()),
          dqkv(static_cast<size_t>(a.tokens() * a.width())),
          dqkv_bound(dqkv.size()) {
        for (int64_t b = 0; b < a.n_seqs(); ++b) {
            for (int64_t head = 0; head < a.shape.n_heads; ++head) {
                for (int64_t i = a.offsets[static_cast<size_t>(b)]; i < a.offsets[static_cast<size_t>(b) + 1]; ++i)
                    row(a, a.offsets[static_cast<size_t>(b)], i, head, backward);
            }
        }
        // The store, and the order of the sums over the rows.
        for (size_t i = 0; i < dqkv.size(); ++i)
            dqkv_bound[i] += (a.dtype == Dtype::Bf16 ? kUnitBf16 * std::fabs(dqkv[i]) : 0.0) + 0x1p-100;
    }

private:
    // Query row i of one head, and what it adds to the gradients.
    void row(const AttentionProblem& a, int64_t begin, int64_t i, int64_t head, bool backward) {
        if (a.shape.window > 0) begin = std::max(begin, i + 1 - a.shape.window);
        const int64_t d = a.shape.head_dim, kv = head / (a.shape.n_heads / a.shape.n_kv_heads), n = i + 1 - begin;
        const double scale = static_cast<double>(a.shape.scale), unit = a.dtype == Dtype::Bf16 ? kUnitBf16 : kUnitF32;
        const double steps = (2.0 * static_cast<double>(n) + 80) * kUnitF32;  // of a sum over the keys
        std::vector<double> p(static_cast<size_t>(n));
        double top = -INFINITY, widest = 0, total = 0;
        for (int64_t j = 0; j < n; ++j) {
            double score = 0, magnitude = 0;
            for (int64_t c = 0; c < d; ++c) {
                const double term = a.q(i, head, c) * a.k(begin + j, kv, c);
                score += term;
                magnitude += std::fabs(term);
            }
            p[static_cast<size_t>(j)] = score * scale;
            top = std::max(top, score * scale);
            widest = std::max(widest, magnitude * scale);
        }
        for (double& x : p)
            total += x = std::exp(x - top);
        for (double& x : p)
            x /= total;
        const double slack = (2.0 * static_cast<double>(d) + 8) * kUnitF32 * widest + 4e-7;
        const size_t lse_at = static_cast<size_t>(i * a.shape.n_heads + head);
        lse[lse_at] = top + std::log(total);
        lse_bound[lse_at] = slack + steps + 4 * kUnitF32 * std::fabs(lse[lse_at]);
        const int64_t out_at = i * a.out_width() + head * d;
        std::vector<double> out_slack(static_cast<size_t>(d));
        for (int64_t c = 0; c < d; ++c) {
            double value = 0, magnitude = 0;
            for (int64_t j = 0; j < n; ++j) {
                value += p[static_cast<size_t>(j)] * a.v(begin + j, kv, c);
                magnitude += p[static_cast<size_t>(j)] * std::fabs(a.v(begin + j, kv, c));
            }
            const size_t at = static_cast<size_t>(out_at + c);
            out[at] = value;
            // exp of a score far below the top is 0 below -87: 2^-126 absolute at most.
            out_bound[at] = magnitude * (unit + 2 * slack + 2 * steps) +
                            (a.dtype == Dtype::Bf16 ? kUnitBf16 * std::fabs(value) : 0.0) + 0x1p-100;
        }
        if (backward) gradients(a, begin, i, head, p, slack, steps, unit);
    }

    void gradients(const AttentionProblem& a, int64_t begin, int64_t i, int64_t head, const std::vector<double>& p,
            double slack, double steps, double unit) {
        const int64_t d = a.shape.head_dim, kv = head / (a.shape.n_heads / a.shape.n_kv_heads);
        const double scale = static_cast<double>(a.shape.scale);
        const int64_t out_at = i * a.out_width() + head * d;
        double delta = 0, delta_bound = 0, delta_magnitude = 0;
        for (int64_t c = 0; c < d; ++c) {
            const size_t at = static_cast<size_t>(out_at + c);
            delta += a.dout[out_at + c] * out[at];
            delta_magnitude += std::fabs(a.dout[out_at + c] * out[at]);
            delta_bound += std::fabs(a.dout[out_at + c]) * out_bound[at];
        }
        delta_bound += (2.0 * static_cast<double>(d) + 4) * kUnitF32 * delta_magnitude;
        for (size_t j = 0; j < p.size(); ++j) {
            const int64_t token = begin + static_cast<int64_t>(j);
            const int64_t k_at = token * a.width() + (a.shape.n_heads + kv) * d, v_at = k_at + a.shape.n_kv_heads * d;
            double dp = 0, dp_magnitude = 0;
            for (int64_t c = 0; c < d; ++c) {
                const double g = a.dout[out_at + c];
                dp += g * a.v(token, kv, c);
                dp_magnitude += std::fabs(g * a.v(token, kv, c));
                dqkv[static_cast<size_t>(v_at + c)] += p[j] * g;
                dqkv_bound[static_cast<size_t>(v_at + c)] +=
                        std::fabs(p[j] * g) * (unit + 2 * slack + 2 * steps + sum_of_rows(a));
            }
            const double ds = p[j] * (dp - delta) * scale;
            const double ds_bound =
                    p[j] * scale *
                    ((2 * slack + 2 * steps + unit + 8 * kUnitF32) * (std::fabs(dp - delta)) +
                            ((2.0 * static_cast<double>(d) + 8) * kUnitF32) * (dp_magnitude + std::fabs(delta)) +
                            delta_bound);
            const int64_t q_at = i * a.width() + head * d;
            for (int64_t c = 0; c < d; ++c) {
                const double key = a.k(token, kv, c), query = a.q(i, head, c);
                dqkv[static_cast<size_t>(q_at + c)] += ds * key;
                dqkv_bound[static_cast<size_t>(q_at + c)] += std::fabs(key) * (ds_bound + steps * std::fabs(ds));
                dqkv[static_cast<size_t>(k_at + c)] += ds * query;
                dqkv_bound[static_cast<size_t>(k_at + c)] +=
                        std::fabs(query) * (ds_bound + sum_of_rows(a) * std::fabs(ds));
            }
        }
    }

    // Rounding of a sum over all query rows and heads that see a key.
    static double sum_of_rows(const AttentionProblem& a) {
        return 2.0 * static_cast<double>(a.tokens() * a.shape.n_heads / a.shape.n_kv_heads + 64) * kUnitF32;
    }
};

}  // namespace tbrm::testing
