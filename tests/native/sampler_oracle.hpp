#pragma once
// sampler_oracle.hpp - what the sampler has to draw from, by sorting, in fp64, and how far counts of draws are from it.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "rollout/sampler.hpp"

namespace tbrm::testing {

// Hugging Face's processors, in their order, by sorting, in fp64: the log-probability of each id; -inf for those removed.
// out_margin: how far from its removal boundary the closest token is, in probability.
inline std::vector<double> oracle(
        const std::vector<float>& logits, const SampleRow& row, const std::vector<int32_t>& seen, double* out_margin) {
    std::vector<double> z(logits.begin(), logits.begin() + row.n_vocab);
    for (const int32_t id : seen) {
        double& s = z[static_cast<size_t>(id)];
        s = s < 0 ? s * row.repetition_penalty : s / row.repetition_penalty;
    }
    for (double& s : z)
        s /= row.temperature;
    std::vector<size_t> order(z.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return z[a] > z[b]; });
    if (row.top_k > 0 && row.top_k < row.n_vocab) {
        const double kth = z[order[static_cast<size_t>(row.top_k) - 1]];
        for (double& s : z)
            s = s < kth ? -INFINITY : s;
    }
    const auto normalise = [&] {
        double sum = 0;
        const double top = z[order[0]];
        for (const double s : z)
            sum += std::exp(s - top);
        for (double& s : z)
            s -= top + std::log(sum);
    };
    normalise();
    *out_margin = INFINITY;
    if (row.top_p < 1) {
        double before = 0;
        for (const size_t i : order) {
            const double p = std::exp(z[i]);
            if (z[i] == -INFINITY) continue;
            *out_margin = std::min(*out_margin, std::fabs(before - row.top_p));
            if (before >= row.top_p) z[i] = -INFINITY;
            before += p;
        }
        normalise();
    }
    for (const size_t i : order) {
        const double ratio = std::exp(z[i] - z[order[0]]), min_p = std::exp(static_cast<double>(row.log_min_p));
        if (min_p > 0 && z[i] > -INFINITY) *out_margin = std::min(*out_margin, std::fabs(ratio - min_p));
        if (ratio < min_p) z[i] = -INFINITY;
    }
    normalise();
    return z;
}

// (chi2 - degrees) / sqrt(2 degrees) of counts against probabilities; ids with an expectation below 8 are pooled.
inline double chi_square_z(
        const std::map<int32_t, int64_t>& counts, const std::vector<double>& log_p, int64_t n_draws) {
    double chi2 = 0, pooled_expected = 0, pooled_count = 0;
    int degrees = -1;
    for (size_t id = 0; id < log_p.size(); ++id) {
        const auto found = counts.find(static_cast<int32_t>(id));
        const double count = found != counts.end() ? static_cast<double>(found->second) : 0;
        const double expected = std::exp(log_p[id]) * static_cast<double>(n_draws);
        if (expected < 8) {
            pooled_expected += expected;
            pooled_count += count;
            continue;
        }
        chi2 += (count - expected) * (count - expected) / expected;
        ++degrees;
    }
    if (pooled_expected >= 8) {
        chi2 += (pooled_count - pooled_expected) * (pooled_count - pooled_expected) / pooled_expected;
        ++degrees;
    }
    return degrees > 0 ? (chi2 - degrees) / std::sqrt(2.0 * degrees) : 0;
}

}  // namespace tbrm::testing
