#pragma once
// config.hpp - what a model is made of, checked.
#include <tbrm/tbrm.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/dtype.hpp"
#include "model/architecture.hpp"
#include "model/shares.hpp"

namespace tbrm {

struct ModelConfig : tbrm_model_config_t {
    Architecture kind;                    // what `architecture` says, which is null from here on
    std::vector<float> inv_freq;          // [head_dim / 2] radians per position
    std::vector<float> sliding_inv_freq;  // the same of sliding layers; empty: as the others
    bool is_copy = false;                 // of another model, frozen: tbrm_model_clone_frozen

    Dtype element() const { return static_cast<Dtype>(dtype); }
    // Without an adapter.
    LayerShape layer_shape() const { return {&kind, hidden_size, intermediate_size, n_heads, n_kv_heads, head_dim, 0}; }
    int64_t attention_width() const { return static_cast<int64_t>(n_heads) * head_dim; }
    int64_t kv_width() const { return static_cast<int64_t>(n_kv_heads) * head_dim; }
    int64_t qkv_width() const { return attention_width() + 2 * kv_width(); }
    // Keys that a token of a layer sees, itself included; 0: all before it.
    int64_t window(int64_t layer) const { return kind.sliding_layers.has(layer) ? kind.sliding_window : 0; }
    float score_scale() const {
        return kind.attention_scale > 0 ? kind.attention_scale
                                        : static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)));
    }
    // Of the rotation tables.
    int64_t rope_bytes() const { return int64_t{max_positions} * head_dim * 4 * (sliding_inv_freq.empty() ? 1 : 2); }
    int64_t head_budget() const { return head_budget_bytes > 0 ? head_budget_bytes : int64_t{256} << 20; }

    // Whether ranks hold shares of what is trained.
    bool is_shared() const { return zero_stage > 0 && n_ranks > 1; }
    // What one of them keeps.
    Sharing sharing_of(int32_t rank) const {
        return is_shared() ? Sharing{rank, n_ranks, zero_stage >= 1, zero_stage >= 2} : Sharing{};
    }

    bool has_value_head() const { return head_kind != TBRM_HEAD_KIND_LM; }
    bool has_lm_head() const { return head_kind == TBRM_HEAD_KIND_LM || head_kind == TBRM_HEAD_KIND_LM_VALUE; }
    // Whether there is a matrix lm_head.weight of its own.
    bool has_untied_head() const { return has_lm_head() && tie_word_embeddings == 0; }

    // Same weights, shapes and arithmetic: all fields but trainable, recompute, head_budget_bytes and what ranks share.
    bool same_weights(const ModelConfig& other) const;
    // The same below the head.
    bool same_body(const ModelConfig& other) const;
};

// Throws INVALID_ARGUMENT naming the field, what was found and what is allowed.
ModelConfig check_model_config(const tbrm_model_config_t* config, int32_t n_inv_freq, const float* inv_freq);

}  // namespace tbrm
