#pragma once
// adapter.hpp - what low-rank adapters (LoRA, arXiv 2106.09685) consist of: y = x W^T + s (x A^T) B^T with W frozen. docs/math/adapter.md.
//
// Projections that read the same input are one matrix in this engine (q, k, v; gate, up), and so are their A: one product reads the input.
// Each has a B of its own, which adds to its rows of the fused output.
#include <tbrm/tbrm.h>

#include <array>
#include <cstdint>
#include <string>

#include "model/model_view.hpp"

namespace tbrm {

struct ModelConfig;
class Parameter;

struct AdapterConfig : tbrm_adapter_config_t {
    bool has(tbrm_adapter_target_t target) const { return (targets & target) != 0; }
    // Same shapes and arithmetic: all fields but trainable and seed.
    bool same_weights(const AdapterConfig& other) const {
        return rank == other.rank && targets == other.targets && scale == other.scale;
    }
};

// Throws INVALID_ARGUMENT naming the field, what was found and what is allowed.
AdapterConfig check_adapter_config(const tbrm_adapter_config_t* config);

// A projection that can be adapted: rows [first_row, first_row + rows) of a linear layer of a decoder layer.
struct Projection {
    const char* module;  // within the layer: "self_attn.q_proj"
    tbrm_adapter_target_t target;
    Linear linear;
    int64_t first_row;
    int64_t rows;
    int64_t inputs;
};
constexpr int kProjections = 7;
std::array<Projection, kProjections> projections(const ModelConfig& config);

// PEFT's name: "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"; matrix is 'A' or 'B'.
std::string adapter_tensor_name(int64_t layer, const Projection& projection, char matrix);

// Of one linear layer: A [n_parts rank, inputs]; B [rows, rank] of each adapted projection, in the order of their rows.
struct LinearAdapterParameters {
    Parameter* a = nullptr;
    std::array<Parameter*, kMaxAdapterParts> b{};
};
using LayerAdapterParameters = std::array<LinearAdapterParameters, kLinears>;

}  // namespace tbrm
