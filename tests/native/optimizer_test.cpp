// optimizer_test.cpp - AdamW over a model against the same update in double.
#include <cmath>
#include <cstring>

#include "core/context.hpp"
#include "core/dtype.hpp"
#include "core/guard.hpp"
#include "device/device.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

constexpr tbrm_dtype_t kDtypes[] = {TBRM_DTYPE_F32, TBRM_DTYPE_BF16};

tbrm_step_result_t step(tbrm_optimizer_t* optimizer, float learning_rate, float max_grad_norm) {
    tbrm_step_result_t result{};
    tbrm_error_t err{};
    expect_ok(tbrm_optimizer_step(optimizer, learning_rate, max_grad_norm, &result, &err), err, "tbrm_optimizer_step");
    return result;
}

// Writes a random gradient into every tensor; returns its 2-norm.
double write_gradients(tbrm_model_t* model, uint64_t seed) {
    double squares = 0;
    for (const TensorValues& tensor : read_tensors(model, TBRM_TENSOR_KIND_GRADIENT)) {
        const std::vector<float> values = normals(static_cast<int64_t>(tensor.values.size()), ++seed, 0.1);
        for (const float value : values)
            squares += static_cast<double>(value) * static_cast<double>(value);
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(model, tensor.name.c_str(), TBRM_TENSOR_KIND_GRADIENT,
                          static_cast<int64_t>(values.size()), values.data(), &err),
                err, "tbrm_model_tensor_write");
    }
    return std::sqrt(squares);
}

bool all_zero(const std::vector<TensorValues>& tensors) {
    for (const TensorValues& tensor : tensors) {
        for (const float value : tensor.values) {
            if (!(value == 0)) return false;
        }
    }
    return !tensors.empty();
}

}  // namespace

TBRM_TEST(three_steps_agree_with_double) {
    constexpr double kLearningRate = 0.01, kDecay = 0.1, kLimit = 1.0, kBeta1 = 0.9, kBeta2 = 0.95, kEps = 1e-8;
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const ModelHandle model = make_model(context.get(), tiny_config(dtype), 1);
        const OptimizerHandle optimizer = make_optimizer(model.get(), static_cast<float>(kDecay));
        std::vector<std::vector<double>> w, m, v;
        for (const TensorValues& tensor : read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER)) {
            w.emplace_back(tensor.values.begin(), tensor.values.end());
            m.emplace_back(tensor.values.size());
            v.emplace_back(tensor.values.size());
        }
        for (int t = 1; t <= 3; ++t) {
            const double norm = write_gradients(model.get(), 100 * static_cast<uint64_t>(t));
            const std::vector<TensorValues> gradients = read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT);
            const tbrm_step_result_t result = step(optimizer.get(), static_cast<float>(kLearningRate), kLimit);
            CHECK(result.applied == 1 && result.step == t && norm > kLimit);
            CHECK(close(result.grad_norm, norm, 1e-12 * norm));
            CHECK(all_zero(read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT)));
            for (size_t i = 0; i < w.size(); ++i) {
                const double decay = gradients[i].cols > 0 ? static_cast<double>(static_cast<float>(kDecay)) : 0.0;
                for (size_t e = 0; e < w[i].size(); ++e) {
                    const double g = static_cast<double>(gradients[i].values[e]) * kLimit / norm;
                    m[i][e] = kBeta1 * m[i][e] + (1 - kBeta1) * g;
                    v[i][e] = kBeta2 * v[i][e] + (1 - kBeta2) * g * g;
                    const double up = m[i][e] / (1 - std::pow(kBeta1, t));
                    const double root = std::sqrt(v[i][e] / (1 - std::pow(kBeta2, t)));
                    w[i][e] -= kLearningRate * (up / (root + kEps) + decay * w[i][e]);
                }
            }
        }
        const std::vector<TensorValues> masters = read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER),
                                        weights = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT),
                                        first = read_moments(model.get(), optimizer.get(), TBRM_MOMENT_FIRST),
                                        second = read_moments(model.get(), optimizer.get(), TBRM_MOMENT_SECOND);
        for (size_t i = 0; i < w.size(); ++i) {
            const auto n = static_cast<int64_t>(w[i].size());
            // Three updates of some ten fp32 roundings (2^-24) each; beta as fp32 is off by up to 3e-8, 1 - beta2 by 6e-7 of itself.
            CHECK_MSG(relative_error(masters[i].values, w[i], n) <= 1e-6, "%s", masters[i].name.c_str());
            CHECK_MSG(relative_error(first[i].values, m[i], n) <= 2e-6, "%s", masters[i].name.c_str());
            CHECK_MSG(relative_error(second[i].values, v[i], n) <= 2e-6, "%s", masters[i].name.c_str());
            for (size_t e = 0; e < w[i].size(); ++e)
                CHECK(weights[i].values[e] == round_to(static_cast<Dtype>(dtype), masters[i].values[e]));
        }
    }
}

TBRM_TEST(a_gradient_below_the_limit_is_not_scaled) {
    const ContextHandle context = make_context(1);
    const ModelHandle a = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1),
                      b = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    const OptimizerHandle of_a = make_optimizer(a.get(), 0), of_b = make_optimizer(b.get(), 0);
    const double norm = write_gradients(a.get(), 5);
    write_gradients(b.get(), 5);
    step(of_a.get(), 0.01f, static_cast<float>(norm * 1.001));
    step(of_b.get(), 0.01f, 0);
    CHECK(same_bits(read_tensors(a.get(), TBRM_TENSOR_KIND_MASTER), read_tensors(b.get(), TBRM_TENSOR_KIND_MASTER)));
}

TBRM_TEST(learning_rate_zero_moves_the_moments_and_no_weight_bit) {
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const ModelHandle model = make_model(context.get(), tiny_config(dtype), 1);
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0.1f);
        // Zeros of both signs are weights like any other.
        std::vector<float> zeros(18, -0.0f);
        zeros[3] = 0.0f;
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(
                          model.get(), "model.norm.weight", TBRM_TENSOR_KIND_WEIGHT, 18, zeros.data(), &err),
                err, "write");
        const std::vector<TensorValues> masters = read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER),
                                        weights = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
        for (int t = 1; t <= 2; ++t) {
            write_gradients(model.get(), 7);
            CHECK(step(optimizer.get(), 0, 1).step == t);
        }
        CHECK(same_bits(masters, read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER)));
        CHECK(same_bits(weights, read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT)));
        CHECK(!all_zero(read_moments(model.get(), optimizer.get(), TBRM_MOMENT_FIRST)));
    }
}

TBRM_TEST(a_norm_that_is_not_finite_changes_nothing) {
    for (const float bad : {NAN, INFINITY}) {
        const ContextHandle context = make_context(1);
        const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_BF16), 1);
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0.1f);
        write_gradients(model.get(), 3);
        step(optimizer.get(), 0.01f, 1);
        const std::vector<TensorValues> masters = read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER),
                                        moments = read_moments(model.get(), optimizer.get(), TBRM_MOMENT_SECOND);
        write_gradients(model.get(), 4);
        std::vector<float> gradient(18, 0.5f);
        gradient[17] = bad;
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(
                          model.get(), "model.norm.weight", TBRM_TENSOR_KIND_GRADIENT, 18, gradient.data(), &err),
                err, "write");
        const tbrm_step_result_t result = step(optimizer.get(), 0.01f, 1);
        CHECK(result.applied == 0 && result.step == 1 && !std::isfinite(result.grad_norm));
        CHECK(same_bits(masters, read_tensors(model.get(), TBRM_TENSOR_KIND_MASTER)));
        CHECK(same_bits(moments, read_moments(model.get(), optimizer.get(), TBRM_MOMENT_SECOND)));
        CHECK(all_zero(read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT)));
    }
}

TBRM_TEST(the_optimizer_is_refused_with_a_reason) {
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    tbrm_model_t* raw = nullptr;
    tbrm_error_t err{};
    expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &err), err, "clone");
    const ModelHandle frozen(raw);
    const auto create = [&](tbrm_model_t* of, float beta1, float beta2, float eps, float decay) {
        const tbrm_optimizer_config_t config{
                static_cast<int32_t>(sizeof(tbrm_optimizer_config_t)), beta1, beta2, eps, decay};
        tbrm_optimizer_t* optimizer = nullptr;
        const tbrm_status_t status = tbrm_optimizer_create(of, &config, &optimizer, &err);
        const OptimizerHandle owner(optimizer);
        return status == TBRM_STATUS_INVALID_ARGUMENT && optimizer == nullptr;
    };
    CHECK(create(frozen.get(), 0.9f, 0.95f, 1e-8f, 0) && std::strstr(err.message, "frozen") != nullptr);
    CHECK(create(model.get(), 1.0f, 0.95f, 1e-8f, 0) && std::strstr(err.message, "beta1 is 1") != nullptr);
    CHECK(create(model.get(), 0.9f, -0.1f, 1e-8f, 0) && std::strstr(err.message, "beta2") != nullptr);
    CHECK(create(model.get(), 0.9f, 0.95f, 0, 0) && std::strstr(err.message, "eps") != nullptr);
    CHECK(create(model.get(), 0.9f, 0.95f, 1e-8f, NAN) && std::strstr(err.message, "weight_decay") != nullptr);
    const OptimizerHandle first = make_optimizer(model.get(), 0);
    tbrm_step_result_t result{};
    for (const float rate : {-1.0f, NAN, INFINITY})
        CHECK(tbrm_optimizer_step(first.get(), rate, 1, &result, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(tbrm_optimizer_step(first.get(), 0.1f, NAN, &result, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(tbrm_optimizer_step(first.get(), 0.1f, 1, nullptr, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(tbrm_optimizer_update(first.get(), 0.1f, -1, 1, &result, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(tbrm_optimizer_update(nullptr, 0.1f, 1, 1, &result, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    double norm = 0;
    CHECK(tbrm_gradient_norm(frozen.get(), &norm, &err) == TBRM_STATUS_INVALID_ARGUMENT &&
            std::strstr(err.message, "frozen") != nullptr);
    std::vector<float> values(18);
    const auto moment = [&](const char* name, tbrm_moment_t which, int64_t n) {
        return tbrm_optimizer_moment_read(first.get(), name, which, n, values.data(), &err);
    };
    CHECK(moment("model.norm.weight", TBRM_MOMENT_SECOND, 18) == TBRM_STATUS_OK);
    CHECK(moment("model.norm.weight", 2, 18) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(moment("model.norm.weight", TBRM_MOMENT_FIRST, 17) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(moment("model.norm", TBRM_MOMENT_FIRST, 18) == TBRM_STATUS_INVALID_ARGUMENT);
}

TBRM_TEST(norm_and_update_are_the_step_to_the_bit) {
    for (const tbrm_dtype_t dtype : kDtypes) {
        const ContextHandle context = make_context(2);
        const ModelHandle a = make_model(context.get(), tiny_config(dtype), 1),
                          b = make_model(context.get(), tiny_config(dtype), 1);
        const OptimizerHandle of_a = make_optimizer(a.get(), 0.1f), of_b = make_optimizer(b.get(), 0.1f);
        for (uint64_t t = 1; t <= 2; ++t) {
            write_gradients(a.get(), 50 * t);
            write_gradients(b.get(), 50 * t);
            const tbrm_step_result_t whole = step(of_a.get(), 0.01f, 1);
            double norm = 0;
            tbrm_step_result_t apart{};
            tbrm_error_t err{};
            expect_ok(tbrm_gradient_norm(b.get(), &norm, &err), err, "norm");
            expect_ok(tbrm_optimizer_update(of_b.get(), 0.01f, norm, 1, &apart, &err), err, "update");
            CHECK(norm == whole.grad_norm && apart.grad_norm == norm && apart.step == whole.step && apart.applied == 1);
        }
        CHECK(same_bits(
                read_tensors(a.get(), TBRM_TENSOR_KIND_MASTER), read_tensors(b.get(), TBRM_TENSOR_KIND_MASTER)));
        CHECK(same_bits(read_moments(a.get(), of_a.get(), TBRM_MOMENT_SECOND),
                read_moments(b.get(), of_b.get(), TBRM_MOMENT_SECOND)));
    }
}

// With gradients g of norm n: clipping to n by a norm of 2n halves them, as training on g/2 does.
TBRM_TEST(a_norm_that_is_given_is_what_clips) {
    const ContextHandle context = make_context(2);
    const ModelHandle a = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1),
                      b = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
    const OptimizerHandle of_a = make_optimizer(a.get(), 0), of_b = make_optimizer(b.get(), 0);
    write_gradients(a.get(), 5);
    write_gradients(b.get(), 5);
    for (const TensorValues& tensor : read_tensors(b.get(), TBRM_TENSOR_KIND_GRADIENT)) {
        std::vector<float> half = tensor.values;
        for (float& value : half)
            value *= 0.5f;
        tbrm_error_t err{};
        expect_ok(tbrm_model_tensor_write(b.get(), tensor.name.c_str(), TBRM_TENSOR_KIND_GRADIENT,
                          static_cast<int64_t>(half.size()), half.data(), &err),
                err, "write");
    }
    tbrm_step_result_t result{};
    tbrm_error_t err{};
    expect_ok(tbrm_optimizer_update(of_a.get(), 0.01f, 8, 4, &result, &err), err, "update");
    CHECK(result.applied == 1 && result.grad_norm == 8);
    step(of_b.get(), 0.01f, 0);
    CHECK(same_bits(read_tensors(a.get(), TBRM_TENSOR_KIND_MASTER), read_tensors(b.get(), TBRM_TENSOR_KIND_MASTER)));
    expect_ok(tbrm_optimizer_update(of_a.get(), 0.01f, INFINITY, 4, &result, &err), err, "update");
    CHECK(result.applied == 0 && result.step == 1);
}

// Two optimizers of one model: each has moments and a count of its own, and a step of one is seen by the other in the weights alone.
TBRM_TEST(several_optimizers_of_a_model_keep_moments_of_their_own) {
    const ContextHandle context = make_context(2);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_BF16), 1);
    const OptimizerHandle first = make_optimizer(model.get(), 0.1f);
    OptimizerHandle second = make_optimizer(model.get(), 0);
    write_gradients(model.get(), 3);
    CHECK(step(first.get(), 0.01f, 1).step == 1);
    CHECK(all_zero(read_moments(model.get(), second.get(), TBRM_MOMENT_FIRST)));
    const std::vector<TensorValues> of_first = read_moments(model.get(), first.get(), TBRM_MOMENT_FIRST);
    CHECK(!all_zero(of_first));
    write_gradients(model.get(), 4);
    CHECK(step(second.get(), 0.01f, 1).step == 1);
    second.reset();
    CHECK(same_bits(of_first, read_moments(model.get(), first.get(), TBRM_MOMENT_FIRST)));
    write_gradients(model.get(), 5);
    CHECK(step(first.get(), 0.01f, 1).step == 2);
}

TBRM_TEST(activations_are_given_back_when_asked_for_and_not_before) {
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 1);
    const OptimizerHandle optimizer = make_optimizer(model.get(), 0);
    const MemoryCounter& memory = context->impl->device->memory();
    Batch batch;
    batch.add_sequence(100, 50, config.vocab_size, 1);
    int64_t after_first = 0;  // the kernels' own small scratch stays
    for (int t = 0; t < 3; ++t) {
        const int64_t before = memory.in_use();
        forward(model.get(), batch, true);
        backward(model.get(), std::vector<float>(50, 1.0f), std::vector<float>(50, -1.0f), {});
        CHECK(memory.in_use() > before);
        const int64_t held = memory.in_use();
        CHECK(step(optimizer.get(), 0.01f, 1).grad_norm > 0);
        CHECK(memory.in_use() == held);
        tbrm_error_t err{};
        expect_ok(tbrm_model_release_activations(model.get(), &err), err, "release");
        CHECK(memory.in_use() < held);
        if (t == 0) after_first = memory.in_use();
    }
    CHECK(memory.in_use() == after_first);
    forward(model.get(), batch, true);
    tbrm_error_t err{};
    CHECK(tbrm_model_release_activations(model.get(), &err) == TBRM_STATUS_INVALID_ARGUMENT &&
            std::strstr(err.message, "tbrm_gradient_discard") != nullptr);
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
