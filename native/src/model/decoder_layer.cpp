#include "model/decoder_layer.hpp"

#include "model/adapter_forward.hpp"

namespace tbrm {
namespace {

using A = LayerArray;
using T = LayerTensor;

uint8_t* at(void* base, int64_t element, Dtype dtype) {
    return static_cast<uint8_t*>(base) + element * dtype_bytes(dtype);
}

// The forward of one layer over a block of the batch's rows: `count` of them, of the n of the batch.
struct Block {
    Device& device;
    const ModelView& model;
    int64_t layer;
    int64_t count;
    int64_t n;
    const LayerBuffers& buffers;  // from the block's first row on

    const LayerView& weights() const { return model.layers[static_cast<size_t>(layer)]; }

    // x [count, D] -> Normed.
    void norm(const void* x, T weight, float* out_inv_rms) const {
        device.rms_norm_forward(model.dtype, count, model.hidden, x, model.hidden, weights().vector(weight),
                model.rms_norm_eps, buffers[A::Normed], model.hidden, out_inv_rms);
    }

    // y [count, outputs] = (epilogue) x W^T + bias, and what an adapter adds.
    void linear(Linear which, int64_t inputs, int64_t outputs, const void* x, Epilogue epilogue, void* y,
            const float* bias = nullptr) const {
        const void* weight = weights().weight(kLinearTensors[static_cast<size_t>(which)]);
        device.linear_forward(model.dtype, count, inputs, outputs, x, inputs, weight, bias, epilogue, y, outputs);
        adapter_forward(device, model, layer, which, count, x, buffers[A::Adapter], y, outputs);
    }
};

// Adds the product of o or down to the residual stream x [count, D]: as it is, or through a norm of its own, whose input goes to `kept`.
void add_branch(const Block& b, Linear which, int64_t inputs, const void* from, A kept, T norm, A inv_rms, void* x) {
    const int64_t hidden = b.model.hidden;
    if (!b.model.architecture->post_norms) return b.linear(which, inputs, hidden, from, Epilogue::AddTo, x);
    void* out = b.buffers[kept] != nullptr ? b.buffers[kept] : b.buffers[A::Normed];
    b.linear(which, inputs, hidden, from, Epilogue::Store, out);
    b.norm(out, norm, b.buffers.floats(inv_rms));
    b.device.add(b.model.dtype, b.count * hidden, b.buffers[A::Normed], x);
}

// RMSNorm over each head of q and k, in place.
void qk_norm_forward(const Block& b) {
    const AttentionShape& shape = b.model.attention;
    const int64_t width = b.model.qkv_width(), element = dtype_bytes(b.model.dtype);
    if (b.buffers[A::QkBeforeNorm] != nullptr) {
        const int64_t bytes = (shape.n_heads + shape.n_kv_heads) * shape.head_dim * element;
        b.device.copy_2d(b.buffers[A::QkBeforeNorm], bytes, b.buffers[A::Qkv], width * element, bytes, b.count);
    }
    b.device.heads_norm_forward(b.model.dtype, b.count, shape.n_heads, shape.n_kv_heads, shape.head_dim,
            b.buffers[A::Qkv], width, b.weights().vector(T::QNorm), b.weights().vector(T::KNorm), b.model.rms_norm_eps,
            b.buffers.floats(A::QkInvRms), b.n);
}

// x [count, D] -> q, k, v after norm and rotation.
void block_to_qkv(const Block& b, const int32_t* positions, const void* x) {
    const AttentionShape& shape = b.model.attention;
    const int64_t width = b.model.qkv_width();
    b.norm(x, T::InputNorm, b.buffers.floats(A::InputInvRms));
    b.linear(Linear::Qkv, b.model.hidden, width, b.buffers[A::Normed], Epilogue::Store, b.buffers[A::Qkv],
            b.weights().vector(T::QkvBias));
    if (b.model.architecture->qk_norm) qk_norm_forward(b);
    b.device.rope_apply(b.model.dtype, b.count, shape.n_heads + shape.n_kv_heads, shape.head_dim, positions,
            b.weights().rope_cos, b.weights().rope_sin, false, b.buffers[A::Qkv], width);
}

// Attention's output -> x, and the MLP's input projection of it.
void block_to_gate_up(const Block& b, void* x) {
    const int64_t hidden = b.model.hidden;
    add_branch(b, Linear::O, b.model.attention_width(), b.buffers[A::Attention], A::AttentionOut, T::AttentionNorm,
            A::AttentionOutInvRms, x);
    if (b.buffers[A::Middle] != nullptr)
        b.device.copy(b.buffers[A::Middle], x, b.count * hidden * dtype_bytes(b.model.dtype));
    b.norm(x, T::MlpNorm, b.buffers.floats(A::MiddleInvRms));
    b.linear(Linear::GateUp, hidden, 2 * b.model.intermediate, b.buffers[A::Normed], Epilogue::Store,
            b.buffers[A::GateUp]);
}

void block_through_mlp(const Block& b, void* x) {
    b.device.glu_forward(b.model.architecture->activation, b.model.dtype, b.count, b.model.intermediate,
            b.buffers[A::GateUp], b.buffers[A::Inner]);
    add_branch(
            b, Linear::Down, b.model.intermediate, b.buffers[A::Inner], A::MlpOut, T::MlpOutNorm, A::MlpOutInvRms, x);
}

void run_layer(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention, bool with_mlp) {
    device.for_row_blocks(n, [&](int64_t first, int64_t count) {
        const LayerBuffers rows = buffers.from_row(model, first);
        block_to_qkv(
                {device, model, layer, count, n, rows}, positions + first, at(x, first * model.hidden, model.dtype));
    });
    attention(layer, buffers[A::Qkv], buffers[A::Attention]);
    device.for_row_blocks(n, [&](int64_t first, int64_t count) {
        const LayerBuffers rows = buffers.from_row(model, first);
        const Block block{device, model, layer, count, n, rows};
        block_to_gate_up(block, at(x, first * model.hidden, model.dtype));
        if (with_mlp) block_through_mlp(block, at(x, first * model.hidden, model.dtype));
    });
}

}  // namespace

void layer_forward_again(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions,
        void* x, const LayerBuffers& buffers, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, attention, model.architecture->post_norms);
}

void layer_forward(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, attention, true);
}

void embed_tokens(Device& device, const ModelView& model, int64_t n, const int32_t* ids, void* x) {
    device.embedding_forward(model.dtype, n, model.hidden, model.vocab, ids, model.embedding, x);
    const float scale = model.layer_shape().embedding_scale(model.dtype);
    if (scale != 1) device.scale(model.dtype, n, model.hidden, scale, x, model.hidden);
}

void final_norm_forward(Device& device, const ModelView& model, int64_t n, const void* x, void* y, float* out_inv_rms) {
    device.rms_norm_forward(model.dtype, n, model.hidden, x, model.hidden, model.final_norm, model.rms_norm_eps, y,
            model.hidden, out_inv_rms);
}

}  // namespace tbrm
