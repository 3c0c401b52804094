// sampler_test.cpp - the sampler against sort-based oracles in fp64, its distribution, its ties, and the same bits on every instruction set.
#include "rollout/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "core/guard.hpp"
#include "core/isa.hpp"
#include "rollout/sampler_math.hpp"
#include "sampler_oracle.hpp"
#include "testing.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr float kInf = std::numeric_limits<float>::infinity();

SampleRow plain_row(int64_t vocab) {
    SampleRow row{};
    row.seed = 7;
    row.n_vocab = static_cast<int32_t>(vocab);
    row.temperature = 1;
    row.top_p = 1;
    row.log_min_p = -kInf;
    row.repetition_penalty = 1;
    return row;
}

float log_sum_exp(const std::vector<float>& logits, float temperature) {
    double top = -INFINITY, sum = 0;
    for (const float x : logits)
        top = std::max<double>(top, x / temperature);
    for (const float x : logits)
        sum += std::exp(x / temperature - top);
    return static_cast<float>(top + std::log(sum));
}

std::vector<SampleResult> draw_all(
        const std::vector<float>& logits, const std::vector<SampleRow>& rows, const std::vector<int32_t>& ids = {}) {
    const int64_t vocab = static_cast<int64_t>(logits.size());
    const float temperature = rows[0].temperature > 0 ? rows[0].temperature : 1.0f;
    const float v = log_sum_exp(logits, temperature);
    std::vector<uint8_t> workspace(static_cast<size_t>(cpu::sample_workspace_bytes(vocab)) + 64);
    std::vector<SampleResult> results(rows.size());
    cpu::sample(vocab, logits.data(), vocab, &v, static_cast<int64_t>(rows.size()), rows.data(), ids.data(),
            workspace.data() + (64 - reinterpret_cast<uintptr_t>(workspace.data()) % 64), results.data());
    return results;
}

SampleResult draw_one(const std::vector<float>& logits, const SampleRow& row, const std::vector<int32_t>& ids = {}) {
    return draw_all(logits, {row}, ids)[0];
}

std::vector<SampleRow> many_rows(const SampleRow& row, int64_t n) {
    std::vector<SampleRow> rows(static_cast<size_t>(n), row);
    for (int64_t i = 0; i < n; ++i) {
        rows[static_cast<size_t>(i)].trajectory_id = i / 50;
        rows[static_cast<size_t>(i)].position = static_cast<int32_t>(i % 50);
    }
    return rows;
}

std::map<int32_t, int64_t> count_tokens(const std::vector<SampleResult>& results) {
    std::map<int32_t, int64_t> counts;
    for (const SampleResult& result : results)
        ++counts[result.token];
    return counts;
}

bool same(const SampleResult& a, const SampleResult& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

TBRM_TEST(masses_are_those_of_exp) {
    // 1e-7: half an ulp of the last rounding plus the series and the reduced argument, each below 2^-24.
    for (int i = 0; i <= 300000; ++i) {
        const float x = -28.0f * static_cast<float>(i) / 300000.0f;
        const double expected = std::exp(static_cast<double>(x)) * 0x1p40;
        CHECK_MSG(testing::close(static_cast<double>(scaled_exp(x)) / expected, 1.0, 1.8e-7), "x = %g", x);
    }
    CHECK(to_mass(scaled_exp(0.0f)) == uint64_t{1} << 40);
    CHECK(to_mass(scaled_exp(-29.0f)) == 0 && to_mass(scaled_exp(-1e30f)) == 0 && to_mass(scaled_exp(-kInf)) == 0);
}

TBRM_TEST(the_draw_is_philox_times_total) {
    // Random123 known answer for key 0, counter 0 says what the words are; here: which counter is used.
    const Philox4 r = philox4x32(0x0123456789abcdefull, kDrawStream, 17, 0x55667788u, 0x11223344u);
    const uint64_t word = r.x[0] | static_cast<uint64_t>(r.x[1]) << 32;
    for (const uint64_t total : {uint64_t{1}, uint64_t{1} << 40, (uint64_t{1} << 57) - 12345}) {
        const uint64_t expected = static_cast<uint64_t>((static_cast<Wide>(word) * total) >> 64);
        CHECK(draw_below(total, 0x0123456789abcdefull, 0x1122334455667788, 17) == expected);
    }
    for (uint32_t i = 0; i < 1000; ++i) {
        const Philox4 q = philox4x32(i, 1, 2, 3, 4);
        const uint64_t a = q.x[0] | static_cast<uint64_t>(q.x[1]) << 32, b = q.x[2] | static_cast<uint64_t>(q.x[3])
                                                                                              << 32;
        CHECK(multiply_high(a, b) == static_cast<uint64_t>((static_cast<Wide>(a) * b) >> 64));
    }
}

TBRM_TEST(order_keys_order_and_return) {
    const float values[] = {-kInf, -1e30f, -1.5f, -1e-40f, 0.0f, 1e-40f, 2.0f, 3e38f, kInf};
    for (size_t i = 0; i + 1 < sizeof values / sizeof *values; ++i)
        CHECK(order_key(values[i]) < order_key(values[i + 1]));
    for (const float x : values)
        CHECK(from_order_key(order_key(x)) == x);
    CHECK(order_key(-0.0f) == order_key(0.0f));
}

TBRM_TEST(draws_follow_the_softmax) {
    constexpr int64_t kVocab = 1000, kDraws = 200000;
    const std::vector<float> logits = testing::normals(kVocab, 11, 2.0);
    for (const float temperature : {1.0f, 0.6f, 1.7f}) {
        SampleRow row = plain_row(kVocab);
        row.temperature = temperature;
        double margin;
        const double z = chi_square_z(
                count_tokens(draw_all(logits, many_rows(row, kDraws))), oracle(logits, row, {}, &margin), kDraws);
        CHECK_MSG(std::fabs(z) < 4.5, "temperature %g: %g standard deviations", temperature, z);
    }
}

TBRM_TEST(filtered_draws_follow_the_renormalised_softmax) {
    constexpr int64_t kVocab = 1000, kDraws = 100000;
    const std::vector<float> logits = testing::normals(kVocab, 12, 2.0);
    SampleRow row = plain_row(kVocab);
    row.temperature = 0.9f;
    row.top_k = 300;
    row.top_p = 0.93f;
    row.log_min_p = std::log(0.001f);
    row.repetition_penalty = 1.3f;
    row.n_seen = 4;
    const std::vector<int32_t> seen = {1, 5, 998, 400};
    double margin;
    const std::vector<double> expected = oracle(logits, row, seen, &margin);
    const std::map<int32_t, int64_t> counts = count_tokens(draw_all(logits, many_rows(row, kDraws), seen));
    for (const auto& [token, count] : counts)
        CHECK_MSG(std::isfinite(expected[static_cast<size_t>(token)]), "token %d drawn %d times", token,
                static_cast<int>(count));
    const double z = chi_square_z(counts, expected, kDraws);
    CHECK_MSG(std::fabs(z) < 4.5, "%g standard deviations", z);
}

TBRM_TEST(tail_ids_of_a_large_vocabulary_are_drawn) {
    constexpr int64_t kVocab = 151936, kTail = 700, kDraws = 3000;
    std::vector<float> logits(kVocab, -4.0f);
    std::fill(logits.end() - kTail, logits.end(), -4.0f + std::log(static_cast<float>(kVocab - kTail) / kTail));
    SampleRow row = plain_row(kVocab);
    int64_t in_tail = 0, beyond = 0;
    std::map<int32_t, int64_t> tail_counts;
    for (const SampleResult& result : draw_all(logits, many_rows(row, kDraws))) {
        in_tail += result.token >= kVocab - kTail;
        tail_counts[result.token] += result.token >= kVocab - kTail;
        CHECK(testing::close(result.logp, result.processed_logp, 2e-6));
    }
    // Half of the mass: a binomial of 3000 with deviation 27.
    CHECK_MSG(std::llabs(in_tail - kDraws / 2) < 125, "%d of 3000", static_cast<int>(in_tail));
    CHECK(tail_counts.size() > 500);
    row.n_vocab = static_cast<int32_t>(kVocab - kTail);
    for (const SampleResult& result : draw_all(logits, many_rows(row, 500)))
        beyond += result.token >= row.n_vocab;
    CHECK(beyond == 0);
}

TBRM_TEST(filters_keep_what_sorting_keeps) {
    int compared = 0;
    for (uint64_t trial = 0; trial < 1500; ++trial) {
        const auto u = [&](uint64_t k) { return testing::uniform(900 + trial, k); };
        const int64_t vocab = 1 + static_cast<int64_t>(u(0) * 2500);
        std::vector<float> logits = testing::normals(vocab, trial, 0.5 + 4 * u(1));
        if (u(2) < 0.3) {
            for (float& x : logits)
                x = std::round(2 * x) / 2;  // many ties
        }
        SampleRow row = plain_row(vocab);
        row.temperature = static_cast<float>(0.3 + 1.5 * u(3));
        row.top_k = u(4) < 0.5 ? static_cast<int32_t>(1 + u(5) * static_cast<double>(vocab)) : 0;
        row.top_p = u(6) < 0.6 ? static_cast<float>(0.02 + 0.97 * u(7)) : 1.0f;
        row.log_min_p = u(8) < 0.4 ? static_cast<float>(std::log(0.3 * u(9) + 1e-9)) : -kInf;
        double margin;
        const std::vector<double> expected = oracle(logits, row, {}, &margin);
        if (margin < 1e-5) continue;  // fp32 and fp64 may fall on either side

        std::vector<float> z(logits), scratch(2 * logits.size());
        for (float& x : z)
            x /= row.temperature;
        const float z_max = *std::max_element(z.begin(), z.end());
        const SampleFilter filter =
                cpu::sample_filter(vocab, z.data(), z_max, row.top_k, row.top_p, row.log_min_p, scratch.data());
        for (size_t i = 0; i < z.size(); ++i) {
            const bool kept = (z[i] > filter.threshold ||
                                      (z[i] == filter.threshold && static_cast<int32_t>(i) <= filter.last_tie)) &&
                              z[i] - z_max >= filter.log_min_p;
            CHECK_MSG(kept == std::isfinite(expected[i]), "trial %d id %zu of %d", static_cast<int>(trial), i,
                    static_cast<int>(vocab));
        }
        row.seed = trial;
        const SampleResult result = draw_one(logits, row);
        CHECK(testing::close(result.processed_logp, expected[static_cast<size_t>(result.token)], 3e-6));
        ++compared;
    }
    CHECK_MSG(compared > 1000, "%d", compared);
}

TBRM_TEST(ties_are_kept_as_documented) {
    // 2 2 1 1 1 0: top-k 3 keeps every 1; top-p drops the higher of the equal ids.
    const std::vector<float> z = {1, 2, 0, 1, 2, 1};
    std::vector<float> scratch(2 * z.size());
    SampleFilter filter = cpu::sample_filter(6, z.data(), 2, 3, 1.0f, -kInf, scratch.data());
    CHECK(filter.threshold == 1 && filter.last_tie == std::numeric_limits<int32_t>::max());
    // e^0 + e^0 + 3 e^-1 + e^-2 = 3.239: the two largest are 0.617, each 1 is 0.1136.
    filter = cpu::sample_filter(6, z.data(), 2, 0, 0.8f, -kInf, scratch.data());
    CHECK(filter.threshold == 1 && filter.last_tie == 3);
    filter = cpu::sample_filter(6, z.data(), 2, 0, 0.62f, -kInf, scratch.data());
    CHECK(filter.threshold == 1 && filter.last_tie == 0);
    filter = cpu::sample_filter(6, z.data(), 2, 0, 1e-6f, -kInf, scratch.data());
    CHECK(filter.threshold == 2 && filter.last_tie == 1);
    // Equal logits: top-k 1 keeps all of them, top-p 0.5 half.
    const std::vector<float> flat(8, 3.0f);
    scratch.resize(16);
    CHECK(cpu::sample_filter(8, flat.data(), 3, 1, 1.0f, -kInf, scratch.data()).threshold == 3);
    CHECK(cpu::sample_filter(8, flat.data(), 3, 0, 0.5f, -kInf, scratch.data()).last_tie == 3);
}

// Input and output of test_top_p_dist_warper in huggingface/transformers, tests/generation/test_logits_process.py.
TBRM_TEST(top_p_gives_transformers_vectors) {
    const std::vector<std::vector<float>> given = {{0.3f, 0.1f, 0.1f, 0.5f}, {0.15f, 0.3f, 0.3f, 0.25f}};
    const std::vector<std::vector<bool>> kept = {{true, false, false, true}, {false, true, true, true}};
    for (size_t i = 0; i < given.size(); ++i) {
        std::vector<float> z, scratch(8);
        for (const float p : given[i])
            z.push_back(std::log(p));
        const float z_max = *std::max_element(z.begin(), z.end());
        const SampleFilter filter = cpu::sample_filter(4, z.data(), z_max, 0, 0.8f, -kInf, scratch.data());
        for (size_t id = 0; id < 4; ++id) {
            const bool keeps = z[id] > filter.threshold ||
                               (z[id] == filter.threshold && static_cast<int32_t>(id) <= filter.last_tie);
            CHECK_MSG(keeps == kept[i][id], "row %zu, id %zu", i, id);
        }
    }
    const std::vector<float> ten(10, -1.0f);
    std::vector<float> scratch(20);
    CHECK(cpu::sample_filter(10, ten.data(), -1, 0, 0.8f, -kInf, scratch.data()).last_tie == 7);
}

TBRM_TEST(greedy_takes_the_lowest_of_the_largest) {
    std::vector<float> logits = testing::normals(3001, 5);
    logits[2999] = logits[17] = logits[1024] = 9.0f;
    SampleRow row = plain_row(3001);
    row.temperature = 0;
    const float v = log_sum_exp(logits, 1);
    SampleResult result = draw_one(logits, row);
    CHECK(result.token == 17 && result.logp == 9.0f - v && result.processed_logp == 0);
    const std::vector<int32_t> ids = {17, 1024};  // masked
    row.n_masked = 2;
    result = draw_one(logits, row, ids);
    CHECK(result.token == 2999 && result.logp == 9.0f - v);
    row.n_masked = 0;
    row.n_seen = 2;
    row.repetition_penalty = 1.5f;
    CHECK(draw_one(logits, row, ids).token == 2999);
    row.repetition_penalty = 0.5f;
    CHECK(draw_one(logits, row, ids).token == 17);
    row.n_vocab = 17;
    row.n_seen = 0;
    CHECK(draw_one(logits, row).token == std::max_element(logits.begin(), logits.begin() + 17) - logits.begin());
}

TBRM_TEST(the_penalty_is_hugging_faces) {
    CHECK(penalize(2.0f, 1.25f) == 2.0f / 1.25f && penalize(-2.0f, 1.25f) == -2.0f * 1.25f && penalize(0.0f, 2) == 0);
    const std::vector<float> logits = {1.0f, -1.0f, 0.5f, 0.0f};
    SampleRow row = plain_row(4);
    row.repetition_penalty = 1.25f;
    row.n_seen = 3;
    const std::vector<int32_t> seen = {0, 1, 3};
    double margin;
    const std::vector<double> expected = oracle(logits, row, seen, &margin);
    for (const SampleResult& result : draw_all(logits, many_rows(row, 200), seen)) {
        const size_t token = static_cast<size_t>(result.token);
        CHECK(testing::close(result.processed_logp, expected[token], 1e-6));
        CHECK(result.logp == logits[token] - log_sum_exp(logits, 1));  // before the penalty
    }
}

TBRM_TEST(a_broken_row_reports_nothing_and_harms_no_other) {
    constexpr int64_t kVocab = 2050;
    std::vector<float> logits = testing::normals(4 * kVocab, 3);
    logits[kVocab + 2049] = NAN;
    std::fill(logits.begin() + 2 * kVocab, logits.begin() + 3 * kVocab, -kInf);
    logits[3 * kVocab + 5] = kInf;
    const std::vector<float> first(logits.begin(), logits.begin() + kVocab);
    const float v[] = {log_sum_exp(first, 1), NAN, -kInf, kInf};
    std::vector<SampleRow> rows(8, plain_row(kVocab));
    for (int32_t i = 0; i < 8; ++i) {
        rows[static_cast<size_t>(i)].logits_row = i % 4;
        rows[static_cast<size_t>(i)].temperature = i < 4 ? 1.0f : 0.0f;
    }
    std::vector<float> workspace(static_cast<size_t>(cpu::sample_workspace_bytes(kVocab)) / 4 + 16);
    std::vector<SampleResult> results(8);
    cpu::sample(kVocab, logits.data(), kVocab, v, 8, rows.data(), nullptr, workspace.data(), results.data());
    for (size_t i = 0; i < 8; ++i)
        CHECK((results[i].token >= 0) == (i % 4 == 0));
    CHECK(same(results[0], draw_one(first, rows[0])));
    // A finite log-sum-exp does not hide a NaN, and masking everything leaves nothing.
    const std::vector<float> two = {0.0f, NAN};
    const float finite = 0;
    SampleRow row = plain_row(2);
    cpu::sample(2, two.data(), 2, &finite, 1, &row, nullptr, workspace.data(), results.data());
    CHECK(results[0].token == -1);
    row.n_masked = 2;
    CHECK(draw_one({1.0f, 2.0f}, row, {0, 1}).token == -1);
}

TBRM_TEST(every_instruction_set_and_every_batch_gives_the_same_bits) {
    for (const int64_t vocab : {1, 15, 16, 1023, 1025, 5000}) {
        const std::vector<float> logits = testing::normals(vocab, 21, 3.0);
        std::vector<SampleRow> rows;
        std::vector<int32_t> ids = {0, static_cast<int32_t>(vocab - 1), static_cast<int32_t>(vocab / 2)};
        for (int32_t i = 0; i < 64; ++i) {
            SampleRow row = plain_row(vocab);
            row.temperature = 0.8f;
            row.position = i;
            row.top_k = i % 2 == 0 ? 0 : 1 + i;
            row.top_p = i % 3 == 0 ? 0.9f : 1.0f;
            row.log_min_p = i % 5 == 0 ? -6.0f : -kInf;
            row.n_seen = i % 7 == 0 ? 2 : 0;
            row.repetition_penalty = 1.2f;
            rows.push_back(row);
        }
        const std::vector<SampleResult> expected = draw_all(logits, rows, ids);
        for (size_t i = 0; i < rows.size(); ++i)
            CHECK(same(draw_one(logits, rows[i], ids), expected[i]));
        const Isa before = active_isa();
        for (int isa = 0; isa <= static_cast<int>(best_isa()); ++isa) {
            override_isa(static_cast<Isa>(isa));
            const std::vector<SampleResult> results = draw_all(logits, rows, ids);
            for (size_t i = 0; i < rows.size(); ++i)
                CHECK_MSG(same(results[i], expected[i]), "%s, row %zu", isa_name(static_cast<Isa>(isa)), i);
        }
        override_isa(before);
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
