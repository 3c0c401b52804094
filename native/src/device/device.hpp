#pragma once
// device.hpp - one method per kernel, so that model, gradient, optimizer and rollout are written once. CpuDevice forwards to the functions of
// namespace tbrm::cpu, CudaDevice to tbrm::cuda on its stream; the contract of each is in the stage's own header. Pointers are memory of
// this device, except where a name says host_. Calls are ordered; only synchronize, download and the host_ results wait.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.hpp"
#include "core/memory.hpp"
#include "device/device_sizes.hpp"
#include "gemm/linear.hpp"
#include "logprob/head.hpp"
#include "ops/attention.hpp"
#include "ops/branch.hpp"
#include "ops/glu.hpp"
#include "ops/qkv_pages.hpp"
#include "optimizer/adamw.hpp"
#include "rollout/sampler.hpp"

namespace tbrm {

// A head forward whose backward follows; see logprob/head.hpp, HeadTape.
class DeviceHeadTape {
public:
    virtual ~DeviceHeadTape() = default;
    virtual void forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) = 0;
    virtual void backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) = 0;
};

// What sample takes besides logits.
struct DrawnRows {
    int64_t n;
    const SampleRow* rows;
    const int32_t* ids;
    void* workspace;
    SampleResult* out;
};

// Calls that were recorded and are made again at once.
class DeviceGraph {
public:
    virtual ~DeviceGraph() = default;
    virtual void launch() = 0;
};

class Device {
public:
    virtual ~Device() = default;

    virtual tbrm_device_kind_t kind() const = 0;
    // Whether its memory is the host's: a caller's arrays are then used where they lie.
    virtual bool is_host() const { return false; }
    virtual DeviceSizes sizes() const = 0;
    virtual std::string describe_json() const = 0;
    virtual MemoryCounter& memory() = 0;
    virtual int64_t total_bytes() const = 0;

    // Before anything else in an export: thread count or current device.
    virtual void enter() const = 0;
    virtual void synchronize() = 0;
    // The cudaStream_t that work is queued on; null on a host.
    virtual void* stream() const { return nullptr; }

    // Whether the bits of a row do not depend on the other rows (docs/adr/0008-cuda-kernels.md). A CPU's own kernels know nothing else.
    virtual bool batch_invariant() const { return true; }
    virtual void set_batch_invariant(bool) {}

    // Calls body(first, count) for blocks of rows that together are [0, n), several at the same time where kernels run on the caller's
    // threads: one meeting of the threads for all that a body does. Only for what is computed row by row, so that the cut does not show.
    virtual void for_row_blocks(int64_t n, const std::function<void(int64_t first, int64_t count)>& body) {
        body(0, n);
    }

    // Bytes of the device that anybody uses, as its driver says; -1 on a host, where that is the process's own affair.
    virtual int64_t used_by_all() const { return -1; }

    // Records what body calls instead of doing it: kernels, and copies within the device. Meanwhile nothing may be allocated, uploaded, downloaded or
    // waited for. Null where can_record is false; body was not called then.
    virtual bool can_record() const { return false; }
    virtual std::unique_ptr<DeviceGraph> record(const std::function<void()>&) { return nullptr; }

    // Memory. allocate is counted, uninitialised and 64-byte (CUDA: 256-byte) aligned.
    virtual void* allocate(int64_t bytes, MemoryTag tag) = 0;
    virtual void release(void* pointer, int64_t bytes, MemoryTag tag) noexcept = 0;
    virtual void upload(void* dst, const void* host_src, int64_t bytes) = 0;
    virtual void download(void* host_dst, const void* src, int64_t bytes) = 0;  // waits
    virtual void copy(void* dst, const void* src, int64_t bytes) = 0;
    virtual void zero(void* dst, int64_t bytes) = 0;
    // `rows` rows of `width` bytes between arrays of different row strides (bytes).
    virtual void copy_2d(
            void* dst, int64_t dst_stride, const void* src, int64_t src_stride, int64_t width, int64_t rows) = 0;

    // Weight layout (CPU: gemm/panels.hpp; CUDA: row-major). Elements that W[rows, cols] takes in dtype.
    int64_t weight_elements(Dtype dtype, int64_t rows, int64_t cols) const {
        return sizes().weight_elements(dtype, rows, cols);
    }
    virtual void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype src_dtype, const void* host_src) = 0;
    virtual void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row,
            int64_t n_rows, Dtype dst_dtype, void* host_dst) = 0;
    // fp32 weights -> bf16 weights of the same matrix.
    virtual void narrow_weights(int64_t rows, int64_t cols, const float* src, bf16* dst) = 0;
    // dst[i] = what storing src[i] as dtype keeps, widened again (vectors).
    virtual void round_vector(Dtype dtype, int64_t n, const float* src, float* dst) = 0;
    // dst[i] = shift + src[i] (vectors).
    virtual void shift_vector(int64_t n, float shift, const float* src, float* dst) = 0;

    // gemm/linear.hpp
    virtual void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
            const float* bias, Epilogue epilogue, void* y, int64_t ldy) = 0;
    virtual void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* w, Epilogue epilogue, void* dx, int64_t lddx) = 0;
    virtual void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* x, int64_t ldx, float* dw, float* dbias) = 0;

    // ops/
    virtual void embedding_forward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y) = 0;
    virtual void embedding_backward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw) = 0;
    virtual void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            float eps, void* y, int64_t ldy, float* out_inv_rms) = 0;
    // In place over each of the n_q query heads and n_k key heads that lie side by side in a row of x: rms_norm_forward of each head with q_weight
    // or k_weight [d]. out_inv_rms [n_q + n_k][ld_inv_rms], of which n are written, or null.
    virtual void heads_norm_forward(Dtype dtype, int64_t n, int64_t n_q, int64_t n_k, int64_t d, void* x, int64_t ldx,
            const float* q_weight, const float* k_weight, float eps, float* out_inv_rms, int64_t ld_inv_rms) = 0;
    virtual void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
            float* dweight) = 0;  // dweight may be null
    virtual void rope_apply(Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions,
            const float* cos_table, const float* sin_table, bool inverse, void* x, int64_t ldx) = 0;
    virtual void glu_forward(
            Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y) = 0;
    virtual void glu_backward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up,
            const void* dy, void* dgate_up) = 0;
    virtual void scale(Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx) = 0;
    virtual void add(Dtype dtype, int64_t n, const void* x, void* y) = 0;  // y += x
    virtual void kv_write(Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v, int64_t ld,
            const int64_t* pages, const int32_t* slots, void* pool) = 0;
    virtual void paged_attention(Dtype dtype, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq,
            const void* pool, const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys,
            void* out, int64_t ldo, float* out_lse) = 0;
    // Steps of a layer that follow one another, with fewer launches where a device has a kernel for them. What is here makes the calls above, one
    // after the other, and a device's own has the bits of its own calls.
    // ops/qkv_pages.hpp; projection: what fills rows.qkv, null when that is done.
    virtual void qkv_to_pages(const LinearCall* projection, const QkvRows& rows);
    // y [n, outputs / 2] = the gated activation of the product; gate_up [n, outputs] is scratch, in which the product may or may not be.
    virtual void gated_linear(
            Activation activation, Dtype dtype, int64_t n, const LinearCall& projection, void* gate_up, void* y);
    // ops/branch.hpp
    virtual void add_branch_norm(const LinearCall& product, const BranchRows& rows);
    // head_logits of n_logits rows, and sample from them at the head's temperature (1 where that is 0).
    virtual void sample_from_head(const HeadShape& shape, int64_t n_logits, const void* x, const void* w, float* logits,
            int64_t ld, float* v, const DrawnRows& draws);
    // host_offsets [n_seqs + 1] in host memory: the launch is planned from it.
    virtual void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
            const int64_t* host_offsets, const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) = 0;
    virtual void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
            const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
            const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv) = 0;
    // dst[i, :] = src[rows[i], :], and dst[rows[i], :] = src[i, :] with every other row zero (rows ascending, without repeats).
    virtual void gather_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, void* dst) = 0;
    virtual void scatter_rows(
            Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, int64_t n_dst, void* dst) = 0;

    // logprob/head.hpp
    virtual void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) = 0;
    virtual void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits,
            int64_t ld, float* out_v) = 0;
    virtual std::unique_ptr<DeviceHeadTape> make_head_tape() = 0;

    // value/value.hpp
    virtual void value_forward(
            Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* bias, float* out) = 0;
    virtual void value_backward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* dv,
            void* dx, float* dw, float* dbias) = 0;  // dw and dbias may be null

    // rollout/sampler.hpp
    int64_t sample_workspace_bytes(int64_t vocab) const { return sizes().sample_workspace(vocab); }
    virtual void sample(int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n,
            const SampleRow* rows, const int32_t* ids, void* workspace, SampleResult* out) = 0;

    // residual/residual.hpp; the arrays inside args are memory of this device. out_loss: one double of this device.
    virtual void residual_forward(const tbrm_residual_args_t& args, const float* q, const float* v, float* out_residual,
            double* out_loss, float* out_dq, float* out_dv) = 0;

    // optimizer/adamw.hpp
    virtual void adamw_step(const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad) = 0;
    // Of a matrix [rows, cols]: adamw_step over its layout, and narrow_weights of what it leaves in w.
    virtual void adamw_step_narrow(const AdamWStep& step, int64_t rows, int64_t cols, float* w, float* m, float* v,
            const float* grad, bf16* narrowed);
    // Of each array, whatever the others are. Waits once.
    virtual std::vector<double> sums_of_squares(const std::vector<FloatSpan>& arrays) = 0;
};

std::unique_ptr<Device> make_cpu_device(int32_t n_threads);  // 0 = all cores that the process may use

// Throws UNSUPPORTED in a build without CUDA or on a machine without it.
std::unique_ptr<Device> make_cuda_device(int32_t ordinal);

// libtorch's kernels over the memory of a CPU (ordinal -1) or of a CUDA device. Throws UNSUPPORTED without the plug-in (device/torch_plugin.hpp).
std::unique_ptr<Device> make_torch_device(int32_t ordinal, int32_t n_threads);

// Memory of a device, freed with the object.
template <class T>
class DeviceBuffer {
public:
    DeviceBuffer() = default;
    DeviceBuffer(Device& device, int64_t n) { resize(device, n); }
    DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
    DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
        DeviceBuffer(std::move(other)).swap(*this);
        return *this;
    }
    DeviceBuffer(const DeviceBuffer&) = delete;
    DeviceBuffer& operator=(const DeviceBuffer&) = delete;
    ~DeviceBuffer() { reset(); }

    // Drops the content; grows the allocation when it must.
    void resize(Device& device, int64_t n) {
        if (n > capacity_ || device_ != &device) {
            reset();
            data_ = static_cast<T*>(device.allocate(n * static_cast<int64_t>(sizeof(T)), MemoryTag::current()));
            tag_ = MemoryTag::current();
            device_ = &device;
            capacity_ = n;
        }
        size_ = n;
    }
    void reset() noexcept {
        if (data_ != nullptr) device_->release(data_, capacity_ * static_cast<int64_t>(sizeof(T)), tag_);
        data_ = nullptr;
        device_ = nullptr;
        size_ = capacity_ = 0;
    }
    // Sizes to n and copies from the host.
    void assign(Device& device, const T* host_src, int64_t n) {
        resize(device, n);
        if (n > 0) device.upload(data_, host_src, n * static_cast<int64_t>(sizeof(T)));
    }
    void swap(DeviceBuffer& other) noexcept {
        std::swap(device_, other.device_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(tag_, other.tag_);
    }
    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    int64_t size() const noexcept { return size_; }

private:
    Device* device_ = nullptr;
    T* data_ = nullptr;
    int64_t size_ = 0;
    int64_t capacity_ = 0;
    MemoryTag tag_;
};

}  // namespace tbrm
