// model_test.cpp - configuration, names, tensor access, initialisation, copies, and what the exports refuse.
#include <cmath>
#include <cstring>
#include <functional>

#include "core/context.hpp"
#include "core/dtype.hpp"
#include "core/guard.hpp"
#include "core/memory.hpp"
#include "core/philox.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

constexpr tbrm_dtype_t kDtypes[] = {TBRM_DTYPE_F32, TBRM_DTYPE_BF16};

// The message with which a call is refused as INVALID_ARGUMENT; anything else is told apart.
std::string refusal(const std::function<tbrm_status_t(tbrm_error_t*)>& call) {
    tbrm_error_t err{};
    const tbrm_status_t status = call(&err);
    if (status == TBRM_STATUS_INVALID_ARGUMENT) return err.message;
    return format("status %d: %s", status, err.message);
}

#define CHECK_REFUSED(call, says)                                                                             \
    do {                                                                                                      \
        const std::string found_ = refusal([&](tbrm_error_t* err) { return call; });                          \
        CHECK_MSG(found_.find(says) != std::string::npos, "expected '%s', found '%s'", says, found_.c_str()); \
    } while (0)

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

TBRM_TEST(a_configuration_is_refused_by_field) {
    const ContextHandle context = make_context(1);
    const std::vector<float> inv_freq = tiny_inv_freq(6);
    struct Fault {
        std::function<void(tbrm_model_config_t&)> spoil;
        const char* says;
    };
    const std::vector<Fault> faults = {
            {[](auto& c) { c.struct_size = 4; }, "struct_size is 4"},
            {[](auto& c) { c.dtype = 7; }, "dtype is 7"},
            {[](auto& c) { c.vocab_size = 0; }, "vocab_size is 0"},
            {[](auto& c) { c.hidden_size = -1; }, "hidden_size is -1"},
            {[](auto& c) { c.intermediate_size = 0; }, "intermediate_size is 0"},
            {[](auto& c) { c.n_layers = 0; }, "n_layers is 0"},
            {[](auto& c) { c.n_kv_heads = 3; }, "n_kv_heads is 3, expected a divisor of n_heads = 4"},
            {[](auto& c) { c.n_kv_heads = 8; }, "n_kv_heads is 8, expected 1 to 4"},
            {[](auto& c) { c.head_dim = 5; }, "head_dim is 5, expected an even number"},
            {[](auto& c) { c.head_dim = 258; }, "head_dim is 258"},
            {[](auto& c) { c.max_positions = 0; }, "max_positions is 0"},
            {[](auto& c) { c.trainable = 2; }, "trainable is 2"},
            {[](auto& c) { c.rms_norm_eps = 0; }, "rms_norm_eps is 0"},
            {[](auto& c) { c.rms_norm_eps = NAN; }, "rms_norm_eps is"},
            {[](auto& c) { c.rope_attention_factor = 0; }, "rope_attention_factor is 0"},
            {[](auto& c) { c.head_budget_bytes = -1; }, "head_budget_bytes is -1"},
            {[](auto& c) { c.head_dim = 8; }, "n_inv_freq is 3, expected head_dim / 2 = 4"},
    };
    for (const Fault& fault : faults) {
        tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
        fault.spoil(config);
        tbrm_model_t* model = reinterpret_cast<tbrm_model_t*>(1);
        CHECK_REFUSED(tbrm_model_create(context.get(), &config, 3, inv_freq.data(), &model, err), fault.says);
        CHECK(model == nullptr);
    }
    const tbrm_model_config_t good = tiny_config(TBRM_DTYPE_F32);
    const float broken[] = {1, INFINITY, 0};
    tbrm_model_t* model = nullptr;
    CHECK_REFUSED(tbrm_model_create(context.get(), &good, 3, broken, &model, err), "rope_inv_freq[1]");
    CHECK_REFUSED(tbrm_model_create(nullptr, &good, 3, broken, &model, err), "context is null");
    CHECK_REFUSED(tbrm_model_create(context.get(), nullptr, 3, broken, &model, err), "config is null");
    CHECK_REFUSED(tbrm_model_create(context.get(), &good, 3, inv_freq.data(), nullptr, err), "out_model is null");
}

TBRM_TEST(a_model_that_does_not_fit_is_refused_before_it_is_built) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    config.vocab_size = 1 << 24;
    config.hidden_size = 1 << 17;
    const std::vector<float> inv_freq = tiny_inv_freq(config.head_dim);
    const int64_t before = host_memory().in_use(), peak = host_memory().peak();
    tbrm_model_t* model = nullptr;
    tbrm_error_t err{};
    CHECK(tbrm_model_create(context.get(), &config, 3, inv_freq.data(), &model, &err) == TBRM_STATUS_OUT_OF_MEMORY);
    CHECK(std::strstr(err.message, "bytes") != nullptr && model == nullptr);
    CHECK(host_memory().in_use() == before && host_memory().peak() == peak);
}

TBRM_TEST(tensors_have_the_names_shapes_and_order_of_hugging_face) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    config.n_layers = 1;
    config.qk_norm = 1;
    config.tie_word_embeddings = 0;
    const ModelHandle model = make_model(context.get(), config, 1);
    const struct {
        const char* name;
        int64_t rows, cols;
    } expected[] = {{"model.embed_tokens.weight", 29, 18}, {"model.layers.0.self_attn.q_proj.weight", 24, 18},
            {"model.layers.0.self_attn.q_proj.bias", 24, 0}, {"model.layers.0.self_attn.k_proj.weight", 12, 18},
            {"model.layers.0.self_attn.k_proj.bias", 12, 0}, {"model.layers.0.self_attn.v_proj.weight", 12, 18},
            {"model.layers.0.self_attn.v_proj.bias", 12, 0}, {"model.layers.0.self_attn.o_proj.weight", 18, 24},
            {"model.layers.0.self_attn.q_norm.weight", 6, 0}, {"model.layers.0.self_attn.k_norm.weight", 6, 0},
            {"model.layers.0.mlp.gate_proj.weight", 14, 18}, {"model.layers.0.mlp.up_proj.weight", 14, 18},
            {"model.layers.0.mlp.down_proj.weight", 18, 14}, {"model.layers.0.input_layernorm.weight", 18, 0},
            {"model.layers.0.post_attention_layernorm.weight", 18, 0}, {"model.norm.weight", 18, 0},
            {"lm_head.weight", 29, 18}};
    const std::vector<TensorValues> found = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
    CHECK(found.size() == std::size(expected));
    for (size_t i = 0; i < std::min(found.size(), std::size(expected)); ++i) {
        CHECK_MSG(found[i].name == expected[i].name && found[i].rows == expected[i].rows &&
                          found[i].cols == expected[i].cols,
                "%s", expected[i].name);
    }
    const char* name = nullptr;
    int64_t rows = 0, cols = 0;
    CHECK_REFUSED(tbrm_model_tensor_info(model.get(), 17, &name, &rows, &cols, err), "index is 17, expected 0 to 16");
    CHECK_REFUSED(tbrm_model_tensor_info(model.get(), -1, &name, &rows, &cols, err), "index is -1");
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
            for (const tbrm_tensor_kind_t kind :
                    {TBRM_TENSOR_KIND_GRADIENT, TBRM_TENSOR_KIND_ADAM_M, TBRM_TENSOR_KIND_ADAM_V}) {
                const std::vector<float> state = normals(n, 20 + static_cast<uint64_t>(kind));
                write(model.get(), name, kind, state);
                CHECK(read(model.get(), name, kind, n) == state);
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

TBRM_TEST(tensor_access_is_refused_with_a_reason) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 1);
    tbrm_model_t* raw = nullptr;
    tbrm_error_t error{};
    expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &error), error, "clone");
    const ModelHandle frozen(raw);
    float values[18];
    const char* norm = "model.norm.weight";
    CHECK_REFUSED(tbrm_model_tensor_read(model.get(), "model.norm", 0, 18, values, err), "no tensor 'model.norm'");
    CHECK_REFUSED(tbrm_model_tensor_read(model.get(), nullptr, 0, 18, values, err), "null");
    CHECK_REFUSED(tbrm_model_tensor_read(model.get(), norm, 0, 17, values, err), "has 18 elements, n is 17");
    CHECK_REFUSED(tbrm_model_tensor_read(model.get(), norm, 5, 18, values, err), "kind is 5");
    CHECK_REFUSED(tbrm_model_tensor_read(model.get(), norm, 3, 18, values, err), "the model has no optimizer");
    CHECK_REFUSED(tbrm_model_tensor_read(frozen.get(), norm, 1, 18, values, err), "trainable = 0");
    CHECK_REFUSED(tbrm_model_tensor_write(frozen.get(), norm, 2, 18, values, err), "trainable = 0");
    CHECK_REFUSED(tbrm_model_tensor_write(model.get(), norm, 0, 18, nullptr, err), "null");
}

// The definition in tbrm.h, computed here once more, element by element.
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
        CHECK_REFUSED(tbrm_model_copy_weights(model.get(), different.get(), err), "differ");
    }
}

TBRM_TEST(a_batch_is_refused_by_element) {
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 1);
    struct Fault {
        std::function<void(Batch&, tbrm_batch_t&)> spoil;
        const char* says;
    };
    const std::vector<Fault> faults = {
            {[](Batch&, tbrm_batch_t& v) { v.struct_size = 8; }, "struct_size is 8"},
            {[](Batch&, tbrm_batch_t& v) { v.temperature = 0; }, "temperature is 0"},
            {[](Batch&, tbrm_batch_t& v) { v.temperature = NAN; }, "temperature is"},
            {[](Batch&, tbrm_batch_t& v) { v.n_tokens = -1; }, "a count is negative"},
            {[](Batch&, tbrm_batch_t& v) { v.ids = nullptr; }, "ids is null"},
            {[](Batch&, tbrm_batch_t& v) { v.offsets = nullptr; }, "offsets is null"},
            {[](Batch&, tbrm_batch_t& v) { v.labels = nullptr; }, "rows or labels is null"},
            {[](Batch& b, tbrm_batch_t&) { b.ids[3] = 29; }, "ids[3] is 29, expected 0 to vocab_size - 1 = 28"},
            {[](Batch& b, tbrm_batch_t&) { b.ids[0] = -1; }, "ids[0] is -1"},
            {[](Batch& b, tbrm_batch_t&) { b.labels[1] = 29; }, "labels[1] is 29"},
            {[](Batch& b, tbrm_batch_t&) { b.offsets[0] = 1; }, "offsets[0] is 1"},
            {[](Batch& b, tbrm_batch_t&) { b.offsets[1] = 21; }, "offsets[1] is 21"},
            {[](Batch&, tbrm_batch_t& v) { v.n_tokens = 19; }, "offsets[2] is 20"},
            {[](Batch&, tbrm_batch_t& v) { v.n_tokens = 21; }, "offsets[2] is 20, expected n_tokens = 21"},
            {[](Batch& b, tbrm_batch_t&) { b.rows[1] = b.rows[0]; }, "rows[1] is 5 after 5"},
            {[](Batch& b, tbrm_batch_t&) { b.rows[0] = -1; }, "rows[0] is -1"},
            {[](Batch& b, tbrm_batch_t&) { b.rows.back() = 20; }, "rows[7] is 20"},
    };
    for (const Fault& fault : faults) {
        Batch batch;
        batch.add_sequence(10, 4, config.vocab_size, 1);
        batch.add_sequence(10, 4, config.vocab_size, 2);
        tbrm_batch_t view = batch.view();
        fault.spoil(batch, view);
        float q[8], v[8];
        CHECK_REFUSED(tbrm_logprob_forward(model.get(), &view, 0, q, v, nullptr, err), fault.says);
    }
    Batch long_batch;
    long_batch.add_sequence(161, 1, config.vocab_size, 1);
    const tbrm_batch_t view = long_batch.view();
    float q[1], v[1];
    CHECK_REFUSED(tbrm_logprob_forward(model.get(), &view, 0, q, v, nullptr, err),
            "sequence 0 has 161 tokens, the model was created for max_positions = 160");
    CHECK_REFUSED(tbrm_logprob_forward(model.get(), nullptr, 0, q, v, nullptr, err), "batch is null");
}

TBRM_TEST(a_forward_is_kept_used_or_discarded_in_that_order) {
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 1);
    const OptimizerHandle optimizer = make_optimizer(model.get(), 0);
    tbrm_model_t* raw = nullptr;
    tbrm_error_t error{};
    expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &error), error, "clone");
    const ModelHandle frozen(raw);
    Batch batch;
    batch.add_sequence(10, 4, config.vocab_size, 1);
    const tbrm_batch_t view = batch.view();
    float q[4], v[4];
    const float d[4] = {1, 1, 1, 1};
    tbrm_step_result_t result{};

    CHECK_REFUSED(tbrm_gradient_backward(model.get(), 4, d, d, nullptr, err), "no forward is kept");
    CHECK_REFUSED(tbrm_logprob_forward(frozen.get(), &view, 1, q, v, nullptr, err), "frozen");
    CHECK_REFUSED(tbrm_gradient_zero(frozen.get(), err), "frozen");
    forward(model.get(), batch, true);
    CHECK_REFUSED(tbrm_logprob_forward(model.get(), &view, 1, q, v, nullptr, err), "a forward is kept already");
    CHECK_REFUSED(tbrm_gradient_backward(model.get(), 3, d, d, nullptr, err), "n_rows is 3, the kept forward scored 4");
    CHECK_REFUSED(tbrm_gradient_backward(model.get(), 4, d, nullptr, nullptr, err), "dq or dv is null");
    CHECK_REFUSED(tbrm_optimizer_step(optimizer.get(), 0.1f, 1, &result, err), "an optimizer step would change");
    CHECK_REFUSED(tbrm_model_init_random(model.get(), 1, 0.02f, err), "a random initialisation would change");
    CHECK_REFUSED(tbrm_model_copy_weights(model.get(), frozen.get(), err), "copying weights would change");
    CHECK_REFUSED(tbrm_model_tensor_write(model.get(), "model.norm.weight", 0, 18, std::vector<float>(18).data(), err),
            "writing a weight would change");
    expect_ok(tbrm_gradient_discard(model.get(), &error), error, "discard");
    CHECK_REFUSED(tbrm_gradient_backward(model.get(), 4, d, d, nullptr, err), "no forward is kept");
    expect_ok(tbrm_gradient_discard(model.get(), &error), error, "discard of nothing");
    forward(model.get(), batch, true);
    backward(model.get(), {1, 1, 1, 1}, {0, 0, 0, 0}, {});
    CHECK_REFUSED(tbrm_gradient_backward(model.get(), 4, d, d, nullptr, err), "no forward is kept");
}

TBRM_TEST(nothing_scored_and_nothing_at_all_are_legal) {
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    Batch unscored;
    unscored.add_sequence(5, 0, 29, 1);
    for (const Batch& batch : {unscored, Batch()}) {
        CHECK(forward(model.get(), batch, true).q.empty());
        backward(model.get(), {}, {}, {});
    }
    for (const TensorValues& tensor : read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT)) {
        for (const float value : tensor.values)
            CHECK(value == 0);
    }
}

TBRM_TEST(a_micro_batch_that_does_not_fit_is_refused_before_it_runs) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    config.n_layers = 1000;
    config.intermediate_size = 4096;
    config.hidden_size = 2;
    config.max_positions = 1 << 20;
    config.trainable = 1;
    const ModelHandle model = make_model(context.get(), config, 1);
    Batch batch;
    batch.add_sequence(1 << 20, 1, config.vocab_size, 1);  // 33 MB of gate and up per token
    const tbrm_batch_t view = batch.view();
    float q[1], v[1];
    tbrm_error_t err{};
    const int64_t peak = host_memory().peak();
    CHECK(tbrm_logprob_forward(model.get(), &view, 1, q, v, nullptr, &err) == TBRM_STATUS_OUT_OF_MEMORY);
    CHECK(std::strstr(err.message, "use smaller micro-batches or recompute = 1") != nullptr);
    CHECK(host_memory().peak() - peak < int64_t{64} << 20);
    batch = Batch();
    batch.add_sequence(4, 2, config.vocab_size, 1);
    backward(model.get(), forward(model.get(), batch, true).q, {0, 0}, {});
}

TBRM_TEST(handles_may_be_destroyed_in_any_order_and_give_all_memory_back) {
    const int64_t bytes = host_memory().in_use(), objects = LiveObject::count();
    for (const bool context_first : {false, true}) {
        ContextHandle context = make_context(1);
        ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_BF16), 1);
        OptimizerHandle optimizer = make_optimizer(model.get(), 0);
        CHECK(LiveObject::count() == objects + 3 && host_memory().in_use() > bytes);
        Batch batch;
        batch.add_sequence(10, 4, 29, 1);
        forward(model.get(), batch, true);
        if (context_first) {
            context.reset();
            model.reset();
            tbrm_step_result_t result{};
            tbrm_error_t err{};
            CHECK(tbrm_optimizer_step(optimizer.get(), 0.1f, 1, &result, &err) == TBRM_STATUS_INVALID_ARGUMENT);
        }
    }
    CHECK(LiveObject::count() == objects && host_memory().in_use() == bytes);
    tbrm_model_destroy(nullptr);
    tbrm_optimizer_destroy(nullptr);
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
