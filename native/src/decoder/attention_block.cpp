#include "decoder/block.hpp"

namespace tbrm {

using A = LayerArray;
using T = LayerTensor;

namespace {

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

}  // namespace

void qkv_forward(const Block& b, const int32_t* positions, const void* x) {
    const AttentionShape& shape = b.model.attention;
    const int64_t width = b.model.qkv_width();
    b.norm(x, T::InputNorm, b.buffers.floats(A::InputInvRms));
    b.linear(Linear::Qkv, b.model.hidden, width, b.buffers[A::Normed], Epilogue::Store, b.buffers[A::Qkv],
            b.weights().vector(T::QkvBias));
    if (b.model.architecture->qk_norm) qk_norm_forward(b);
    b.device.rope_apply(b.model.dtype, b.count, shape.n_heads + shape.n_kv_heads, shape.head_dim, positions,
            b.weights().rope_cos, b.weights().rope_sin, false, b.buffers[A::Qkv], width);
}

void qkv_forward_paged(const Block& b, const int32_t* positions, const void* x, const PagedStep& paged) {
    const int64_t hidden = b.model.hidden, width = b.model.qkv_width();
    const bool has_norms = b.model.architecture->qk_norm;
    const float* const bias = b.weights().vector(T::QkvBias);
    if (!paged.normed) b.norm(x, T::InputNorm, nullptr);
    const LinearCall projection{hidden, width, b.buffers[A::Normed], b.weights().weight(T::Qkv), bias};
    const bool adapted = b.model.adapter_of(b.layer, Linear::Qkv) != nullptr;
    if (adapted) b.linear(Linear::Qkv, hidden, width, b.buffers[A::Normed], Epilogue::Store, b.buffers[A::Qkv], bias);
    b.device.qkv_to_pages(adapted ? nullptr : &projection,
            {b.model.dtype, b.model.attention, b.count, b.buffers[A::Qkv], width,
                    has_norms ? b.weights().vector(T::QNorm) : nullptr,
                    has_norms ? b.weights().vector(T::KNorm) : nullptr, b.model.rms_norm_eps, positions,
                    b.weights().rope_cos, b.weights().rope_sin, paged.pages, paged.slots, paged.pool});
}

void attention_output_forward(const Block& b, void* x) {
    const Branch branch{Linear::O, b.model.attention_width(), b.buffers[A::Attention], A::AttentionOut,
            T::AttentionNorm, A::AttentionOutInvRms};
    add_branch(b, branch, x, b.weights().vector(T::MlpNorm), b.buffers.floats(A::MiddleInvRms));
}

void attention_backward(const LayerStep& s, const void* x, void* dx) {
    const AttentionShape shape = s.view.attention_of(s.layer);
    const LayerView& layer = s.view.layers[static_cast<size_t>(s.layer)];
    const int64_t width = s.view.qkv_width(), attention_width = s.view.attention_width();
    void* d_out = branch_gradient(s, T::AttentionNorm, A::AttentionOut, A::AttentionOutInvRms, dx);
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

}  // namespace tbrm
