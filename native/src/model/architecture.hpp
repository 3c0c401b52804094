#pragma once
// architecture.hpp - a decoder layer, described once: what sets an architecture apart, a layer's tensors with their names in Hugging Face's
// files, and the arrays that its forward and backward compute. Allocation, file names, initial values, tapes and the memory plan are read
// off these lists. A setting of the table below is known to this file, to the block of decoder/ that it changes, and to the families of
// src/Tbrm.Engine/Models/DecoderFamily.cs that have it; it crosses the boundary as text.
#include <tbrm/tbrm.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <variant>
#include <vector>

#include "model/parameter.hpp"
#include "ops/glu.hpp"

namespace tbrm {

// Some of a model's layers: bit i % 64 of word i / 64.
struct LayerSet {
    std::array<uint64_t, 16> words{};

    static constexpr int64_t kMost = 1024;
    bool has(int64_t layer) const { return (words[static_cast<size_t>(layer / 64)] >> (layer % 64) & 1) != 0; }
    void add(int64_t layer) { words[static_cast<size_t>(layer / 64)] |= uint64_t{1} << (layer % 64); }
    bool operator==(const LayerSet& other) const { return words == other.words; }
};

// What sets an architecture apart from a plain decoder (RMSNorm, rotary embedding, grouped queries, SwiGLU), whose values are these.
struct Architecture {
    bool qkv_bias = false;  // q, k and v have biases
    bool qk_norm = false;   // RMSNorm over each head of q and k, before the rotation
    Activation activation = Activation::Silu;
    // What attention and the MLP give goes through a norm of its own before it is added to the residual stream.
    bool post_norms = false;
    float norm_shift = 0;            // norms multiply by norm_shift + weight
    bool scaled_embedding = false;   // embeddings are multiplied by sqrt(hidden), rounded to the model's dtype
    float attention_scale = 0;       // of the scores; 0: 1 / sqrt(head_dim)
    float embedding_multiplier = 1;  // embeddings are multiplied by it
    float residual_multiplier = 1;   // what attention and the MLP give is multiplied by it before it is added
    float logits_scaling = 1;        // logits of an LM head are divided by it
    int64_t sliding_window = 0;      // keys that a token sees in a sliding layer, itself included; 0: no layer slides
    LayerSet sliding_layers;

    bool operator==(const Architecture& other) const;
    bool operator!=(const Architecture& other) const { return !(*this == other); }
};

// A setting as tbrm_model_config_t::architecture spells it: "name=value". Flags are 0 or 1, layers "0-4,6".
struct ArchitectureSetting {
    using Field = std::variant<bool Architecture::*, float Architecture::*, int64_t Architecture::*,
            Activation Architecture::*, LayerSet Architecture::*>;

    const char* name;
    Field field;
    double least = 0;  // of numbers
    double most = 1;
};

inline const std::array kArchitectureSettings{
        ArchitectureSetting{"qkv_bias", &Architecture::qkv_bias},
        ArchitectureSetting{"qk_norm", &Architecture::qk_norm},
        ArchitectureSetting{"activation", &Architecture::activation},
        ArchitectureSetting{"post_norms", &Architecture::post_norms},
        ArchitectureSetting{"norm_shift", &Architecture::norm_shift},
        ArchitectureSetting{"scaled_embedding", &Architecture::scaled_embedding},
        ArchitectureSetting{"attention_scale", &Architecture::attention_scale, 0, 1e6},
        ArchitectureSetting{"embedding_multiplier", &Architecture::embedding_multiplier, 0, 1e6},
        ArchitectureSetting{"residual_multiplier", &Architecture::residual_multiplier, 0, 1e6},
        ArchitectureSetting{"logits_scaling", &Architecture::logits_scaling, 1e-6, 1e6},
        ArchitectureSetting{"sliding_window", &Architecture::sliding_window, 0, 1 << 24},
        ArchitectureSetting{"sliding_layers", &Architecture::sliding_layers},
};

// Null: a plain decoder. Throws INVALID_ARGUMENT naming the setting, what was found and what is allowed.
Architecture parse_architecture(const char* text, int64_t n_layers);

// An architecture at a size.
struct LayerShape {
    const Architecture* kind;
    int64_t hidden;
    int64_t intermediate;
    int64_t n_heads;
    int64_t n_kv_heads;
    int64_t head_dim;
    int64_t adapter_width;  // elements of x A^T of the widest adapted linear layer; 0: none

    int64_t queries() const { return n_heads * head_dim; }
    int64_t keys() const { return n_kv_heads * head_dim; }
    int64_t qkv() const { return queries() + 2 * keys(); }
    // What embeddings are multiplied by, as Hugging Face rounds it.
    float embedding_scale(Dtype dtype) const {
        if (!kind->scaled_embedding) return kind->embedding_multiplier;
        return round_to(dtype, static_cast<float>(std::sqrt(static_cast<double>(hidden))));
    }
    // Width of what attention and the MLP give, where a norm of its own reads it.
    int64_t branch() const { return kind->post_norms ? hidden : 0; }
    // Width of its gradient, where that is not the residual stream's.
    int64_t d_branch() const { return kind->post_norms || kind->residual_multiplier != 1 ? hidden : 0; }
    // Heads with a norm of their own: those of q, then those of k.
    int64_t normed_heads() const { return kind->qk_norm ? n_heads + n_kv_heads : 0; }
};

// ------------------------------------------------------- tensors -------------------------------------------------------

// The parameters of a layer; matrices are fused as forward reads them.
enum class LayerTensor {
    InputNorm,
    Qkv,
    QkvBias,
    QNorm,
    KNorm,
    O,
    AttentionNorm,  // of what attention gives
    MlpNorm,        // of what the MLP reads
    GateUp,
    MlpOutNorm,  // of what the MLP gives
    Down
};
constexpr size_t kLayerTensors = static_cast<size_t>(LayerTensor::Down) + 1;

enum class ParameterRole { Weight, Bias, Norm };

struct ParameterSpec {
    LayerTensor tensor;
    ParameterShape shape;
    ParameterRole role;
};

// A tensor of a file: rows [first_row, first_row + rows) of a parameter.
struct TensorSpec {
    const char* name;  // after "model.layers.N."
    LayerTensor tensor;
    int64_t first_row;
    int64_t rows;
    bool residual_output;  // writes into the residual stream
};

// After the last layer.
inline ParameterShape final_norm_shape(const LayerShape& s) {
    return ParameterShape::vector(s.hidden, s.kind->norm_shift);
}

// In the order in which they are allocated, and in which the gradient's norm adds up.
inline std::vector<ParameterSpec> layer_parameters(const LayerShape& s) {
    using T = LayerTensor;
    std::vector<ParameterSpec> all;
    const auto norm = [&](T tensor, int64_t n) {
        all.push_back({tensor, ParameterShape::vector(n, s.kind->norm_shift), ParameterRole::Norm});
    };
    const auto weight = [&](T tensor, int64_t rows, int64_t cols) {
        all.push_back({tensor, ParameterShape::weight(rows, cols), ParameterRole::Weight});
    };
    norm(T::InputNorm, s.hidden);
    weight(T::Qkv, s.qkv(), s.hidden);
    if (s.kind->qkv_bias) all.push_back({T::QkvBias, ParameterShape::vector(s.qkv()), ParameterRole::Bias});
    if (s.kind->qk_norm) {
        norm(T::QNorm, s.head_dim);
        norm(T::KNorm, s.head_dim);
    }
    weight(T::O, s.hidden, s.queries());
    if (s.kind->post_norms) norm(T::AttentionNorm, s.hidden);
    norm(T::MlpNorm, s.hidden);
    weight(T::GateUp, 2 * s.intermediate, s.hidden);
    weight(T::Down, s.hidden, s.intermediate);
    if (s.kind->post_norms) norm(T::MlpOutNorm, s.hidden);
    return all;
}

// In the order of Hugging Face's state dict.
inline std::vector<TensorSpec> layer_tensors(const LayerShape& s) {
    using T = LayerTensor;
    std::vector<TensorSpec> all;
    const auto projection = [&](const char* weight, const char* bias, int64_t first, int64_t rows) {
        all.push_back({weight, T::Qkv, first, rows, false});
        if (s.kind->qkv_bias) all.push_back({bias, T::QkvBias, first, rows, false});
    };
    projection("self_attn.q_proj.weight", "self_attn.q_proj.bias", 0, s.queries());
    projection("self_attn.k_proj.weight", "self_attn.k_proj.bias", s.queries(), s.keys());
    projection("self_attn.v_proj.weight", "self_attn.v_proj.bias", s.queries() + s.keys(), s.keys());
    all.push_back({"self_attn.o_proj.weight", T::O, 0, s.hidden, true});
    if (s.kind->qk_norm) {
        all.push_back({"self_attn.q_norm.weight", T::QNorm, 0, s.head_dim, false});
        all.push_back({"self_attn.k_norm.weight", T::KNorm, 0, s.head_dim, false});
    }
    all.push_back({"mlp.gate_proj.weight", T::GateUp, 0, s.intermediate, false});
    all.push_back({"mlp.up_proj.weight", T::GateUp, s.intermediate, s.intermediate, false});
    all.push_back({"mlp.down_proj.weight", T::Down, 0, s.hidden, true});
    all.push_back({"input_layernorm.weight", T::InputNorm, 0, s.hidden, false});
    if (!s.kind->post_norms) {
        all.push_back({"post_attention_layernorm.weight", T::MlpNorm, 0, s.hidden, false});
        return all;
    }
    all.push_back({"post_attention_layernorm.weight", T::AttentionNorm, 0, s.hidden, false});
    all.push_back({"pre_feedforward_layernorm.weight", T::MlpNorm, 0, s.hidden, false});
    all.push_back({"post_feedforward_layernorm.weight", T::MlpOutNorm, 0, s.hidden, false});
    return all;
}

// -------------------------------------------------------- arrays --------------------------------------------------------

// What a layer computes of n rows: [n, width], contiguous.
enum class LayerArray {
    Normed,     // input of qkv, then of gate_up
    Inner,      // the activation's output, input of down
    Adapter,    // x A^T of the linear layer at hand
    Qkv,        // q and k after norm and rotation, and v
    Attention,  // attention's output, input of o
    GateUp,

    Middle,        // residual stream after attention
    QkBeforeNorm,  // q and k before their norms
    Lse,           // log-sum-exp of the scores, per head
    InputInvRms,   // 1 / rms of the norms' inputs
    MiddleInvRms,
    QkInvRms,      // per head
    AttentionOut,  // what attention gives, before its norm; where nobody keeps it, Normed takes its place
    MlpOut,
    AttentionOutInvRms,
    MlpOutInvRms,

    NormedAgain,  // the norms' outputs, computed again
    InnerAgain,
    AdapterAgain,
    DNormed,  // gradients that travel through a layer
    DInner,
    DAdapter,
    DAttention,
    DQkv,
    DBranch,  // of AttentionOut or MlpOut
};
constexpr size_t kLayerArrays = static_cast<size_t>(LayerArray::DBranch) + 1;

// When an array is needed; a sum of them says what a memory holds.
enum ArrayUse : unsigned {
    kScratch = 1,   // in any forward, until the next layer
    kForward = 2,   // in any forward; a tape keeps it for the layer's backward
    kTape = 4,      // written for the layer's backward alone
    kBackward = 8,  // in a backward, until the next layer
};

// Rows are in the model's dtype; the others fp32, columns as [width, n].
enum class ArrayForm { Rows, Floats, FloatColumns };

struct ArraySpec {
    LayerArray array;
    ArrayUse use;
    ArrayForm form;
    int64_t (*width)(const LayerShape& s);  // elements per row; 0: this layer has none
};

// One entry per LayerArray, in its order.
constexpr std::array<ArraySpec, kLayerArrays> kLayerArraySpecs{{
        {LayerArray::Normed, kScratch, ArrayForm::Rows, [](const LayerShape& s) { return s.hidden; }},
        {LayerArray::Inner, kScratch, ArrayForm::Rows, [](const LayerShape& s) { return s.intermediate; }},
        {LayerArray::Adapter, kScratch, ArrayForm::Rows, [](const LayerShape& s) { return s.adapter_width; }},
        {LayerArray::Qkv, kForward, ArrayForm::Rows, [](const LayerShape& s) { return s.qkv(); }},
        {LayerArray::Attention, kForward, ArrayForm::Rows, [](const LayerShape& s) { return s.queries(); }},
        {LayerArray::GateUp, kForward, ArrayForm::Rows, [](const LayerShape& s) { return 2 * s.intermediate; }},
        {LayerArray::Middle, kTape, ArrayForm::Rows, [](const LayerShape& s) { return s.hidden; }},
        {LayerArray::QkBeforeNorm, kTape, ArrayForm::Rows,
                [](const LayerShape& s) { return s.normed_heads() * s.head_dim; }},
        {LayerArray::Lse, kTape, ArrayForm::Floats, [](const LayerShape& s) { return s.n_heads; }},
        {LayerArray::InputInvRms, kTape, ArrayForm::Floats, [](const LayerShape&) { return int64_t{1}; }},
        {LayerArray::MiddleInvRms, kTape, ArrayForm::Floats, [](const LayerShape&) { return int64_t{1}; }},
        {LayerArray::QkInvRms, kTape, ArrayForm::FloatColumns, [](const LayerShape& s) { return s.normed_heads(); }},
        {LayerArray::AttentionOut, kTape, ArrayForm::Rows, [](const LayerShape& s) { return s.branch(); }},
        {LayerArray::MlpOut, kTape, ArrayForm::Rows, [](const LayerShape& s) { return s.branch(); }},
        {LayerArray::AttentionOutInvRms, kTape, ArrayForm::Floats,
                [](const LayerShape& s) { return s.kind->post_norms ? int64_t{1} : int64_t{0}; }},
        {LayerArray::MlpOutInvRms, kTape, ArrayForm::Floats,
                [](const LayerShape& s) { return s.kind->post_norms ? int64_t{1} : int64_t{0}; }},
        {LayerArray::NormedAgain, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.hidden; }},
        {LayerArray::InnerAgain, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.intermediate; }},
        {LayerArray::AdapterAgain, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.adapter_width; }},
        {LayerArray::DNormed, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.hidden; }},
        {LayerArray::DInner, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.intermediate; }},
        {LayerArray::DAdapter, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.adapter_width; }},
        {LayerArray::DAttention, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.queries(); }},
        {LayerArray::DQkv, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.qkv(); }},
        {LayerArray::DBranch, kBackward, ArrayForm::Rows, [](const LayerShape& s) { return s.d_branch(); }},
}};

}  // namespace tbrm
