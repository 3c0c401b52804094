// joined_steps.cpp - steps that a device may have one kernel for, by the calls that each has.
#include "device/device.hpp"

namespace tbrm {

void Device::qkv_to_pages(const LinearCall* projection, const QkvRows& r) {
    const AttentionShape& shape = r.shape;
    const int64_t size = dtype_bytes(r.dtype), n_rotated = shape.n_heads + shape.n_kv_heads;
    if (projection != nullptr) {
        linear_forward(r.dtype, r.n, projection->inputs, projection->outputs, projection->x, projection->inputs,
                projection->w, projection->bias, Epilogue::Store, r.qkv, r.ld);
    }
    if (r.q_norm != nullptr) {
        heads_norm_forward(r.dtype, r.n, shape.n_heads, shape.n_kv_heads, shape.head_dim, r.qkv, r.ld, r.q_norm,
                r.k_norm, r.eps, nullptr, 0);
    }
    rope_apply(r.dtype, r.n, n_rotated, shape.head_dim, r.positions, r.cos_table, r.sin_table, false, r.qkv, r.ld);
    const char* const k = static_cast<const char*>(r.qkv) + shape.n_heads * shape.head_dim * size;
    kv_write(r.dtype, shape, r.n, k, k + shape.n_kv_heads * shape.head_dim * size, r.ld, r.pages, r.slots, r.pool);
}

void Device::gated_linear(
        Activation activation, Dtype dtype, int64_t n, const LinearCall& projection, void* gate_up, void* y) {
    linear_forward(dtype, n, projection.inputs, projection.outputs, projection.x, projection.inputs, projection.w,
            projection.bias, Epilogue::Store, gate_up, projection.outputs);
    glu_forward(activation, dtype, n, projection.outputs / 2, gate_up, y);
}

void Device::add_branch_norm(const LinearCall& product, const BranchRows& r) {
    linear_forward(r.dtype, r.n, product.inputs, product.outputs, product.x, product.inputs, product.w, product.bias,
            r.branch == nullptr ? Epilogue::AddTo : Epilogue::Store, r.branch == nullptr ? r.x : r.branch, r.d);
    if (r.branch != nullptr) {
        void* added = r.branch;
        if (r.branch_norm != nullptr) {
            rms_norm_forward(r.dtype, r.n, r.d, r.branch, r.d, r.branch_norm, r.eps, r.normed, r.d, r.branch_inv_rms);
            added = r.normed;
        }
        if (r.multiplier != 1.0f) scale(r.dtype, r.n, r.d, r.multiplier, added, r.d);
        add(r.dtype, r.n * r.d, added, r.x);
    }
    rms_norm_forward(r.dtype, r.n, r.d, r.x, r.d, r.norm, r.eps, r.normed, r.d, r.inv_rms);
}

void Device::adamw_step_narrow(const AdamWStep& step, int64_t rows, int64_t cols, float* w, float* m, float* v,
        const float* grad, bf16* narrowed) {
    adamw_step(step, weight_elements(Dtype::F32, rows, cols), w, m, v, grad);
    narrow_weights(rows, cols, w, narrowed);
}

void Device::sample_from_head(const HeadShape& shape, int64_t n_logits, const void* x, const void* w, float* logits,
        int64_t ld, float* v, const DrawnRows& draws) {
    head_logits(shape, n_logits, x, w, logits, ld, v);
    sample(shape.vocab, logits, ld, v, draws.n, draws.rows, draws.ids, draws.workspace, draws.out);
}

}  // namespace tbrm
