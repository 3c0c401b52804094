#pragma once
// decoder_layer.hpp - the forward of one decoder layer, written once: rollout and training run it over the same kernels in the same order,
// so the log-probs that the rollout recorded are the trainer's, bit for bit. docs/math/decoder.md.
#include <cstdint>
#include <functional>

#include "device/device.hpp"
#include "model/model_view.hpp"

namespace tbrm {

// Where a layer puts what it computes: n rows each, contiguous, in the model's dtype. Those marked "or null" are what backward reads again;
// rollout leaves them null and uses one set for all layers.
struct LayerBuffers {
    void* normed;     // [n, D] input of qkv, then of gate_up
    void* qkv;        // [n, qkv_width] q, k after norm and rotation, and v
    void* attention;  // [n, attention_width]
    void* gate_up;    // [n, 2I]
    void* inner;      // [n, I]; not touched by layer_forward_to_gate_up
    void* adapter;    // [n, adapter.width]; null when the model has no adapter

    void* middle = nullptr;  // [n, D] or null: residual stream after attention
    void* qk_before_norm =
            nullptr;  // [n, (n_heads + n_kv_heads) head_dim] or null; written when the model has q/k norms
    float* input_inv_rms = nullptr;   // [n] or null
    float* middle_inv_rms = nullptr;  // [n] or null
    float* qk_inv_rms = nullptr;      // [n_heads + n_kv_heads][n] or null
};

// Causal attention of the rows at hand: qkv [n, qkv_width] -> out [n, attention_width].
using AttentionStep = std::function<void(int64_t layer, const void* qkv, void* out)>;

// Rows x [n, D] of the residual stream through `layer`, in place; positions [n] on the device.
void layer_forward(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention);

// The same up to gate_up: x is the residual stream after attention, the MLP's output is not computed. What recompute in backward needs.
void layer_forward_to_gate_up(Device& device, const ModelView& model, int64_t layer, int64_t n,
        const int32_t* positions, void* x, const LayerBuffers& buffers, const AttentionStep& attention);

// y [n, D] = final norm of x [n, D], the input of the head. out_inv_rms [n] or null.
void final_norm_forward(Device& device, const ModelView& model, int64_t n, const void* x, void* y, float* out_inv_rms);

}  // namespace tbrm
