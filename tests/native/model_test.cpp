// model_test.cpp - what the exports refuse, the life of a forward, and handles. Tensors: model_tensors_test.cpp.
#include <cmath>
#include <functional>

#include "core/context.hpp"
#include "core/guard.hpp"
#include "core/memory.hpp"
#include "refusal.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

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
            {[](auto& c) { c.architecture = "qk_nrm=1"; }, "unknown setting 'qk_nrm'; known are qkv_bias, qk_norm"},
            {[](auto& c) { c.architecture = "qk_norm"; }, "'qk_norm' is no name=value"},
            {[](auto& c) { c.architecture = "qk_norm=2"; }, "qk_norm is '2', expected 0 or 1"},
            {[](auto& c) { c.architecture = "qk_norm=1  qk_norm=1"; }, "qk_norm stands there twice"},
            {[](auto& c) { c.architecture = "activation=relu"; }, "'relu', expected silu or gelu_tanh"},
            {[](auto& c) { c.architecture = "norm_shift=nan"; }, "norm_shift is 'nan', expected a number from 0 to 1"},
            {[](auto& c) { c.architecture = "attention_scale=0.5x"; }, "attention_scale is '0.5x'"},
            {[](auto& c) { c.architecture = "attention_scale=-1"; }, "attention_scale is '-1', expected a number"},
            {[](auto& c) { c.architecture = "sliding_window=2.5"; }, "sliding_window is '2.5'"},
            {[](auto& c) { c.architecture = "sliding_window=4 sliding_layers=0-2"; },
                    "sliding_layers is '0-2', expected layers from 0 to 1"},
            {[](auto& c) { c.architecture = "sliding_window=4 sliding_layers=1-0"; }, "sliding_layers is '1-0'"},
            {[](auto& c) { c.architecture = "sliding_window=4 sliding_layers=0,,1"; }, "sliding_layers is '0,,1'"},
            {[](auto& c) { c.architecture = "sliding_layers=0"; }, "there are sliding_layers, but sliding_window is 0"},
            {[](auto& c) { c.head_dim = 8; }, "n_inv_freq is 3, expected head_dim / 2 = 4"},
    };
    for (const Fault& fault : faults) {
        tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
        fault.spoil(config);
        tbrm_model_t* model = reinterpret_cast<tbrm_model_t*>(1);
        CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
                tbrm_model_create(context.get(), &config, 3, inv_freq.data(), &model, err), fault.says);
        CHECK(model == nullptr);
    }
    const tbrm_model_config_t good = tiny_config(TBRM_DTYPE_F32);
    const float broken[] = {1, INFINITY, 0};
    tbrm_model_t* model = nullptr;
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_create(context.get(), &good, 3, broken, &model, err),
            "rope_inv_freq[1]");
    CHECK_REFUSED(
            TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_create(nullptr, &good, 3, broken, &model, err), "context is null");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_create(context.get(), nullptr, 3, broken, &model, err),
            "config is null");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
            tbrm_model_create(context.get(), &good, 3, inv_freq.data(), nullptr, err), "out_model is null");
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
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_read(model.get(), "model.norm", 0, 18, values, err),
            "no tensor 'model.norm'");
    CHECK_REFUSED(
            TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_read(model.get(), nullptr, 0, 18, values, err), "null");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_read(model.get(), norm, 0, 17, values, err),
            "has 18 elements, n is 17");
    CHECK_REFUSED(
            TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_read(model.get(), norm, 5, 18, values, err), "kind is 5");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_read(frozen.get(), norm, 1, 18, values, err),
            "trainable = 0");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_write(frozen.get(), norm, 2, 18, values, err),
            "trainable = 0");
    CHECK_REFUSED(
            TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_tensor_write(model.get(), norm, 0, 18, nullptr, err), "null");
}

// The definition in tbrm.h, computed here once more, element by element.
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
        CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_logprob_forward(model.get(), &view, 0, q, v, nullptr, err),
                fault.says);
    }
    Batch long_batch;
    long_batch.add_sequence(161, 1, config.vocab_size, 1);
    const tbrm_batch_t view = long_batch.view();
    float q[1], v[1];
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_logprob_forward(model.get(), &view, 0, q, v, nullptr, err),
            "sequence 0 has 161 tokens, the model was created for max_positions = 160");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_logprob_forward(model.get(), nullptr, 0, q, v, nullptr, err),
            "batch is null");
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

    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_gradient_backward(model.get(), 4, d, d, nullptr, err),
            "no forward is kept");
    CHECK_REFUSED(
            TBRM_STATUS_INVALID_ARGUMENT, tbrm_logprob_forward(frozen.get(), &view, 1, q, v, nullptr, err), "frozen");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_gradient_zero(frozen.get(), err), "frozen");
    forward(model.get(), batch, true);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_logprob_forward(model.get(), &view, 1, q, v, nullptr, err),
            "a forward is kept already");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_gradient_backward(model.get(), 3, d, d, nullptr, err),
            "n_rows is 3, the kept forward scored 4");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_gradient_backward(model.get(), 4, d, nullptr, nullptr, err),
            "dq or dv is null");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_optimizer_step(optimizer.get(), 0.1f, 1, &result, err),
            "an optimizer step would change");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_init_random(model.get(), 1, 0.02f, err),
            "a random initialisation would change");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_copy_weights(model.get(), frozen.get(), err),
            "copying weights would change");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
            tbrm_model_tensor_write(model.get(), "model.norm.weight", 0, 18, std::vector<float>(18).data(), err),
            "writing a weight would change");
    expect_ok(tbrm_gradient_discard(model.get(), &error), error, "discard");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_gradient_backward(model.get(), 4, d, d, nullptr, err),
            "no forward is kept");
    expect_ok(tbrm_gradient_discard(model.get(), &error), error, "discard of nothing");
    forward(model.get(), batch, true);
    backward(model.get(), {1, 1, 1, 1}, {0, 0, 0, 0}, {});
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_gradient_backward(model.get(), 4, d, d, nullptr, err),
            "no forward is kept");
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
