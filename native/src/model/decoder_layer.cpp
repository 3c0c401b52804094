#include "model/decoder_layer.hpp"

#include "model/adapter_forward.hpp"

namespace tbrm {
namespace {

uint8_t* at(void* base, int64_t element, Dtype dtype) {
    return static_cast<uint8_t*>(base) + element * dtype_bytes(dtype);
}

// A block of the batch's rows.
struct Rows {
    int64_t first, count, batch;
};

// The buffers from the block's first row on. qk_inv_rms keeps the batch's stride between heads.
LayerBuffers from_first_row(const ModelView& model, const LayerBuffers& all, const Rows& rows) {
    const int64_t normed_heads = model.attention.n_heads + model.attention.n_kv_heads;
    const auto move = [&](void* base, int64_t width) {
        return base != nullptr ? at(base, rows.first * width, model.dtype) : nullptr;
    };
    const auto move_floats = [&](float* base) { return base != nullptr ? base + rows.first : nullptr; };
    LayerBuffers b = all;
    b.normed = move(all.normed, model.hidden);
    b.qkv = move(all.qkv, model.qkv_width());
    b.attention = move(all.attention, model.attention_width());
    b.gate_up = move(all.gate_up, 2 * model.intermediate);
    b.inner = move(all.inner, model.intermediate);
    b.adapter = move(all.adapter, model.adapter.width);
    b.middle = move(all.middle, model.hidden);
    b.qk_before_norm = move(all.qk_before_norm, normed_heads * model.attention.head_dim);
    b.input_inv_rms = move_floats(all.input_inv_rms);
    b.middle_inv_rms = move_floats(all.middle_inv_rms);
    b.qk_inv_rms = move_floats(all.qk_inv_rms);
    return b;
}

// RMSNorm over each head of q and k, in place.
void qk_norm_forward(
        Device& device, const ModelView& model, const LayerView& layer, const Rows& rows, const LayerBuffers& buffers) {
    const AttentionShape& shape = model.attention;
    const int64_t n_normed = shape.n_heads + shape.n_kv_heads, width = model.qkv_width();
    if (buffers.qk_before_norm != nullptr) {
        const int64_t bytes = n_normed * shape.head_dim * dtype_bytes(model.dtype);
        device.copy_2d(buffers.qk_before_norm, bytes, buffers.qkv, width * dtype_bytes(model.dtype), bytes, rows.count);
    }
    device.heads_norm_forward(model.dtype, rows.count, shape.n_heads, shape.n_kv_heads, shape.head_dim, buffers.qkv,
            width, layer.q_norm, layer.k_norm, model.rms_norm_eps, buffers.qk_inv_rms, rows.batch);
}

// x [count, D] -> q, k, v after norm and rotation.
void block_to_qkv(Device& device, const ModelView& model, int64_t layer_index, const Rows& rows,
        const int32_t* positions, const void* x, const LayerBuffers& buffers) {
    const LayerView& layer = model.layers[static_cast<size_t>(layer_index)];
    const AttentionShape& shape = model.attention;
    const int64_t n = rows.count, hidden = model.hidden, width = model.qkv_width();
    device.rms_norm_forward(model.dtype, n, hidden, x, hidden, layer.input_norm, model.rms_norm_eps, buffers.normed,
            hidden, buffers.input_inv_rms);
    device.linear_forward(model.dtype, n, hidden, width, buffers.normed, hidden, layer.qkv, layer.qkv_bias,
            Epilogue::Store, buffers.qkv, width);
    adapter_forward(device, model, layer_index, Linear::Qkv, n, buffers.normed, buffers.adapter, buffers.qkv, width);
    if (layer.q_norm != nullptr) qk_norm_forward(device, model, layer, rows, buffers);
    device.rope_apply(model.dtype, n, shape.n_heads + shape.n_kv_heads, shape.head_dim, positions, model.rope_cos,
            model.rope_sin, false, buffers.qkv, width);
}

// Attention's output -> x, and the MLP's input projection of it.
void block_to_gate_up(
        Device& device, const ModelView& model, int64_t layer_index, int64_t n, void* x, const LayerBuffers& buffers) {
    const LayerView& layer = model.layers[static_cast<size_t>(layer_index)];
    const Dtype dtype = model.dtype;
    const int64_t hidden = model.hidden;
    device.linear_forward(dtype, n, model.attention_width(), hidden, buffers.attention, model.attention_width(),
            layer.o, nullptr, Epilogue::AddTo, x, hidden);
    adapter_forward(device, model, layer_index, Linear::O, n, buffers.attention, buffers.adapter, x, hidden);
    if (buffers.middle != nullptr) device.copy(buffers.middle, x, n * hidden * dtype_bytes(dtype));
    device.rms_norm_forward(dtype, n, hidden, x, hidden, layer.post_attention_norm, model.rms_norm_eps, buffers.normed,
            hidden, buffers.middle_inv_rms);
    device.linear_forward(dtype, n, hidden, 2 * model.intermediate, buffers.normed, hidden, layer.gate_up, nullptr,
            Epilogue::Store, buffers.gate_up, 2 * model.intermediate);
    adapter_forward(device, model, layer_index, Linear::GateUp, n, buffers.normed, buffers.adapter, buffers.gate_up,
            2 * model.intermediate);
}

void block_through_mlp(
        Device& device, const ModelView& model, int64_t layer_index, int64_t n, void* x, const LayerBuffers& buffers) {
    device.swiglu_forward(model.dtype, n, model.intermediate, buffers.gate_up, buffers.inner);
    device.linear_forward(model.dtype, n, model.intermediate, model.hidden, buffers.inner, model.intermediate,
            model.layers[static_cast<size_t>(layer_index)].down, nullptr, Epilogue::AddTo, x, model.hidden);
    adapter_forward(device, model, layer_index, Linear::Down, n, buffers.inner, buffers.adapter, x, model.hidden);
}

void run_layer(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention, bool with_mlp) {
    device.for_row_blocks(n, [&](int64_t first, int64_t count) {
        const Rows rows{first, count, n};
        block_to_qkv(device, model, layer, rows, positions + first, at(x, first * model.hidden, model.dtype),
                from_first_row(model, buffers, rows));
    });
    attention(layer, buffers.qkv, buffers.attention);
    device.for_row_blocks(n, [&](int64_t first, int64_t count) {
        const LayerBuffers block = from_first_row(model, buffers, {first, count, n});
        void* rows = at(x, first * model.hidden, model.dtype);
        block_to_gate_up(device, model, layer, count, rows, block);
        if (with_mlp) block_through_mlp(device, model, layer, count, rows, block);
    });
}

}  // namespace

void layer_forward_to_gate_up(Device& device, const ModelView& model, int64_t layer, int64_t n,
        const int32_t* positions, void* x, const LayerBuffers& buffers, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, attention, false);
}

void layer_forward(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, attention, true);
}

void final_norm_forward(Device& device, const ModelView& model, int64_t n, const void* x, void* y, float* out_inv_rms) {
    device.rms_norm_forward(model.dtype, n, model.hidden, x, model.hidden, model.final_norm, model.rms_norm_eps, y,
            model.hidden, out_inv_rms);
}

}  // namespace tbrm
