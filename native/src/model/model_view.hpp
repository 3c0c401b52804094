#pragma once
// model_view.hpp - what the forward kernels see of a model: sizes and pointers, no ownership. Rollout and training build the same view over
// the same memory.
#include <array>
#include <cstdint>
#include <vector>

#include "core/dtype.hpp"
#include "model/architecture.hpp"
#include "ops/attention.hpp"

namespace tbrm {

// Matrices are in the device's GEMM layout and in the model's dtype; vectors are fp32 holding values that dtype can represent.
struct LayerView {
    std::array<const void*, kLayerTensors> tensors{};  // null where the architecture has none
    int64_t window = 0;                                // keys that a token sees, itself included; 0: all before it
    const float* rope_cos = nullptr;                   // [max_positions][head_dim/2]
    const float* rope_sin = nullptr;

    const void* weight(LayerTensor tensor) const { return tensors[static_cast<size_t>(tensor)]; }
    const float* vector(LayerTensor tensor) const { return static_cast<const float*>(weight(tensor)); }
};

// The linear layers of a decoder layer; fused as LayerTensor is.
enum class Linear { Qkv, O, GateUp, Down };
constexpr int kLinears = 4;
constexpr std::array<LayerTensor, kLinears> kLinearTensors{
        LayerTensor::Qkv, LayerTensor::O, LayerTensor::GateUp, LayerTensor::Down};

// Low-rank adapters of one linear layer: y += s (x A^T) B^T, part by part. docs/math/adapter.md.
constexpr int kMaxAdapterParts = 3;
struct AdapterPart {
    const void* b;      // [rows, rank]
    int64_t first_row;  // of the outputs that it adds to
    int64_t rows;
    int64_t first_column;  // of x A^T
    int64_t rank;
    float scale;  // s
};
struct LinearAdapter {
    const void* a = nullptr;  // [width, inputs], the parts' A one after another; null: not adapted
    int64_t inputs = 0;
    int64_t width = 0;  // sum of the parts' ranks
    int64_t n_parts = 0;
    std::array<AdapterPart, kMaxAdapterParts> parts{};
};
struct AdapterView {
    bool on = false;
    int64_t width = 0;                                        // of the widest linear layer: elements of x A^T
    std::vector<std::array<LinearAdapter, kLinears>> layers;  // empty: the model has none
};

struct ModelView {
    Dtype dtype;
    int64_t vocab;
    int64_t hidden;
    int64_t intermediate;
    int64_t max_positions;
    AttentionShape attention;
    float rms_norm_eps;
    const Architecture* architecture;
    const void* embedding;  // [V, D]
    const float* final_norm;
    const void* head;         // [V, D]; the embedding when tied; null with a value head
    const float* score;       // [D] or null
    const float* score_bias;  // [1] or null
    std::vector<LayerView> layers;
    AdapterView adapter;

    // Null where nothing is added: no adapter, or switched off.
    const LinearAdapter* adapter_of(int64_t layer, Linear linear) const {
        if (!adapter.on) return nullptr;
        const LinearAdapter& found = adapter.layers[static_cast<size_t>(layer)][static_cast<size_t>(linear)];
        return found.a != nullptr ? &found : nullptr;
    }
    AttentionShape attention_of(int64_t layer) const {
        AttentionShape shape = attention;
        shape.window = layers[static_cast<size_t>(layer)].window;
        return shape;
    }
    LayerShape layer_shape() const {
        return {architecture, hidden, intermediate, attention.n_heads, attention.n_kv_heads, attention.head_dim,
                adapter.width};
    }
    int64_t qkv_width() const { return (attention.n_heads + 2 * attention.n_kv_heads) * attention.head_dim; }
    int64_t attention_width() const { return attention.n_heads * attention.head_dim; }
};

struct ModelConfig;

// The sizes of a model, its pointers null: what a plan needs of a view.
ModelView sizes_of(const ModelConfig& config);

}  // namespace tbrm
