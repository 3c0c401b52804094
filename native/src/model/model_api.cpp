// model_api.cpp - exports of the section "model". Contract: tbrm.h.
#include "gradient/training_pass.hpp"
#include "model/model.hpp"

namespace {

using tbrm::Model;
using tbrm::ModelTensor;

Model& use(tbrm_model_t* model) {
    TBRM_REQUIRE(model != nullptr, "model is null");
    model->impl->device().enter();
    return *model->impl;
}

const char* kind_name(tbrm_tensor_kind_t kind) {
    constexpr const char* kNames[] = {"weight", "master weight", "gradient"};
    return kNames[kind];
}

// Checks name, kind and size of a read or a write.
ModelTensor& check_access(Model& model, const char* name, tbrm_tensor_kind_t kind, int64_t n, const float* values) {
    ModelTensor& tensor = model.require(name);
    TBRM_REQUIRE(kind >= TBRM_TENSOR_KIND_WEIGHT && kind <= TBRM_TENSOR_KIND_GRADIENT, "kind is %d, expected %d to %d",
            kind, TBRM_TENSOR_KIND_WEIGHT, TBRM_TENSOR_KIND_GRADIENT);
    TBRM_REQUIRE(tensor.parameter->has(kind) || !model.is_shared(), "'%s' has no whole %s: ranks share it", name,
            kind_name(kind));
    TBRM_REQUIRE(tensor.parameter->has(kind), "'%s' has no %s: %s", name, kind_name(kind),
            model.trains() ? "it is frozen, only the adapter is trained" : "the model was created with trainable = 0");
    TBRM_REQUIRE(n == tensor.elements(), "'%s' has %lld elements, n is %lld", name,
            static_cast<long long>(tensor.elements()), static_cast<long long>(n));
    TBRM_REQUIRE(values != nullptr, "the values of '%s' are null", name);
    return tensor;
}

}  // namespace

extern "C" {

tbrm_status_t tbrm_model_create(tbrm_context_t* context, const tbrm_model_config_t* config, int32_t n_inv_freq,
        const float* rope_inv_freq, tbrm_model_t** out_model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_model != nullptr, "out_model is null");
        *out_model = nullptr;
        TBRM_REQUIRE(context != nullptr, "context is null");
        const tbrm::ModelConfig checked = tbrm::check_model_config(config, n_inv_freq, rope_inv_freq);
        context->impl->device->enter();
        *out_model = new tbrm_model{std::make_shared<Model>(context->impl, checked), {}};
    });
}

void tbrm_model_destroy(tbrm_model_t* model) noexcept {
    delete model;
}

tbrm_status_t tbrm_model_init_random(tbrm_model_t* model, uint64_t seed, float std, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).init_random(seed, std); });
}

tbrm_status_t tbrm_model_clone_frozen(tbrm_model_t* model, tbrm_model_t** out_model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_model != nullptr, "out_model is null");
        *out_model = nullptr;
        *out_model = new tbrm_model{use(model).clone_frozen(), {}};
    });
}

tbrm_status_t tbrm_model_copy_weights(tbrm_model_t* model, tbrm_model_t* source, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(source != nullptr, "source is null");
        use(model).copy_weights(*source->impl);
    });
}

tbrm_status_t tbrm_model_copy_body(tbrm_model_t* model, tbrm_model_t* source, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(source != nullptr, "source is null");
        use(model).copy_body(*source->impl);
    });
}

tbrm_status_t tbrm_model_init_value_head(tbrm_model_t* model, uint64_t seed, float std, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).init_value_head(seed, std); });
}

int32_t tbrm_model_tensor_count(tbrm_model_t* model) noexcept {
    return model != nullptr ? static_cast<int32_t>(model->impl->tensors().size()) : 0;
}

tbrm_status_t tbrm_model_tensor_info(tbrm_model_t* model, int32_t index, const char** out_name, int64_t* out_rows,
        int64_t* out_cols, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(model && out_name && out_rows && out_cols, "a pointer is null");
        const std::deque<ModelTensor>& tensors = model->impl->tensors();
        TBRM_REQUIRE(index >= 0 && index < static_cast<int32_t>(tensors.size()), "index is %d, expected 0 to %zu",
                index, tensors.size() - 1);
        const ModelTensor& tensor = tensors[static_cast<size_t>(index)];
        *out_name = tensor.name.c_str();
        *out_rows = tensor.rows;
        *out_cols = tensor.cols;
    });
}

tbrm_status_t tbrm_model_tensor_read(tbrm_model_t* model, const char* name, tbrm_tensor_kind_t kind, int64_t n,
        float* out_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        const ModelTensor& tensor = check_access(use(model), name, kind, n, out_values);
        tensor.parameter->read_rows(kind, tensor.first_row, tensor.rows, out_values);
    });
}

tbrm_status_t tbrm_model_tensor_write(tbrm_model_t* model, const char* name, tbrm_tensor_kind_t kind, int64_t n,
        const float* values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        const ModelTensor& tensor = check_access(use(model), name, kind, n, values);
        if (kind <= TBRM_TENSOR_KIND_MASTER) model->impl->require_no_kept_forward("writing a weight");
        tensor.parameter->write_rows(kind, tensor.first_row, tensor.rows, values);
    });
}

tbrm_status_t tbrm_model_release_activations(tbrm_model_t* model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        use(model).require_no_kept_forward("releasing the activations");
        model->impl->training_pass().release_buffers();
    });
}

tbrm_status_t tbrm_model_attach_adapter(
        tbrm_model_t* model, const tbrm_adapter_config_t* config, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        Model& impl = use(model);
        impl.attach_adapter(tbrm::check_adapter_config(config, impl.config().n_layers));
    });
}

tbrm_status_t tbrm_model_enable_adapter(tbrm_model_t* model, int32_t on, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).enable_adapter(on != 0); });
}

tbrm_status_t tbrm_model_merge_adapter(tbrm_model_t* model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use(model).merge_adapter(); });
}

}  // extern "C"
