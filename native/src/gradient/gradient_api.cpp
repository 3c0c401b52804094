// gradient_api.cpp - exports of the section "gradient". Contract: tbrm.h.
#include "gradient/training_pass.hpp"
#include "model/model.hpp"

namespace {

tbrm::Model& use(tbrm_model_t* model) {
    TBRM_REQUIRE(model != nullptr, "model is null");
    model->impl->device().enter();
    return *model->impl;
}

}  // namespace

extern "C" {

tbrm_status_t tbrm_gradient_zero(tbrm_model_t* model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(use(model).trains(), "the model is frozen (trainable = 0): it has no gradients");
        for (const auto& parameter : model->impl->parameters())
            parameter->zero_gradient();
    });
}

tbrm_status_t tbrm_gradient_norm(tbrm_model_t* model, double* out_norm, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(use(model).trains(), "the model is frozen (trainable = 0): it has no gradients");
        TBRM_REQUIRE(out_norm != nullptr, "out_norm is null");
        *out_norm = model->impl->gradient_norm();
    });
}

tbrm_status_t tbrm_gradient_backward(tbrm_model_t* model, int64_t n_rows, const float* dq, const float* dv,
        const float* dh, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).training_pass().backward(n_rows, dq, dv, dh); });
}

tbrm_status_t tbrm_gradient_residual(tbrm_model_t* model, const tbrm_batch_t* batch, const tbrm_residual_args_t* args,
        float* out_q, float* out_v, float* out_residual, double* out_loss, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        use(model).training_pass().residual_gradient(batch, args, {out_q, out_v, nullptr}, out_residual, out_loss);
    });
}

tbrm_status_t tbrm_gradient_share(tbrm_model_t* model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).training_pass().take_part(); });
}

tbrm_status_t tbrm_gradient_discard(tbrm_model_t* model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).training_pass().discard(); });
}

}  // extern "C"
