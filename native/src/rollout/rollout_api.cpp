// rollout_api.cpp - exports of the section "rollout". Contract: tbrm.h.
#include <algorithm>

#include "model/model.hpp"
#include "rollout/rollout.hpp"

// The handle keeps the models alive; they are declared first, so they go last.
struct tbrm_rollout {
    std::shared_ptr<tbrm::Model> model, guide;
    tbrm::Rollout engine;
    tbrm::LiveObject live;
};

namespace {

tbrm::Rollout& use(tbrm_rollout_t* rollout) {
    TBRM_REQUIRE(rollout != nullptr, "rollout is null");
    rollout->model->device().enter();
    return rollout->engine;
}

tbrm::RolloutLimits check_config(const tbrm_rollout_config_t* config, const tbrm::Model& model) {
    TBRM_REQUIRE(model.config().has_lm_head(), "the model has a value head alone: it has no logits to sample from");
    TBRM_REQUIRE(config != nullptr, "config is null");
    TBRM_REQUIRE(config->struct_size == static_cast<int32_t>(sizeof *config), "struct_size is %d, expected %zu",
            config->struct_size, sizeof *config);
    TBRM_REQUIRE(config->max_seqs >= 1, "max_seqs is %d, expected 1 or more", config->max_seqs);
    TBRM_REQUIRE(config->max_batched_tokens >= 1, "max_batched_tokens is %d, expected 1 or more",
            config->max_batched_tokens);
    TBRM_REQUIRE(config->kv_budget_bytes >= 0, "kv_budget_bytes is %lld, expected 0 or more",
            static_cast<long long>(config->kv_budget_bytes));
    TBRM_REQUIRE(config->decode_graph == 0 || config->decode_graph == 1, "decode_graph is %d, expected 0 or 1",
            config->decode_graph);
    return {config->max_seqs, config->max_batched_tokens, config->kv_budget_bytes, model.config().head_budget(),
            config->decode_graph == 1};
}

}  // namespace

extern "C" {

tbrm_status_t tbrm_rollout_create(tbrm_model_t* model, const tbrm_rollout_config_t* config,
        tbrm_rollout_t** out_rollout, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_rollout != nullptr, "out_rollout is null");
        *out_rollout = nullptr;
        TBRM_REQUIRE(model != nullptr, "model is null");
        const std::shared_ptr<tbrm::Model>& impl = model->impl;
        impl->device().enter();
        const tbrm::RolloutLimits limits = check_config(config, *impl);
        const tbrm::MemoryScope scope(impl->owner(), tbrm::MemoryUse::Activations);
        *out_rollout = new tbrm_rollout{impl, nullptr, {impl->device(), impl->view(), limits}, {}};
    });
}

void tbrm_rollout_destroy(tbrm_rollout_t* rollout) noexcept {
    delete rollout;
}

tbrm_status_t tbrm_rollout_set_token_bytes(tbrm_rollout_t* rollout, int32_t n_ids, const int64_t* offsets,
        const uint8_t* bytes, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(rollout).set_token_bytes(n_ids, offsets, bytes); });
}

tbrm_status_t tbrm_rollout_set_guide(
        tbrm_rollout_t* rollout, tbrm_model_t* guide, float scale, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        tbrm::Rollout& engine = use(rollout);
        std::shared_ptr<tbrm::Model> impl = guide == nullptr ? nullptr : guide->impl;
        TBRM_REQUIRE(impl == nullptr || &impl->device() == &rollout->model->device(),
                "the guide is on another device than the model; load both in one context");
        engine.set_guide(impl == nullptr ? nullptr : &impl->view(), scale);
        rollout->guide = std::move(impl);
    });
}

tbrm_status_t tbrm_rollout_submit(tbrm_rollout_t* rollout, int32_t n_prompt_tokens, const int32_t* prompt_ids,
        int32_t n_samples, const int64_t* trajectory_ids, const tbrm_sampling_t* sampling, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        tbrm::Rollout& engine = use(rollout);
        TBRM_REQUIRE(sampling != nullptr, "sampling is null");
        TBRM_REQUIRE(sampling->struct_size == static_cast<int32_t>(sizeof *sampling), "struct_size is %d, expected %zu",
                sampling->struct_size, sizeof *sampling);
        engine.submit(n_prompt_tokens, prompt_ids, n_samples, trajectory_ids, *sampling);
    });
}

tbrm_status_t tbrm_rollout_step(
        tbrm_rollout_t* rollout, int32_t n_iterations, tbrm_rollout_status_t* out_status, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        tbrm::Rollout& engine = use(rollout);
        TBRM_REQUIRE(n_iterations >= 0, "n_iterations is %d, expected 0 or more", n_iterations);
        TBRM_REQUIRE(out_status != nullptr, "out_status is null");
        const tbrm::MemoryScope scope(rollout->model->owner(), tbrm::MemoryUse::Activations);
        engine.step(n_iterations);
        *out_status = engine.status();
    });
}

tbrm_status_t tbrm_rollout_peek(tbrm_rollout_t* rollout, tbrm_finished_t* out_finished, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        const tbrm::Sequence* sequence = use(rollout).finished();
        TBRM_REQUIRE(out_finished != nullptr, "out_finished is null");
        *out_finished = {-1, 0, TBRM_FINISH_REASON_LENGTH};
        if (sequence == nullptr) return;
        *out_finished = {sequence->trajectory_id, static_cast<int32_t>(sequence->n_response()), sequence->reason};
    });
}

tbrm_status_t tbrm_rollout_read(tbrm_rollout_t* rollout, int32_t n_tokens, int32_t* out_ids, float* out_logp,
        float* out_processed_logp, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        tbrm::Rollout& engine = use(rollout);
        const tbrm::Sequence* sequence = engine.finished();
        TBRM_REQUIRE(sequence != nullptr, "no trajectory is finished; ask tbrm_rollout_peek first");
        TBRM_REQUIRE(n_tokens == sequence->n_response(),
                "n_tokens is %d, but trajectory %lld has %lld; take it from peek", n_tokens,
                static_cast<long long>(sequence->trajectory_id), static_cast<long long>(sequence->n_response()));
        TBRM_REQUIRE(n_tokens == 0 || out_ids != nullptr, "out_ids is null");
        std::copy(sequence->response.begin(), sequence->response.end(), out_ids);
        if (out_logp != nullptr) std::copy(sequence->logp.begin(), sequence->logp.end(), out_logp);
        if (out_processed_logp != nullptr) {
            std::copy(sequence->processed_logp.begin(), sequence->processed_logp.end(), out_processed_logp);
        }
        engine.pop();
    });
}

tbrm_status_t tbrm_rollout_cancel(tbrm_rollout_t* rollout, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(rollout).cancel(); });
}

tbrm_status_t tbrm_rollout_release_pages(tbrm_rollout_t* rollout, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(rollout).release_pages(); });
}

}  // extern "C"
