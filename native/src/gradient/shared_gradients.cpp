#include "gradient/shared_gradients.hpp"

#include <algorithm>

#include "group/group.hpp"
#include "model/model.hpp"
#include "model/model_parameters.hpp"

namespace tbrm {

bool SharedGradients::is_on() const {
    return model_.is_shared() && model_.config().zero_stage >= 2;
}

bool SharedGradients::is_tied() const {
    return model_.config().has_lm_head() && !model_.config().has_untied_head();
}

SharedGradients::Parameters SharedGradients::heads() const {
    Parameters unit{&model_.final_norm()};
    if (model_.config().has_untied_head()) unit.push_back(&model_.head());
    if (model_.config().has_value_head()) {
        unit.push_back(&model_.score());
        if (model_.score_bias() != nullptr) unit.push_back(model_.score_bias());
    }
    return unit;
}

SharedGradients::Parameters SharedGradients::embedding() const {
    return {&model_.embedding()};
}

SharedGradients::Parameters SharedGradients::layer(int64_t index) const {
    Parameters unit;
    for (Parameter* parameter : model_.layer(index).tensors)
        if (parameter != nullptr) unit.push_back(parameter);
    if (!model_.adapter()) return unit;
    for (size_t linear = 0; linear < kLinears; ++linear) {
        const LinearAdapterParameters& adapter = model_.adapter_of(index, static_cast<Linear>(linear));
        if (adapter.a != nullptr) unit.push_back(adapter.a);
        for (Parameter* b : adapter.b)
            if (b != nullptr) unit.push_back(b);
    }
    return unit;
}

void SharedGradients::begin(const Parameters& unit, DeviceBuffer<float>& arrays) {
    int64_t n = 0;
    for (const Parameter* parameter : unit)
        if (parameter->trainable()) n += parameter->layout_elements();
    if (n == 0) return;
    const MemoryScope scope(MemoryUse::Gradients);
    arrays.resize(model_.device(), n);
    model_.device().zero(arrays.data(), n * 4);
    float* at = arrays.data();
    for (Parameter* parameter : unit) {
        if (!parameter->trainable()) continue;
        parameter->accumulate_in(at);
        at += parameter->layout_elements();
    }
}

void SharedGradients::end(const Parameters& unit) {
    std::vector<SharedSum> sums;
    for (Parameter* parameter : unit) {
        if (!parameter->trainable()) continue;
        sums.push_back({parameter->gradient(), model_.ranges_of(*parameter), parameter->own_gradient(), true});
        parameter->accumulate_in(nullptr);
    }
    if (!sums.empty()) reduce_on(model_.device(), *model_.group(), model_.rank(), std::move(sums));
}

void SharedGradients::begin_heads() {
    if (!is_on()) return;
    begin(heads(), ends_);
    if (is_tied()) begin(embedding(), embedding_);
}

void SharedGradients::end_heads() {
    if (is_on()) end(heads());
}

void SharedGradients::begin_layer(int64_t index) {
    if (is_on()) begin(layer(index), layer_);
}

void SharedGradients::end_layer(int64_t index) {
    if (is_on()) end(layer(index));
}

// The heads are done with their arrays.
void SharedGradients::begin_embedding() {
    if (is_on() && !is_tied()) begin(embedding(), ends_);
}

void SharedGradients::end_embedding() {
    if (is_on()) end(embedding());
}

void SharedGradients::take_part() {
    if (!is_on()) return;
    begin_heads();
    end_heads();
    for (int64_t index = model_.config().n_layers - 1; index >= 0; --index) {
        begin_layer(index);
        end_layer(index);
    }
    begin_embedding();
    end_embedding();
}

void SharedGradients::release() {
    for (DeviceBuffer<float>* arrays : {&ends_, &embedding_, &layer_})
        arrays->reset();
}

int64_t shared_gradient_bytes(const DeviceSizes& sizes, const ModelConfig& config, const AdapterConfig* adapter) {
    if (!config.is_shared() || config.zero_stage < 2) return 0;
    const auto bytes_of = [&](const std::vector<ParameterShape>& shapes, bool trained) {
        int64_t bytes = 0;
        for (const ParameterShape& shape : shapes)
            bytes += parameter_bytes(sizes, config.element(), shape, trained).gradient;
        return bytes;
    };
    std::vector<ParameterShape> of_layer;
    for (const ParameterSpec& spec : layer_parameters(config.layer_shape()))
        of_layer.push_back(spec.shape);
    const bool base = adapter == nullptr && config.trainable != 0,
               any = base || (adapter != nullptr && adapter->trainable);
    int64_t layer = 0;
    for (int64_t index = 0; index < config.n_layers; ++index) {
        const int64_t own = adapter == nullptr ? bytes_of(of_layer, base)
                                               : bytes_of(adapter_parameters(config, *adapter, index), any);
        layer = std::max(layer, own);
    }
    const int64_t embedding = bytes_of({ParameterShape::weight(config.vocab_size, config.hidden_size)}, base);
    const int64_t heads = bytes_of({final_norm_shape(config.layer_shape())}, base) +
                          (config.has_untied_head() ? embedding : 0) + bytes_of(value_head_parameters(config), any);
    const bool is_tied = config.has_lm_head() && !config.has_untied_head();
    return layer + (is_tied ? heads + embedding : std::max(heads, embedding));
}

}  // namespace tbrm
