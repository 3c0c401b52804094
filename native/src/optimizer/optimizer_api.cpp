// optimizer_api.cpp - exports of the section "optimizer". Contract: tbrm.h.
#include "core/guard.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

namespace {

tbrm::Optimizer& use(tbrm_optimizer_t* optimizer) {
    TBRM_REQUIRE(optimizer != nullptr, "optimizer is null");
    optimizer->impl->model().device().enter();
    return *optimizer->impl;
}

// A tensor's moment and where in it the tensor's rows are.
struct Moment {
    const tbrm::ModelTensor& tensor;
    float* state;
};

Moment find_moment(tbrm::Optimizer& optimizer, const char* name, tbrm_moment_t which, int64_t n, const float* values) {
    TBRM_REQUIRE(which == TBRM_MOMENT_FIRST || which == TBRM_MOMENT_SECOND, "moment is %d, expected %d or %d", which,
            TBRM_MOMENT_FIRST, TBRM_MOMENT_SECOND);
    TBRM_REQUIRE(!optimizer.model().is_shared(), "ranks share the moments: no rank has all of them");
    const tbrm::ModelTensor& tensor = optimizer.model().require(name);
    float* state = optimizer.moment(tensor.parameter, which);
    TBRM_REQUIRE(state != nullptr, "'%s' has no moments: it is frozen", name);
    TBRM_REQUIRE(n == tensor.elements(), "'%s' has %lld elements, n is %lld", name,
            static_cast<long long>(tensor.elements()), static_cast<long long>(n));
    TBRM_REQUIRE(values != nullptr, "the values of '%s' are null", name);
    return {tensor, state};
}

}  // namespace

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
        TBRM_REQUIRE(out_result != nullptr, "out_result is null");
        *out_result = use(optimizer).step(learning_rate, max_grad_norm);
    });
}

tbrm_status_t tbrm_optimizer_update(tbrm_optimizer_t* optimizer, float learning_rate, double grad_norm,
        float max_grad_norm, tbrm_step_result_t* out_result, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_result != nullptr, "out_result is null");
        *out_result = use(optimizer).update(learning_rate, grad_norm, max_grad_norm);
    });
}

tbrm_status_t tbrm_optimizer_moment_read(tbrm_optimizer_t* optimizer, const char* name, tbrm_moment_t moment, int64_t n,
        float* out_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        const Moment found = find_moment(use(optimizer), name, moment, n, out_values);
        found.tensor.parameter->read_state_rows(found.state, found.tensor.first_row, found.tensor.rows, out_values);
    });
}

tbrm_status_t tbrm_optimizer_moment_write(tbrm_optimizer_t* optimizer, const char* name, tbrm_moment_t moment,
        int64_t n, const float* values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        const Moment found = find_moment(use(optimizer), name, moment, n, values);
        found.tensor.parameter->write_state_rows(found.state, found.tensor.first_row, found.tensor.rows, values);
    });
}

}  // extern "C"
