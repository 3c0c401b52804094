#pragma once
// adapter.hpp - what low-rank adapters (LoRA, arXiv 2106.09685) consist of: y = x W^T + s (x A^T) B^T with W frozen. docs/math/adapter.md.
//
// Projections that read the same input are one matrix in this engine (q, k, v; gate, up), and so are their A: one product reads the input.
// Each has a B of its own, which adds to its rows of the fused output.
#include <tbrm/tbrm.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/model_view.hpp"

namespace tbrm {

struct ModelConfig;
class Parameter;

constexpr int kProjections = 7;

// What tbrm_adapter_config_t says, module by module: projection p of layer l is entry 7 l + p.
struct AdapterConfig {
    bool trainable = false;
    uint64_t seed = 0;
    std::vector<int32_t> ranks;  // 0: not adapted
    std::vector<float> scales;

    int64_t rank(int64_t layer, size_t projection) const { return ranks[at(layer, projection)]; }
    float scale(int64_t layer, size_t projection) const { return scales[at(layer, projection)]; }
    // Same shapes and arithmetic.
    bool same_weights(const AdapterConfig& other) const { return ranks == other.ranks && scales == other.scales; }

private:
    static size_t at(int64_t layer, size_t projection) {
        return static_cast<size_t>(layer) * kProjections + projection;
    }
};

// Throws INVALID_ARGUMENT naming the field, what was found and what is allowed.
AdapterConfig check_adapter_config(const tbrm_adapter_config_t* config, int64_t n_layers);

// A projection that can be adapted, in the order of TBRM_ADAPTER_TARGET_: rows [first_row, first_row + rows) of a linear layer of a decoder layer.
struct Projection {
    const char* module;  // within the layer: "self_attn.q_proj"
    Linear linear;
    int64_t first_row;
    int64_t rows;
    int64_t inputs;
};
std::array<Projection, kProjections> projections(const ModelConfig& config);

// PEFT's name: "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"; matrix is 'A' or 'B'.
std::string adapter_tensor_name(int64_t layer, const Projection& projection, char matrix);

// Of one linear layer: A [sum of ranks, inputs]; B [rows, rank] of each adapted projection, in the order of their rows.
struct LinearAdapterParameters {
    Parameter* a = nullptr;
    std::array<Parameter*, kMaxAdapterParts> b{};
};
using LayerAdapterParameters = std::array<LinearAdapterParameters, kLinears>;

}  // namespace tbrm
