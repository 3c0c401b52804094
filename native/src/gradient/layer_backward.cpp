#include "gradient/layer_backward.hpp"

#include <functional>

#include "gradient/adapter_backward.hpp"
#include "model/packed_batch.hpp"

namespace tbrm {
namespace {

using A = LayerArray;
using T = LayerTensor;

// What every step of one layer's backward works on.
struct LayerStep {
    Model& model;
    int64_t layer;
    Device& device;
    const ModelView& view;
    LayerParameters& parameters;
    const PackedBatch& batch;
    LayerMemory& tape;
    LayerMemory& scratch;
    Dtype dtype;
    int64_t n;

    // Whether the gradient of a trained parameter needs the layer's input.
    bool reads_input(Linear linear) const {
        return parameters.linear(linear).trainable() || view.adapter_of(layer, linear) != nullptr;
    }

    // A row block's part of an array of rows of `width`.
    uint8_t* at(void* base, int64_t first, int64_t width) const {
        return static_cast<uint8_t*>(base) + first * width * dtype_bytes(dtype);
    }

    // Row by row where nothing sums over rows on the way: an adapter's gradients do, and those of the norms of q and k.
    void for_row_blocks(bool sums_over_rows, const std::function<void(int64_t first, int64_t count)>& body) const {
        if (sums_over_rows || view.adapter.on) return body(0, n);
        device.for_row_blocks(n, body);
    }

    // dx = dy W for rows [first, first + count), and for what the adapter adds (all rows then). x is not read otherwise.
    void input_gradient(Linear linear, int64_t first, int64_t count, const void* x, void* dy, void* dx) const {
        const Parameter& weight = parameters.linear(linear);
        const int64_t rows = weight.rows(), inputs = weight.cols();
        if (needs_dx(linear)) {
            device.linear_backward_input(dtype, count, inputs, rows, at(dy, first, rows), rows, weight.weight(),
                    Epilogue::Store, at(dx, first, inputs), inputs);
        }
        adapter_backward(model, layer, linear, n, x, dy, rows, scratch, needs_dx(linear) ? dx : nullptr);
    }

    // dW += dy^T x and db += column sums, for what is trained.
    void weight_gradient(Linear linear, Parameter* bias, const void* x, const void* dy) const {
        Parameter& weight = parameters.linear(linear);
        if (!weight.trainable()) return;
        device.linear_backward_weight(dtype, n, weight.cols(), weight.rows(), dy, weight.rows(), x, weight.cols(),
                weight.gradient(), bias != nullptr ? bias->gradient() : nullptr);
    }

    // The first layer's input is the embedding: where that is frozen, nobody asks for its gradient.
    bool needs_dx(Linear linear) const { return layer > 0 || linear != Linear::Qkv || model.embedding().trainable(); }

    // dx += (or =) gradient through the norm of x.
    void norm_gradient(
            Parameter& norm, const void* x, const float* inv_rms, const void* dy, void* dx, bool add = true) const {
        device.rms_norm_backward(dtype, n, view.hidden, x, view.hidden, norm.vector(), inv_rms, dy, view.hidden, add,
                dx, view.hidden, norm.gradient());
    }

    // The gradient of what o or down gave, from dx of the residual stream that it was added to: dx itself, or through the norm between.
    void* branch_gradient(T norm, A out, A inv_rms, void* dx) const {
        if (!view.architecture->post_norms) return dx;
        norm_gradient(*parameters[norm], tape[out], tape.floats(inv_rms), dx, scratch[A::DBranch], false);
        return scratch[A::DBranch];
    }

    void normed_again(const Parameter& norm, const void* x, int64_t first, int64_t count) const {
        device.rms_norm_forward(dtype, count, view.hidden, at(const_cast<void*>(x), first, view.hidden), view.hidden,
                norm.vector(), view.rms_norm_eps, at(scratch[A::NormedAgain], first, view.hidden), view.hidden,
                nullptr);
    }
};

void mlp_backward(const LayerStep& s, void* dx) {
    const int64_t inner = s.view.intermediate;
    uint8_t* gate_up = s.tape[A::GateUp];  // its gradient replaces it
    const Activation activation = s.view.architecture->activation;
    void* d_out = s.branch_gradient(T::MlpOutNorm, A::MlpOut, A::MlpOutInvRms, dx);
    s.for_row_blocks(false, [&](int64_t first, int64_t count) {
        uint8_t* block = s.at(gate_up, first, 2 * inner);
        if (s.reads_input(Linear::Down))
            s.device.glu_forward(
                    activation, s.dtype, count, inner, block, s.at(s.scratch[A::InnerAgain], first, inner));
        s.input_gradient(Linear::Down, first, count, s.scratch[A::InnerAgain], d_out, s.scratch[A::DInner]);
        s.device.glu_backward(
                activation, s.dtype, count, inner, block, s.at(s.scratch[A::DInner], first, inner), block);
        if (s.reads_input(Linear::GateUp)) s.normed_again(*s.parameters[T::MlpNorm], s.tape[A::Middle], first, count);
        s.input_gradient(Linear::GateUp, first, count, s.scratch[A::NormedAgain], gate_up, s.scratch[A::DNormed]);
    });
    s.weight_gradient(Linear::Down, nullptr, s.scratch[A::InnerAgain], d_out);
    s.weight_gradient(Linear::GateUp, nullptr, s.scratch[A::NormedAgain], gate_up);
    s.norm_gradient(
            *s.parameters[T::MlpNorm], s.tape[A::Middle], s.tape.floats(A::MiddleInvRms), s.scratch[A::DNormed], dx);
}

// dqkv after the rotation -> dqkv of the projection's output; returns where it lies.
void* qk_norm_backward(const LayerStep& s) {
    const AttentionShape& shape = s.view.attention;
    const int64_t width = s.view.qkv_width(), element = dtype_bytes(s.dtype);
    const int64_t n_normed = shape.n_heads + shape.n_kv_heads, normed_width = n_normed * shape.head_dim;
    uint8_t* out = s.tape[A::Qkv];
    for (int64_t h = 0; h < n_normed; ++h) {
        Parameter& norm = h < shape.n_heads ? *s.parameters[T::QNorm] : *s.parameters[T::KNorm];
        const int64_t column = h * shape.head_dim * element;
        s.device.rms_norm_backward(s.dtype, s.n, shape.head_dim, s.tape[A::QkBeforeNorm] + column, normed_width,
                norm.vector(), s.tape.floats(A::QkInvRms) + h * s.n, s.scratch[A::DQkv] + column, width, false,
                out + column, width, norm.gradient());
    }
    s.device.copy_2d(out + normed_width * element, width * element, s.scratch[A::DQkv] + normed_width * element,
            width * element, (width - normed_width) * element, s.n);
    return out;
}

void attention_backward(const LayerStep& s, const void* x, void* dx) {
    const AttentionShape shape = s.view.attention_of(s.layer);
    const LayerView& layer = s.view.layers[static_cast<size_t>(s.layer)];
    const int64_t width = s.view.qkv_width(), attention_width = s.view.attention_width();
    void* d_out = s.branch_gradient(T::AttentionNorm, A::AttentionOut, A::AttentionOutInvRms, dx);
    s.input_gradient(Linear::O, 0, s.n, s.tape[A::Attention], d_out, s.scratch[A::DAttention]);
    s.weight_gradient(Linear::O, nullptr, s.tape[A::Attention], d_out);
    void* d_qkv = s.scratch[A::DQkv];
    s.device.packed_attention_backward(s.dtype, shape, s.batch.n_seqs(), s.batch.offsets.data(), s.tape[A::Qkv], width,
            s.tape[A::Attention], attention_width, s.tape.floats(A::Lse), s.scratch[A::DAttention], attention_width,
            d_qkv, width);
    const bool has_norms = s.view.architecture->qk_norm;
    s.for_row_blocks(has_norms, [&](int64_t first, int64_t count) {
        s.device.rope_apply(s.dtype, count, shape.n_heads + shape.n_kv_heads, shape.head_dim,
                s.batch.positions.data() + first, layer.rope_cos, layer.rope_sin, true, s.at(d_qkv, first, width),
                width);
        if (has_norms) d_qkv = qk_norm_backward(s);
        if (s.reads_input(Linear::Qkv)) s.normed_again(*s.parameters[T::InputNorm], x, first, count);
        s.input_gradient(Linear::Qkv, first, count, s.scratch[A::NormedAgain], d_qkv, s.scratch[A::DNormed]);
    });
    s.weight_gradient(Linear::Qkv, s.parameters[T::QkvBias], s.scratch[A::NormedAgain], d_qkv);
    if (!s.needs_dx(Linear::Qkv)) return;
    s.norm_gradient(*s.parameters[T::InputNorm], x, s.tape.floats(A::InputInvRms), s.scratch[A::DNormed], dx);
}

}  // namespace

void layer_backward(Model& model, int64_t layer, const PackedBatch& batch, const void* x, LayerMemory& tape,
        LayerMemory& scratch, void* dx) {
    const ModelView& view = model.view();
    const LayerStep step{
            model, layer, model.device(), view, model.layer(layer), batch, tape, scratch, view.dtype, batch.n_tokens};
    mlp_backward(step, dx);
    attention_backward(step, x, dx);
}

}  // namespace tbrm
