#include "model/decoder_layer.hpp"

#include "model/adapter_forward.hpp"

namespace tbrm {
namespace {

uint8_t* at(void* base, int64_t element, Dtype dtype) {
    return static_cast<uint8_t*>(base) + element * dtype_bytes(dtype);
}

// RMSNorm over each head of q and k, in place.
void qk_norm_forward(
        Device& device, const ModelView& model, const LayerView& layer, int64_t n, const LayerBuffers& buffers) {
    const AttentionShape& shape = model.attention;
    const int64_t n_normed = shape.n_heads + shape.n_kv_heads, width = model.qkv_width();
    if (buffers.qk_before_norm != nullptr) {
        const int64_t bytes = n_normed * shape.head_dim * dtype_bytes(model.dtype);
        device.copy_2d(buffers.qk_before_norm, bytes, buffers.qkv, width * dtype_bytes(model.dtype), bytes, n);
    }
    for (int64_t h = 0; h < n_normed; ++h) {
        void* head = at(buffers.qkv, h * shape.head_dim, model.dtype);
        device.rms_norm_forward(model.dtype, n, shape.head_dim, head, width,
                h < shape.n_heads ? layer.q_norm : layer.k_norm, model.rms_norm_eps, head, width,
                buffers.qk_inv_rms != nullptr ? buffers.qk_inv_rms + h * n : nullptr);
    }
}

}  // namespace

void layer_forward_to_gate_up(Device& device, const ModelView& model, int64_t layer_index, int64_t n,
        const int32_t* positions, void* x, const LayerBuffers& buffers, const AttentionStep& attention) {
    const LayerView& layer = model.layers[static_cast<size_t>(layer_index)];
    const AttentionShape& shape = model.attention;
    const Dtype dtype = model.dtype;
    const int64_t hidden = model.hidden, width = model.qkv_width();
    const auto adapt = [&](Linear linear, const void* input, void* output, int64_t ld) {
        adapter_forward(device, model, layer_index, linear, n, input, buffers.adapter, output, ld);
    };

    device.rms_norm_forward(dtype, n, hidden, x, hidden, layer.input_norm, model.rms_norm_eps, buffers.normed, hidden,
            buffers.input_inv_rms);
    device.linear_forward(dtype, n, hidden, width, buffers.normed, hidden, layer.qkv, layer.qkv_bias, Epilogue::Store,
            buffers.qkv, width);
    adapt(Linear::Qkv, buffers.normed, buffers.qkv, width);
    if (layer.q_norm != nullptr) qk_norm_forward(device, model, layer, n, buffers);
    device.rope_apply(dtype, n, shape.n_heads + shape.n_kv_heads, shape.head_dim, positions, model.rope_cos,
            model.rope_sin, false, buffers.qkv, width);
    attention(layer_index, buffers.qkv, buffers.attention);
    device.linear_forward(dtype, n, model.attention_width(), hidden, buffers.attention, model.attention_width(),
            layer.o, nullptr, Epilogue::AddTo, x, hidden);
    adapt(Linear::O, buffers.attention, x, hidden);
    if (buffers.middle != nullptr) device.copy(buffers.middle, x, n * hidden * dtype_bytes(dtype));
    device.rms_norm_forward(dtype, n, hidden, x, hidden, layer.post_attention_norm, model.rms_norm_eps, buffers.normed,
            hidden, buffers.middle_inv_rms);
    device.linear_forward(dtype, n, hidden, 2 * model.intermediate, buffers.normed, hidden, layer.gate_up, nullptr,
            Epilogue::Store, buffers.gate_up, 2 * model.intermediate);
    adapt(Linear::GateUp, buffers.normed, buffers.gate_up, 2 * model.intermediate);
}

void layer_forward(Device& device, const ModelView& model, int64_t layer_index, int64_t n, const int32_t* positions,
        void* x, const LayerBuffers& buffers, const AttentionStep& attention) {
    layer_forward_to_gate_up(device, model, layer_index, n, positions, x, buffers, attention);
    device.swiglu_forward(model.dtype, n, model.intermediate, buffers.gate_up, buffers.inner);
    device.linear_forward(model.dtype, n, model.intermediate, model.hidden, buffers.inner, model.intermediate,
            model.layers[static_cast<size_t>(layer_index)].down, nullptr, Epilogue::AddTo, x, model.hidden);
    adapter_forward(device, model, layer_index, Linear::Down, n, buffers.inner, buffers.adapter, x, model.hidden);
}

void final_norm_forward(Device& device, const ModelView& model, int64_t n, const void* x, void* y, float* out_inv_rms) {
    device.rms_norm_forward(model.dtype, n, model.hidden, x, model.hidden, model.final_norm, model.rms_norm_eps, y,
            model.hidden, out_inv_rms);
}

}  // namespace tbrm
