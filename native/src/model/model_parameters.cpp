#include "model/model_parameters.hpp"

#include <algorithm>
#include <array>

#include "model/architecture.hpp"

namespace tbrm {

std::vector<ParameterShape> head_parameters(const ModelConfig& c) {
    std::vector<ParameterShape> head;
    if (c.has_untied_head()) head.push_back(ParameterShape::weight(c.vocab_size, c.hidden_size));
    const std::vector<ParameterShape> value = value_head_parameters(c);
    head.insert(head.end(), value.begin(), value.end());
    return head;
}

std::vector<ParameterShape> value_head_parameters(const ModelConfig& c) {
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
    all.push_back(final_norm_shape(c.layer_shape()));
    const std::vector<ParameterShape> head = head_parameters(c);
    all.insert(all.end(), head.begin(), head.end());
    return all;
}

std::vector<ParameterShape> adapter_parameters(const ModelConfig& c, const AdapterConfig& adapter, int64_t layer) {
    std::vector<ParameterShape> all;
    const std::array<Projection, kProjections> every = projections(c);
    for (size_t linear = 0; linear < kLinears; ++linear) {
        int64_t width = 0, inputs = 0;
        std::vector<ParameterShape> of_b;
        for (size_t p = 0; p < every.size(); ++p) {
            const int64_t rank = adapter.rank(layer, p);
            if (static_cast<size_t>(every[p].linear) != linear || rank == 0) continue;
            width += rank;
            inputs = every[p].inputs;
            of_b.push_back(ParameterShape::weight(every[p].rows, rank));
        }
        if (width == 0) continue;
        all.push_back(ParameterShape::weight(width, inputs));
        all.insert(all.end(), of_b.begin(), of_b.end());
    }
    return all;
}

int64_t adapter_width(const ModelConfig& c, const AdapterConfig& adapter) {
    const std::array<Projection, kProjections> every = projections(c);
    int64_t widest = 0;
    for (int64_t layer = 0; layer < c.n_layers; ++layer) {
        std::array<int64_t, kLinears> width{};
        for (size_t p = 0; p < every.size(); ++p) {
            int64_t& of_linear = width[static_cast<size_t>(every[p].linear)];
            of_linear += adapter.rank(layer, p);
            widest = std::max(widest, of_linear);
        }
    }
    return widest;
}

}  // namespace tbrm
