// model_tensors_test.cpp - names, tensor access, initialisation and frozen copies of a model.
#include <cmath>
#include <cstring>

#include "core/context.hpp"
#include "core/dtype.hpp"
#include "core/philox.hpp"
#include "refusal.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

constexpr tbrm_dtype_t kDtypes[] = {TBRM_DTYPE_F32, TBRM_DTYPE_BF16};

std::vector<float> read(tbrm_model_t* model, const char* name, tbrm_tensor_kind_t kind, int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    tbrm_error_t err{};
    expect_ok(tbrm_model_tensor_read(model, name, kind, n, values.data(), &err), err, name);
    return values;
}

void write(tbrm_model_t* model, const char* name, tbrm_tensor_kind_t kind, const std::vector<float>& values) {
    tbrm_error_t err{};
    expect_ok(tbrm_model_tensor_write(model, name, kind, static_cast<int64_t>(values.size()), values.data(), &err), err,
            name);
}

ModelHandle random_model(tbrm_context_t* context, const tbrm_model_config_t& config, uint64_t seed) {
    ModelHandle model = make_model(context, config, 1);
    tbrm_error_t err{};
    expect_ok(tbrm_model_init_random(model.get(), seed, 0.02f, &err), err, "tbrm_model_init_random");
    return model;
}

}  // namespace

namespace {

struct ExpectedTensor {
    std::string name;
    int64_t rows, cols;
};

// The tensors of a one-layer tiny model with a head of its own: those of the layer between the others.
std::vector<ExpectedTensor> with_layer(const std::vector<ExpectedTensor>& layer) {
    std::vector<ExpectedTensor> all{{"model.embed_tokens.weight", 29, 18}};
    for (const ExpectedTensor& tensor : layer)
        all.push_back({"model.layers.0." + tensor.name, tensor.rows, tensor.cols});
    all.push_back({"model.norm.weight", 18, 0});
    all.push_back({"lm_head.weight", 29, 18});
    return all;
}

void check_tensors(const char* architecture, const std::vector<ExpectedTensor>& layer) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    config.n_layers = 1;
    config.architecture = architecture;
    config.tie_word_embeddings = 0;
    const ModelHandle model = make_model(context.get(), config, 1);
    const std::vector<ExpectedTensor> expected = with_layer(layer);
    const std::vector<TensorValues> found = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
    CHECK_MSG(found.size() == expected.size(), "architecture '%s' has %zu tensors", architecture, found.size());
    for (size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
        CHECK_MSG(found[i].name == expected[i].name && found[i].rows == expected[i].rows &&
                          found[i].cols == expected[i].cols,
                "%s", expected[i].name.c_str());
    }
}

}  // namespace

TBRM_TEST(tensors_have_the_names_shapes_and_order_of_hugging_face) {
    const std::vector<ExpectedTensor> mlp{{"mlp.gate_proj.weight", 14, 18}, {"mlp.up_proj.weight", 14, 18},
            {"mlp.down_proj.weight", 18, 14}, {"input_layernorm.weight", 18, 0},
            {"post_attention_layernorm.weight", 18, 0}};
    std::vector<ExpectedTensor> llama{{"self_attn.q_proj.weight", 24, 18}, {"self_attn.k_proj.weight", 12, 18},
            {"self_attn.v_proj.weight", 12, 18}, {"self_attn.o_proj.weight", 18, 24}};
    std::vector<ExpectedTensor> qwen2{{"self_attn.q_proj.weight", 24, 18}, {"self_attn.q_proj.bias", 24, 0},
            {"self_attn.k_proj.weight", 12, 18}, {"self_attn.k_proj.bias", 12, 0}, {"self_attn.v_proj.weight", 12, 18},
            {"self_attn.v_proj.bias", 12, 0}, llama.back()};
    std::vector<ExpectedTensor> qwen3 = llama;
    qwen3.push_back({"self_attn.q_norm.weight", 6, 0});
    qwen3.push_back({"self_attn.k_norm.weight", 6, 0});
    for (std::vector<ExpectedTensor>* layer : {&llama, &qwen2, &qwen3})
        layer->insert(layer->end(), mlp.begin(), mlp.end());
    check_tensors(kLlama, llama);
    check_tensors(kQwen2, qwen2);
    check_tensors(kQwen3, qwen3);
    std::vector<ExpectedTensor> gemma = qwen3;
    gemma.push_back({"pre_feedforward_layernorm.weight", 18, 0});
    gemma.push_back({"post_feedforward_layernorm.weight", 18, 0});
    check_tensors(kGemma3, gemma);
}

TBRM_TEST(an_index_beyond_the_tensors_is_refused) {
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    const int32_t n = tbrm_model_tensor_count(model.get());
    const char* name = nullptr;
    int64_t rows = 0, cols = 0;
    CHECK(n == 2 + 2 * 12);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_info(model.get(), n, &name, &rows, &cols, err),
            "index is 26, expected 0 to 25");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_info(model.get(), -1, &name, &rows, &cols, err),
            "index is -1");
}

TBRM_TEST(a_new_model_is_zero_with_norms_of_one) {
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_BF16);
    const std::vector<float> inv_freq = tiny_inv_freq(config.head_dim);
    tbrm_model_t* raw = nullptr;
    tbrm_error_t err{};
    expect_ok(tbrm_model_create(context.get(), &config, 3, inv_freq.data(), &raw, &err), err, "create");
    const ModelHandle model(raw);
    for (const tbrm_tensor_kind_t kind : {TBRM_TENSOR_KIND_WEIGHT, TBRM_TENSOR_KIND_MASTER}) {
        for (const TensorValues& tensor : read_tensors(raw, kind)) {
            const float expected = tensor.name.find("norm") != std::string::npos ? 1.0f : 0.0f;
            for (const float value : tensor.values)
                CHECK(value == expected);
        }
    }
}

TBRM_TEST(tensors_read_back_what_was_written) {
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const ModelHandle model = make_model(context.get(), tiny_config(dtype), 1);
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0);
        const std::vector<TensorValues> before = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
        for (const char* name : {"model.layers.1.self_attn.k_proj.weight", "model.layers.0.self_attn.v_proj.bias",
                     "model.layers.1.mlp.up_proj.weight", "model.norm.weight"}) {
            int64_t n = 0;
            for (const TensorValues& tensor : before)
                if (tensor.name == name) n = static_cast<int64_t>(tensor.values.size());
            const std::vector<float> values = normals(n, 9);
            std::vector<float> rounded = values;
            for (float& value : rounded)
                value = round_to(static_cast<Dtype>(dtype), value);
            write(model.get(), name, TBRM_TENSOR_KIND_WEIGHT, values);
            CHECK(read(model.get(), name, TBRM_TENSOR_KIND_WEIGHT, n) == rounded);
            CHECK(read(model.get(), name, TBRM_TENSOR_KIND_MASTER, n) == rounded);
            write(model.get(), name, TBRM_TENSOR_KIND_MASTER, values);
            CHECK(read(model.get(), name, TBRM_TENSOR_KIND_WEIGHT, n) == rounded);
            CHECK(read(model.get(), name, TBRM_TENSOR_KIND_MASTER, n) == values);
            const std::vector<float> gradient = normals(n, 22);
            write(model.get(), name, TBRM_TENSOR_KIND_GRADIENT, gradient);
            CHECK(read(model.get(), name, TBRM_TENSOR_KIND_GRADIENT, n) == gradient);
            for (const tbrm_moment_t moment : {TBRM_MOMENT_FIRST, TBRM_MOMENT_SECOND}) {
                const std::vector<float> state = normals(n, 23 + static_cast<uint64_t>(moment));
                std::vector<float> found(state.size(), NAN);
                tbrm_error_t err{};
                expect_ok(tbrm_optimizer_moment_write(optimizer.get(), name, moment, n, state.data(), &err), err,
                        "write");
                expect_ok(
                        tbrm_optimizer_moment_read(optimizer.get(), name, moment, n, found.data(), &err), err, "read");
                CHECK(found == state);
            }
        }
        // The other parts of the fused parameters are as they were.
        for (const TensorValues& tensor : before) {
            if (tensor.name != "model.layers.1.self_attn.q_proj.weight" &&
                    tensor.name != "model.layers.1.mlp.gate_proj.weight" &&
                    tensor.name != "model.layers.0.self_attn.k_proj.bias") {
                continue;
            }
            CHECK(read(model.get(), tensor.name.c_str(), TBRM_TENSOR_KIND_WEIGHT,
                          static_cast<int64_t>(tensor.values.size())) == tensor.values);
        }
    }
}

TBRM_TEST(random_weights_depend_on_seed_name_and_element_alone) {
    const ContextHandle context = make_context(2), single = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = random_model(context.get(), config, 42);
    const std::vector<TensorValues> weights = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
    for (const TensorValues& tensor : weights) {
        if (tensor.cols == 0) {
            const float expected = tensor.name.find("norm") != std::string::npos ? 1.0f : 0.0f;
            for (const float value : tensor.values)
                CHECK(value == expected);
            continue;
        }
        uint64_t hash = 14695981039346656037ull;
        for (const char c : tensor.name)
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
        const bool residual =
                tensor.name.find("o_proj") != std::string::npos || tensor.name.find("down_proj") != std::string::npos;
        const double std = residual ? static_cast<double>(0.02f) / 2.0 : static_cast<double>(0.02f);  // 2 L = 4
        for (size_t i = 0; i < tensor.values.size(); ++i) {
            const Philox4 r = philox4x32(42, static_cast<uint32_t>(i / 4), 0, static_cast<uint32_t>(hash),
                    static_cast<uint32_t>(hash >> 32));
            const uint32_t a = r.x[i % 4 / 2 * 2], b = r.x[i % 4 / 2 * 2 + 1];
            const double radius = std::sqrt(-2 * std::log((a + 0.5) / 4294967296.0));
            const double angle = 6.283185307179586 * (b / 4294967296.0);
            const double expected = std * radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
            CHECK_MSG(close(tensor.values[i], expected, 1e-8), "%s[%zu]", tensor.name.c_str(), i);
        }
    }
    CHECK(same_bits(weights, read_tensors(random_model(single.get(), config, 42).get(), TBRM_TENSOR_KIND_WEIGHT)));
    CHECK(!same_bits(weights, read_tensors(random_model(single.get(), config, 43).get(), TBRM_TENSOR_KIND_WEIGHT)));
    // A tensor larger than one piece of the generator.
    config.vocab_size = 5000;
    config.dtype = TBRM_DTYPE_BF16;
    const ModelHandle large = random_model(context.get(), config, 42);
    const TensorValues embedding = read_tensors(large.get(), TBRM_TENSOR_KIND_MASTER)[0];
    double sum = 0, squares = 0;
    for (const float value : embedding.values) {
        sum += static_cast<double>(value);
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    // 90,000 draws: the mean's own spread is std / 300, the variance's sqrt(2) / 300 of it; five of each.
    CHECK(std::fabs(sum / 90000) < 0.02 * 5 / 300);
    CHECK(std::fabs(squares / 90000 / (0.02 * 0.02) - 1) < 5 * 1.4143 / 300);
    CHECK(std::memcmp(embedding.values.data(), weights[0].values.data(), weights[0].values.size() * 4) == 0);
}

TBRM_TEST(a_frozen_clone_has_the_same_bits_and_stays_as_it_is) {
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t config = tiny_config(dtype);
        const ModelHandle model = make_model(context.get(), config, 1), other = make_model(context.get(), config, 2);
        tbrm_model_t* raw = nullptr;
        tbrm_error_t error{};
        expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &error), error, "clone");
        const ModelHandle frozen(raw);
        const std::vector<TensorValues> weights = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
        CHECK(same_bits(weights, read_tensors(frozen.get(), TBRM_TENSOR_KIND_WEIGHT)));
        Batch batch;
        batch.add_sequence(12, 6, config.vocab_size, 1);
        CHECK(forward(model.get(), batch, false).v == forward(frozen.get(), batch, false).v);

        expect_ok(tbrm_model_copy_weights(model.get(), other.get(), &error), error, "copy_weights");
        CHECK(same_bits(read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER),
                read_tensors(other.get(), TBRM_TENSOR_KIND_MASTER)));
        CHECK(same_bits(weights, read_tensors(frozen.get(), TBRM_TENSOR_KIND_WEIGHT)));
        // From frozen to trainable: the masters are the weights, widened.
        expect_ok(tbrm_model_copy_weights(model.get(), frozen.get(), &error), error, "copy_weights");
        CHECK(same_bits(weights, read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT)));
        CHECK(same_bits(weights, read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER)));

        tbrm_model_config_t deeper = config;
        deeper.n_layers = 3;
        const ModelHandle different = make_model(context.get(), deeper, 1);
        CHECK_REFUSED(
                TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_copy_weights(model.get(), different.get(), err), "differ");
    }
}
