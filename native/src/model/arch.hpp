#pragma once
// arch.hpp - what a decoder consists of: the parameters of a layer and their tensors in Hugging Face's files, said once. Allocation, file names,
// initial values and the memory plan are read off these lists.
#include <cstdint>
#include <vector>

#include "model/adapter.hpp"
#include "model/config.hpp"
#include "model/parameter.hpp"

namespace tbrm {

struct LayerParameters;

enum class ParameterRole { Weight, Bias, Norm };

// A parameter of a layer, and where LayerParameters holds it.
struct ParameterSpec {
    Parameter* LayerParameters::*slot;
    ParameterShape shape;
    ParameterRole role;
};

// A tensor of a layer: rows [first_row, first_row + rows) of a parameter.
struct TensorSpec {
    const char* name;  // after "model.layers.N."
    Parameter* LayerParameters::*slot;
    int64_t first_row;
    int64_t rows;
    bool residual_output;  // writes into the residual stream
};

// In the order in which they are allocated, and in which the gradient's norm adds up.
std::vector<ParameterSpec> layer_parameters(const ModelConfig& config);
// In the order of Hugging Face's state dict.
std::vector<TensorSpec> layer_tensors(const ModelConfig& config);

// All parameters of a model: embedding, layers, final norm, head.
std::vector<ParameterShape> model_parameters(const ModelConfig& config);
std::vector<ParameterShape> head_parameters(const ModelConfig& config);

// A and B of one layer's adapter, in the order in which they are allocated; and the elements of x A^T of its widest linear layer.
std::vector<ParameterShape> adapter_parameters(const ModelConfig& config, const AdapterConfig& adapter);
int64_t adapter_width(const ModelConfig& config, const AdapterConfig& adapter);

}  // namespace tbrm
