#include "reference_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace tbrm::testing {

ReferenceSettings::ReferenceSettings(const char* text) {
    std::map<std::string, std::string> values;
    std::istringstream words(text != nullptr ? text : "");
    for (std::string word; words >> word;)
        values[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    const auto number = [&](const char* name, double otherwise) {
        return values[name].empty() ? otherwise : std::stod(values[name]);
    };
    post_norms = number("post_norms", 0) != 0;
    gelu = values["activation"] == "gelu_tanh";
    scaled_embedding = number("scaled_embedding", 0) != 0;
    norm_shift = number("norm_shift", 0);
    attention_scale = number("attention_scale", 0);
    embedding_multiplier = number("embedding_multiplier", 1);
    residual_multiplier = number("residual_multiplier", 1);
    logits_scaling = number("logits_scaling", 1);
    window = static_cast<int64_t>(number("sliding_window", 0));
    std::istringstream parts(values["sliding_layers"]);
    for (std::string part; std::getline(parts, part, ',');) {
        for (int layer = std::stoi(part); layer <= std::stoi(part.substr(part.find('-') + 1)); ++layer)
            sliding_layers.push_back(layer);
    }
}

bool ReferenceDecoder::slides(int32_t layer) const {
    const std::vector<int32_t>& all = settings.sliding_layers;
    return std::find(all.begin(), all.end(), layer) != all.end();
}

const Vector* ReferenceDecoder::find(const std::string& name) const {
    const auto found = weights.find(name);
    return found == weights.end() ? nullptr : &found->second;
}

ReferenceDecoder::Linear ReferenceDecoder::linear(const std::string& name) const {
    const std::string adapter = "base_model.model." + name;
    const auto own = adapter_scales.find(name);
    return {&weight(name + ".weight"), find(name + ".bias"), find(adapter + ".lora_A.weight"),
            find(adapter + ".lora_B.weight"), own != adapter_scales.end() ? own->second : adapter_scale};
}

Vector ReferenceDecoder::project(const Linear& layer, const Vector& x) {
    const Vector& w = *layer.weight;
    const size_t n_in = x.size(), n_out = w.size() / n_in;
    Vector y(n_out);
    for (size_t o = 0; o < n_out; ++o) {
        double sum = layer.bias != nullptr ? (*layer.bias)[o] : 0.0;
        for (size_t i = 0; i < n_in; ++i)
            sum += w[o * n_in + i] * x[i];
        y[o] = sum;
    }
    if (layer.a == nullptr) return y;
    const size_t rank = layer.a->size() / n_in;
    for (size_t r = 0; r < rank; ++r) {
        double along = 0;
        for (size_t i = 0; i < n_in; ++i)
            along += (*layer.a)[r * n_in + i] * x[i];
        for (size_t o = 0; o < n_out; ++o)
            y[o] += layer.scale * (*layer.b)[o * rank + r] * along;
    }
    return y;
}

Vector ReferenceDecoder::norm(const Vector& w, const Vector& x) const {
    double squares = 0;
    for (const double value : x)
        squares += value * value;
    const double scale =
            1.0 / std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(config.rms_norm_eps));
    Vector y(x.size());
    for (size_t i = 0; i < x.size(); ++i)
        y[i] = x[i] * scale * (settings.norm_shift + w[i]);
    return y;
}

void ReferenceDecoder::norm_and_rotate(const Vector* w, bool slides, int64_t position, Vector& heads) const {
    const bool own = slides && !sliding_inv_freq.empty();
    const Vector& frequencies = own ? sliding_inv_freq : inv_freq;
    const double factor = own ? 1.0 : static_cast<double>(config.rope_attention_factor);
    const size_t d = static_cast<size_t>(config.head_dim);
    for (size_t first = 0; first < heads.size(); first += d) {
        Vector head(heads.begin() + static_cast<int64_t>(first), heads.begin() + static_cast<int64_t>(first + d));
        if (w != nullptr) head = norm(*w, head);
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
    const double scale =
            settings.attention_scale > 0 ? settings.attention_scale : 1 / std::sqrt(static_cast<double>(d));
    const size_t window = slides(layer) ? static_cast<size_t>(settings.window) : n;
    const std::string attention = prefix + "self_attn.";
    const Vector& input_norm = weight(prefix + "input_layernorm.weight");
    const Vector *q_norm = find(attention + "q_norm.weight"), *k_norm = find(attention + "k_norm.weight");
    const Vector* post_norm = find(prefix + "post_attention_layernorm.weight");
    const Linear q_proj = linear(attention + "q_proj"), k_proj = linear(attention + "k_proj"),
                 v_proj = linear(attention + "v_proj"), o_proj = linear(attention + "o_proj");
    std::vector<Vector> q(n), k(n), v(n);
    for (size_t t = 0; t < n; ++t) {
        const Vector x = norm(input_norm, stream[t]);
        q[t] = project(q_proj, x);
        k[t] = project(k_proj, x);
        v[t] = project(v_proj, x);
        norm_and_rotate(q_norm, slides(layer), static_cast<int64_t>(t), q[t]);
        norm_and_rotate(k_norm, slides(layer), static_cast<int64_t>(t), k[t]);
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
        add(post_norm, project(o_proj, mixed), stream[t]);
    }
}

void ReferenceDecoder::add(const Vector* norm_weight, const Vector& out, Vector& token) const {
    const Vector added = settings.post_norms ? norm(*norm_weight, out) : out;
    for (size_t i = 0; i < added.size(); ++i)
        token[i] += settings.residual_multiplier * added[i];
}

void ReferenceDecoder::mlp(const std::string& prefix, std::vector<Vector>& stream) const {
    const Vector& before = weight(
            prefix + (settings.post_norms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight"));
    const Vector* after = find(prefix + "post_feedforward_layernorm.weight");
    const Linear gate_proj = linear(prefix + "mlp.gate_proj"), up_proj = linear(prefix + "mlp.up_proj"),
                 down_proj = linear(prefix + "mlp.down_proj");
    for (Vector& token : stream) {
        const Vector x = norm(before, token);
        Vector gate = project(gate_proj, x);
        const Vector up = project(up_proj, x);
        for (size_t i = 0; i < gate.size(); ++i) {
            const double g = gate[i], u = std::sqrt(2 / std::acos(-1.0)) * (g + 0.044715 * g * g * g);
            gate[i] = (settings.gelu ? 0.5 * g * (1 + std::tanh(u)) : g / (1.0 + std::exp(-g))) * up[i];
        }
        add(after, project(down_proj, gate), token);
    }
}

std::vector<Vector> ReferenceDecoder::sequence(const int32_t* ids, int64_t n) const {
    const Vector& embedding = weight("model.embed_tokens.weight");
    const int64_t width = config.hidden_size;
    std::vector<Vector> stream;
    for (int64_t t = 0; t < n; ++t)
        stream.emplace_back(embedding.begin() + ids[t] * width, embedding.begin() + (ids[t] + 1) * width);
    const double scale =
            settings.scaled_embedding ? std::sqrt(static_cast<double>(width)) : settings.embedding_multiplier;
    for (Vector& token : stream)
        for (double& value : token)
            value *= scale;
    for (int32_t layer = 0; layer < config.n_layers; ++layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + '.';
        attention(layer, prefix, stream);
        mlp(prefix, stream);
    }
    const Vector& last = weight("model.norm.weight");
    for (Vector& token : stream)
        token = norm(last, token);
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
    const Linear score = linear("score");
    Vector values;
    for (int64_t r = 0; r < batch.n_rows; ++r)
        values.push_back(project(score, stream[static_cast<size_t>(batch.rows[r])])[0]);
    return values;
}

ReferenceDecoder::Scores ReferenceDecoder::forward(const tbrm_batch_t& batch) const {
    const std::vector<Vector> stream = hidden(batch);
    const Linear head = linear(config.tie_word_embeddings != 0 ? "model.embed_tokens" : "lm_head");
    Scores scores;
    for (int64_t r = 0; r < batch.n_rows; ++r) {
        Vector z = project(head, stream[static_cast<size_t>(batch.rows[r])]);
        double largest = -INFINITY, total = 0, mean = 0;
        for (double& value : z)
            largest = std::max(largest, value /= settings.logits_scaling * static_cast<double>(batch.temperature));
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
