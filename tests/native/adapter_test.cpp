// adapter_test.cpp - low-rank adapters: scores and gradients against the decoder in double, the frozen base, memory, rollout.
#include <cmath>

#include "adapter_cases.hpp"
#include "core/context.hpp"
#include "core/dtype.hpp"
#include "core/guard.hpp"
#include "gradient/training_pass.hpp"
#include "rollout/rollout.hpp"
#include "rollout_harness.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

void check_against_reference(
        const Variant& architecture, tbrm_model_t* model, const ReferenceDecoder& reference, size_t expected_tensors) {
    constexpr double kTolerance = 2e-5;  // as gradient_test.cpp
    const Batch batch = mixed_batch(reference.config.vocab_size);
    const Coefficients c(batch.n_rows());
    const AdapterPass actual = run_adapter(model, batch, c);
    const ReferenceDecoder::Scores expected = reference.forward(batch.view());
    const auto n = static_cast<int64_t>(batch.n_rows());
    CHECK(relative_error(actual.scores.q, expected.q, n) <= kTolerance);
    CHECK(relative_error(actual.scores.v, expected.v, n) <= kTolerance);
    CHECK(relative_error(actual.scores.h, expected.h, n) <= kTolerance);
    CHECK_MSG(actual.gradients.size() == expected_tensors, "%zu", actual.gradients.size());
    for (const TensorValues& gradient : actual.gradients) {
        const Vector numeric = numeric_gradient(reference, gradient.name, batch.view(), c);
        CHECK_MSG(norm_of(numeric) > 1e-3, "%s %s: the gradient is too small to be checked", architecture.name,
                gradient.name.c_str());
        const double error = relative_error(gradient.values, numeric, static_cast<int64_t>(numeric.size()));
        CHECK_MSG(error <= kTolerance, "%s %s: relative error %.3g", architecture.name, gradient.name.c_str(), error);
    }
}

void check_against_reference(const Variant& architecture, int32_t targets, size_t expected_tensors) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_F32);
    const ModelHandle model = adapted_model(context.get(), config, targets);
    check_against_reference(architecture, model.get(), adapted_reference(model.get(), config), expected_tensors);
}

// The fp32 model with the weights of `source`, adapter included, each moved by the relative step * (+1 or -1).
ModelHandle fp32_twin(
        tbrm_context_t* context, tbrm_model_t* source, tbrm_model_config_t config, double step, uint64_t seed) {
    config.dtype = TBRM_DTYPE_F32;
    ModelHandle twin = adapted_model(context, config);
    for (TensorValues& tensor : read_tensors(source, TBRM_TENSOR_KIND_WEIGHT)) {
        for (size_t i = 0; i < tensor.values.size(); ++i)
            tensor.values[i] *= static_cast<float>(1.0 + (uniform(seed, i) < 0.5 ? step : -step));
        ++seed;
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(twin.get(), tensor.name.c_str(), TBRM_TENSOR_KIND_WEIGHT,
                          static_cast<int64_t>(tensor.values.size()), tensor.values.data(), &err),
                err, "write");
    }
    return twin;
}

}  // namespace

TBRM_TEST(fp32_agrees_with_double_for_every_adapter_parameter) {
    for (const Variant& architecture : variants())
        check_against_reference(architecture, kAll, 28);
}

TBRM_TEST_FULL(a_subset_of_targets_agrees_with_double) {
    check_against_reference(kVariants[0], TBRM_ADAPTER_TARGET_Q_PROJ | TBRM_ADAPTER_TARGET_V_PROJ, 8);
    check_against_reference(kVariants[1], TBRM_ADAPTER_TARGET_O_PROJ | TBRM_ADAPTER_TARGET_DOWN_PROJ, 8);
    check_against_reference(kVariants[3], TBRM_ADAPTER_TARGET_K_PROJ | TBRM_ADAPTER_TARGET_UP_PROJ, 8);
    check_against_reference(kVariants[2], TBRM_ADAPTER_TARGET_GATE_PROJ, 4);
}

TBRM_TEST(a_mixture_of_ranks_and_scales_agrees_with_double) {
    for (const Variant& architecture : variants()) {
        const ContextHandle context = make_context(2);
        tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_F32);
        config.trainable = 0;
        const ModelHandle model = make_model(context.get(), config, 100);
        const Mixture mixture;
        attach(model.get(), mixture.config());
        randomize(model.get(), 500);
        check_against_reference(architecture, model.get(), mixture.reference(model.get(), config), 20);
    }
}

// As in gradient_test.cpp: every rounding of bf16 does what moving a weight by 2^-9 does, and there are a few per layer. Measured: at most 1.5.
TBRM_TEST_FULL(bf16_is_as_far_from_fp32_as_its_roundings) {
    constexpr double kMultiple = 2.5;
    const ContextHandle context = make_context(2);
    for (const Variant& architecture : variants()) {
        tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_BF16);
        config.hidden_size = 64;
        config.intermediate_size = 96;
        config.head_dim = 16;
        const Batch batch = eight_sequences(config.vocab_size);
        const Coefficients c(batch.n_rows());
        const ModelHandle model = adapted_model(context.get(), config);
        const AdapterPass actual = run_adapter(model.get(), batch, c);
        const AdapterPass exact = run_adapter(fp32_twin(context.get(), model.get(), config, 0, 0).get(), batch, c);
        std::vector<double> moved(exact.gradients.size());
        for (uint64_t seed = 0; seed < 4; ++seed) {
            const AdapterPass pass = run_adapter(
                    fp32_twin(context.get(), model.get(), config, 1.0 / 512, 1000 * (seed + 1)).get(), batch, c);
            for (size_t i = 0; i < moved.size(); ++i)
                moved[i] += relative_error(pass.gradients[i].values, exact.gradients[i].values,
                                    static_cast<int64_t>(pass.gradients[i].values.size())) /
                            4;
        }
        for (size_t i = 0; i < moved.size(); ++i) {
            const TensorValues& gradient = actual.gradients[i];
            const double error = relative_error(
                    gradient.values, exact.gradients[i].values, static_cast<int64_t>(gradient.values.size()));
            CHECK_MSG(moved[i] < 0.1 && error <= kMultiple * moved[i],
                    "%s %s: relative error %.3g, a move of 2^-9 makes %.3g", architecture.name, gradient.name.c_str(),
                    error, moved[i]);
        }
    }
}

TBRM_TEST(a_new_adapter_and_one_that_is_off_leave_the_scores_of_the_base) {
    for (const Variant& architecture : variants()) {
        for (const tbrm_dtype_t dtype : kBoth) {
            const ContextHandle context = make_context(2);
            const tbrm_model_config_t config = config_of(architecture, dtype);
            const Batch batch = eight_sequences(config.vocab_size);
            const ModelHandle model = make_model(context.get(), config, 100);
            const Scores base = forward(model.get(), batch, false);
            attach(model.get(), adapter_config());
            CHECK(same_scores(forward(model.get(), batch, false), base));
            randomize(model.get(), 500);
            const Scores adapted = forward(model.get(), batch, false);
            CHECK(worst_difference({{"v", 0, 0, adapted.v}}, {{"v", 0, 0, base.v}}) > 1e-3);
            enable(model.get(), false);
            CHECK(same_scores(forward(model.get(), batch, false), base));
            enable(model.get(), true);
            CHECK(same_scores(forward(model.get(), batch, false), adapted));
        }
    }
}

TBRM_TEST(a_starts_as_kaiming_and_b_as_zero_whatever_the_threads) {
    for (const tbrm_dtype_t dtype : kBoth) {
        tbrm_model_config_t config = tiny_config(dtype);
        config.hidden_size = 512;
        const ContextHandle context = make_context(2), single = make_context(1);
        const ModelHandle model = make_model(context.get(), config, 100), other = make_model(single.get(), config, 100);
        attach(model.get(), adapter_config(kAll, 1, 16));
        attach(other.get(), adapter_config(kAll, 1, 16));
        const std::vector<TensorValues> start = read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true);
        CHECK(start.size() == 28 && same_bits(start, read_part(other.get(), TBRM_TENSOR_KIND_MASTER, true)));
        for (const TensorValues& tensor : start) {
            const bool is_a = tensor.name.find("lora_A") != std::string::npos;
            const double bound = is_a ? 1 / std::sqrt(static_cast<double>(tensor.cols)) : 0;
            double squares = 0;
            for (const float value : tensor.values) {
                CHECK(std::fabs(static_cast<double>(value)) <= bound * (1 + 1e-6));
                squares += static_cast<double>(value) * static_cast<double>(value);
            }
            // U(-b, b) has variance b^2 / 3; of n squares the mean is off by b^2 / 3 sqrt(4/5 / n) (one standard deviation), 5 are allowed.
            const double n = static_cast<double>(tensor.values.size());
            CHECK(close(squares / n, bound * bound / 3, bound * bound / 3 * 5 * std::sqrt(0.8 / n)));
        }
        CHECK(start[0].values != start[2].values);
    }
}

TBRM_TEST(recompute_threads_and_repetition_change_no_bit) {
    for (const Variant& architecture : variants()) {
        for (const tbrm_dtype_t dtype : kBoth) {
            tbrm_model_config_t config = config_of(architecture, dtype);
            const ContextHandle context = make_context(2), single = make_context(1);
            const Batch batch = eight_sequences(config.vocab_size);
            const Coefficients c(batch.n_rows());
            const ModelHandle model = adapted_model(context.get(), config);
            const AdapterPass kept = run_adapter(model.get(), batch, c);
            zero_gradients(model.get());
            const AdapterPass again = run_adapter(model.get(), batch, c);
            CHECK(same_scores(kept.scores, again.scores) && same_bits(kept.gradients, again.gradients));
            const AdapterPass one_thread = run_adapter(adapted_model(single.get(), config).get(), batch, c);
            CHECK(same_scores(kept.scores, one_thread.scores) && same_bits(kept.gradients, one_thread.gradients));
            config.recompute = 1;
            const AdapterPass recomputed = run_adapter(adapted_model(context.get(), config).get(), batch, c);
            CHECK(same_scores(kept.scores, recomputed.scores) && same_bits(kept.gradients, recomputed.gradients));
        }
    }
}

TBRM_TEST_FULL(a_micro_batch_cut_changes_gradients_by_rounding_only) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = config_of(kVariants[1], TBRM_DTYPE_F32);
    const ModelHandle model = adapted_model(context.get(), config);
    const Batch batch = eight_sequences(config.vocab_size);
    const Coefficients c(batch.n_rows());
    const AdapterPass whole = run_adapter(model.get(), batch, c);
    zero_gradients(model.get());
    for (int64_t cut = 0; cut < 4; ++cut) {
        std::vector<size_t> rows;
        const Batch part = batch.slice(cut * 2, cut * 2 + 2, &rows);
        const Scores scores = forward(model.get(), part, true);
        std::vector<float> dq, dv, dh;
        for (size_t r = 0; r < rows.size(); ++r) {
            CHECK(scores.q[r] == whole.scores.q[rows[r]] && scores.v[r] == whole.scores.v[rows[r]]);
            dq.push_back(c.q[rows[r]]);
            dv.push_back(c.v[rows[r]]);
            dh.push_back(c.h[rows[r]]);
        }
        backward(model.get(), dq, dv, dh);
    }
    // fp32 sums of the same terms in another grouping.
    CHECK(worst_difference(read_part(model.get(), TBRM_TENSOR_KIND_GRADIENT, true), whole.gradients) <= 4e-6);
}

TBRM_TEST_FULL(training_moves_the_adapter_and_no_bit_of_the_base) {
    for (const tbrm_dtype_t dtype : kBoth) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t config = tiny_config(dtype);
        const ModelHandle model = make_model(context.get(), config, 100);
        const std::vector<TensorValues> base = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
        attach(model.get(), adapter_config());
        const std::vector<TensorValues> start = read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true);
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0.1f);
        const Batch batch = mixed_batch(config.vocab_size);
        const Coefficients c(batch.n_rows());
        for (int step = 0; step < 3; ++step) {
            run_adapter(model.get(), batch, c);
            tbrm_step_result_t result{};
            tbrm_error_t err{};
            expect_ok(tbrm_optimizer_step(optimizer.get(), 0.01f, 1, &result, &err), err, "step");
            CHECK(result.applied == 1 && result.grad_norm > 0);
        }
        CHECK(same_bits(base, read_part(model.get(), TBRM_TENSOR_KIND_WEIGHT, false)));
        const std::vector<TensorValues> now = read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true);
        const std::vector<TensorValues> weights = read_part(model.get(), TBRM_TENSOR_KIND_WEIGHT, true);
        for (size_t i = 0; i < now.size(); ++i) {
            CHECK_MSG(now[i].values != start[i].values, "%s", now[i].name.c_str());
            for (size_t e = 0; e < now[i].values.size(); ++e)
                CHECK(weights[i].values[e] == round_to(static_cast<Dtype>(dtype), now[i].values[e]));
        }
    }
}

// A caller may hold the names: "lm_head.weight" is short enough to lie inside its std::string, which must not move.
TBRM_TEST(names_of_the_base_stay_where_they_are_while_adapters_come_and_go) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    config.tie_word_embeddings = 0;
    const ModelHandle model = make_model(context.get(), config, 100);
    const auto names = [&] {
        std::vector<const char*> all;
        for (int32_t i = 0; i < tbrm_model_tensor_count(model.get()); ++i) {
            int64_t rows = 0, cols = 0;
            tbrm_error_t err{};
            expect_ok(tbrm_model_tensor_info(model.get(), i, &all.emplace_back(), &rows, &cols, &err), err, "info");
        }
        return all;
    };
    const std::vector<const char*> base = names();
    CHECK(std::string(base.back()) == "lm_head.weight");
    for (int round = 0; round < 2; ++round) {
        attach(model.get(), adapter_config());
        const std::vector<const char*> adapted = names();
        CHECK(adapted.size() > base.size() && std::equal(base.begin(), base.end(), adapted.begin()));
        tbrm_error_t err{};
        expect_ok(tbrm_model_merge_adapter(model.get(), &err), err, "merge");
        CHECK(names() == base);
    }
}

// What a frozen base gives back is what its training state took, to the byte.
TBRM_TEST(attaching_frees_masters_and_gradients_of_the_base) {
    const ContextHandle context = make_context(1);
    MemoryCounter& memory = context->impl->device->memory();
    make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);  // what a device allocates once, at first use, is there
    for (const tbrm_dtype_t dtype : kBoth) {
        tbrm_model_config_t config = tiny_config(dtype);
        const int64_t before = memory.in_use();
        const ModelHandle trained = make_model(context.get(), config, 100);
        const int64_t with_training = memory.in_use() - before;
        config.trainable = 0;
        const int64_t between = memory.in_use();
        const ModelHandle frozen = make_model(context.get(), config, 100);
        const int64_t bare = memory.in_use() - between;
        CHECK(bare < with_training);
        attach(trained.get(), adapter_config());
        const int64_t attached = memory.in_use();
        attach(frozen.get(), adapter_config());
        const int64_t adapter = memory.in_use() - attached;
        CHECK(adapter > 0 && attached - before - bare == bare + adapter);
    }
}

TBRM_TEST_EXACT_ROWS(a_rollout_records_the_trainers_log_probabilities_and_does_not_see_the_other_rows) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        ModelShape shape;
        shape.dtype = dtype;
        const std::shared_ptr<Model> model = small_model(shape, 2);
        model->attach_adapter(check_adapter_config(
                &*std::make_unique<tbrm_adapter_config_t>(adapter_config()), model->config().n_layers));
        uint64_t seed = 30;
        for (const ModelTensor& tensor : model->tensors()) {
            if (!tensor.adapter) continue;
            const std::vector<float> values =
                    normals(tensor.elements(), ++seed, 0.5 / std::sqrt(static_cast<double>(tensor.cols)));
            tensor.parameter->write_rows(TBRM_TENSOR_KIND_WEIGHT, tensor.first_row, tensor.rows, values.data());
        }
        std::vector<Request> requests;
        const int64_t lengths[] = {1, 5, 63, 64, 65, 100};
        for (size_t i = 0; i < 6; ++i)
            requests.push_back({random_prompt(lengths[i], 50 + i),
                    {static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 1)}, sampling_of(1.0f, 12)});
        std::vector<Outputs> outputs(2);
        for (const bool on : {true, false}) {
            model->enable_adapter(on);
            const Outputs together = run_all(*model, limits_of(*model, 12, 64, 60), requests);
            CHECK(together.size() == 12);
            for (const Request& request : requests) {
                for (const auto& [id, alone] : run_all(*model, limits_of(*model, 2, 7, 60), {request}))
                    CHECK_MSG(together.at(id) == alone, "trajectory %d", static_cast<int>(id));
            }
            Batch batch;
            std::vector<float> recorded;
            for (const Request& request : requests) {
                for (const int64_t id : request.trajectory_ids) {
                    const Output& output = together.at(id);
                    batch.ids.insert(batch.ids.end(), request.prompt.begin(), request.prompt.end());
                    for (size_t i = 0; i < output.ids.size(); ++i) {
                        batch.rows.push_back(static_cast<int64_t>(batch.ids.size()) - 1);
                        batch.labels.push_back(output.ids[i]);
                        batch.ids.push_back(output.ids[i]);
                        recorded.push_back(output.logp[i]);
                    }
                    batch.offsets.push_back(static_cast<int64_t>(batch.ids.size()));
                }
            }
            const tbrm_batch_t view = batch.view();
            std::vector<float> q(batch.n_rows()), v(batch.n_rows());
            TrainingPass(*model).forward(&view, false, {q.data(), v.data(), nullptr});
            CHECK(recorded.size() == batch.n_rows() && !recorded.empty());
            for (size_t r = 0; r < recorded.size(); ++r)
                CHECK(recorded[r] == q[r] - v[r]);
            outputs[on ? 1 : 0] = together;
        }
        CHECK(outputs[0] != outputs[1]);
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
