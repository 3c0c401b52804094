#pragma once
// adapter_cases.hpp - what the tests of low-rank adapters share: models with an adapter whose every A and B is random.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gradient_cases.hpp"

namespace tbrm::testing {

constexpr int32_t kAll = 127, kRank = 3;  // odd: the second half of a bf16 pair is padding
constexpr float kScale = 1.7f;            // no power of two: the product is rounded
constexpr tbrm_dtype_t kBoth[] = {TBRM_DTYPE_F32, TBRM_DTYPE_BF16};

inline tbrm_adapter_config_t adapter_config(int32_t targets = kAll, int32_t trainable = 1, int32_t rank = kRank) {
    return {static_cast<int32_t>(sizeof(tbrm_adapter_config_t)), rank, targets, trainable, kScale, 0, 7, nullptr,
            nullptr};
}

inline void attach(tbrm_model_t* model, const tbrm_adapter_config_t& config) {
    tbrm_error_t err{};
    expect_ok(tbrm_model_attach_adapter(model, &config, &err), err, "tbrm_model_attach_adapter");
}

inline void enable(tbrm_model_t* model, bool on) {
    tbrm_error_t err{};
    expect_ok(tbrm_model_enable_adapter(model, on ? 1 : 0, &err), err, "tbrm_model_enable_adapter");
}

inline bool is_adapter(const std::string& name) {
    return name.rfind("base_model.", 0) == 0;
}

// The adapter's tensors, or those of the base.
inline std::vector<TensorValues> read_part(tbrm_model_t* model, tbrm_tensor_kind_t kind, bool adapter) {
    std::vector<TensorValues> all;
    for (int32_t i = 0; i < tbrm_model_tensor_count(model); ++i) {
        const char* name = nullptr;
        TensorValues tensor{};
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_info(model, i, &name, &tensor.rows, &tensor.cols, &err), err, "info");
        tensor.name = name;
        if (is_adapter(name) != adapter) continue;
        tensor.values.resize(static_cast<size_t>(tensor.rows * std::max<int64_t>(tensor.cols, 1)));
        expect_ok(tbrm_model_tensor_read(
                          model, name, kind, static_cast<int64_t>(tensor.values.size()), tensor.values.data(), &err),
                err, name);
        all.push_back(std::move(tensor));
    }
    return all;
}

// Every A and B random; what B adds is of the size of what it adds to.
inline void randomize(tbrm_model_t* model, uint64_t seed) {
    for (const TensorValues& tensor : read_part(model, TBRM_TENSOR_KIND_WEIGHT, true)) {
        const auto n = static_cast<int64_t>(tensor.values.size());
        const std::vector<float> values = normals(n, ++seed, 0.7 / std::sqrt(static_cast<double>(tensor.cols)));
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(model, tensor.name.c_str(), TBRM_TENSOR_KIND_WEIGHT, n, values.data(), &err),
                err, "write");
    }
}

inline ModelHandle adapted_model(tbrm_context_t* context, tbrm_model_config_t config, int32_t targets = kAll) {
    config.trainable = 0;
    ModelHandle model = make_model(context, config, 100);
    attach(model.get(), adapter_config(targets));
    randomize(model.get(), 500);
    return model;
}

inline ReferenceDecoder adapted_reference(tbrm_model_t* model, const tbrm_model_config_t& config) {
    ReferenceDecoder reference = reference_of(model, config);
    reference.adapter_scale = static_cast<double>(kScale);
    return reference;
}

// Two layers whose projections differ in rank and scale; some have no adapter.
struct Mixture {
    std::vector<int32_t> ranks = {3, 1, 5, 2, 0, 4, 1, 0, 2, 2, 0, 6, 3, 0};
    std::vector<float> scales = {1.7f, 0.5f, 1, 3, 1, 0.25f, 2.5f, 1, 1.3f, 0.7f, 1, 2, 2, 1};

    tbrm_adapter_config_t config() const {
        return {static_cast<int32_t>(sizeof(tbrm_adapter_config_t)), 0, 0, 1, 0, static_cast<int32_t>(ranks.size()), 7,
                ranks.data(), scales.data()};
    }
    ReferenceDecoder reference(tbrm_model_t* model, const tbrm_model_config_t& config) const {
        static constexpr const char* kModules[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"};
        ReferenceDecoder decoder = reference_of(model, config);
        for (size_t i = 0; i < ranks.size(); ++i)
            decoder.adapter_scales["model.layers." + std::to_string(i / 7) + '.' + kModules[i % 7]] =
                    static_cast<double>(scales[i]);
        return decoder;
    }
};

struct AdapterPass {
    Scores scores;
    std::vector<TensorValues> gradients;  // of the adapter
};

inline AdapterPass run_adapter(tbrm_model_t* model, const Batch& batch, const Coefficients& c) {
    AdapterPass pass;
    pass.scores = forward(model, batch, true);
    backward(model, c.q, c.v, c.h);
    pass.gradients = read_part(model, TBRM_TENSOR_KIND_GRADIENT, true);
    return pass;
}

}  // namespace tbrm::testing
