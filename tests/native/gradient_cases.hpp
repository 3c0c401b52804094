#pragma once
// gradient_cases.hpp - what the tests of gradients share: architectures, batches, a loss that is linear in the scores, and its derivative by
// central differences of the decoder in double.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/parallel.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

namespace tbrm::testing {

// The architectures, tied and untied, with groups of 2 and 1 query heads, and with one kv head and a rotation factor.
struct Variant {
    const char* name;
    const char* architecture;
    int32_t tied, n_kv_heads;
    float rope_factor;
};
constexpr Variant kVariants[] = {{"qwen2", kQwen2, 1, 2, 1.0f}, {"qwen3", kQwen3, 0, 2, 1.0f},
        {"llama", kLlama, 0, 4, 1.0f},
        {"qwen2, one kv head, the last layer slides", "qkv_bias=1 sliding_window=4 sliding_layers=1", 1, 1, 1.1f},
        {"gemma3", TBRM_TEST_GEMMA3 " sliding_window=3 sliding_layers=0 attention_scale=0.3", 1, 2, 1.1f},
        {"gemma3, every layer slides", TBRM_TEST_GEMMA3 " sliding_window=5 sliding_layers=0-1", 0, 1, 1.0f},
        {"granite", kGranite, 1, 2, 1.0f},
        // Which no model of today has: the branches are multiplied after their norms.
        {"gemma3, multiplied branches", TBRM_TEST_GEMMA3 " residual_multiplier=0.6", 0, 2, 1.0f}};
inline constexpr const Variant& kGemma = kVariants[4];

// Between them those of a thinned run take every option.
inline std::vector<Variant> variants() {
    return shapes(
            std::vector<Variant>(std::begin(kVariants), std::end(kVariants)), {kVariants[1], kVariants[3], kGemma});
}

inline tbrm_model_config_t config_of(const Variant& a, tbrm_dtype_t dtype) {
    tbrm_model_config_t config = tiny_config(dtype);
    config.tie_word_embeddings = a.tied;
    config.architecture = a.architecture;
    config.n_kv_heads = a.n_kv_heads;
    config.rope_attention_factor = a.rope_factor;
    return config;
}

// Four sequences: prompt and response, empty, a single token, everything scored.
inline Batch mixed_batch(int32_t vocab) {
    Batch batch;
    batch.temperature = 0.8f;
    batch.add_sequence(9, 5, vocab, 1);
    batch.add_sequence(0, 0, vocab, 2);
    batch.add_sequence(1, 0, vocab, 3);
    batch.add_sequence(8, 7, vocab, 4);
    return batch;
}

// dL/dQ, dL/dV, dL/dH of a loss that is linear in them.
struct Coefficients {
    std::vector<float> q, v, h;
    explicit Coefficients(size_t n)
        : q(normals(static_cast<int64_t>(n), 71)),
          v(normals(static_cast<int64_t>(n), 72)),
          h(normals(static_cast<int64_t>(n), 73)) {}
};

inline double loss(const ReferenceDecoder& reference, const tbrm_batch_t& batch, const Coefficients& c) {
    const ReferenceDecoder::Scores scores = reference.forward(batch);
    double sum = 0;
    for (size_t r = 0; r < scores.q.size(); ++r)
        sum += static_cast<double>(c.q[r]) * scores.q[r] + static_cast<double>(c.v[r]) * scores.v[r] +
               static_cast<double>(c.h[r]) * scores.h[r];
    return sum;
}

// Central differences of the loss in double; with step 1e-4 their own error is about 1e-8 of a gradient of order one.
inline Vector numeric_gradient(
        const ReferenceDecoder& reference, const std::string& name, const tbrm_batch_t& batch, const Coefficients& c) {
    constexpr double kStep = 1e-4;
    Vector gradient(reference.weights.at(name).size());
    parallel_for(static_cast<int64_t>(gradient.size()), 1 << 20, [&](int64_t i) {
        ReferenceDecoder moved = reference;
        double& weight = moved.weights[name][static_cast<size_t>(i)];
        const double at = weight;
        weight = at + kStep;
        const double above = loss(moved, batch, c);
        weight = at - kStep;
        gradient[static_cast<size_t>(i)] = (above - loss(moved, batch, c)) / (2 * kStep);
    });
    return gradient;
}

inline double norm_of(const Vector& values) {
    double sum = 0;
    for (const double value : values)
        sum += value * value;
    return std::sqrt(sum);
}

inline bool same_scores(const Scores& a, const Scores& b) {
    const auto same = [](const std::vector<float>& x, const std::vector<float>& y) {
        return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * 4) == 0;
    };
    return a.q.size() > 0 && same(a.q, b.q) && same(a.v, b.v) && same(a.h, b.h);
}

inline void zero_gradients(tbrm_model_t* model) {
    tbrm_error_t err{};
    expect_ok(tbrm_gradient_zero(model, &err), err, "tbrm_gradient_zero");
}

// Eight sequences, some longer than a page of 64 keys.
inline Batch eight_sequences(int32_t vocab) {
    Batch batch;
    const int64_t lengths[] = {5, 64, 1, 30, 100, 7, 65, 12};
    for (uint64_t b = 0; b < 8; ++b)
        batch.add_sequence(lengths[b], lengths[b] * 2 / 3, vocab, 40 + b);
    return batch;
}

inline double worst_difference(const std::vector<TensorValues>& a, const std::vector<TensorValues>& b) {
    double worst = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double error = relative_error(a[i].values, b[i].values, static_cast<int64_t>(a[i].values.size()));
        worst = error <= worst ? worst : error;  // keeps a NaN
    }
    return worst;
}

}  // namespace tbrm::testing
