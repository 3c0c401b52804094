#include "reference_decoder.hpp"

#include <cmath>

namespace tbrm::testing {

Vector ReferenceDecoder::project(const std::string& name, const Vector& x) const {
    const Vector& w = weight(name + ".weight");
    const size_t n_in = x.size(), n_out = w.size() / n_in;
    const auto bias = weights.find(name + ".bias");
    Vector y(n_out);
    for (size_t o = 0; o < n_out; ++o) {
        double sum = bias != weights.end() ? bias->second[o] : 0.0;
        for (size_t i = 0; i < n_in; ++i)
            sum += w[o * n_in + i] * x[i];
        y[o] = sum;
    }
    adapt(name, x, y);
    return y;
}

void ReferenceDecoder::adapt(const std::string& name, const Vector& x, Vector& y) const {
    const std::string prefix = "base_model.model." + name;
    const auto a = weights.find(prefix + ".lora_A.weight"), b = weights.find(prefix + ".lora_B.weight");
    if (a == weights.end()) return;
    const size_t rank = a->second.size() / x.size();
    const auto own = adapter_scales.find(name);
    const double scale = own != adapter_scales.end() ? own->second : adapter_scale;
    for (size_t r = 0; r < rank; ++r) {
        double along = 0;
        for (size_t i = 0; i < x.size(); ++i)
            along += a->second[r * x.size() + i] * x[i];
        for (size_t o = 0; o < y.size(); ++o)
            y[o] += scale * b->second[o * rank + r] * along;
    }
}

Vector ReferenceDecoder::norm(const std::string& name, const Vector& x) const {
    const Vector& w = weight(name + ".weight");
    double squares = 0;
    for (const double value : x)
        squares += value * value;
    const double scale =
            1.0 / std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(config.rms_norm_eps));
    Vector y(x.size());
    for (size_t i = 0; i < x.size(); ++i)
        y[i] = x[i] * scale * (is_gemma() ? 1 + w[i] : w[i]);
    return y;
}

void ReferenceDecoder::norm_and_rotate(
        const std::string& norm_name, bool slides, int64_t position, Vector& heads) const {
    const bool own = slides && !sliding_inv_freq.empty();
    const Vector& frequencies = own ? sliding_inv_freq : inv_freq;
    const double factor = own ? 1.0 : static_cast<double>(config.rope_attention_factor);
    const size_t d = static_cast<size_t>(config.head_dim);
    for (size_t first = 0; first < heads.size(); first += d) {
        Vector head(heads.begin() + static_cast<int64_t>(first), heads.begin() + static_cast<int64_t>(first + d));
        if (weights.count(norm_name + ".weight") != 0) head = norm(norm_name, head);
        for (size_t i = 0; i < d / 2; ++i) {
            const double angle = static_cast<double>(position) * frequencies[i];
            const double c = std::cos(angle) * factor, s = std::sin(angle) * factor;
            heads[first + i] = head[i] * c - head[i + d / 2] * s;
            heads[first + i + d / 2] = head[i + d / 2] * c + head[i] * s;
        }
    }
}

void ReferenceDecoder::attention(int32_t layer, const std::string& prefix, std::vector<Vector>& stream) const {
    const size_t n = stream.size(), d = static_cast<size_t>(config.head_dim);
    const size_t n_heads = static_cast<size_t>(config.n_heads),
                 group = n_heads / static_cast<size_t>(config.n_kv_heads);
    const double scale = config.attention_scale > 0 ? static_cast<double>(config.attention_scale)
                                                    : 1 / std::sqrt(static_cast<double>(d));
    const size_t window = slides(layer) ? static_cast<size_t>(config.sliding_window) : n;
    std::vector<Vector> q(n), k(n), v(n);
    for (size_t t = 0; t < n; ++t) {
        const Vector x = norm(prefix + "input_layernorm", stream[t]);
        q[t] = project(prefix + "self_attn.q_proj", x);
        k[t] = project(prefix + "self_attn.k_proj", x);
        v[t] = project(prefix + "self_attn.v_proj", x);
        norm_and_rotate(prefix + "self_attn.q_norm", slides(layer), static_cast<int64_t>(t), q[t]);
        norm_and_rotate(prefix + "self_attn.k_norm", slides(layer), static_cast<int64_t>(t), k[t]);
    }
    for (size_t t = 0; t < n; ++t) {
        Vector mixed(n_heads * d, 0.0);
        for (size_t h = 0; h < n_heads; ++h) {
            const size_t kv = h / group * d;
            Vector p(t + 1, -INFINITY);
            double largest = -INFINITY, total = 0;
            for (size_t j = t + 1 > window ? t + 1 - window : 0; j <= t; ++j) {
                p[j] = 0;
                for (size_t i = 0; i < d; ++i)
                    p[j] += q[t][h * d + i] * k[j][kv + i];
                p[j] *= scale;
                largest = std::max(largest, p[j]);
            }
            for (double& value : p)
                total += value = std::exp(value - largest);
            for (size_t j = 0; j <= t; ++j)
                for (size_t i = 0; i < d; ++i)
                    mixed[h * d + i] += p[j] / total * v[j][kv + i];
        }
        add(prefix + "post_attention_layernorm", project(prefix + "self_attn.o_proj", mixed), stream[t]);
    }
}

void ReferenceDecoder::add(const std::string& norm_name, const Vector& out, Vector& token) const {
    const Vector added = is_gemma() ? norm(norm_name, out) : out;
    for (size_t i = 0; i < added.size(); ++i)
        token[i] += added[i];
}

void ReferenceDecoder::mlp(const std::string& prefix, std::vector<Vector>& stream) const {
    for (Vector& token : stream) {
        const Vector x = norm(prefix + (is_gemma() ? "pre_feedforward_layernorm" : "post_attention_layernorm"), token);
        Vector gate = project(prefix + "mlp.gate_proj", x);
        const Vector up = project(prefix + "mlp.up_proj", x);
        for (size_t i = 0; i < gate.size(); ++i) {
            const double g = gate[i], u = std::sqrt(2 / std::acos(-1.0)) * (g + 0.044715 * g * g * g);
            gate[i] = (is_gemma() ? 0.5 * g * (1 + std::tanh(u)) : g / (1.0 + std::exp(-g))) * up[i];
        }
        add(prefix + "post_feedforward_layernorm", project(prefix + "mlp.down_proj", gate), token);
    }
}

std::vector<Vector> ReferenceDecoder::sequence(const int32_t* ids, int64_t n) const {
    const Vector& embedding = weight("model.embed_tokens.weight");
    const int64_t width = config.hidden_size;
    std::vector<Vector> stream;
    for (int64_t t = 0; t < n; ++t)
        stream.emplace_back(embedding.begin() + ids[t] * width, embedding.begin() + (ids[t] + 1) * width);
    if (is_gemma()) {
        const double scale = std::sqrt(static_cast<double>(width));
        for (Vector& token : stream)
            for (double& value : token)
                value *= scale;
    }
    for (int32_t layer = 0; layer < config.n_layers; ++layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + '.';
        attention(layer, prefix, stream);
        mlp(prefix, stream);
    }
    for (Vector& token : stream)
        token = norm("model.norm", token);
    return stream;
}

std::vector<Vector> ReferenceDecoder::hidden(const tbrm_batch_t& batch) const {
    std::vector<Vector> stream;
    for (int64_t b = 0; b < batch.n_seqs; ++b) {
        const int64_t begin = batch.offsets[b], end = batch.offsets[b + 1];
        if (end == begin) continue;
        for (Vector& token : sequence(batch.ids + begin, end - begin))
            stream.push_back(std::move(token));
    }
    return stream;
}

Vector ReferenceDecoder::values(const tbrm_batch_t& batch) const {
    const std::vector<Vector> stream = hidden(batch);
    Vector values;
    for (int64_t r = 0; r < batch.n_rows; ++r)
        values.push_back(project("score", stream[static_cast<size_t>(batch.rows[r])])[0]);
    return values;
}

ReferenceDecoder::Scores ReferenceDecoder::forward(const tbrm_batch_t& batch) const {
    const std::vector<Vector> stream = hidden(batch);
    const std::string head = config.tie_word_embeddings != 0 ? "model.embed_tokens" : "lm_head";
    Scores scores;
    for (int64_t r = 0; r < batch.n_rows; ++r) {
        Vector z = project(head, stream[static_cast<size_t>(batch.rows[r])]);
        double largest = -INFINITY, total = 0, mean = 0;
        for (double& value : z)
            largest = std::max(largest, value /= static_cast<double>(batch.temperature));
        for (const double value : z)
            total += std::exp(value - largest);
        const double log_total = largest + std::log(total);
        for (const double value : z)
            mean += std::exp(value - log_total) * value;
        scores.q.push_back(z[static_cast<size_t>(batch.labels[r])]);
        scores.v.push_back(log_total);
        scores.h.push_back(log_total - mean);
    }
    return scores;
}

}  // namespace tbrm::testing
