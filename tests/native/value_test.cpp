// value_test.cpp - the value head: kernels against double, and a critic's values and gradients against the decoder in double.
#include "value/value.hpp"

#include <cmath>
#include <cstring>

#include "adapter_cases.hpp"
#include "checkpoint/safetensors.hpp"
#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "refusal.hpp"
#include "rounding.hpp"
#include "temporary_folder.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

constexpr tbrm_head_kind_t kHeads[] = {TBRM_HEAD_KIND_VALUE, TBRM_HEAD_KIND_VALUE_BIAS};

tbrm_model_config_t critic_config(const Variant& a, tbrm_dtype_t dtype, tbrm_head_kind_t head) {
    tbrm_model_config_t config = config_of(a, dtype);
    config.head_kind = head;
    return config;
}

std::vector<float> values_of(tbrm_model_t* model, const Batch& batch, bool keep) {
    tbrm_batch_t view = batch.view();
    view.labels = nullptr;  // a value head needs neither labels nor a temperature
    view.temperature = 0;
    std::vector<float> values(batch.n_rows(), NAN);
    tbrm_error_t err{};
    expect_ok(tbrm_value_forward(model, &view, keep ? 1 : 0, values.data(), &err), err, "tbrm_value_forward");
    return values;
}

void backward_values(tbrm_model_t* model, const std::vector<float>& dv) {
    tbrm_error_t err{};
    expect_ok(tbrm_value_backward(model, static_cast<int64_t>(dv.size()), dv.data(), &err), err, "tbrm_value_backward");
}

std::vector<TensorValues> gradients_of(tbrm_model_t* model, const Batch& batch, const std::vector<float>& dv) {
    values_of(model, batch, true);
    backward_values(model, dv);
    return read_tensors(model, TBRM_TENSOR_KIND_GRADIENT);
}

double value_loss(const ReferenceDecoder& reference, const tbrm_batch_t& batch, const std::vector<float>& dv) {
    const Vector values = reference.values(batch);
    double sum = 0;
    for (size_t r = 0; r < values.size(); ++r)
        sum += static_cast<double>(dv[r]) * values[r];
    return sum;
}

// Central differences of that loss in double; with step 1e-4 their own error is about 1e-8 of a gradient of order one.
Vector value_gradient(const ReferenceDecoder& reference, const std::string& name, const tbrm_batch_t& batch,
        const std::vector<float>& dv) {
    constexpr double kStep = 1e-4;
    Vector gradient(reference.weights.at(name).size());
    parallel_for(static_cast<int64_t>(gradient.size()), 1 << 20, [&](int64_t i) {
        ReferenceDecoder moved = reference;
        double& weight = moved.weights[name][static_cast<size_t>(i)];
        const double at = weight;
        weight = at + kStep;
        const double above = value_loss(moved, batch, dv);
        weight = at - kStep;
        gradient[static_cast<size_t>(i)] = (above - value_loss(moved, batch, dv)) / (2 * kStep);
    });
    return gradient;
}

void check_kernel(Dtype dtype, int64_t rows, int64_t d) {
    const Array x(dtype, normals(rows * d, 1));
    const std::vector<float> w = normals(d, 2), dv = normals(rows, 3), bias{0.25f};
    std::vector<float> out(static_cast<size_t>(rows), NAN), dw(static_cast<size_t>(d), 0.5f), dbias{0.5f};
    Array dx(dtype, rows * d);
    cpu::value_forward(dtype, rows, d, x.data(), w.data(), bias.data(), out.data());
    cpu::value_backward(dtype, rows, d, x.data(), w.data(), dv.data(), dx.data(), dw.data(), dbias.data());
    for (int64_t r = 0; r < rows; ++r) {
        double sum = 0.25, size = 0.25;
        for (int64_t k = 0; k < d; ++k) {
            const double term = x[r * d + k] * static_cast<double>(w[static_cast<size_t>(k)]);
            sum += term;
            size += std::fabs(term);
            // One product, rounded to fp32 and then to dtype.
            const double slope =
                    static_cast<double>(dv[static_cast<size_t>(r)]) * static_cast<double>(w[static_cast<size_t>(k)]);
            CHECK(close(dx[r * d + k], slope, std::fabs(slope) * (dtype == Dtype::F32 ? 1.2e-7 : 4e-3)));
        }
        // At most d / 16 + 5 roundings of 2^-24 on a path of the sum, of no more than the sum of sizes.
        CHECK_MSG(close(static_cast<double>(out[static_cast<size_t>(r)]), sum,
                          size * 6e-8 * (static_cast<double>(d) / 16 + 6)),
                "row %lld", static_cast<long long>(r));
    }
    double total = 0.5;
    for (const float v : dv)
        total += static_cast<double>(v);
    CHECK(close(static_cast<double>(dbias[0]), total, 1e-6 * (1 + std::fabs(total))));
    for (int64_t k = 0; k < d; ++k) {
        double sum = 0;
        for (int64_t r = 0; r < rows; ++r)
            sum += static_cast<double>(dv[static_cast<size_t>(r)]) * x[r * d + k];
        // fp64 inside; the sum and its addition to 0.5 are rounded to fp32.
        CHECK(close(static_cast<double>(dw[static_cast<size_t>(k)]), 0.5 + sum, 1.2e-7 * (1 + std::fabs(sum))));
    }
}

}  // namespace

TBRM_TEST(kernels_agree_with_double) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        for (const int64_t d : {1, 2, 15, 16, 18, 64, 129, 896})
            for (const int64_t rows : {1, 3, 50})
                check_kernel(dtype, rows, d);
        check_kernel(dtype, 700, 130);  // enough work for several threads
    }
    // No rows: nothing is touched.
    float dw = 1, dbias = 2;
    cpu::value_forward(Dtype::F32, 0, 4, nullptr, nullptr, nullptr, nullptr);
    cpu::value_backward(Dtype::F32, 0, 4, nullptr, nullptr, nullptr, nullptr, nullptr, &dbias);
    CHECK(dw == 1 && dbias == 2);
}

TBRM_TEST(values_and_gradients_agree_with_double_for_every_parameter) {
    // As gradient_test: a few dozen roundings of 2^-24 times the conditioning of small random networks.
    constexpr double kTolerance = 2e-5;
    for (const Variant& architecture : kVariants) {
        for (const tbrm_head_kind_t head : kHeads) {
            const ContextHandle context = make_context(2);
            const tbrm_model_config_t config = critic_config(architecture, TBRM_DTYPE_F32, head);
            const ModelHandle model = make_model(context.get(), config, 100);
            const Batch batch = mixed_batch(config.vocab_size);
            const tbrm_batch_t view = batch.view();
            const ReferenceDecoder reference = reference_of(model.get(), config);
            const auto n = static_cast<int64_t>(batch.n_rows());
            const std::vector<float> dv = normals(n, 9);
            CHECK(relative_error(values_of(model.get(), batch, false), reference.values(view), n) <= kTolerance);
            const std::vector<TensorValues> gradients = gradients_of(model.get(), batch, dv);
            CHECK(gradients.back().name == (head == TBRM_HEAD_KIND_VALUE ? "score.weight" : "score.bias"));
            for (const TensorValues& gradient : gradients) {
                CHECK(gradient.name != "lm_head.weight");
                const Vector numeric = value_gradient(reference, gradient.name, view, dv);
                const double error = relative_error(gradient.values, numeric, static_cast<int64_t>(numeric.size()));
                CHECK_MSG(norm_of(numeric) > 1e-3 && error <= kTolerance, "%s %s: relative error %.3g",
                        architecture.name, gradient.name.c_str(), error);
            }
        }
    }
}

TBRM_TEST(other_rows_threads_recompute_and_repetition_change_no_bit) {
    for (const tbrm_dtype_t dtype : kBoth) {
        tbrm_model_config_t config = critic_config(kVariants[1], dtype, TBRM_HEAD_KIND_VALUE_BIAS);
        const ContextHandle context = make_context(2), single = make_context(1);
        const Batch batch = eight_sequences(config.vocab_size);
        const std::vector<float> dv = normals(static_cast<int64_t>(batch.n_rows()), 9);
        const ModelHandle model = make_model(context.get(), config, 100);
        const std::vector<float> values = values_of(model.get(), batch, false);
        const std::vector<TensorValues> gradients = gradients_of(model.get(), batch, dv);
        zero_gradients(model.get());
        CHECK(same_bits(gradients, gradients_of(model.get(), batch, dv)));
        const ModelHandle of_one = make_model(single.get(), config, 100);
        CHECK(values == values_of(of_one.get(), batch, false));
        CHECK(same_bits(gradients, gradients_of(of_one.get(), batch, dv)));
        for (int64_t b = 0; b < 8; ++b) {
            std::vector<size_t> rows;
            const Batch alone = batch.slice(b, b + 1, &rows);
            const std::vector<float> part = values_of(model.get(), alone, false);
            for (size_t r = 0; r < rows.size(); ++r)
                CHECK(part[r] == values[rows[r]]);
        }
        config.recompute = 1;
        CHECK(same_bits(gradients, gradients_of(make_model(context.get(), config, 100).get(), batch, dv)));
    }
}

// A critic made of a policy: its body to the bit, its head zero or drawn, and untouched by the policy's next step.
TBRM_TEST(a_critic_starts_from_a_policy) {
    for (const tbrm_dtype_t dtype : kBoth) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t of_policy = config_of(kVariants[1], dtype);
        const ModelHandle policy = make_model(context.get(), of_policy, 100);
        const tbrm_model_config_t config = critic_config(kVariants[1], dtype, TBRM_HEAD_KIND_VALUE_BIAS);
        const ModelHandle critic = make_model(context.get(), config, 7);
        const Batch batch = mixed_batch(config.vocab_size);
        tbrm_error_t err{};
        expect_ok(tbrm_model_copy_body(critic.get(), policy.get(), &err), err, "copy_body");
        expect_ok(tbrm_model_init_value_head(critic.get(), 3, 0, &err), err, "init_value_head");
        for (const float value : values_of(critic.get(), batch, false))
            CHECK(value == 0);
        std::vector<TensorValues> body = read_tensors(critic.get(), TBRM_TENSOR_KIND_MASTER),
                                  source = read_tensors(policy.get(), TBRM_TENSOR_KIND_MASTER);
        body.resize(body.size() - 2);
        source.resize(source.size() - 1);
        CHECK(same_bits(body, source));

        expect_ok(tbrm_model_init_value_head(critic.get(), 3, 0.5f, &err), err, "init_value_head");
        const TensorValues head = read_tensors(critic.get(), TBRM_TENSOR_KIND_WEIGHT)[body.size()];
        CHECK(head.name == "score.weight" && head.rows == 1 && head.cols == config.hidden_size);
        double squares = 0;
        for (const float w : head.values)
            squares += static_cast<double>(w) * static_cast<double>(w);
        // 18 squares of N(0, 1/4): mean 1/4, spread 1/4 sqrt(2/18); four of those.
        CHECK(close(squares / 18, 0.25, 0.34));
        const std::vector<float> before = values_of(critic.get(), batch, false);
        const OptimizerHandle optimizer = make_optimizer(policy.get(), 0);
        const Coefficients c(batch.n_rows());
        forward(policy.get(), batch, true);
        backward(policy.get(), c.q, c.v, c.h);
        tbrm_step_result_t result{};
        expect_ok(tbrm_optimizer_step(optimizer.get(), 0.01f, 1, &result, &err), err, "step");
        CHECK(before == values_of(critic.get(), batch, false));
    }
}

// Regression on fixed returns with an optimizer of its own: the squared error falls by far.
TBRM_TEST(a_critic_learns_its_returns) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = critic_config(kVariants[0], TBRM_DTYPE_BF16, TBRM_HEAD_KIND_VALUE);
    const ModelHandle critic = make_model(context.get(), config, 100);
    const OptimizerHandle optimizer = make_optimizer(critic.get(), 0.01f);
    const Batch batch = mixed_batch(config.vocab_size);
    const std::vector<float> returns = normals(static_cast<int64_t>(batch.n_rows()), 12);
    double first = 0, last = 0;
    for (int t = 0; t < 60; ++t) {
        std::vector<float> dv = values_of(critic.get(), batch, true);
        last = 0;
        for (size_t r = 0; r < dv.size(); ++r) {
            dv[r] -= returns[r];
            last += static_cast<double>(dv[r]) * static_cast<double>(dv[r]);
        }
        if (t == 0) first = last;
        backward_values(critic.get(), dv);
        tbrm_step_result_t result{};
        tbrm_error_t err{};
        expect_ok(tbrm_optimizer_step(optimizer.get(), 0.01f, 1, &result, &err), err, "step");
    }
    CHECK_MSG(last < 0.05 * first, "squared error %.3g at first, %.3g at last", first, last);
}

TBRM_TEST(a_critic_is_saved_and_loaded_under_hugging_faces_names) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = critic_config(kVariants[0], TBRM_DTYPE_BF16, TBRM_HEAD_KIND_VALUE_BIAS);
    const ModelHandle critic = make_model(context.get(), config, 100), other = make_model(context.get(), config, 5);
    const std::string path = folder / "critic.safetensors";
    tbrm_error_t error{};
    expect_ok(
            tbrm_checkpoint_save_weights(critic.get(), path.c_str(), 0, tbrm_model_tensor_count(critic.get()), &error),
            error, "save");
    const SafetensorsFile file(path);
    CHECK(file.header().find("score.weight")->shape == (std::vector<int64_t>{1, config.hidden_size}));
    CHECK(file.header().find("score.bias")->shape == std::vector<int64_t>{1});
    CHECK(file.header().find("lm_head.weight") == nullptr);
    int64_t found = 0;
    expect_ok(tbrm_checkpoint_load_weights(other.get(), path.c_str(), &found, &error), error, "load");
    CHECK(found == tbrm_model_tensor_count(critic.get()));
    CHECK(same_bits(
            read_tensors(critic.get(), TBRM_TENSOR_KIND_WEIGHT), read_tensors(other.get(), TBRM_TENSOR_KIND_WEIGHT)));
    // A bias that the model has no place for is no small matter.
    const ModelHandle unbiased =
            make_model(context.get(), critic_config(kVariants[0], TBRM_DTYPE_BF16, TBRM_HEAD_KIND_VALUE), 1);
    CHECK_REFUSED(TBRM_STATUS_BAD_FILE, tbrm_checkpoint_load_weights(unbiased.get(), path.c_str(), &found, err),
            "tensor 'score.bias' has no place");
    // A policy's file fills the body and leaves the head to be initialised.
    const ModelHandle policy = make_model(context.get(), config_of(kVariants[0], TBRM_DTYPE_BF16), 50);
    const std::string base = folder / "policy.safetensors";
    expect_ok(
            tbrm_checkpoint_save_weights(policy.get(), base.c_str(), 0, tbrm_model_tensor_count(policy.get()), &error),
            error, "save");
    tbrm_model_t* raw = nullptr;
    const std::vector<float> inv_freq = tiny_inv_freq(config.head_dim);
    expect_ok(tbrm_model_create(context.get(), &config, config.head_dim / 2, inv_freq.data(), &raw, &error), error,
            "create");
    const ModelHandle fresh(raw);
    found = 0;
    expect_ok(tbrm_checkpoint_load_weights(fresh.get(), base.c_str(), &found, &error), error, "load");
    char names[100];
    int64_t missing = 0;
    expect_ok(tbrm_checkpoint_missing(fresh.get(), sizeof names, names, &missing, &error), error, "missing");
    CHECK(missing == 2 && std::string(names) == "score.weight\nscore.bias");
}

// The adapter of a critic: the base is frozen, the head is trained on, and the file holds both.
TBRM_TEST(a_critic_with_an_adapter_trains_its_head) {
    const TemporaryFolder folder;
    const std::string path = folder / "adapter.safetensors";
    for (const int32_t trainable : {0, 1}) {
        const ContextHandle context = make_context(2);
        tbrm_model_config_t config = critic_config(kVariants[0], TBRM_DTYPE_BF16, TBRM_HEAD_KIND_VALUE_BIAS);
        config.trainable = trainable;
        const ModelHandle critic = make_model(context.get(), config, 100),
                          other = make_model(context.get(), config, 100);
        attach(critic.get(), adapter_config());
        attach(other.get(), adapter_config());
        const OptimizerHandle optimizer = make_optimizer(critic.get(), 0);
        const Batch batch = mixed_batch(config.vocab_size);
        const std::vector<TensorValues> before = read_tensors(critic.get(), TBRM_TENSOR_KIND_WEIGHT);
        tbrm_error_t err{};
        for (int t = 0; t < 2; ++t) {
            values_of(critic.get(), batch, true);
            backward_values(critic.get(), normals(static_cast<int64_t>(batch.n_rows()), 9));
            tbrm_step_result_t result{};
            expect_ok(tbrm_optimizer_step(optimizer.get(), 0.05f, 1, &result, &err), err, "step");
        }
        const std::vector<TensorValues> after = read_tensors(critic.get(), TBRM_TENSOR_KIND_WEIGHT);
        for (size_t i = 0; i < before.size(); ++i) {
            const bool trained = is_adapter(before[i].name) || before[i].name.rfind("score.", 0) == 0;
            CHECK_MSG((before[i].values != after[i].values) == trained, "%s", before[i].name.c_str());
        }
        expect_ok(tbrm_checkpoint_save_adapter(critic.get(), path.c_str(), &err), err, "save");
        CHECK(SafetensorsFile(path).header().find("base_model.model.score.weight") != nullptr);
        expect_ok(tbrm_checkpoint_load_adapter(other.get(), path.c_str(), &err), err, "load");
        CHECK(values_of(other.get(), batch, false) == values_of(critic.get(), batch, false));
    }
}

// Both heads on one body: values are those of the value head alone, and one walk back gives the sum of the two gradients.
TBRM_TEST(a_policy_that_is_its_own_critic_has_both_gradients_in_one_backward) {
    for (const Variant& architecture : kVariants) {
        for (const tbrm_dtype_t dtype : kBoth) {
            const ContextHandle context = make_context(2);
            const tbrm_model_config_t config = critic_config(architecture, dtype, TBRM_HEAD_KIND_LM_VALUE);
            const ModelHandle model = make_model(context.get(), config, 100);
            const Batch batch = mixed_batch(config.vocab_size);
            const auto n = static_cast<int64_t>(batch.n_rows());
            const std::vector<float> dvalue = normals(n, 9);
            const Coefficients c(batch.n_rows());
            const std::vector<TensorValues> of_values = gradients_of(model.get(), batch, dvalue);
            zero_gradients(model.get());
            forward(model.get(), batch, true);
            backward(model.get(), c.q, c.v, c.h);
            const std::vector<TensorValues> of_scores = read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT);
            zero_gradients(model.get());
            forward(model.get(), batch, true);
            std::vector<float> values(batch.n_rows(), NAN);
            tbrm_error_t err{};
            expect_ok(tbrm_value_of_kept(model.get(), n, values.data(), &err), err, "value_of_kept");
            CHECK(values == values_of(model.get(), batch, false));
            expect_ok(tbrm_value_add_gradient(model.get(), n, dvalue.data(), &err), err, "value_add_gradient");
            backward(model.get(), c.q, c.v, c.h);
            const std::vector<TensorValues> both = read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT);
            // Linear in the gradient of the hidden states but for roundings: a few dozen of 2^-24, or of 2^-9 in bf16, where the gradients of
            // norms are sums that cancel.
            const double tolerance = dtype == TBRM_DTYPE_F32 ? 2e-5 : 1.2e-1;
            for (size_t i = 0; i < both.size(); ++i) {
                Vector sum(both[i].values.size());
                for (size_t k = 0; k < sum.size(); ++k)
                    sum[k] = static_cast<double>(of_values[i].values[k]) + static_cast<double>(of_scores[i].values[k]);
                const double error = relative_error(both[i].values, sum, static_cast<int64_t>(sum.size()));
                CHECK_MSG(norm_of(sum) > 1e-3 && error <= tolerance, "%s %s: relative error %.3g", architecture.name,
                        both[i].name.c_str(), error);
            }
            // A backward without values of its own adds none.
            zero_gradients(model.get());
            forward(model.get(), batch, true);
            backward(model.get(), c.q, c.v, c.h);
            CHECK(same_bits(of_scores, read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT)));
        }
    }
}

// Its rollout is the policy's; its files are the policy's with the head in one of its own.
TBRM_TEST(a_policy_that_is_its_own_critic_is_saved_in_two_files) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = critic_config(kVariants[0], TBRM_DTYPE_F32, TBRM_HEAD_KIND_LM_VALUE);
    const ModelHandle model = make_model(context.get(), config, 100), other = make_model(context.get(), config, 5);
    const int32_t n = tbrm_model_tensor_count(model.get());
    const std::string policy = folder / "policy.safetensors", head = folder / "value_head.safetensors";
    tbrm_error_t error{};
    expect_ok(tbrm_checkpoint_save_weights(model.get(), policy.c_str(), 0, n - 1, &error), error, "save");
    expect_ok(tbrm_checkpoint_save_weights(model.get(), head.c_str(), n - 1, 1, &error), error, "save");
    CHECK(SafetensorsFile(policy).header().find("score.weight") == nullptr);
    CHECK(SafetensorsFile(head).header().tensors.size() == 1);
    int64_t found = 0;
    const ModelHandle plain = make_model(context.get(), config_of(kVariants[0], TBRM_DTYPE_F32), 5);
    expect_ok(tbrm_checkpoint_load_weights(plain.get(), policy.c_str(), &found, &error), error, "load");
    CHECK(found == n - 1);
    for (const std::string& path : {policy, head})
        expect_ok(tbrm_checkpoint_load_weights(other.get(), path.c_str(), &found, &error), error, "load");
    CHECK(same_bits(
            read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT), read_tensors(other.get(), TBRM_TENSOR_KIND_WEIGHT)));
}

TBRM_TEST(calls_of_the_other_head_are_refused) {
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = critic_config(kVariants[0], TBRM_DTYPE_F32, TBRM_HEAD_KIND_VALUE);
    const ModelHandle critic = make_model(context.get(), config, 1),
                      policy = make_model(context.get(), config_of(kVariants[0], TBRM_DTYPE_F32), 1);
    const Batch batch = mixed_batch(config.vocab_size);
    const tbrm_batch_t view = batch.view();
    std::vector<float> out(batch.n_rows());
    const auto n = static_cast<int64_t>(out.size());
    constexpr tbrm_status_t kRefused = TBRM_STATUS_INVALID_ARGUMENT;
    CHECK_REFUSED(
            kRefused, tbrm_logprob_forward(critic.get(), &view, 0, out.data(), out.data(), nullptr, err), "value head");
    CHECK_REFUSED(kRefused, tbrm_value_forward(policy.get(), &view, 0, out.data(), err), "LM head");
    CHECK_REFUSED(kRefused, tbrm_value_backward(policy.get(), n, out.data(), err), "LM head");
    CHECK_REFUSED(kRefused, tbrm_value_backward(critic.get(), n, out.data(), err), "tbrm_value_forward with keep = 1");
    CHECK_REFUSED(
            kRefused, tbrm_gradient_backward(critic.get(), n, out.data(), out.data(), nullptr, err), "value head");
    CHECK_REFUSED(kRefused, tbrm_model_init_value_head(policy.get(), 1, 0, err), "LM head");
    CHECK_REFUSED(kRefused, tbrm_model_init_value_head(critic.get(), 1, NAN, err), "std");
    CHECK_REFUSED(kRefused, tbrm_model_copy_weights(critic.get(), policy.get(), err), "differ");
    tbrm_model_config_t wider = config_of(kVariants[0], TBRM_DTYPE_F32);
    wider.hidden_size = 20;
    CHECK_REFUSED(
            kRefused, tbrm_model_copy_body(critic.get(), make_model(context.get(), wider, 1).get(), err), "differ");
    CHECK_REFUSED(kRefused, tbrm_value_forward(critic.get(), &view, 0, nullptr, err), "out_values is null");
    values_of(critic.get(), batch, true);
    CHECK_REFUSED(kRefused, tbrm_value_backward(critic.get(), n - 1, out.data(), err), "n_rows");
    CHECK_REFUSED(kRefused, tbrm_value_forward(critic.get(), &view, 1, out.data(), err), "kept already");
    tbrm_model_config_t bad = config;
    bad.head_kind = 4;
    tbrm_model_t* raw = nullptr;
    const std::vector<float> inv_freq = tiny_inv_freq(config.head_dim);
    CHECK_REFUSED(kRefused, tbrm_model_create(context.get(), &bad, config.head_dim / 2, inv_freq.data(), &raw, err),
            "head_kind is 4");
    const ModelHandle both =
            make_model(context.get(), critic_config(kVariants[0], TBRM_DTYPE_F32, TBRM_HEAD_KIND_LM_VALUE), 1);
    CHECK_REFUSED(kRefused, tbrm_value_of_kept(both.get(), n, out.data(), err), "tbrm_logprob_forward with keep = 1");
    values_of(both.get(), batch, true);
    CHECK_REFUSED(kRefused, tbrm_value_add_gradient(both.get(), n, out.data(), err), "tbrm_value_forward's");
    CHECK_REFUSED(kRefused, tbrm_gradient_backward(both.get(), n, out.data(), out.data(), nullptr, err),
            "tbrm_value_forward's");
    backward_values(both.get(), out);
    forward(both.get(), batch, true);
    CHECK_REFUSED(kRefused, tbrm_value_backward(both.get(), n, out.data(), err), "tbrm_logprob_forward's");
    CHECK_REFUSED(kRefused, tbrm_value_of_kept(both.get(), n - 1, out.data(), err), "n_rows");
    CHECK_REFUSED(kRefused, tbrm_value_of_kept(both.get(), n, nullptr, err), "out_values is null");
    CHECK_REFUSED(kRefused, tbrm_value_add_gradient(both.get(), n, nullptr, err), "d_values is null");
    CHECK_REFUSED(kRefused, tbrm_value_of_kept(policy.get(), n, out.data(), err), "LM head");
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
