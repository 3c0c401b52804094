#include "rollout/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "core/parallel.hpp"

namespace tbrm {

int64_t checked_page_count(const ModelView& model, int64_t kv_budget_bytes) {
    const int64_t page_bytes = KvCache::page_bytes(model), n_pages = kv_budget_bytes / page_bytes;
    const int64_t needed = ceil_div(model.max_positions, kPageTokens);
    if (n_pages < needed) {
        TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY,
                "kv_budget_bytes = %lld holds %lld pages of 64 tokens, but one sequence of max_positions = %lld takes "
                "%lld: raise kv_budget_bytes to %lld or lower max_positions",
                static_cast<long long>(kv_budget_bytes), static_cast<long long>(n_pages),
                static_cast<long long>(model.max_positions), static_cast<long long>(needed),
                static_cast<long long>(needed * page_bytes));
    }
    return n_pages;
}

Rollout::Rollout(Device& device, const ModelView& model, const RolloutLimits& limits)
    : device_(device),
      model_(model),
      pool_(checked_page_count(model, limits.kv_budget_bytes)),
      cache_(device, model, pool_.size()),
      scheduler_({limits.max_seqs, limits.max_batched_tokens}, pool_, cache_),
      runner_(device, model, cache_, limits.max_seqs + limits.max_batched_tokens, limits.logits_budget_bytes,
              limits.decode_graph ? limits.max_seqs : 0) {}

void Rollout::set_token_bytes(int64_t n_ids, const int64_t* offsets, const uint8_t* bytes) {
    TBRM_REQUIRE(n_ids >= 0 && n_ids <= model_.vocab, "n_ids is %lld, expected 0 to the model's vocab_size = %lld",
            static_cast<long long>(n_ids), static_cast<long long>(model_.vocab));
    TBRM_REQUIRE(offsets != nullptr && offsets[0] == 0, "offsets is null or does not begin with 0");
    for (int64_t i = 0; i < n_ids; ++i) {
        TBRM_REQUIRE(offsets[i + 1] >= offsets[i], "offsets[%lld] is %lld, less than the one before",
                static_cast<long long>(i + 1), static_cast<long long>(offsets[i + 1]));
    }
    TBRM_REQUIRE(bytes != nullptr || offsets[n_ids] == 0, "bytes is null, expected %lld of them",
            static_cast<long long>(offsets[n_ids]));
    std::vector<int64_t> new_offsets(offsets, offsets + n_ids + 1);
    std::vector<uint8_t> new_bytes;
    if (offsets[n_ids] > 0) new_bytes.assign(bytes, bytes + offsets[n_ids]);
    token_offsets_.swap(new_offsets);
    token_bytes_.swap(new_bytes);
}

void Rollout::set_guide(const ModelView* guide, float scale) {
    TBRM_REQUIRE(idle(), "%zu trajectories run and %zu wait; set the guide before they are submitted",
            scheduler_.running().size(), scheduler_.waiting().size());
    if (guide != nullptr) {
        TBRM_REQUIRE(std::isfinite(scale) && scale >= 0, "scale is %g, expected a number that is not negative",
                static_cast<double>(scale));
        TBRM_REQUIRE(guide->head != nullptr, "the guide has a value head: it has no logits to mix");
        TBRM_REQUIRE(guide->vocab == model_.vocab, "the guide has %lld tokens, the model %lld",
                static_cast<long long>(guide->vocab), static_cast<long long>(model_.vocab));
        TBRM_REQUIRE(guide->max_positions >= model_.max_positions,
                "the guide was opened for %lld positions, the model for %lld",
                static_cast<long long>(guide->max_positions), static_cast<long long>(model_.max_positions));
    }
    std::unique_ptr<KvCache> cache =
            guide == nullptr ? nullptr : std::make_unique<KvCache>(device_, *guide, pool_.size());
    cache_.release();
    runner_.release();
    cache_.lead(cache.get());
    guide_cache_ = std::move(cache);
    runner_.mix(guide, guide_cache_.get(), scale);
}

std::shared_ptr<Prompt> Rollout::make_prompt(
        int64_t n_prompt_tokens, const int32_t* prompt_ids, const tbrm_sampling_t& sampling) const {
    TBRM_REQUIRE(n_prompt_tokens >= 1 && prompt_ids != nullptr, "n_prompt_tokens is %lld, expected 1 or more",
            static_cast<long long>(n_prompt_tokens));
    TBRM_REQUIRE(n_prompt_tokens < model_.max_positions,
            "the prompt has %lld tokens; with one token of response it must fit max_positions = %lld: shorten the "
            "prompt",
            static_cast<long long>(n_prompt_tokens), static_cast<long long>(model_.max_positions));
    for (int64_t i = 0; i < n_prompt_tokens; ++i) {
        TBRM_REQUIRE(prompt_ids[i] >= 0 && prompt_ids[i] < model_.vocab, "prompt_ids[%lld] is %d, expected 0 to %lld",
                static_cast<long long>(i), prompt_ids[i], static_cast<long long>(model_.vocab) - 1);
    }
    std::shared_ptr<Prompt> prompt = std::make_shared<Prompt>();
    prompt->sampling = make_sampling(sampling, model_.vocab);
    TBRM_REQUIRE(prompt->sampling.stop_strings == nullptr || !token_offsets_.empty(),
            "stop strings are matched over the bytes of tokens: call tbrm_rollout_set_token_bytes before submitting");
    prompt->ids.assign(prompt_ids, prompt_ids + n_prompt_tokens);
    return prompt;
}

void Rollout::submit(int64_t n_prompt_tokens, const int32_t* prompt_ids, int64_t n_samples,
        const int64_t* trajectory_ids, const tbrm_sampling_t& sampling) {
    TBRM_REQUIRE(n_samples >= 1 && trajectory_ids != nullptr, "n_samples is %lld, expected 1 or more",
            static_cast<long long>(n_samples));
    std::unordered_set<int64_t> ids;
    for (int64_t i = 0; i < n_samples; ++i) {
        const int64_t id = trajectory_ids[i];
        TBRM_REQUIRE(id >= 0, "trajectory_ids[%lld] is %lld, expected 0 or more", static_cast<long long>(i),
                static_cast<long long>(id));
        TBRM_REQUIRE(ids.insert(id).second && sequences_.count(id) == 0,
                "trajectory id %lld is submitted twice; ids are free again once the trajectory has been read",
                static_cast<long long>(id));
    }
    const std::shared_ptr<Prompt> prompt = make_prompt(n_prompt_tokens, prompt_ids, sampling);
    const int64_t first_order = next_order_;
    try {
        for (int64_t i = 0; i < n_samples; ++i)
            scheduler_.add(add_sample(prompt, trajectory_ids[i]));
    } catch (...) {
        withdraw(first_order);
        throw;
    }
}

// All samples of a submission are queued, or none.
void Rollout::withdraw(int64_t first_order) noexcept {
    scheduler_.withdraw(first_order);
    for (auto entry = sequences_.begin(); entry != sequences_.end();)
        entry = entry->second->order >= first_order ? sequences_.erase(entry) : std::next(entry);
    next_order_ = first_order;
}

Sequence* Rollout::add_sample(const std::shared_ptr<Prompt>& prompt, int64_t trajectory_id) {
    std::unique_ptr<Sequence> sequence = std::make_unique<Sequence>();
    sequence->prompt = prompt;
    sequence->trajectory_id = trajectory_id;
    sequence->order = next_order_++;
    if (prompt->sampling.row.repetition_penalty != 1.0f) {
        sequence->seen_bits.assign(static_cast<size_t>(ceil_div(model_.vocab, 64)), 0);
        for (const int32_t id : prompt->ids)
            sequence->see(id);
    }
    Sequence* raw = sequence.get();
    sequences_.emplace(trajectory_id, std::move(sequence));
    prompt->samples.push_back(raw);
    return raw;
}

void Rollout::step(int64_t n_iterations) {
    for (int64_t i = 0; i < n_iterations && !idle(); ++i) {
        cache_.ensure();
        scheduler_.schedule(plan_);
        TBRM_ASSERT(plan_.n_rows > 0, "the scheduler found nothing to run with %zu running and %zu waiting",
                scheduler_.running().size(), scheduler_.waiting().size());
        for (Sequence* sequence : plan_.draws)
            sequence->reserve_token();
        postprocess(runner_.run(plan_));
    }
}

void Rollout::postprocess(const std::vector<SampleResult>& results) {
    for (const Span& span : plan_.spans)
        n_prefill_tokens_ += std::max<int64_t>(0, std::min(span.count, span.prompt->length() - span.start));
    scheduler_.advance(plan_);
    for (size_t i = 0; i < plan_.draws.size(); ++i)
        accept(*plan_.draws[i], results[i]);
    scheduler_.drop_finished();
}

void Rollout::accept(Sequence& sequence, const SampleResult& result) {
    const Sampling& sampling = sequence.prompt->sampling;
    if (result.token < 0) {
        finish(sequence, TBRM_FINISH_REASON_NON_FINITE);
        return;
    }
    sequence.response.push_back(result.token);
    sequence.logp.push_back(result.logp);
    sequence.processed_logp.push_back(result.processed_logp);
    if (!sequence.seen_bits.empty()) sequence.see(result.token);
    ++n_decode_tokens_;
    const std::vector<int32_t>& stop_ids = sampling.stop_ids;
    const bool string_ends = completes_stop_string(sequence, result.token);
    if (std::find(stop_ids.begin(), stop_ids.end(), result.token) != stop_ids.end()) {
        finish(sequence, TBRM_FINISH_REASON_STOP_ID);
    } else if (string_ends && sequence.n_response() >= sampling.min_new_tokens) {
        finish(sequence, TBRM_FINISH_REASON_STOP_STRING);
    } else if (sequence.n_response() >= sampling.max_new_tokens || sequence.length() >= model_.max_positions) {
        finish(sequence, TBRM_FINISH_REASON_LENGTH);
    }
}

bool Rollout::completes_stop_string(Sequence& sequence, int32_t token) const {
    const StopMatcher* matcher = sequence.prompt->sampling.stop_strings.get();
    const size_t id = static_cast<size_t>(token);
    if (matcher == nullptr || id + 1 >= token_offsets_.size()) return false;
    return matcher->feed(
            sequence.stop_state, token_bytes_.data() + token_offsets_[id], token_offsets_[id + 1] - token_offsets_[id]);
}

void Rollout::finish(Sequence& sequence, tbrm_finish_reason_t reason) {
    scheduler_.finish(sequence, reason);
    (last_finished_ != nullptr ? last_finished_->next_finished : first_finished_) = &sequence;
    last_finished_ = &sequence;
    ++n_finished_;
}

tbrm_rollout_status_t Rollout::status() const {
    tbrm_rollout_status_t status{};
    status.n_waiting = static_cast<int32_t>(scheduler_.waiting().size());
    status.n_running = static_cast<int32_t>(scheduler_.running().size());
    status.n_finished = n_finished_;
    status.n_pages = pool_.size();
    status.n_pages_free = pool_.n_free();
    status.n_preemptions = scheduler_.n_preemptions();
    status.n_prefill_tokens = n_prefill_tokens_;
    status.n_decode_tokens = n_decode_tokens_;
    return status;
}

void Rollout::pop() {
    const int64_t id = first_finished_->trajectory_id;
    first_finished_ = first_finished_->next_finished;
    if (first_finished_ == nullptr) last_finished_ = nullptr;
    --n_finished_;
    sequences_.erase(id);
}

void Rollout::cancel() {
    for (Sequence* sequence : scheduler_.running())
        finish(*sequence, TBRM_FINISH_REASON_CANCELLED);
    for (Sequence* sequence : scheduler_.waiting())
        finish(*sequence, TBRM_FINISH_REASON_CANCELLED);
    scheduler_.drop_finished();
}

void Rollout::release_pages() {
    TBRM_REQUIRE(idle(), "%zu trajectories run and %zu wait; step until they are finished, or cancel them first",
            scheduler_.running().size(), scheduler_.waiting().size());
    cache_.release();
    runner_.release();
}

}  // namespace tbrm
