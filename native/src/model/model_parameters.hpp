#pragma once
// model_parameters.hpp - the parameters of a whole model and of its adapters, as their descriptions give them.
#include <cstdint>
#include <vector>

#include "model/adapter.hpp"
#include "model/config.hpp"
#include "model/parameter.hpp"

namespace tbrm {

// All parameters of a model: embedding, layers, final norm, heads; of a value head alone, which comes last.
std::vector<ParameterShape> model_parameters(const ModelConfig& config);
std::vector<ParameterShape> head_parameters(const ModelConfig& config);
std::vector<ParameterShape> value_head_parameters(const ModelConfig& config);

// A and B of a layer's adapter, in the order in which they are allocated; and the elements of x A^T of the widest linear layer of all.
std::vector<ParameterShape> adapter_parameters(const ModelConfig& config, const AdapterConfig& adapter, int64_t layer);
int64_t adapter_width(const ModelConfig& config, const AdapterConfig& adapter);

}  // namespace tbrm
