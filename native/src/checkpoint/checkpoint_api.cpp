// checkpoint_api.cpp - exports of the section "checkpoint". Contract: tbrm.h.
#include <cstdio>

#include "checkpoint/checkpoint.hpp"
#include "core/guard.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

namespace {

tbrm::Model& use(tbrm_model_t* model) {
    TBRM_REQUIRE(model != nullptr, "model is null");
    model->impl->device().enter();
    return *model->impl;
}

tbrm::Optimizer& use(tbrm_optimizer_t* optimizer) {
    TBRM_REQUIRE(optimizer != nullptr, "optimizer is null");
    optimizer->impl->model().device().enter();
    return *optimizer->impl;
}

const char* check_path(const char* path) {
    TBRM_REQUIRE(path != nullptr && path[0] != '\0', "path is null or empty");
    return path;
}

}  // namespace

extern "C" {

tbrm_status_t tbrm_checkpoint_load_weights(
        tbrm_model_t* model, const char* path, int64_t* inout_n_found, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(inout_n_found != nullptr, "inout_n_found is null");
        *inout_n_found += tbrm::load_weights(use(model), check_path(path));
    });
}

tbrm_status_t tbrm_checkpoint_missing(
        tbrm_model_t* model, int64_t n_bytes, char* out_names, int64_t* out_n_missing, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_n_missing != nullptr, "out_n_missing is null");
        TBRM_REQUIRE(
                n_bytes >= 0 && (n_bytes == 0 || out_names != nullptr), "n_bytes is negative or out_names is null");
        const std::string names = tbrm::missing_tensors(use(model), out_n_missing);
        if (n_bytes > 0) std::snprintf(out_names, static_cast<size_t>(n_bytes), "%s", names.c_str());
    });
}

tbrm_status_t tbrm_checkpoint_save_weights(
        tbrm_model_t* model, const char* path, int32_t first, int32_t count, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { tbrm::save_weights(use(model), check_path(path), first, count); });
}

tbrm_status_t tbrm_checkpoint_save_adapter(tbrm_model_t* model, const char* path, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { tbrm::save_adapter(use(model), check_path(path)); });
}

tbrm_status_t tbrm_checkpoint_load_adapter(tbrm_model_t* model, const char* path, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { tbrm::load_adapter(use(model), check_path(path)); });
}

tbrm_status_t tbrm_checkpoint_save_optimizer(
        tbrm_optimizer_t* optimizer, const char* path, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { tbrm::save_optimizer(use(optimizer), check_path(path)); });
}

tbrm_status_t tbrm_checkpoint_load_optimizer(
        tbrm_optimizer_t* optimizer, const char* path, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { tbrm::load_optimizer(use(optimizer), check_path(path)); });
}

}  // extern "C"
