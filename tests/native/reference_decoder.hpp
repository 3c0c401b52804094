#pragma once
// reference_decoder.hpp - the decoder of docs/math/decoder.md in double, one token and one loop at a time, sharing no code with the library:
// the oracle of forward and gradient. Weights under their Hugging Face names, row-major.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tbrm::testing {

using Vector = std::vector<double>;

// The settings of tbrm_model_config_t::architecture, read without the library's table.
struct ReferenceSettings {
    explicit ReferenceSettings(const char* text = "");

    bool post_norms, gelu, scaled_embedding;
    double norm_shift, attention_scale;  // 0: 1 / sqrt(head_dim)
    double embedding_multiplier, residual_multiplier, logits_scaling;
    int64_t window;
    std::vector<int32_t> sliding_layers;
};

struct ReferenceDecoder {
    tbrm_model_config_t config{};
    ReferenceSettings settings;
    Vector inv_freq;
    Vector sliding_inv_freq;  // of the layers that slide; empty: as the others
    std::map<std::string, Vector> weights;
    double adapter_scale = 1;                      // of A and B under PEFT's names, where weights has them
    std::map<std::string, double> adapter_scales;  // by "model.layers.0.self_attn.q_proj", where they differ

    // Q, V, H of each scored row.
    struct Scores {
        Vector q, v, h;
    };
    Scores forward(const tbrm_batch_t& batch) const;
    // score.weight . x (+ score.bias) of each row of the batch.
    Vector values(const tbrm_batch_t& batch) const;

private:
    const Vector& weight(const std::string& name) const { return weights.at(name); }
    std::vector<Vector> sequence(const int32_t* ids, int64_t n) const;
    std::vector<Vector> hidden(const tbrm_batch_t& batch) const;  // after the final norm, of every token
    bool slides(int32_t layer) const;
    void attention(int32_t layer, const std::string& prefix, std::vector<Vector>& stream) const;
    // What attention or the MLP gives, into the residual stream; with post_norms through a norm.
    void add(const Vector* norm_weight, const Vector& out, Vector& token) const;
    void mlp(const std::string& prefix, std::vector<Vector>& stream) const;
    // A linear layer with what may stand beside it, looked up once: finite differences ask for every token some thousand times.
    struct Linear {
        const Vector* weight;
        const Vector* bias;   // null: none
        const Vector *a, *b;  // null: no adapter
        double scale;
    };
    Linear linear(const std::string& name) const;
    const Vector* find(const std::string& name) const;
    static Vector project(const Linear& layer, const Vector& x);
    Vector norm(const Vector& w, const Vector& x) const;
    void norm_and_rotate(const Vector* w, bool slides, int64_t position, Vector& heads) const;
};

}  // namespace tbrm::testing
