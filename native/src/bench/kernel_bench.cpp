// kernel_bench.cpp - the list, and the comparison.
#include "bench/kernel_bench.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/philox.hpp"

namespace tbrm {

void BenchValues::add(const char* what, double tolerance, float got, double expected) {
    auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.what == what; });
    if (group == groups_.end()) group = groups_.insert(groups_.end(), Group{what, tolerance, {}, {}});
    group->got.push_back(got);
    group->expected.push_back(expected);
}

double BenchValues::worst_share() const {
    double worst = groups_.empty() ? std::numeric_limits<double>::infinity() : 0;
    for (const Group& g : groups_) {
        double squares = 0;
        for (const double x : g.expected)
            squares += x * x;
        const double typical = std::sqrt(squares / static_cast<double>(g.expected.size()));
        for (size_t i = 0; i < g.got.size(); ++i) {
            const double error = std::fabs(static_cast<double>(g.got[i]) - g.expected[i]);
            if (error == 0) continue;
            const double share = error / (g.tolerance * (std::fabs(g.expected[i]) + typical));
            worst = std::isfinite(share) ? std::max(worst, share) : std::numeric_limits<double>::infinity();
        }
    }
    return worst;
}

std::vector<int64_t> bench_sample(int64_t n, int64_t count) {
    std::vector<int64_t> indices{0, n - 1};  // the edges are where tiles go wrong
    for (uint32_t i = 0; static_cast<int64_t>(indices.size()) < count; ++i)
        indices.push_back(philox4x32(99, i, 0, 0, 0).x[0] % n);
    return indices;
}

const std::vector<KernelBenchSpec>& kernel_benches() {
    static const std::vector<KernelBenchSpec> list = [] {
        std::vector<KernelBenchSpec> all;
        add_product_benches(all);
        add_attention_benches(all);
        add_head_benches(all);
        add_row_benches(all);
        add_update_benches(all);
        return all;
    }();
    return list;
}

}  // namespace tbrm
