// sampling.cpp - tbrm_sampling_t checked and copied.
#include <cmath>
#include <string>

#include "core/guard.hpp"
#include "rollout/rollout.hpp"

namespace tbrm {
namespace {

void check_ranges(const tbrm_sampling_t& s, int64_t vocab) {
    TBRM_REQUIRE(s.max_new_tokens >= 1, "max_new_tokens is %d, expected 1 or more", s.max_new_tokens);
    TBRM_REQUIRE(s.min_new_tokens >= 0 && s.min_new_tokens <= s.max_new_tokens,
            "min_new_tokens is %d, expected 0 to max_new_tokens = %d", s.min_new_tokens, s.max_new_tokens);
    TBRM_REQUIRE(s.top_k >= 0, "top_k is %d, expected 0 (off) or more", s.top_k);
    TBRM_REQUIRE(
            s.top_p > 0 && s.top_p <= 1, "top_p is %g, expected above 0, up to 1 (off)", static_cast<double>(s.top_p));
    TBRM_REQUIRE(s.min_p >= 0 && s.min_p <= 1, "min_p is %g, expected 0 (off) to 1", static_cast<double>(s.min_p));
    TBRM_REQUIRE(std::isfinite(s.temperature) && s.temperature >= 0,
            "temperature is %g, expected 0 (greedy) or a finite number above", static_cast<double>(s.temperature));
    TBRM_REQUIRE(std::isfinite(s.repetition_penalty) && s.repetition_penalty > 0,
            "repetition_penalty is %g, expected a finite number above 0; 1 is off",
            static_cast<double>(s.repetition_penalty));
    TBRM_REQUIRE(s.sampled_vocab_size >= 0 && s.sampled_vocab_size <= vocab,
            "sampled_vocab_size is %d, expected 0 (all) to the model's vocab_size = %lld", s.sampled_vocab_size,
            static_cast<long long>(vocab));
}

std::vector<int32_t> copy_stop_ids(const tbrm_sampling_t& s, int64_t vocab) {
    TBRM_REQUIRE(s.n_stop_ids >= 0 && (s.n_stop_ids == 0 || s.stop_ids != nullptr),
            "n_stop_ids is %d and stop_ids is %s", s.n_stop_ids, s.stop_ids != nullptr ? "given" : "null");
    for (int32_t i = 0; i < s.n_stop_ids; ++i) {
        TBRM_REQUIRE(s.stop_ids[i] >= 0 && s.stop_ids[i] < vocab, "stop_ids[%d] is %d, expected 0 to %lld", i,
                s.stop_ids[i], static_cast<long long>(vocab) - 1);
    }
    return s.n_stop_ids > 0 ? std::vector<int32_t>(s.stop_ids, s.stop_ids + s.n_stop_ids) : std::vector<int32_t>();
}

std::unique_ptr<StopMatcher> make_stop_matcher(const tbrm_sampling_t& s) {
    TBRM_REQUIRE(s.n_stop_strings >= 0, "n_stop_strings is %d, expected 0 or more", s.n_stop_strings);
    if (s.n_stop_strings == 0) return nullptr;
    TBRM_REQUIRE(s.stop_string_offsets != nullptr && s.stop_string_bytes != nullptr,
            "n_stop_strings is %d, but stop_string_offsets or stop_string_bytes is null", s.n_stop_strings);
    std::vector<std::string> strings;
    TBRM_REQUIRE(s.stop_string_offsets[0] == 0, "stop_string_offsets[0] is %lld, expected 0",
            static_cast<long long>(s.stop_string_offsets[0]));
    for (int32_t i = 0; i < s.n_stop_strings; ++i) {
        const int64_t first = s.stop_string_offsets[i], end = s.stop_string_offsets[i + 1];
        TBRM_REQUIRE(end >= first, "stop_string_offsets[%d] is %lld, less than the one before", i + 1,
                static_cast<long long>(end));
        strings.emplace_back(reinterpret_cast<const char*>(s.stop_string_bytes) + first, end - first);
    }
    return std::make_unique<StopMatcher>(strings);
}

}  // namespace

Sampling make_sampling(const tbrm_sampling_t& s, int64_t vocab) {
    check_ranges(s, vocab);
    Sampling sampling{};
    sampling.row.seed = s.seed;
    sampling.row.n_vocab = static_cast<int32_t>(s.sampled_vocab_size > 0 ? s.sampled_vocab_size : vocab);
    sampling.row.top_k = s.top_k;
    sampling.row.temperature = s.temperature;
    sampling.row.top_p = s.top_p;
    sampling.row.log_min_p = static_cast<float>(std::log(static_cast<double>(s.min_p)));
    sampling.row.repetition_penalty = s.repetition_penalty;
    sampling.max_new_tokens = s.max_new_tokens;
    sampling.min_new_tokens = s.min_new_tokens;
    sampling.stop_ids = copy_stop_ids(s, vocab);
    sampling.stop_strings = make_stop_matcher(s);
    return sampling;
}

}  // namespace tbrm
