#pragma once
// layer.hpp - one decoder layer. Its forward is written once: rollout and training run it over the same kernels in the same order, so the
// log-probs that the rollout recorded are the trainer's, bit for bit. docs/math/decoder.md.
#include <cstdint>
#include <functional>

#include "device/device.hpp"
#include "model/layer_memory.hpp"
#include "model/model_view.hpp"

namespace tbrm {

class Model;
struct PackedBatch;

// Causal attention of the rows at hand: qkv [n, qkv_width] -> out [n, attention_width].
using AttentionStep = std::function<void(int64_t layer, const void* qkv, void* out)>;

// Rows x [n, D] of the residual stream through `layer`, in place; positions [n] on the device.
void layer_forward(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention);

// What the layers of a rollout do besides: keys and values go into pages, and a layer takes the norm that the next one begins with.
struct PagedStep {
    const int64_t* pages;  // of each row, with its slot (Device::kv_write)
    const int32_t* slots;
    void* pool;
    bool normed;             // the layer before has taken this one's input norm
    const float* next_norm;  // weight of the next layer's input norm; null: there is none
};

// The same as layer_forward, of rows whose keys and values are in pages before attention is called: it reads q.
void layer_forward_paged(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions,
        void* x, const LayerBuffers& buffers, const PagedStep& paged, const AttentionStep& attention);

// What recompute in backward needs of it: what the layer's tape keeps. The MLP's output is computed where its norm is part of that; x is used up.
void layer_forward_again(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions,
        void* x, const LayerBuffers& buffers, const AttentionStep& attention);

// dx [n, D]: on entry the gradient of the layer's output, on return that of its input x. Parameter gradients are added to. The tape is
// used up (its buffers serve as scratch).
void layer_backward(Model& model, int64_t layer, const PackedBatch& batch, const void* x, LayerMemory& tape,
        LayerMemory& scratch, void* dx);

}  // namespace tbrm
