#pragma once
// sequence.hpp - what the scheduler moves around: a prompt with its samples, and one sample with its response.
#include <tbrm/tbrm.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "rollout/sampler.hpp"
#include "rollout/stop_matcher.hpp"

namespace tbrm {

// What tbrm_sampling_t said, owned; one for all samples of a prompt.
struct Sampling {
    SampleRow row;  // the fields that do not depend on the draw
    int32_t max_new_tokens;
    int32_t min_new_tokens;
    std::vector<int32_t> stop_ids;
    std::unique_ptr<StopMatcher> stop_strings;  // null: none
};

struct Sequence;

// The pages that hold a prompt while some sample has none of its own yet: prefilled once, then taken by each sample (full pages by
// reference, the partly filled last one as a copy); the last sample to come inherits them.
struct Prompt {
    std::vector<int32_t> ids;
    Sampling sampling;
    std::vector<Sequence*> samples;  // unfinished, in submission order
    std::vector<int64_t> pages;
    int64_t n_cached = 0;   // tokens whose keys and values are in pages
    bool computed = false;  // every sample has drawn its first token
    bool planned = false;   // in the iteration being scheduled

    int64_t length() const { return static_cast<int64_t>(ids.size()); }
};

struct Sequence {
    std::shared_ptr<Prompt> prompt;
    int64_t trajectory_id;
    int64_t order;  // of submission: the older goes first, the newest is preempted first
    std::vector<int32_t> response;
    std::vector<float> logp;
    std::vector<float> processed_logp;
    std::vector<int64_t> pages;  // empty: waiting, or running while the prompt is prefilled
    int64_t n_cached = 0;        // tokens whose keys and values are in pages
    int32_t stop_state = 0;      // of sampling.stop_strings
    bool finished = false;
    Sequence* next_finished = nullptr;  // in the list of those that wait to be read
    tbrm_finish_reason_t reason = TBRM_FINISH_REASON_LENGTH;
    std::vector<int32_t> seen;        // distinct ids of prompt and response; kept with a repetition penalty only
    std::vector<uint64_t> seen_bits;  // the same as a set

    int64_t n_response() const { return static_cast<int64_t>(response.size()); }
    int64_t length() const { return prompt->length() + n_response(); }
    int32_t token(int64_t i) const {
        const int64_t n_prompt = prompt->length();
        return i < n_prompt ? prompt->ids[static_cast<size_t>(i)] : response[static_cast<size_t>(i - n_prompt)];
    }
    // Room for one token more, so that accepting it cannot fail.
    void reserve_token() {
        const auto grow = [](auto& list) {
            if (list.size() == list.capacity()) list.reserve(std::max<size_t>(16, 2 * list.size()));
        };
        grow(response);
        grow(logp);
        grow(processed_logp);
        if (!seen_bits.empty()) grow(seen);
    }
    void see(int32_t id) {
        uint64_t& word = seen_bits[static_cast<size_t>(id) / 64];
        const uint64_t bit = uint64_t{1} << (id % 64);
        if ((word & bit) == 0) seen.push_back(id);
        word |= bit;
    }
};

}  // namespace tbrm
