#include "optimizer/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "core/guard.hpp"
#include "gradient/training_pass.hpp"
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
    TBRM_REQUIRE(!model_->has_optimizer, "the model has an optimizer already; destroy it first");
    int64_t bytes = 0;
    for (const auto& parameter : model_->parameters()) {
        if (parameter->trainable()) bytes += parameter->layout_elements() * 8;
    }
    require_device_memory(model_->device(), bytes, "AdamW's moments", "use a smaller model");
    try {
        for (const auto& parameter : model_->parameters()) {
            if (parameter->trainable()) parameter->allocate_moments();
        }
    } catch (...) {
        for (const auto& parameter : model_->parameters())
            parameter->release_moments();
        throw;
    }
    model_->has_optimizer = true;
}

Optimizer::~Optimizer() {
    for (const auto& parameter : model_->parameters())
        parameter->release_moments();
    model_->has_optimizer = false;
}

double Optimizer::gradient_norm() {
    double sum = 0;
    for (const auto& parameter : model_->parameters()) {
        if (!parameter->trainable()) continue;
        sum += model_->device().sum_of_squares(parameter->layout_elements(), parameter->gradient());
    }
    return std::sqrt(sum);
}

tbrm_step_result_t Optimizer::step(float learning_rate, float max_grad_norm) {
    TBRM_REQUIRE(learning_rate >= 0 && std::isfinite(learning_rate), "learning_rate is %g, expected 0 or more",
            static_cast<double>(learning_rate));
    TBRM_REQUIRE(!std::isnan(max_grad_norm), "max_grad_norm is NaN, expected a number (0 or less: not clipped)");
    model_->require_no_kept_forward("an optimizer step");

    tbrm_step_result_t result{};
    result.grad_norm = gradient_norm();
    result.applied = std::isfinite(result.grad_norm) ? 1 : 0;
    if (result.applied != 0) {
        ++steps_;
        const double limit = max_grad_norm;
        const double grad_scale = limit > 0 && result.grad_norm > limit ? limit / result.grad_norm : 1.0;
        for (const auto& parameter : model_->parameters()) {
            if (parameter->trainable()) update(*parameter, learning_rate, grad_scale);
        }
        unchanged_.reset();
    }
    for (const auto& parameter : model_->parameters())
        parameter->zero_gradient();
    model_->training_pass().release_buffers();
    result.step = steps_;
    return result;
}

void Optimizer::update(Parameter& parameter, float learning_rate, double grad_scale) {
    Device& device = model_->device();
    const double t = static_cast<double>(steps_);
    const AdamWStep step{learning_rate, config_.beta1, config_.beta2, config_.eps,
            parameter.is_matrix() ? config_.weight_decay : 0.0f, grad_scale,
            1.0 - std::pow(static_cast<double>(config_.beta1), t),
            1.0 - std::pow(static_cast<double>(config_.beta2), t)};
    const int64_t n = parameter.layout_elements();
    if (learning_rate != 0) {
        device.adamw_step(step, n, parameter.master(), parameter.adam_m(), parameter.adam_v(), parameter.gradient());
        parameter.refresh();
        return;
    }
    // The moments move, the weights must not: not even the sign of a zero, which w - 0 * update may lose.
    unchanged_.resize(device, std::min(n, kChunk));
    for (int64_t first = 0; first < n; first += kChunk) {
        const int64_t count = std::min(kChunk, n - first);
        device.copy(unchanged_.data(), parameter.master() + first, count * 4);
        device.adamw_step(step, count, unchanged_.data(), parameter.adam_m() + first, parameter.adam_v() + first,
                parameter.gradient() + first);
    }
}

}  // namespace tbrm
