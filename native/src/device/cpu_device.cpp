// cpu_device.cpp - Device on the processor: every kernel is the tuned CPU twin.
#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "device/device.hpp"
#include "gemm/panels.hpp"
#include "ops/add.hpp"
#include "ops/embedding.hpp"
#include "ops/glu.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/scale.hpp"
#include "residual/residual.hpp"
#include "value/value.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace tbrm {
namespace {

int32_t usable_cores() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    const unsigned n = std::thread::hardware_concurrency();
    return n > 0 ? static_cast<int32_t>(n) : 1;
}

class CpuHeadTape final : public DeviceHeadTape {
public:
    void forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) override {
        tape_.forward(shape, rows, x, w, labels, out_q, out_v, out_h);
    }
    void backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) override {
        tape_.backward(w, dq, dv, dh, dx, dw);
    }

private:
    cpu::HeadTape tape_;
};

class CpuDevice final : public Device {
public:
    explicit CpuDevice(int32_t n_threads) : n_threads_(n_threads > 0 ? n_threads : usable_cores()) {}

    tbrm_device_kind_t kind() const override { return TBRM_DEVICE_KIND_CPU; }
    bool is_host() const override { return true; }
    DeviceSizes sizes() const override { return {TBRM_DEVICE_KIND_CPU, n_threads_}; }
    std::string describe_json() const override {
        return format("{\"device\":\"cpu\",\"threads\":%d,\"isa\":\"%s\",\"memory_bytes\":%lld}", n_threads_,
                isa_name(active_isa()), static_cast<long long>(total_bytes()));
    }
    MemoryCounter& memory() override { return host_memory(); }
    int64_t total_bytes() const override { return host_total_bytes(); }

    void enter() const override {
        // OpenMP's thread count belongs to the calling thread.
        set_max_threads(n_threads_);
    }
    void synchronize() override {}

    // A block's rows stay in the second-level cache from one kernel to the next. Batches with too few of them, and wide machines, share each
    // kernel's work out instead.
    void for_row_blocks(int64_t n, const std::function<void(int64_t first, int64_t count)>& body) override {
        constexpr int64_t kRows = 240, kBlocksPerThread = 4;
        const int64_t blocks = ceil_div(n, kRows);
        if (blocks < kBlocksPerThread * max_threads()) return body(0, n);
        parallel_for_dynamic(blocks, std::numeric_limits<int64_t>::max(),
                [&](int64_t i) { body(i * kRows, std::min(kRows, n - i * kRows)); });
    }

    void* allocate(int64_t bytes, MemoryTag tag) override { return host_allocate(bytes, tag); }
    void release(void* pointer, int64_t bytes, MemoryTag tag) noexcept override { host_free(pointer, bytes, tag); }
    void upload(void* dst, const void* host_src, int64_t bytes) override { copy(dst, host_src, bytes); }
    void download(void* host_dst, const void* src, int64_t bytes) override { copy(host_dst, src, bytes); }
    void copy(void* dst, const void* src, int64_t bytes) override {
        if (bytes > 0) std::memcpy(dst, src, static_cast<size_t>(bytes));
    }
    void zero(void* dst, int64_t bytes) override {
        if (bytes > 0) std::memset(dst, 0, static_cast<size_t>(bytes));
    }
    void copy_2d(
            void* dst, int64_t dst_stride, const void* src, int64_t src_stride, int64_t width, int64_t rows) override {
        parallel_for(rows, rows * width / 16, [&](int64_t r) {
            copy(static_cast<uint8_t*>(dst) + r * dst_stride, static_cast<const uint8_t*>(src) + r * src_stride, width);
        });
    }

    void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype src_dtype, const void* host_src) override {
        cpu::pack_rows(dst_dtype, dst, rows, cols, first_row, n_rows, src_dtype, host_src);
    }
    void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype dst_dtype, void* host_dst) override {
        cpu::unpack_rows(src_dtype, src, rows, cols, first_row, n_rows, dst_dtype, host_dst);
    }
    void narrow_weights(int64_t rows, int64_t cols, const float* src, bf16* dst) override {
        cpu::narrow_panels(rows, cols, src, dst);
    }
    void round_vector(Dtype dtype, int64_t n, const float* src, float* dst) override {
        for (int64_t i = 0; i < n; ++i)
            dst[i] = round_to(dtype, src[i]);
    }
    void shift_vector(int64_t n, float shift, const float* src, float* dst) override {
        for (int64_t i = 0; i < n; ++i)
            dst[i] = shift + src[i];
    }

    void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
            const float* bias, Epilogue epilogue, void* y, int64_t ldy) override {
        cpu::linear_forward(dtype, n, k, m, x, ldx, w, bias, epilogue, y, ldy);
    }
    void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* w, Epilogue epilogue, void* dx, int64_t lddx) override {
        cpu::linear_backward_input(dtype, n, k, m, dy, lddy, w, epilogue, dx, lddx);
    }
    void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* x, int64_t ldx, float* dw, float* dbias) override {
        cpu::linear_backward_weight(dtype, n, k, m, dy, lddy, x, ldx, dw, dbias);
    }

    void embedding_forward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y) override {
        cpu::embedding_forward(dtype, n, d, vocab, ids, w, y);
    }
    void embedding_backward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw) override {
        cpu::embedding_backward(dtype, n, d, vocab, ids, dy, dw);
    }
    void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps,
            void* y, int64_t ldy, float* out_inv_rms) override {
        cpu::rms_norm_forward(dtype, n, d, x, ldx, weight, eps, y, ldy, out_inv_rms);
    }
    void heads_norm_forward(Dtype dtype, int64_t n, int64_t n_q, int64_t n_k, int64_t d, void* x, int64_t ldx,
            const float* q_weight, const float* k_weight, float eps, float* out_inv_rms, int64_t ld_inv_rms) override {
        for (int64_t h = 0; h < n_q + n_k; ++h) {
            void* const head = static_cast<char*>(x) + h * d * dtype_bytes(dtype);
            cpu::rms_norm_forward(dtype, n, d, head, ldx, h < n_q ? q_weight : k_weight, eps, head, ldx,
                    out_inv_rms != nullptr ? out_inv_rms + h * ld_inv_rms : nullptr);
        }
    }
    void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
            float* dweight) override {
        cpu::rms_norm_backward(dtype, n, d, x, ldx, weight, inv_rms, dy, lddy, add_to_dx, dx, lddx, dweight);
    }
    void rope_apply(Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions,
            const float* cos_table, const float* sin_table, bool inverse, void* x, int64_t ldx) override {
        cpu::rope_apply(dtype, n, n_heads, d, positions, cos_table, sin_table, inverse, x, ldx);
    }
    void glu_forward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y) override {
        cpu::glu_forward(activation, dtype, n, i, gate_up, y);
    }
    void glu_backward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy,
            void* dgate_up) override {
        cpu::glu_backward(activation, dtype, n, i, gate_up, dy, dgate_up);
    }
    void scale(Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx) override {
        cpu::scale(dtype, n, d, factor, x, ldx);
    }
    void add(Dtype dtype, int64_t n, const void* x, void* y) override { cpu::add(dtype, n, x, y); }
    void kv_write(Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v, int64_t ld,
            const int64_t* pages, const int32_t* slots, void* pool) override {
        cpu::kv_write(dtype, shape, n, k, v, ld, pages, slots, pool);
    }
    void paged_attention(Dtype dtype, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq,
            const void* pool, const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys,
            void* out, int64_t ldo, float* out_lse) override {
        cpu::paged_attention(dtype, shape, n, q, ldq, pool, page_table, page_table_offsets, n_keys, out, ldo, out_lse);
    }
    void qkv_to_pages(const LinearCall* projection, const QkvRows& rows) override {
        if (projection != nullptr) {
            cpu::linear_forward(rows.dtype, rows.n, projection->inputs, projection->outputs, projection->x,
                    projection->inputs, projection->w, projection->bias, Epilogue::Store, rows.qkv, rows.ld);
        }
        cpu::qkv_to_pages(rows);
    }
    void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* host_offsets,
            const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) override {
        cpu::packed_attention_forward(dtype, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, out_lse);
    }
    void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
            const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
            const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv) override {
        cpu::packed_attention_backward(
                dtype, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, lse, dout, lddo, dqkv, lddqkv);
    }
    void gather_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, void* dst) override {
        const int64_t bytes = d * dtype_bytes(dtype);
        parallel_for(n, n * d, [&](int64_t i) {
            std::memcpy(static_cast<char*>(dst) + i * bytes, static_cast<const char*>(src) + rows[i] * bytes,
                    static_cast<size_t>(bytes));
        });
    }
    void scatter_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, int64_t n_dst,
            void* dst) override {
        const int64_t bytes = d * dtype_bytes(dtype);
        zero(dst, n_dst * bytes);
        parallel_for(n, n * d, [&](int64_t i) {
            std::memcpy(static_cast<char*>(dst) + rows[i] * bytes, static_cast<const char*>(src) + i * bytes,
                    static_cast<size_t>(bytes));
        });
    }

    void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) override {
        cpu::head_forward(shape, rows, x, w, labels, out_q, out_v, out_h);
    }
    void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
            float* out_v) override {
        cpu::head_logits(shape, rows, x, w, out_logits, ld, out_v);
    }
    std::unique_ptr<DeviceHeadTape> make_head_tape() override { return std::make_unique<CpuHeadTape>(); }

    void value_forward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* bias,
            float* out) override {
        cpu::value_forward(dtype, rows, d, x, w, bias, out);
    }
    void value_backward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* dv, void* dx,
            float* dw, float* dbias) override {
        cpu::value_backward(dtype, rows, d, x, w, dv, dx, dw, dbias);
    }

    void sample(int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n, const SampleRow* rows,
            const int32_t* ids, void* workspace, SampleResult* out) override {
        cpu::sample(vocab, logits, ld, v, n, rows, ids, workspace, out);
    }

    void residual_forward(const tbrm_residual_args_t& args, const float* q, const float* v, float* out_residual,
            double* out_loss, float* out_dq, float* out_dv) override {
        cpu::residual_forward(args, q, v, out_residual, out_loss, out_dq, out_dv);
    }
    void adamw_step(const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad) override {
        cpu::adamw_step(step, n, w, m, v, grad);
    }
    std::vector<double> sums_of_squares(const std::vector<FloatSpan>& arrays) override {
        return cpu::sums_of_squares(arrays);
    }

private:
    int32_t n_threads_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(int32_t n_threads) {
    return std::make_unique<CpuDevice>(n_threads);
}

#if !defined(TBRM_WITH_CUDA)
std::unique_ptr<Device> make_cuda_device(int32_t) {
    TBRM_FAIL(TBRM_STATUS_UNSUPPORTED,
            "this library was built without CUDA; install nvcc and build again, or use trainer.device=cpu");
}
#endif

}  // namespace tbrm
