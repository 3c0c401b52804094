#pragma once
// rollout_harness.hpp - a small random model, requests, and a run of the engine that returns what was generated.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "architectures.hpp"
#include "core/context.hpp"
#include "model/model.hpp"
#include "rollout/rollout.hpp"
#include "test_device.hpp"
#include "testing.hpp"

namespace tbrm::testing {

struct ModelShape {
    Dtype dtype = Dtype::F32;
    int32_t vocab = 97;
    int32_t hidden = 32;
    int32_t layers = 2;
    int32_t max_positions = 320;
    int32_t head_dim = 8;
    const char* architecture = kQwen2;
    int32_t tied = 1;
    int32_t window = 0;        // of every layer but the last
    int32_t intermediate = 0;  // 0: twice the hidden width and a little
};

inline std::shared_ptr<Model> small_model(const ModelShape& shape = {}, int32_t n_threads = 1) {
    tbrm_model_config_t config{};
    config.struct_size = static_cast<int32_t>(sizeof config);
    config.dtype = static_cast<tbrm_dtype_t>(shape.dtype);
    config.vocab_size = shape.vocab;
    config.hidden_size = shape.hidden;
    config.intermediate_size = shape.intermediate > 0 ? shape.intermediate : 2 * shape.hidden + 8;
    config.n_layers = shape.layers;
    config.n_heads = 4;
    config.n_kv_heads = 2;
    config.head_dim = shape.head_dim;
    config.max_positions = shape.max_positions;
    config.tie_word_embeddings = shape.tied;
    std::string architecture = shape.architecture;
    if (shape.window > 0) {
        architecture += " sliding_window=" + std::to_string(shape.window) + " sliding_layers=0";
        if (shape.layers > 2) architecture += "-" + std::to_string(shape.layers - 2);
    }
    config.architecture = architecture.c_str();
    config.rms_norm_eps = 1e-6f;
    config.rope_attention_factor = 1;
    std::vector<float> inv_freq;
    for (int i = 0; i < shape.head_dim / 2; ++i)
        inv_freq.push_back(static_cast<float>(std::pow(10000.0, -2.0 * i / shape.head_dim)));
    std::shared_ptr<Context> context = std::make_shared<Context>();
    context->device = make_test_device(n_threads);
    context->device->enter();
    const ModelConfig checked = check_model_config(&config, static_cast<int32_t>(inv_freq.size()), inv_freq.data());
    std::shared_ptr<Model> model = std::make_shared<Model>(context, checked);
    model->init_random(42, 0.35f);  // wide, so that attention matters and samples differ
    return model;
}

struct Request {
    std::vector<int32_t> prompt;
    std::vector<int64_t> trajectory_ids;
    tbrm_sampling_t sampling;
};

inline tbrm_sampling_t sampling_of(float temperature, int32_t max_new_tokens) {
    tbrm_sampling_t s{};
    s.struct_size = static_cast<int32_t>(sizeof s);
    s.max_new_tokens = max_new_tokens;
    s.top_p = 1;
    s.temperature = temperature;
    s.repetition_penalty = 1;
    s.seed = 2024;
    return s;
}

inline std::vector<int32_t> random_prompt(int64_t n, uint64_t seed, int32_t vocab = 97) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < n; ++i)
        ids.push_back(static_cast<int32_t>(uniform(seed, static_cast<uint64_t>(i)) * vocab));
    return ids;
}

struct Output {
    std::vector<int32_t> ids;
    std::vector<float> logp;
    std::vector<float> processed_logp;
    tbrm_finish_reason_t reason;

    bool operator==(const Output& other) const {
        const auto bits = [](const std::vector<float>& a, const std::vector<float>& b) {
            return a.size() == b.size() &&
                   (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
        };
        return ids == other.ids && reason == other.reason && bits(logp, other.logp) &&
               bits(processed_logp, other.processed_logp);
    }
};
using Outputs = std::map<int64_t, Output>;

inline RolloutLimits limits_of(const Model& model, int64_t max_seqs, int64_t max_batched_tokens, int64_t n_pages) {
    return {max_seqs, max_batched_tokens, n_pages * KvCache::page_bytes(model.view()), int64_t{1} << 20};
}

inline void submit(Rollout& rollout, const Request& r) {
    rollout.submit(static_cast<int64_t>(r.prompt.size()), r.prompt.data(),
            static_cast<int64_t>(r.trajectory_ids.size()), r.trajectory_ids.data(), r.sampling);
}

inline void collect(Rollout& rollout, Outputs& outputs) {
    while (const Sequence* s = rollout.finished()) {
        outputs[s->trajectory_id] = {s->response, s->logp, s->processed_logp, s->reason};
        rollout.pop();
    }
}

// Runs everything, checking the invariants after each iteration.
inline Outputs run_all(Model& model, const RolloutLimits& limits, const std::vector<Request>& requests,
        tbrm_rollout_status_t* out_status = nullptr) {
    Rollout rollout(model.device(), model.view(), limits);
    Outputs outputs;
    for (const Request& request : requests)
        submit(rollout, request);
    for (int guard = 0; guard < 100000; ++guard) {
        rollout.step(1);
        rollout.check();
        collect(rollout, outputs);
        const tbrm_rollout_status_t status = rollout.status();
        if (status.n_running + status.n_waiting == 0) break;
    }
    const tbrm_rollout_status_t status = rollout.status();
    CHECK(status.n_running == 0 && status.n_waiting == 0 && status.n_pages_free == status.n_pages);
    if (out_status != nullptr) *out_status = status;
    return outputs;
}

}  // namespace tbrm::testing
