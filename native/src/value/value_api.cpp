// value_api.cpp - exports of the section "value". Contract: tbrm.h.
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

tbrm_status_t tbrm_value_forward(
        tbrm_model_t* model, const tbrm_batch_t* batch, int32_t keep, float* out_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        tbrm::Model& impl = use(model);
        if (keep != 0) {
            impl.training_pass().values(batch, true, out_values);
        } else {
            // On buffers of its own, so that a kept forward may wait meanwhile.
            tbrm::TrainingPass(impl).values(batch, false, out_values);
        }
    });
}

tbrm_status_t tbrm_value_backward(
        tbrm_model_t* model, int64_t n_rows, const float* d_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).training_pass().values_backward(n_rows, d_values); });
}

tbrm_status_t tbrm_value_of_kept(tbrm_model_t* model, int64_t n_rows, float* out_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).training_pass().values_of_kept(n_rows, out_values); });
}

tbrm_status_t tbrm_value_add_gradient(
        tbrm_model_t* model, int64_t n_rows, const float* d_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).training_pass().add_value_gradient(n_rows, d_values); });
}

}  // extern "C"
