#include "plan/memory_plan.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "gradient/body_pass.hpp"
#include "gradient/shared_gradients.hpp"
#include "model/model_parameters.hpp"
#include "plan/thread_scratch.hpp"
#include "rollout/batch_runner.hpp"
#include "rollout/kv_cache.hpp"
#include "rollout/rollout.hpp"

namespace tbrm {
namespace {

using ll = long long;

// A packed batch of equally long sequences.
struct Load {
    int64_t sequences, tokens, rows;
    int64_t longest() const { return sequences > 0 ? ceil_div(tokens, sequences) : 0; }
};

class Planner {
public:
    Planner(const ModelConfig& config, const AdapterConfig* adapter, const tbrm_memory_load_t& load)
        : config_(config),
          adapter_(adapter),
          load_(load),
          sizes_{load.device_kind, std::max(load.n_threads, 1)},
          view_(sizes_of(config)) {
        if (adapter != nullptr) view_.adapter.width = adapter_width(config, *adapter);
        plan_.struct_size = static_cast<int32_t>(sizeof plan_);
        ranks_.resize(static_cast<size_t>(config.is_shared() ? config.n_ranks : 1));
    }

    tbrm_memory_bytes_t run() {
        parameters();
        rollout();
        update();
        score();
        kernels();
        plan_.always = plan_.weights + plan_.adapter + plan_.masters + plan_.gradients + plan_.moments + plan_.kernels;
        return plan_;
    }

private:
    bool trains_base() const { return adapter_ == nullptr && config_.trainable != 0; }
    bool trains() const { return trains_base() || (adapter_ != nullptr && adapter_->trainable); }

    void add(const ParameterShape& shape, bool trained, bool is_adapter, int64_t& weights) {
        const ParameterBytes bytes = parameter_bytes(sizes_, config_.element(), shape, trained);
        weights += bytes.weight;
        plan_.n_parameters += shape.elements();
        if (!trained) return;
        plan_.n_trained += shape.elements();
        plan_.start += bytes.master;
        for (size_t rank = 0; rank < ranks_.size(); ++rank) {
            const ParameterBytes own = shared_parameter_bytes(sizes_, config_.element(), shape, is_adapter, n_shared_,
                    config_.sharing_of(static_cast<int32_t>(rank)));
            ranks_[rank].master += own.master;
            ranks_[rank].gradient += own.gradient;
            ranks_[rank].moments += own.moments;
        }
        ++n_shared_;
    }

    // The largest share of each.
    void take_shares() {
        for (const ParameterBytes& own : ranks_) {
            plan_.masters = std::max(plan_.masters, own.master);
            plan_.gradients = std::max(plan_.gradients, own.gradient);
            plan_.moments = std::max(plan_.moments, own.moments);
        }
        if (!config_.is_shared()) plan_.start = 0;
        plan_.update_gradients = shared_gradient_bytes(sizes_, config_, adapter_);
    }

    void parameters() {
        plan_.weights = config_.rope_bytes();
        const std::vector<ParameterShape> all = model_parameters(config_);
        const size_t n_value_head = value_head_parameters(config_).size();
        for (size_t i = 0; i < all.size(); ++i) {
            // A value head is trained on beside an adapter.
            const bool is_value_head = i + n_value_head >= all.size();
            add(all[i], is_value_head ? trains() : trains_base(), false, plan_.weights);
        }
        if (adapter_ != nullptr) {
            for (int32_t layer = 0; layer < config_.n_layers; ++layer) {
                for (const ParameterShape& shape : adapter_parameters(config_, *adapter_, layer))
                    add(shape, adapter_->trainable, true, plan_.adapter);
            }
        }
        take_shares();
        plan_.frozen_copy = plan_.weights + plan_.adapter;
    }

    void rollout() {
        if (!config_.has_lm_head()) return;
        plan_.kv_page = KvCache::page_bytes(view_);
        if (load_.kv_budget_bytes == 0) return;
        plan_.kv_pages = checked_page_count(view_, load_.kv_budget_bytes) * plan_.kv_page;
        const RunnerBytes bytes =
                runner_bytes(sizes_, view_, load_.max_seqs, load_.max_batched_tokens, config_.head_budget());
        plan_.rollout_activations = bytes.activations;
        plan_.rollout_logits = bytes.logits;
        plan_.rollout = plan_.kv_pages + bytes.activations + bytes.logits;
    }

    HeadShape head_shape() const { return {view_.dtype, view_.hidden, view_.vocab, 1.0f, config_.head_budget()}; }

    void update() {
        const Load batch{load_.update_sequences, load_.update_tokens, load_.update_rows};
        if (batch.tokens == 0) return;
        const bool lm = config_.has_lm_head(), entropy = lm && load_.entropy != 0;
        const BodyBytes body = body_bytes(view_, config_.recompute != 0, true, batch.tokens, batch.rows);
        plan_.update_inputs = body.inputs;
        plan_.update_tape = body.tape;
        plan_.update_forward = body.forward;
        plan_.update_backward = body.backward;
        // Q and V with their gradients, and H; values with theirs, and beside an LM head the gradient of their hidden states.
        plan_.update_rows = body.rows + body.ids + batch.rows * 4 * (lm ? (entropy ? 6 : 4) : 0);
        if (config_.has_value_head()) {
            plan_.update_rows += batch.rows * 4 * 2;
            if (lm) plan_.update_rows += batch.rows * view_.hidden * dtype_bytes(view_.dtype);
        }
        plan_.update_layer = sizes_.attention_backward(view_.attention, batch.tokens, batch.longest());
        if (trains_base()) {
            plan_.update_layer = std::max({plan_.update_layer, sizes_.norm_backward(batch.tokens, view_.hidden),
                    sizes_.embedding_backward(batch.tokens)});
        }
        if (lm) {
            const HeadBytes head = sizes_.head(head_shape(), batch.rows, entropy, trains_base());
            plan_.update_head = std::max(head.forward, head.backward);
        }
        // The second micro-batch finds every buffer of the first: they go when they are released.
        plan_.update = body.total() + plan_.update_rows - body.rows - body.ids + plan_.update_gradients +
                       std::max(plan_.update_layer, plan_.update_head);
    }

    void score() {
        const Load batch{load_.score_sequences, load_.score_tokens, load_.score_rows};
        if (batch.tokens == 0) return;
        const bool lm = config_.has_lm_head();
        const BodyBytes body = body_bytes(view_, false, false, batch.tokens, batch.rows);
        const int64_t head = lm ? sizes_.head_forward(head_shape(), batch.rows) : 0;
        plan_.score_batch = body.total() + batch.rows * 4 * (lm ? (load_.entropy != 0 ? 3 : 2) : 1) + head;
    }

    void kernels() {
        ScratchLoad rows{};
        rows.update_rows = load_.update_tokens;
        rows.forward_rows = std::max<int64_t>(load_.score_tokens, plan_.rollout > 0 ? load_.max_batched_tokens : 0);
        rows.update_head = load_.update_tokens > 0 && config_.has_lm_head();
        rows.update_sequences = load_.update_sequences;
        rows.score_sequences = load_.score_sequences;
        rows.score_rows = load_.score_tokens;
        plan_.kernels = thread_scratch_bytes(sizes_, view_, rows, trains_base());
    }

    const ModelConfig& config_;
    const AdapterConfig* adapter_;
    const tbrm_memory_load_t& load_;
    const DeviceSizes sizes_;
    ModelView view_;
    std::vector<ParameterBytes> ranks_;
    int64_t n_shared_ = 0;
    tbrm_memory_bytes_t plan_{};
};

}  // namespace

tbrm_memory_load_t check_memory_load(const tbrm_memory_load_t* load) {
    TBRM_REQUIRE(load != nullptr, "load is null");
    TBRM_REQUIRE(load->struct_size == static_cast<int32_t>(sizeof *load),
            "load.struct_size is %d, expected %zu: caller and library were built from different headers",
            load->struct_size, sizeof *load);
    TBRM_REQUIRE(load->device_kind >= TBRM_DEVICE_KIND_CPU && load->device_kind <= TBRM_DEVICE_KIND_TORCH_CUDA,
            "device_kind is %d, expected %d (CPU) to %d (libtorch on CUDA)", load->device_kind, TBRM_DEVICE_KIND_CPU,
            TBRM_DEVICE_KIND_TORCH_CUDA);
    const auto check = [](const char* name, int64_t value) {
        TBRM_REQUIRE(value >= 0 && value < (int64_t{1} << 48), "%s is %lld, expected 0 or more", name, ll{value});
    };
    check("n_threads", load->n_threads);
    check("update_sequences", load->update_sequences);
    check("update_tokens", load->update_tokens);
    check("update_rows", load->update_rows);
    check("score_sequences", load->score_sequences);
    check("score_tokens", load->score_tokens);
    check("score_rows", load->score_rows);
    check("kv_budget_bytes", load->kv_budget_bytes);
    const auto pair = [](const char* name, int64_t sequences, int64_t tokens) {
        TBRM_REQUIRE((sequences > 0) == (tokens > 0), "%s: %lld sequences of %lld tokens in all", name, ll{sequences},
                ll{tokens});
    };
    pair("update", load->update_sequences, load->update_tokens);
    pair("score", load->score_sequences, load->score_tokens);
    TBRM_REQUIRE(load->kv_budget_bytes == 0 || (load->max_seqs > 0 && load->max_batched_tokens > 0),
            "max_seqs is %d and max_batched_tokens %d, expected 1 or more for a rollout", load->max_seqs,
            load->max_batched_tokens);
    return *load;
}

tbrm_memory_bytes_t plan_memory(
        const ModelConfig& config, const AdapterConfig* adapter, const tbrm_memory_load_t& load) {
    return Planner(config, adapter, load).run();
}

}  // namespace tbrm
