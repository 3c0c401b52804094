// optimizer_api.cpp - exports of the section "optimizer". Contract: tbrm.h.
#include "core/guard.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

extern "C" {

tbrm_status_t tbrm_optimizer_create(tbrm_model_t* model, const tbrm_optimizer_config_t* config,
        tbrm_optimizer_t** out_optimizer, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_optimizer != nullptr, "out_optimizer is null");
        *out_optimizer = nullptr;
        TBRM_REQUIRE(model != nullptr, "model is null");
        model->impl->device().enter();
        *out_optimizer = new tbrm_optimizer{std::make_unique<tbrm::Optimizer>(model->impl, config), {}};
    });
}

void tbrm_optimizer_destroy(tbrm_optimizer_t* optimizer) noexcept {
    delete optimizer;
}

tbrm_status_t tbrm_optimizer_step(tbrm_optimizer_t* optimizer, float learning_rate, float max_grad_norm,
        tbrm_step_result_t* out_result, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(optimizer && out_result, "optimizer or out_result is null");
        optimizer->impl->model().device().enter();
        *out_result = optimizer->impl->step(learning_rate, max_grad_norm);
    });
}

}  // extern "C"
