#include "model/model_parameters.hpp"

#include <algorithm>
#include <array>

#include "model/architecture.hpp"

namespace tbrm {

std::vector<ParameterShape> head_parameters(const ModelConfig& c) {
    if (c.has_untied_head()) return {ParameterShape::weight(c.vocab_size, c.hidden_size)};
    if (!c.has_value_head()) return {};
    std::vector<ParameterShape> head{ParameterShape::row(c.hidden_size)};
    if (c.head_kind == TBRM_HEAD_KIND_VALUE_BIAS) head.push_back(ParameterShape::vector(1));
    return head;
}

std::vector<ParameterShape> model_parameters(const ModelConfig& c) {
    std::vector<ParameterShape> all{ParameterShape::weight(c.vocab_size, c.hidden_size)};
    const std::vector<ParameterSpec> layer = layer_parameters(c.layer_shape());
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
