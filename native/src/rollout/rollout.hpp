#pragma once
// rollout.hpp - the rollout engine: queue, scheduler, pages, runner, stop conditions. What tbrm_rollout_t points to; contract in tbrm.h,
// section "rollout". Needs a device and a model view, no libtorch.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/memory.hpp"
#include "device/device.hpp"
#include "model/model_view.hpp"
#include "rollout/batch_runner.hpp"
#include "rollout/kv_cache.hpp"
#include "rollout/page_pool.hpp"
#include "rollout/scheduler.hpp"
#include "rollout/sequence.hpp"

namespace tbrm {

// Whole pages within the budget. Throws OUT_OF_MEMORY when they hold less than one sequence of max_positions.
int64_t checked_page_count(const ModelView& model, int64_t kv_budget_bytes);

struct RolloutLimits {
    int64_t max_seqs;
    int64_t max_batched_tokens;
    int64_t kv_budget_bytes;
    int64_t logits_budget_bytes;
    bool decode_graph = true;  // where the device can record
};

class Rollout {
public:
    // Device and model outlive the rollout. Errors: OUT_OF_MEMORY when the budget holds less than one sequence of max_positions.
    Rollout(Device& device, const ModelView& model, const RolloutLimits& limits);

    void set_token_bytes(int64_t n_ids, const int64_t* offsets, const uint8_t* bytes);

    // See tbrm_rollout_set_guide. The guide outlives the rollout, or is taken away by null.
    void set_guide(const ModelView* guide, float scale);

    void submit(int64_t n_prompt_tokens, const int32_t* prompt_ids, int64_t n_samples, const int64_t* trajectory_ids,
            const tbrm_sampling_t& sampling);

    // Up to n_iterations of schedule -> run -> postprocess, until nothing is queued. When it throws, the iteration has not happened.
    void step(int64_t n_iterations);
    tbrm_rollout_status_t status() const;

    // The oldest finished trajectory, null when there is none; pop removes it.
    const Sequence* finished() const { return first_finished_; }
    void pop();

    void cancel();
    void release_pages();

    // Throws INTERNAL when an invariant of scheduler and pages does not hold (tests).
    void check() const { scheduler_.check(); }

private:
    bool idle() const { return scheduler_.running().empty() && scheduler_.waiting().empty(); }
    void postprocess(const std::vector<SampleResult>& results);
    void withdraw(int64_t first_order) noexcept;
    void accept(Sequence& sequence, const SampleResult& result);
    void finish(Sequence& sequence, tbrm_finish_reason_t reason);
    bool completes_stop_string(Sequence& sequence, int32_t token) const;
    std::shared_ptr<Prompt> make_prompt(
            int64_t n_prompt_tokens, const int32_t* prompt_ids, const tbrm_sampling_t& sampling) const;
    Sequence* add_sample(const std::shared_ptr<Prompt>& prompt, int64_t trajectory_id);

    Device& device_;
    const ModelView& model_;
    PagePool pool_;
    KvCache cache_;
    std::unique_ptr<KvCache> guide_cache_;  // null without a guide
    Scheduler scheduler_;
    BatchRunner runner_;
    Plan plan_;
    std::unordered_map<int64_t, std::unique_ptr<Sequence>> sequences_;  // by trajectory id, until read
    // Linked through next_finished, the oldest first: to finish takes no memory.
    Sequence* first_finished_ = nullptr;
    Sequence* last_finished_ = nullptr;
    int32_t n_finished_ = 0;
    std::vector<int64_t> token_offsets_;  // empty: not set
    std::vector<uint8_t> token_bytes_;
    int64_t next_order_ = 0;
    int64_t n_prefill_tokens_ = 0;
    int64_t n_decode_tokens_ = 0;
};

// Checks every field against the model and copies what it points to. Throws INVALID_ARGUMENT naming the field.
Sampling make_sampling(const tbrm_sampling_t& sampling, int64_t vocab);

}  // namespace tbrm
