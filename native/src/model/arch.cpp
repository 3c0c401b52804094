#include "model/arch.hpp"

#include <algorithm>

#include "model/model.hpp"

namespace tbrm {

std::vector<ParameterSpec> layer_parameters(const ModelConfig& c) {
    using L = LayerParameters;
    const int64_t hidden = c.hidden_size, inner = c.intermediate_size;
    std::vector<ParameterSpec> all;
    const auto norm = [&](Parameter* L::*slot, int64_t n) {
        all.push_back({slot, ParameterShape::vector(n), ParameterRole::Norm});
    };
    const auto weight = [&](Parameter* L::*slot, int64_t rows, int64_t cols) {
        all.push_back({slot, ParameterShape::weight(rows, cols), ParameterRole::Weight});
    };
    norm(&L::input_norm, hidden);
    weight(&L::qkv, c.qkv_width(), hidden);
    if (c.qkv_bias != 0) all.push_back({&L::qkv_bias, ParameterShape::vector(c.qkv_width()), ParameterRole::Bias});
    if (c.qk_norm != 0) {
        norm(&L::q_norm, c.head_dim);
        norm(&L::k_norm, c.head_dim);
    }
    weight(&L::o, hidden, c.attention_width());
    norm(&L::post_attention_norm, hidden);
    weight(&L::gate_up, 2 * inner, hidden);
    weight(&L::down, hidden, inner);
    return all;
}

std::vector<TensorSpec> layer_tensors(const ModelConfig& c) {
    using L = LayerParameters;
    const int64_t hidden = c.hidden_size, inner = c.intermediate_size, queries = c.attention_width(),
                  keys = c.kv_width();
    std::vector<TensorSpec> all;
    const auto projection = [&](const char* weight, const char* bias, int64_t first, int64_t rows) {
        all.push_back({weight, &L::qkv, first, rows, false});
        if (c.qkv_bias != 0) all.push_back({bias, &L::qkv_bias, first, rows, false});
    };
    projection("self_attn.q_proj.weight", "self_attn.q_proj.bias", 0, queries);
    projection("self_attn.k_proj.weight", "self_attn.k_proj.bias", queries, keys);
    projection("self_attn.v_proj.weight", "self_attn.v_proj.bias", queries + keys, keys);
    all.push_back({"self_attn.o_proj.weight", &L::o, 0, hidden, true});
    if (c.qk_norm != 0) {
        all.push_back({"self_attn.q_norm.weight", &L::q_norm, 0, c.head_dim, false});
        all.push_back({"self_attn.k_norm.weight", &L::k_norm, 0, c.head_dim, false});
    }
    all.push_back({"mlp.gate_proj.weight", &L::gate_up, 0, inner, false});
    all.push_back({"mlp.up_proj.weight", &L::gate_up, inner, inner, false});
    all.push_back({"mlp.down_proj.weight", &L::down, 0, hidden, true});
    all.push_back({"input_layernorm.weight", &L::input_norm, 0, hidden, false});
    all.push_back({"post_attention_layernorm.weight", &L::post_attention_norm, 0, hidden, false});
    return all;
}

std::vector<ParameterShape> head_parameters(const ModelConfig& c) {
    if (c.has_untied_head()) return {ParameterShape::weight(c.vocab_size, c.hidden_size)};
    if (!c.has_value_head()) return {};
    std::vector<ParameterShape> head{ParameterShape::row(c.hidden_size)};
    if (c.head_kind == TBRM_HEAD_KIND_VALUE_BIAS) head.push_back(ParameterShape::vector(1));
    return head;
}

std::vector<ParameterShape> model_parameters(const ModelConfig& c) {
    std::vector<ParameterShape> all{ParameterShape::weight(c.vocab_size, c.hidden_size)};
    const std::vector<ParameterSpec> layer = layer_parameters(c);
    for (int32_t i = 0; i < c.n_layers; ++i) {
        for (const ParameterSpec& spec : layer)
            all.push_back(spec.shape);
    }
    all.push_back(ParameterShape::vector(c.hidden_size));
    const std::vector<ParameterShape> head = head_parameters(c);
    all.insert(all.end(), head.begin(), head.end());
    return all;
}

std::vector<ParameterShape> adapter_parameters(const ModelConfig& c, const AdapterConfig& adapter) {
    std::vector<ParameterShape> all;
    const std::array<Projection, kProjections> every = projections(c);
    for (size_t linear = 0; linear < kLinears; ++linear) {
        int64_t parts = 0, inputs = 0;
        for (const Projection& p : every) {
            if (static_cast<size_t>(p.linear) != linear || !adapter.has(p.target)) continue;
            ++parts;
            inputs = p.inputs;
        }
        if (parts == 0) continue;
        all.push_back(ParameterShape::weight(parts * adapter.rank, inputs));
        for (const Projection& p : every) {
            if (static_cast<size_t>(p.linear) == linear && adapter.has(p.target))
                all.push_back(ParameterShape::weight(p.rows, adapter.rank));
        }
    }
    return all;
}

int64_t adapter_width(const ModelConfig& c, const AdapterConfig& adapter) {
    std::array<int64_t, kLinears> width{};
    for (const Projection& p : projections(c)) {
        if (adapter.has(p.target)) width[static_cast<size_t>(p.linear)] += adapter.rank;
    }
    return *std::max_element(width.begin(), width.end());
}

}  // namespace tbrm
