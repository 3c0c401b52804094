#pragma once
// model_view.hpp - what the forward kernels see of a model: sizes and pointers, no ownership, no libtorch. Rollout and training build the
// same view over the same memory.
#include <cstdint>
#include <vector>

#include "core/dtype.hpp"
#include "ops/attention.hpp"

namespace tbrm {

// Matrices are in the device's GEMM layout and in the model's dtype; vectors are fp32 holding values that dtype can represent.
struct LayerView {
    const float* input_norm;           // [D]
    const void* qkv;                   // [(n_heads + 2 n_kv_heads) head_dim, D]: q, k, v rows one after another
    const float* qkv_bias;             // or null
    const float* q_norm;               // [head_dim] or null
    const float* k_norm;               // [head_dim] or null
    const void* o;                     // [D, n_heads head_dim]
    const float* post_attention_norm;  // [D]
    const void* gate_up;               // [2I, D]: gate rows, then up rows
    const void* down;                  // [D, I]
};

struct ModelView {
    Dtype dtype;
    int64_t vocab;
    int64_t hidden;
    int64_t intermediate;
    int64_t max_positions;
    AttentionShape attention;
    float rms_norm_eps;
    const float* rope_cos;  // [max_positions][head_dim/2]
    const float* rope_sin;
    const void* embedding;  // [V, D]
    const float* final_norm;
    const void* head;  // [V, D]; the embedding when tied
    std::vector<LayerView> layers;

    int64_t qkv_width() const { return (attention.n_heads + 2 * attention.n_kv_heads) * attention.head_dim; }
    int64_t attention_width() const { return attention.n_heads * attention.head_dim; }
};

}  // namespace tbrm
