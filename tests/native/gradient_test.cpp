// gradient_test.cpp - forward and gradient of the whole model against the decoder in double, for every parameter.
#include <cmath>
#include <cstring>
#include <mutex>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "device/device.hpp"
#include "gradient_cases.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// Scores of `rows` and gradients of the whole batch, from one kept forward.
struct Pass {
    Scores scores;
    std::vector<TensorValues> gradients;
};

Pass run(tbrm_model_t* model, const Batch& batch, const Coefficients& c) {
    Pass pass;
    pass.scores = forward(model, batch, true);
    backward(model, c.q, c.v, c.h);
    pass.gradients = read_tensors(model, TBRM_TENSOR_KIND_GRADIENT);
    return pass;
}

void check_against_reference(const Variant& architecture) {
    // fp32 sums of at most 30 products over 2 layers and back: a few dozen roundings of 2^-24 each, times the conditioning (about 10) of
    // small random networks. Measured: 4e-6.
    constexpr double kTolerance = 2e-5;
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 100);
    const Batch batch = mixed_batch(config.vocab_size);
    const tbrm_batch_t view = batch.view();
    const ReferenceDecoder reference = reference_of(model.get(), config);
    const Coefficients c(batch.n_rows());
    const Pass actual = run(model.get(), batch, c);

    const ReferenceDecoder::Scores expected = reference.forward(view);
    const auto n = static_cast<int64_t>(batch.n_rows());
    CHECK(relative_error(actual.scores.q, expected.q, n) <= kTolerance);
    CHECK(relative_error(actual.scores.v, expected.v, n) <= kTolerance);
    CHECK(relative_error(actual.scores.h, expected.h, n) <= kTolerance);
    for (const TensorValues& gradient : actual.gradients) {
        const Vector numeric = numeric_gradient(reference, gradient.name, view, c);
        const auto size = static_cast<int64_t>(numeric.size());
        CHECK_MSG(norm_of(numeric) > 1e-3, "%s %s: the gradient is too small to be checked", architecture.name,
                gradient.name.c_str());
        const double error = relative_error(gradient.values, numeric, size);
        CHECK_MSG(error <= kTolerance, "%s %s: relative error %.3g", architecture.name, gradient.name.c_str(), error);
    }
}

// (L(w + h u) - L(w - h u)) / 2h for one tensor and a random direction u: what <gradient, u> must be. h u moves a weight by about 1e-5 of
// itself, so that the difference's own error is near 1e-9 of the result.
double directional_derivative(const ReferenceDecoder& reference, const std::string& name, const std::vector<float>& u,
        const tbrm_batch_t& batch, const Coefficients& c) {
    constexpr double kStep = 1e-6;
    double difference = 0;
    for (const double sign : {1.0, -1.0}) {
        ReferenceDecoder moved = reference;
        Vector& weights = moved.weights[name];
        for (size_t i = 0; i < weights.size(); ++i)
            weights[i] += sign * kStep * static_cast<double>(u[i]);
        difference += sign * loss(moved, batch, c);
    }
    return difference / (2 * kStep);
}

// Heads of 64, more than one panel of 64 rows, a sequence past two pages of 64 keys: one direction per tensor.
void check_directions(const Variant& architecture) {
    tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_F32);
    config.hidden_size = 72;
    config.intermediate_size = 136;
    config.head_dim = 64;
    config.vocab_size = 150;
    const ContextHandle context = make_context(2);
    const ModelHandle model = make_model(context.get(), config, 300);
    Batch batch;
    batch.add_sequence(131, 60, config.vocab_size, 1);
    batch.add_sequence(2, 1, config.vocab_size, 2);
    const tbrm_batch_t view = batch.view();
    const ReferenceDecoder reference = reference_of(model.get(), config);
    const Coefficients c(batch.n_rows());
    const std::vector<TensorValues> gradients = run(model.get(), batch, c).gradients;
    std::mutex report;
    parallel_for(static_cast<int64_t>(gradients.size()), 1 << 20, [&](int64_t i) {
        const TensorValues& gradient = gradients[static_cast<size_t>(i)];
        const auto n = static_cast<int64_t>(gradient.values.size());
        const std::vector<float> u = normals(n, 900 + static_cast<uint64_t>(i));
        double product = 0, squares = 0;
        for (size_t e = 0; e < u.size(); ++e) {
            product += static_cast<double>(gradient.values[e]) * static_cast<double>(u[e]);
            squares += static_cast<double>(gradient.values[e]) * static_cast<double>(gradient.values[e]);
        }
        // <gradient, u> is about the gradient's norm for a u of unit normals; errors of the elements add up the same way.
        const double expected = directional_derivative(reference, gradient.name, u, view, c), norm = std::sqrt(squares);
        const std::lock_guard<std::mutex> lock(report);
        CHECK_MSG(norm > 1e-3 && close(product, expected, 2e-5 * norm), "%s %s: %.9g, expected %.9g, norm %.3g",
                architecture.name, gradient.name.c_str(), product, expected, norm);
    });
}

// A model of the same architecture in fp32 with the weights of `source`, each moved by the relative step * (+1 or -1).
ModelHandle fp32_twin(
        tbrm_context_t* context, tbrm_model_t* source, tbrm_model_config_t config, double step, uint64_t seed) {
    config.dtype = TBRM_DTYPE_F32;
    ModelHandle twin = make_model(context, config, 1);
    for (TensorValues& tensor : read_tensors(source, TBRM_TENSOR_KIND_WEIGHT)) {
        for (size_t i = 0; i < tensor.values.size(); ++i)
            tensor.values[i] *= static_cast<float>(1.0 + (uniform(seed, i) < 0.5 ? step : -step));
        ++seed;
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(twin.get(), tensor.name.c_str(), TBRM_TENSOR_KIND_WEIGHT,
                          static_cast<int64_t>(tensor.values.size()), tensor.values.data(), &err),
                err, "tbrm_model_tensor_write");
    }
    return twin;
}

// How far bf16 may be off is measured, not guessed: every stored activation and gradient is rounded by at most 2^-9 of itself, which does
// to a result what moving every weight by 2^-9 does. A layer stores about eight activations going forward and as many gradients going
// back for its seven matrices, so the error is a small multiple of what such a move (here: the mean of four) makes of each tensor.
// Measured: at most 1.3.
void check_bf16(const Variant& architecture) {
    constexpr double kMultiple = 2.5;
    const ContextHandle context = make_context(2);
    tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_BF16);
    config.hidden_size = 64;
    config.intermediate_size = 96;
    config.head_dim = 16;
    const Batch batch = eight_sequences(config.vocab_size);
    const Coefficients c(batch.n_rows());
    const ModelHandle model = make_model(context.get(), config, 100);
    const Pass actual = run(model.get(), batch, c);
    const Pass exact = run(fp32_twin(context.get(), model.get(), config, 0, 0).get(), batch, c);

    std::vector<double> moved(exact.gradients.size());
    double moved_v = 0;
    const auto n = static_cast<int64_t>(batch.n_rows());
    for (uint64_t seed = 0; seed < 4; ++seed) {
        const Pass pass =
                run(fp32_twin(context.get(), model.get(), config, 1.0 / 512, 1000 * (seed + 1)).get(), batch, c);
        moved_v += relative_error(pass.scores.v, exact.scores.v, n) / 4;
        for (size_t i = 0; i < moved.size(); ++i)
            moved[i] += relative_error(pass.gradients[i].values, exact.gradients[i].values,
                                static_cast<int64_t>(pass.gradients[i].values.size())) /
                        4;
    }
    CHECK(moved_v < 0.02 && relative_error(actual.scores.v, exact.scores.v, n) <= kMultiple * moved_v);
    for (size_t i = 0; i < moved.size(); ++i) {
        const TensorValues& gradient = actual.gradients[i];
        const double error = relative_error(
                gradient.values, exact.gradients[i].values, static_cast<int64_t>(gradient.values.size()));
        CHECK_MSG(moved[i] < 0.1 && error <= kMultiple * moved[i],
                "%s %s: relative error %.3g, a move of 2^-9 makes %.3g", architecture.name, gradient.name.c_str(),
                error, moved[i]);
    }
}

constexpr tbrm_dtype_t kDtypes[] = {TBRM_DTYPE_F32, TBRM_DTYPE_BF16};

}  // namespace

TBRM_TEST(fp32_agrees_with_double_for_every_parameter) {
    for (const Variant& architecture : variants())
        check_against_reference(architecture);
}

TBRM_TEST_FULL(fp32_agrees_with_double_along_directions_at_larger_shapes) {
    Variant gemma = kGemma;
    // Past a page of keys.
    gemma.architecture = TBRM_TEST_GEMMA3 " sliding_window=70 sliding_layers=0 attention_scale=0.3";
    for (const Variant& architecture : {kVariants[0], kVariants[1], gemma})
        check_directions(architecture);
}

TBRM_TEST_FULL(bf16_is_as_far_from_fp32_as_its_roundings) {
    for (const Variant& architecture : variants())
        check_bf16(architecture);
}

TBRM_TEST(recompute_threads_and_repetition_change_no_bit) {
    for (const Variant& architecture : variants()) {
        for (const tbrm_dtype_t dtype : kDtypes) {
            tbrm_model_config_t config = config_of(architecture, dtype);
            const ContextHandle context = make_context(2), single = make_context(1);
            const Batch batch = eight_sequences(config.vocab_size);
            const Coefficients c(batch.n_rows());
            const ModelHandle model = make_model(context.get(), config, 100);
            const Pass kept = run(model.get(), batch, c);
            zero_gradients(model.get());
            const Pass again = run(model.get(), batch, c);
            CHECK(same_scores(kept.scores, again.scores) && same_bits(kept.gradients, again.gradients));
            const Pass one_thread = run(make_model(single.get(), config, 100).get(), batch, c);
            CHECK(same_scores(kept.scores, one_thread.scores) && same_bits(kept.gradients, one_thread.gradients));
            config.recompute = 1;
            const Pass recomputed = run(make_model(context.get(), config, 100).get(), batch, c);
            CHECK(same_scores(kept.scores, recomputed.scores) && same_bits(kept.gradients, recomputed.gradients));
        }
    }
}

// With one thread 1,300 rows run in blocks of 240, with two they do not; with three, 3,000 rows run in blocks at the same time. A
// matter of the CPU's device, whichever the others are tested on.
TBRM_TEST_FULL(blocks_of_rows_do_not_show) {
    for (const Variant& architecture : {kVariants[0], kVariants[1], kGemma}) {
        const tbrm_model_config_t config = config_of(architecture, TBRM_DTYPE_F32);
        for (const int64_t n_tokens : {1300, 3000}) {
            Batch batch;
            for (int64_t at = 0; at < n_tokens; at += 50)
                batch.add_sequence(50, 20, config.vocab_size, static_cast<uint64_t>(at));
            const Coefficients c(batch.n_rows());
            const auto with_threads = [&](int32_t threads) {
                const ContextHandle context = make_context(make_cpu_device(threads));
                return run(make_model(context.get(), config, 5).get(), batch, c);
            };
            const Pass one = with_threads(1);
            for (const int32_t threads : {2, 3}) {
                const Pass other = with_threads(threads);
                CHECK_MSG(same_scores(one.scores, other.scores), "%s, %lld tokens, %d threads", architecture.name,
                        static_cast<long long>(n_tokens), threads);
                CHECK_MSG(same_bits(one.gradients, other.gradients), "%s, %lld tokens, %d threads", architecture.name,
                        static_cast<long long>(n_tokens), threads);
            }
        }
    }
}

TBRM_TEST_FULL(a_micro_batch_cut_changes_gradients_by_rounding_only) {
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t config = config_of(dtype == TBRM_DTYPE_F32 ? kGemma : kVariants[3], dtype);
        const ModelHandle model = make_model(context.get(), config, 100);
        const Batch batch = eight_sequences(config.vocab_size);
        const Coefficients c(batch.n_rows());
        const Pass whole = run(model.get(), batch, c);
        for (const int64_t n_cuts : {2, 4, 8}) {
            zero_gradients(model.get());
            for (int64_t cut = 0; cut < n_cuts; ++cut) {
                std::vector<size_t> rows;
                const Batch part = batch.slice(cut * 8 / n_cuts, (cut + 1) * 8 / n_cuts, &rows);
                const Scores scores = forward(model.get(), part, true);
                std::vector<float> dq, dv, dh;
                for (size_t r = 0; r < rows.size(); ++r) {
                    // The bits of a row do not depend on the other rows.
                    CHECK(scores.q[r] == whole.scores.q[rows[r]] && scores.v[r] == whole.scores.v[rows[r]] &&
                            scores.h[r] == whole.scores.h[rows[r]]);
                    dq.push_back(c.q[rows[r]]);
                    dv.push_back(c.v[rows[r]]);
                    dh.push_back(c.h[rows[r]]);
                }
                backward(model.get(), dq, dv, dh);
            }
            // Only the order of fp32 sums over 284 tokens differs: sqrt(284) roundings of 2^-24, times 4 for cancellation between them.
            const double worst =
                    worst_difference(read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT), whole.gradients);
            CHECK_MSG(worst <= 4e-6, "%d cuts: relative difference %.3g", static_cast<int>(n_cuts), worst);
        }
    }
}

TBRM_TEST(gradients_add_up_and_are_set_to_zero) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = config_of(kVariants[0], TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 100);
    const Batch batch = mixed_batch(config.vocab_size);
    const Coefficients c(batch.n_rows());
    std::vector<TensorValues> once = run(model.get(), batch, c).gradients;
    const std::vector<TensorValues> twice = run(model.get(), batch, c).gradients;
    for (TensorValues& tensor : once) {
        for (float& value : tensor.values)
            value *= 2;
    }
    CHECK(worst_difference(twice, once) <= 1e-6);
    zero_gradients(model.get());
    for (const TensorValues& tensor : read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT)) {
        for (const float value : tensor.values)
            CHECK(value == 0);
    }
}

TBRM_TEST(entropy_coefficients_may_be_left_out) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = config_of(kVariants[0], TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 100);
    const Batch batch = mixed_batch(config.vocab_size);
    Coefficients c(batch.n_rows());
    c.h.assign(c.h.size(), 0.0f);
    const Pass with_zeros = run(model.get(), batch, c);
    zero_gradients(model.get());
    c.h.clear();
    const Pass without = run(model.get(), batch, c);
    // Another path through the head (stored E instead of recomputed logits): fp32 rounding of its exponentials.
    CHECK(worst_difference(without.gradients, with_zeros.gradients) <= 2e-5);
}

// A budget of one byte leaves the head its smallest unit of work; what it computes twice then is the same to rounding.
TBRM_TEST(the_head_budget_changes_no_score_and_gradients_by_rounding_only) {
    const ContextHandle context = make_context(2);
    tbrm_model_config_t config = config_of(kVariants[0], TBRM_DTYPE_F32);
    const Batch batch = eight_sequences(config.vocab_size);
    const Coefficients c(batch.n_rows());
    const Pass roomy = run(make_model(context.get(), config, 100).get(), batch, c);
    config.head_budget_bytes = 1;
    const Pass tight = run(make_model(context.get(), config, 100).get(), batch, c);
    CHECK(same_scores(roomy.scores, tight.scores));
    CHECK(worst_difference(roomy.gradients, tight.gradients) <= 2e-5);
}

TBRM_TEST(the_fused_residual_call_is_its_three_parts) {
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t config = config_of(kVariants[1], dtype);
        const ModelHandle model = make_model(context.get(), config, 100);
        Batch batch;
        batch.add_sequence(20, 12, config.vocab_size, 1);
        batch.add_sequence(9, 3, config.vocab_size, 2);
        batch.add_sequence(70, 50, config.vocab_size, 3);
        const tbrm_batch_t view = batch.view();
        const int64_t row_offsets[] = {0, 12, 15, 65};
        const std::vector<float> ref_logp = normals(65, 5), ref_v1 = normals(3, 6);
        const std::vector<double> reward = {1, 0, 1}, weight = {0.5, 0, 0.5};
        tbrm_residual_args_t args{};
        args.struct_size = static_cast<int32_t>(sizeof args);
        args.kind = TBRM_RESIDUAL_KIND_REVAL;
        args.beta = 0.1;
        args.loss_scale = 0.01;
        args.n_seqs = 3;
        args.n_rows = 65;
        args.row_offsets = row_offsets;
        args.ref_logp = ref_logp.data();
        args.ref_v1 = ref_v1.data();
        args.reward = reward.data();
        args.weight = weight.data();

        const Scores scores = forward(model.get(), batch, true);
        std::vector<float> residual(3), dq(65), dv(65);
        double loss_apart = 0, loss_fused = 0;
        tbrm_error_t err{};
        expect_ok(tbrm_residual_forward(context.get(), &args, scores.q.data(), scores.v.data(), residual.data(),
                          &loss_apart, dq.data(), dv.data(), &err),
                err, "tbrm_residual_forward");
        backward(model.get(), dq, dv, {});
        const std::vector<TensorValues> apart = read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT);
        zero_gradients(model.get());

        std::vector<float> q(65), v(65), residual_fused(3);
        expect_ok(tbrm_gradient_residual(
                          model.get(), &view, &args, q.data(), v.data(), residual_fused.data(), &loss_fused, &err),
                err, "tbrm_gradient_residual");
        CHECK(q == scores.q && v == scores.v && residual_fused == residual && loss_fused == loss_apart &&
                loss_apart > 0);
        CHECK(same_bits(read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT), apart));
    }
}

TBRM_TEST(a_kept_forward_outlives_one_that_is_not_kept) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = config_of(kVariants[0], TBRM_DTYPE_BF16);
    const ModelHandle model = make_model(context.get(), config, 100);
    const Batch batch = mixed_batch(config.vocab_size), other = eight_sequences(config.vocab_size);
    const Coefficients c(batch.n_rows());
    const Pass alone = run(model.get(), batch, c);
    zero_gradients(model.get());
    forward(model.get(), batch, true);
    forward(model.get(), other, false);
    backward(model.get(), c.q, c.v, c.h);
    CHECK(same_bits(read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT), alone.gradients));
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
