#include "tiny_model.hpp"

#include <cstring>

#include "core/context.hpp"
#include "device/device.hpp"
#include "test_device.hpp"
#include "testing.hpp"

namespace tbrm::testing {

void expect_ok(tbrm_status_t status, const tbrm_error_t& err, const char* call) {
    if (status != TBRM_STATUS_OK) throw std::runtime_error(format("%s: status %d: %s", call, status, err.message));
}

#define EXPECT_OK(call)                            \
    do {                                           \
        tbrm_error_t err{};                        \
        const tbrm_status_t expect_status_ = call; \
        expect_ok(expect_status_, err, #call);     \
    } while (0)

void ContextDeleter::delete_context(tbrm_context_t* p) {
    delete p;
}

ContextHandle make_context(int32_t n_threads) {
    return make_context(make_test_device(n_threads));
}

ContextHandle make_context(std::unique_ptr<Device> device) {
    auto context = std::make_shared<Context>();
    context->device = std::move(device);
    return ContextHandle(new tbrm_context{std::move(context), {}});
}

tbrm_model_config_t tiny_config(tbrm_dtype_t dtype) {
    tbrm_model_config_t config{};
    config.struct_size = static_cast<int32_t>(sizeof config);
    config.dtype = dtype;
    config.vocab_size = 29;
    config.hidden_size = 18;
    config.intermediate_size = 14;
    config.n_layers = 2;
    config.n_heads = 4;
    config.n_kv_heads = 2;
    config.head_dim = 6;
    config.max_positions = 160;
    config.tie_word_embeddings = 1;
    config.architecture = kQwen2;
    config.trainable = 1;
    config.rms_norm_eps = 1e-6f;
    config.rope_attention_factor = 1;
    return config;
}

std::vector<float> tiny_inv_freq(int32_t head_dim) {
    std::vector<float> frequencies;
    for (int32_t i = 0; i < head_dim / 2; ++i)
        frequencies.push_back(static_cast<float>(std::pow(100.0, -2.0 * i / head_dim)));
    return frequencies;
}

std::vector<float> tiny_inv_freq(const tbrm_model_config_t& config) {
    std::vector<float> frequencies = tiny_inv_freq(config.head_dim);
    // Gemma's sliding layers turn in a way of their own, those of others as the rest.
    const ReferenceSettings settings(config.architecture);
    if (settings.window == 0 || !settings.post_norms) return frequencies;
    for (int32_t i = 0; i < config.head_dim / 2; ++i)
        frequencies.push_back(static_cast<float>(std::pow(7.0, -2.0 * i / config.head_dim)));
    return frequencies;
}

ModelHandle make_model(tbrm_context_t* context, const tbrm_model_config_t& config, uint64_t seed) {
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    tbrm_model_t* raw = nullptr;
    EXPECT_OK(tbrm_model_create(context, &config, static_cast<int32_t>(inv_freq.size()), inv_freq.data(), &raw, &err));
    ModelHandle model(raw);
    const ReferenceSettings settings(config.architecture);
    for (int32_t i = 0; i < tbrm_model_tensor_count(raw); ++i) {
        const char* name = nullptr;
        int64_t rows = 0, cols = 0;
        EXPECT_OK(tbrm_model_tensor_info(raw, i, &name, &rows, &cols, &err));
        const int64_t n = rows * std::max<int64_t>(cols, 1);
        // Matrices as large as keeps activations near 1, norms around 1 (Gemma's add it themselves), biases around 0.
        std::vector<float> values = normals(
                n, seed + static_cast<uint64_t>(i), cols > 0 ? 1.0 / std::sqrt(static_cast<double>(cols)) : 0.2);
        if (std::strstr(name, "norm") != nullptr && settings.norm_shift == 0) {
            for (float& value : values)
                value += 1.0f;
        }
        EXPECT_OK(tbrm_model_tensor_write(raw, name, TBRM_TENSOR_KIND_WEIGHT, n, values.data(), &err));
    }
    return model;
}

OptimizerHandle make_optimizer(tbrm_model_t* model, float weight_decay) {
    const tbrm_optimizer_config_t config{
            static_cast<int32_t>(sizeof(tbrm_optimizer_config_t)), 0.9f, 0.95f, 1e-8f, weight_decay};
    tbrm_optimizer_t* raw = nullptr;
    EXPECT_OK(tbrm_optimizer_create(model, &config, &raw, &err));
    return OptimizerHandle(raw);
}

std::vector<TensorValues> read_tensors(tbrm_model_t* model, tbrm_tensor_kind_t kind) {
    std::vector<TensorValues> all;
    for (int32_t i = 0; i < tbrm_model_tensor_count(model); ++i) {
        const char* name = nullptr;
        TensorValues tensor{};
        EXPECT_OK(tbrm_model_tensor_info(model, i, &name, &tensor.rows, &tensor.cols, &err));
        tensor.name = name;
        const int64_t n = tensor.rows * std::max<int64_t>(tensor.cols, 1);
        tensor.values.resize(static_cast<size_t>(n));
        EXPECT_OK(tbrm_model_tensor_read(model, name, kind, n, tensor.values.data(), &err));
        all.push_back(std::move(tensor));
    }
    return all;
}

std::vector<TensorValues> read_moments(tbrm_model_t* model, tbrm_optimizer_t* optimizer, tbrm_moment_t moment) {
    std::vector<TensorValues> all;
    for (TensorValues& tensor : read_tensors(model, TBRM_TENSOR_KIND_WEIGHT)) {
        tbrm_error_t ignored{};
        if (tbrm_optimizer_moment_read(optimizer, tensor.name.c_str(), moment,
                    static_cast<int64_t>(tensor.values.size()), tensor.values.data(), &ignored) == TBRM_STATUS_OK) {
            all.push_back(std::move(tensor));
        }
    }
    return all;
}

bool same_bits(const std::vector<TensorValues>& a, const std::vector<TensorValues>& b) {
    if (a.size() != b.size() || a.empty()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i].name != b[i].name || a[i].values.size() != b[i].values.size() ||
                std::memcmp(a[i].values.data(), b[i].values.data(), a[i].values.size() * 4) != 0) {
            return false;
        }
    }
    return true;
}

ReferenceDecoder reference_of(tbrm_model_t* model, const tbrm_model_config_t& config) {
    ReferenceDecoder reference;
    reference.config = config;
    reference.settings = ReferenceSettings(config.architecture);
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    reference.inv_freq.assign(inv_freq.begin(), inv_freq.begin() + config.head_dim / 2);
    reference.sliding_inv_freq.assign(inv_freq.begin() + config.head_dim / 2, inv_freq.end());
    for (const TensorValues& tensor : read_tensors(model, TBRM_TENSOR_KIND_WEIGHT))
        reference.weights[tensor.name].assign(tensor.values.begin(), tensor.values.end());
    return reference;
}

void Batch::add_sequence(int64_t length, int64_t response, int32_t vocab, uint64_t seed) {
    const int64_t first = offsets.back();
    const auto draw = [&](int64_t i) {
        return static_cast<int32_t>(uniform(seed, static_cast<uint64_t>(i)) * static_cast<double>(vocab));
    };
    for (int64_t i = 0; i < length; ++i)
        ids.push_back(draw(i));
    for (int64_t i = length - response; i < length; ++i) {
        rows.push_back(first + i - 1);
        labels.push_back(ids[static_cast<size_t>(first + i)]);
    }
    offsets.push_back(first + length);
}

Batch Batch::slice(int64_t first, int64_t last, std::vector<size_t>* row_of) const {
    Batch part;
    part.temperature = temperature;
    const int64_t begin = offsets[static_cast<size_t>(first)], end = offsets[static_cast<size_t>(last)];
    part.ids.assign(ids.begin() + begin, ids.begin() + end);
    for (int64_t b = first; b < last; ++b)
        part.offsets.push_back(offsets[static_cast<size_t>(b + 1)] - begin);
    for (size_t r = 0; r < rows.size(); ++r) {
        if (rows[r] < begin || rows[r] >= end) continue;
        part.rows.push_back(rows[r] - begin);
        part.labels.push_back(labels[r]);
        row_of->push_back(r);
    }
    return part;
}

tbrm_batch_t Batch::view() const {
    return {static_cast<int32_t>(sizeof(tbrm_batch_t)), temperature, static_cast<int64_t>(offsets.size()) - 1,
            offsets.back(), static_cast<int64_t>(rows.size()), ids.data(), offsets.data(), rows.data(), labels.data()};
}

Scores forward(tbrm_model_t* model, const Batch& batch, bool keep) {
    const tbrm_batch_t view = batch.view();
    Scores scores{std::vector<float>(batch.n_rows(), NAN), std::vector<float>(batch.n_rows(), NAN),
            std::vector<float>(batch.n_rows(), NAN)};
    EXPECT_OK(
            tbrm_logprob_forward(model, &view, keep ? 1 : 0, scores.q.data(), scores.v.data(), scores.h.data(), &err));
    return scores;
}

void backward(
        tbrm_model_t* model, const std::vector<float>& dq, const std::vector<float>& dv, const std::vector<float>& dh) {
    EXPECT_OK(tbrm_gradient_backward(
            model, static_cast<int64_t>(dq.size()), dq.data(), dv.data(), dh.empty() ? nullptr : dh.data(), &err));
}

}  // namespace tbrm::testing
