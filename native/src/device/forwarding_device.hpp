#pragma once
// forwarding_device.hpp - a device that is another one but for what a subclass computes otherwise. It records nothing, and makes joined steps of single
// calls: what the subclass computes may allocate, and is to be asked.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device/device.hpp"

namespace tbrm {

class ForwardingDevice : public Device {
public:
    explicit ForwardingDevice(std::unique_ptr<Device> base) : base_(std::move(base)) {}

    tbrm_device_kind_t kind() const override { return base_->kind(); }
    bool is_host() const override { return base_->is_host(); }
    DeviceSizes sizes() const override { return base_->sizes(); }
    std::string describe_json() const override { return base_->describe_json(); }
    MemoryCounter& memory() override { return base_->memory(); }
    int64_t total_bytes() const override { return base_->total_bytes(); }
    void enter() const override { base_->enter(); }
    void synchronize() override { base_->synchronize(); }
    void* stream() const override { return base_->stream(); }
    bool batch_invariant() const override { return base_->batch_invariant(); }
    void set_batch_invariant(bool on) override { base_->set_batch_invariant(on); }
    int64_t used_by_all() const override { return base_->used_by_all(); }

    void* allocate(int64_t bytes, MemoryTag tag) override { return base_->allocate(bytes, tag); }
    void release(void* p, int64_t bytes, MemoryTag tag) noexcept override { base_->release(p, bytes, tag); }
    void upload(void* dst, const void* src, int64_t bytes) override { base_->upload(dst, src, bytes); }
    void download(void* dst, const void* src, int64_t bytes) override { base_->download(dst, src, bytes); }
    void copy(void* dst, const void* src, int64_t bytes) override { base_->copy(dst, src, bytes); }
    void zero(void* dst, int64_t bytes) override { base_->zero(dst, bytes); }
    void copy_2d(
            void* dst, int64_t dst_stride, const void* src, int64_t src_stride, int64_t width, int64_t rows) override {
        base_->copy_2d(dst, dst_stride, src, src_stride, width, rows);
    }
    void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype src_dtype, const void* src) override {
        base_->pack_rows(dst_dtype, dst, rows, cols, first_row, n_rows, src_dtype, src);
    }
    void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype dst_dtype, void* dst) override {
        base_->unpack_rows(src_dtype, src, rows, cols, first_row, n_rows, dst_dtype, dst);
    }
    void narrow_weights(int64_t rows, int64_t cols, const float* src, bf16* dst) override {
        base_->narrow_weights(rows, cols, src, dst);
    }
    void round_vector(Dtype dtype, int64_t n, const float* src, float* dst) override {
        base_->round_vector(dtype, n, src, dst);
    }
    void shift_vector(int64_t n, float shift, const float* src, float* dst) override {
        base_->shift_vector(n, shift, src, dst);
    }

    void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
            const float* bias, Epilogue epilogue, void* y, int64_t ldy) override {
        base_->linear_forward(dtype, n, k, m, x, ldx, w, bias, epilogue, y, ldy);
    }
    void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* w, Epilogue epilogue, void* dx, int64_t lddx) override {
        base_->linear_backward_input(dtype, n, k, m, dy, lddy, w, epilogue, dx, lddx);
    }
    void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* x, int64_t ldx, float* dw, float* dbias) override {
        base_->linear_backward_weight(dtype, n, k, m, dy, lddy, x, ldx, dw, dbias);
    }
    void embedding_forward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y) override {
        base_->embedding_forward(dtype, n, d, vocab, ids, w, y);
    }
    void embedding_backward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw) override {
        base_->embedding_backward(dtype, n, d, vocab, ids, dy, dw);
    }
    void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps,
            void* y, int64_t ldy, float* out_inv_rms) override {
        base_->rms_norm_forward(dtype, n, d, x, ldx, weight, eps, y, ldy, out_inv_rms);
    }
    void heads_norm_forward(Dtype dtype, int64_t n, int64_t n_q, int64_t n_k, int64_t d, void* x, int64_t ldx,
            const float* q_weight, const float* k_weight, float eps, float* out_inv_rms, int64_t ld_inv_rms) override {
        base_->heads_norm_forward(dtype, n, n_q, n_k, d, x, ldx, q_weight, k_weight, eps, out_inv_rms, ld_inv_rms);
    }
    void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
            float* dweight) override {
        base_->rms_norm_backward(dtype, n, d, x, ldx, weight, inv_rms, dy, lddy, add_to_dx, dx, lddx, dweight);
    }
    void rope_apply(Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions,
            const float* cos_table, const float* sin_table, bool inverse, void* x, int64_t ldx) override {
        base_->rope_apply(dtype, n, n_heads, d, positions, cos_table, sin_table, inverse, x, ldx);
    }
    void glu_forward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y) override {
        base_->glu_forward(activation, dtype, n, i, gate_up, y);
    }
    void glu_backward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy,
            void* dgate_up) override {
        base_->glu_backward(activation, dtype, n, i, gate_up, dy, dgate_up);
    }
    void scale(Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx) override {
        base_->scale(dtype, n, d, factor, x, ldx);
    }
    void add(Dtype dtype, int64_t n, const void* x, void* y) override { base_->add(dtype, n, x, y); }
    void kv_write(Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v, int64_t ld,
            const int64_t* pages, const int32_t* slots, void* pool) override {
        base_->kv_write(dtype, shape, n, k, v, ld, pages, slots, pool);
    }
    void paged_attention(Dtype dtype, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq,
            const void* pool, const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys,
            void* out, int64_t ldo, float* out_lse) override {
        base_->paged_attention(
                dtype, shape, n, q, ldq, pool, page_table, page_table_offsets, n_keys, out, ldo, out_lse);
    }
    void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* host_offsets,
            const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) override {
        base_->packed_attention_forward(dtype, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, out_lse);
    }
    void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
            const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
            const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv) override {
        base_->packed_attention_backward(
                dtype, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, lse, dout, lddo, dqkv, lddqkv);
    }
    void gather_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, void* dst) override {
        base_->gather_rows(dtype, n, d, rows, src, dst);
    }
    void scatter_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, int64_t n_dst,
            void* dst) override {
        base_->scatter_rows(dtype, n, d, rows, src, n_dst, dst);
    }

    void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) override {
        base_->head_forward(shape, rows, x, w, labels, out_q, out_v, out_h);
    }
    void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
            float* out_v) override {
        base_->head_logits(shape, rows, x, w, out_logits, ld, out_v);
    }
    std::unique_ptr<DeviceHeadTape> make_head_tape() override { return base_->make_head_tape(); }
    void value_forward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* bias,
            float* out) override {
        base_->value_forward(dtype, rows, d, x, w, bias, out);
    }
    void value_backward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* dv, void* dx,
            float* dw, float* dbias) override {
        base_->value_backward(dtype, rows, d, x, w, dv, dx, dw, dbias);
    }
    void sample(int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n, const SampleRow* rows,
            const int32_t* ids, void* workspace, SampleResult* out) override {
        base_->sample(vocab, logits, ld, v, n, rows, ids, workspace, out);
    }
    void residual_forward(const tbrm_residual_args_t& args, const float* q, const float* v, float* out_residual,
            double* out_loss, float* out_dq, float* out_dv) override {
        base_->residual_forward(args, q, v, out_residual, out_loss, out_dq, out_dv);
    }
    void adamw_step(const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad) override {
        base_->adamw_step(step, n, w, m, v, grad);
    }
    std::vector<double> sums_of_squares(const std::vector<FloatSpan>& arrays) override {
        return base_->sums_of_squares(arrays);
    }

protected:
    Device& base() { return *base_; }
    const Device& base() const { return *base_; }

private:
    std::unique_ptr<Device> base_;
};

}  // namespace tbrm
