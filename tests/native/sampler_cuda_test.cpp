// sampler_cuda_test.cpp - the CUDA sampler draws the CPU twin's tokens from the same logits, whatever the filters.
#include <cmath>
#include <limits>

#include "cuda_testing.hpp"
#include "rollout/sampler.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Problem {
    int64_t vocab, n_logits;
    std::vector<float> logits, v;
    std::vector<SampleRow> rows;
    std::vector<int32_t> ids;
};

float log_sum_exp(const float* logits, int64_t n, float temperature) {
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; ++i)
        top = std::max(top, static_cast<double>(logits[i] / temperature));
    for (int64_t i = 0; i < n; ++i)
        sum += std::exp(static_cast<double>(logits[i] / temperature) - top);
    return static_cast<float>(top + std::log(sum));
}

// Every combination of filters over several draws; logits on a grid of `step`, so that many of them are equal, or continuous with step 0.
Problem make(int64_t vocab, double step, float temperature, uint64_t seed) {
    Problem p{vocab, 3, normals(3 * vocab, seed, 3.0), {}, {}, {}};
    for (float& x : p.logits)
        if (step > 0) x = static_cast<float>(std::round(static_cast<double>(x) / step) * step);
    for (int64_t r = 0; r < p.n_logits; ++r)
        p.v.push_back(log_sum_exp(p.logits.data() + r * vocab, vocab, temperature > 0 ? temperature : 1.0f));
    // Seen and masked ids overlap where different warps have them.
    for (int32_t i = 0; i < 40; ++i)
        p.ids.push_back(static_cast<int32_t>(vocab * (i + 1) / 47));
    const float none = -std::numeric_limits<float>::infinity();
    for (const int32_t top_k : {0, 1, 5, 50})
        for (const float top_p : {1.0f, 0.95f, 0.5f, 1e-6f})
            for (const float log_min_p : {none, std::log(0.05f)})
                for (const bool edited : {false, true})
                    for (const int32_t draw : shapes<int32_t>({0, 1, 2, 3}, {3})) {
                        SampleRow row{};
                        row.seed = seed;
                        row.trajectory_id = static_cast<int64_t>(p.rows.size());
                        row.position = draw;
                        row.logits_row = static_cast<int32_t>(p.rows.size()) % 3;
                        row.n_vocab = static_cast<int32_t>(draw == 3 ? vocab - vocab / 9 : vocab);
                        row.top_k = top_k;
                        row.temperature = temperature;
                        row.top_p = top_p;
                        row.log_min_p = log_min_p;
                        row.repetition_penalty = 1.3f;
                        row.n_seen = edited && vocab > 47 ? 38 : 0;
                        row.first_masked = 36;
                        row.n_masked = edited && vocab > 47 ? 4 : 0;
                        p.rows.push_back(row);
                    }
    return p;
}

void check(const Problem& p, const char* what) {
    const int64_t n = static_cast<int64_t>(p.rows.size());
    std::vector<uint8_t> workspace(static_cast<size_t>(cpu::sample_workspace_bytes(p.vocab)) + 64);
    std::vector<SampleResult> expected(static_cast<size_t>(n));
    cpu::sample(p.vocab, p.logits.data(), p.vocab, p.v.data(), n, p.rows.data(), p.ids.data(),
            workspace.data() + (64 - reinterpret_cast<uintptr_t>(workspace.data()) % 64), expected.data());
    const OnDevice<float> logits(p.logits), v(p.v);
    const OnDevice<SampleRow> rows(p.rows);
    const OnDevice<int32_t> ids(p.ids);
    const OnDevice<char> scratch(std::vector<char>(static_cast<size_t>(cuda::sample_workspace_bytes(p.vocab)), '\x7f'));
    const OnDevice<SampleResult> out(std::vector<SampleResult>(static_cast<size_t>(n), SampleResult{-7, NAN, NAN}));
    cuda::sample(queue(), p.vocab, logits.get(), p.vocab, v.get(), n, rows.get(), ids.get(), scratch.get(), out.get());
    const std::vector<SampleResult> actual = out.download();
    for (size_t r = 0; r < actual.size(); ++r) {
        CHECK_MSG(actual[r].token == expected[r].token, "%s row %zu: token %d, expected %d", what, r, actual[r].token,
                expected[r].token);
        if (expected[r].token < 0) continue;
        CHECK_MSG(actual[r].logp == expected[r].logp, "%s row %zu: logp %.9g, expected %.9g", what, r,
                static_cast<double>(actual[r].logp), static_cast<double>(expected[r].logp));
        // Two libraries' logarithms, an ulp of fp64 each, rounded to fp32: at most one step apart.
        const double expected_logp = expected[r].processed_logp;
        CHECK_MSG(close(actual[r].processed_logp, expected_logp, 1.2e-7 * std::fabs(expected_logp)),
                "%s row %zu: processed_logp %.9g, expected %.9g", what, r,
                static_cast<double>(actual[r].processed_logp), expected_logp);
    }
}

}  // namespace

TBRM_TEST(the_gpu_draws_the_tokens_of_the_cpu) {
    for (const int64_t vocab : shapes<int64_t>({1, 2, 31, 1000, 1024, 1025, 32000, 151936}, {1, 31, 1025, 5003}))
        for (const float temperature : shapes<float>({1.0f, 0.6f, 0.0f}, {0.6f, 0.0f}))
            check(make(vocab, 0.0, temperature, 11), format("vocab %d", static_cast<int>(vocab)).c_str());
}

// Nearly all of the mass lies in the last of as many segments as a warp has lanes, and behind it.
TBRM_TEST(the_gpu_draws_from_the_end_of_a_large_vocabulary) {
    Problem p = make(40000, 0.0, 1.0f, 19);
    std::vector<SampleRow> rows;
    for (const SampleRow& row : p.rows)
        if (row.top_k == 0 && row.top_p == 1.0f && row.n_seen == 0 && rows.size() < 4) rows.push_back(row);
    p.rows = rows;
    for (int64_t r = 0; r < p.n_logits; ++r) {
        for (int64_t i = 31744; i < 35000; ++i)
            p.logits[static_cast<size_t>(r * p.vocab + i)] += 9.0f;
        p.v[static_cast<size_t>(r)] = log_sum_exp(p.logits.data() + r * p.vocab, p.vocab, 1.0f);
    }
    check(p, "large vocabulary");
}

TBRM_TEST(the_gpu_breaks_ties_as_the_cpu) {
    for (const int64_t vocab : shapes<int64_t>({64, 3000, 50257}, {64, 3000}))
        for (const double step : shapes<double>({0.25, 2.0, 100.0}, {0.25, 100.0}))
            check(make(vocab, step, 1.0f, 13), format("vocab %d step %g", static_cast<int>(vocab), step).c_str());
}

TBRM_TEST(a_row_that_cannot_be_drawn_from_says_so_and_leaves_the_others_alone) {
    Problem p = make(1000, 0.0, 1.0f, 17);
    p.logits[1000 + 77] = std::numeric_limits<float>::quiet_NaN();
    p.v[1] = 1.0f;
    p.v[2] = std::numeric_limits<float>::infinity();
    check(p, "broken rows");
}
