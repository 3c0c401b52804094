#include "gradient/layer_tape.hpp"

namespace tbrm {
void LayerTape::resize(Device& device, const ModelView& model, int64_t n) {
    const int64_t element = dtype_bytes(model.dtype);
    const AttentionShape& shape = model.attention;
    qkv.resize(device, n * model.qkv_width() * element);
    attention.resize(device, n * model.attention_width() * element);
    gate_up.resize(device, n * 2 * model.intermediate * element);
    middle.resize(device, n * model.hidden * element);
    lse.resize(device, n * shape.n_heads);
    input_inv_rms.resize(device, n);
    middle_inv_rms.resize(device, n);
    if (model.qk_norm) {
        const int64_t n_normed = shape.n_heads + shape.n_kv_heads;
        qk_before_norm.resize(device, n * n_normed * shape.head_dim * element);
        qk_inv_rms.resize(device, n * n_normed);
    }
}

int64_t LayerTape::bytes_per_token(const ModelView& model) {
    const AttentionShape& shape = model.attention;
    int64_t elements = model.qkv_width() + model.attention_width() + 2 * model.intermediate + model.hidden;
    int64_t floats = shape.n_heads + 2;
    if (model.qk_norm) {
        elements += (shape.n_heads + shape.n_kv_heads) * shape.head_dim;
        floats += shape.n_heads + shape.n_kv_heads;
    }
    return elements * dtype_bytes(model.dtype) + floats * 4;
}

void ForwardScratch::resize(Device& device, const ModelView& model, int64_t n, bool with_tape) {
    const int64_t element = dtype_bytes(model.dtype);
    normed.resize(device, n * model.hidden * element);
    inner.resize(device, n * model.intermediate * element);
    adapter.resize(device, n * model.adapter.width * element);
    if (with_tape) return;
    qkv.resize(device, n * model.qkv_width() * element);
    attention.resize(device, n * model.attention_width() * element);
    gate_up.resize(device, n * 2 * model.intermediate * element);
}

int64_t ForwardScratch::bytes_per_token(const ModelView& model, bool with_tape) {
    const int64_t own = with_tape ? 0 : model.qkv_width() + model.attention_width() + 2 * model.intermediate;
    return (model.hidden + model.intermediate + model.adapter.width + own) * dtype_bytes(model.dtype);
}

void BackwardScratch::resize(Device& device, const ModelView& model, int64_t n) {
    const int64_t element = dtype_bytes(model.dtype);
    normed.resize(device, n * model.hidden * element);
    d_normed.resize(device, n * model.hidden * element);
    inner.resize(device, n * model.intermediate * element);
    d_inner.resize(device, n * model.intermediate * element);
    d_attention.resize(device, n * model.attention_width() * element);
    d_qkv.resize(device, n * model.qkv_width() * element);
    adapter.resize(device, n * model.adapter.width * element);
    d_adapter.resize(device, n * model.adapter.width * element);
}

int64_t BackwardScratch::bytes_per_token(const ModelView& model) {
    return (2 * (model.hidden + model.intermediate + model.adapter.width) + model.attention_width() +
                   model.qkv_width()) *
           dtype_bytes(model.dtype);
}

LayerBuffers layer_buffers(ForwardScratch& scratch) {
    return {scratch.normed.data(), scratch.qkv.data(), scratch.attention.data(), scratch.gate_up.data(),
            scratch.inner.data(), scratch.adapter.data()};
}

LayerBuffers layer_buffers(ForwardScratch& scratch, LayerTape& tape) {
    return {scratch.normed.data(), tape.qkv.data(), tape.attention.data(), tape.gate_up.data(), scratch.inner.data(),
            scratch.adapter.data(), tape.middle.data(), tape.qk_before_norm.data(), tape.input_inv_rms.data(),
            tape.middle_inv_rms.data(), tape.qk_inv_rms.data()};
}

}  // namespace tbrm
