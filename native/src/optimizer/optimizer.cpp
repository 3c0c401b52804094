#include "optimizer/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "core/guard.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

tbrm_optimizer_config_t check_config(const tbrm_optimizer_config_t* config) {
    TBRM_REQUIRE(config != nullptr, "config is null");
    TBRM_REQUIRE(config->struct_size == static_cast<int32_t>(sizeof(tbrm_optimizer_config_t)),
            "config.struct_size is %d, expected %d: caller and library were built from different headers",
            config->struct_size, static_cast<int>(sizeof(tbrm_optimizer_config_t)));
    const auto check_beta = [](const char* name, float beta) {
        TBRM_REQUIRE(beta >= 0 && beta < 1, "%s is %g, expected 0 <= %s < 1", name, static_cast<double>(beta), name);
    };
    check_beta("beta1", config->beta1);
    check_beta("beta2", config->beta2);
    TBRM_REQUIRE(config->eps > 0 && std::isfinite(config->eps), "eps is %g, expected a positive number",
            static_cast<double>(config->eps));
    TBRM_REQUIRE(config->weight_decay >= 0 && std::isfinite(config->weight_decay),
            "weight_decay is %g, expected 0 or more", static_cast<double>(config->weight_decay));
    return *config;
}

constexpr int64_t kChunk = int64_t{1} << 20;

}  // namespace

Optimizer::Optimizer(std::shared_ptr<Model> model, const tbrm_optimizer_config_t* config)
    : model_(std::move(model)), config_(check_config(config)) {
    TBRM_REQUIRE(model_->trains(), "the model is frozen (trainable = 0): there is nothing to optimise");
    TBRM_REQUIRE(model_->is_shared() || !model_->config().is_shared(),
            "the model was created for %d ranks that share it, and they do not yet: tbrm_model_share comes first",
            model_->config().n_ranks);
    int64_t bytes = 0;
    for (const auto& parameter : model_->parameters()) {
        if (parameter->trainable()) bytes += parameter->own().n * 8;
    }
    require_device_memory(model_->device(), bytes, "AdamW's moments", "use a smaller model");
    const MemoryScope scope(model_->owner(), MemoryUse::Moments);
    for (const auto& parameter : model_->parameters()) {
        if (!parameter->trainable()) continue;
        State& state = states_.emplace_back();
        state.parameter = parameter.get();
        for (DeviceBuffer<float>* moment : {&state.m, &state.v}) {
            moment->resize(model_->device(), parameter->own().n);
            model_->device().zero(moment->data(), parameter->own().n * 4);
        }
        largest_ = std::max(largest_, parameter->own().n);
    }
    ++model_->n_optimizers;
}

Optimizer::~Optimizer() {
    --model_->n_optimizers;
}

float* Optimizer::moment(const Parameter* parameter, tbrm_moment_t which) {
    for (State& state : states_) {
        if (state.parameter == parameter) return which == TBRM_MOMENT_FIRST ? state.m.data() : state.v.data();
    }
    return nullptr;
}

tbrm_step_result_t Optimizer::step(float learning_rate, float max_grad_norm) {
    model_->require_no_kept_forward("an optimizer step");
    return update(learning_rate, model_->gradient_norm(), max_grad_norm);
}

tbrm_step_result_t Optimizer::update(float learning_rate, double grad_norm, float max_grad_norm) {
    TBRM_REQUIRE(learning_rate >= 0 && std::isfinite(learning_rate), "learning_rate is %g, expected 0 or more",
            static_cast<double>(learning_rate));
    TBRM_REQUIRE(!(grad_norm < 0), "grad_norm is %g, expected 0 or more", grad_norm);
    TBRM_REQUIRE(!std::isnan(max_grad_norm), "max_grad_norm is NaN, expected a number (0 or less: not clipped)");
    model_->require_no_kept_forward("an optimizer step");

    tbrm_step_result_t result{};
    result.grad_norm = grad_norm;
    result.applied = std::isfinite(result.grad_norm) ? 1 : 0;
    if (result.applied != 0) {
        // Before anything changes: what can fail, fails here.
        if (learning_rate == 0) unchanged_.resize(model_->device(), std::min(largest_, kChunk));
        ++steps_;
        const double limit = max_grad_norm;
        const double grad_scale = limit > 0 && result.grad_norm > limit ? limit / result.grad_norm : 1.0;
        for (State& state : states_)
            update(state, learning_rate, grad_scale);
        unchanged_.reset();
        if (learning_rate != 0) model_->gather_weights();
    }
    for (State& state : states_)
        state.parameter->zero_gradient();
    result.step = steps_;
    return result;
}

void Optimizer::update(State& state, float learning_rate, double grad_scale) {
    Device& device = model_->device();
    Parameter& parameter = *state.parameter;
    const double t = static_cast<double>(steps_);
    const AdamWStep step{learning_rate, config_.beta1, config_.beta2, config_.eps,
            parameter.is_matrix() ? config_.weight_decay : 0.0f, grad_scale,
            1.0 - std::pow(static_cast<double>(config_.beta1), t),
            1.0 - std::pow(static_cast<double>(config_.beta2), t)};
    const int64_t n = state.size();
    float *master = parameter.own_master(), *gradient = parameter.own_gradient();
    if (learning_rate != 0) {
        float* const m = state.m.data();
        float* const v = state.v.data();
        bf16* const narrowed = model_->is_shared() ? nullptr : parameter.narrowed();
        if (narrowed != nullptr)
            return device.adamw_step_narrow(step, parameter.rows(), parameter.cols(), master, m, v, gradient, narrowed);
        device.adamw_step(step, n, master, m, v, gradient);
        if (!model_->is_shared()) parameter.refresh();
        return;
    }
    // The moments move, the weights must not: not even the sign of a zero, which w - 0 * update may lose.
    for (int64_t first = 0; first < n; first += kChunk) {
        const int64_t count = std::min(kChunk, n - first);
        device.copy(unchanged_.data(), master + first, count * 4);
        device.adamw_step(
                step, count, unchanged_.data(), state.m.data() + first, state.v.data() + first, gradient + first);
    }
}

}  // namespace tbrm
