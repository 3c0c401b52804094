// cuda_device.cpp - Device on a GPU: every kernel is the CUDA twin, on one stream.
#include <cstring>

#include "core/parallel.hpp"
#include "device/cuda_handles.hpp"
#include "device/device.hpp"
#include "gemm/product_cuda.hpp"
#include "ops/add.hpp"
#include "ops/embedding.hpp"
#include "ops/glu.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/rows.hpp"
#include "ops/scale.hpp"
#include "residual/residual.hpp"
#include "value/value.hpp"

namespace tbrm {
namespace {

constexpr int kOldestMajor = 8;  // bf16 on tensor cores and asynchronous copies came with compute capability 8.0

class CudaHeadTape final : public DeviceHeadTape {
public:
    explicit CudaHeadTape(const CudaQueue& queue) : tape_(queue) {}
    void forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) override {
        tape_.forward(shape, rows, x, w, labels, out_q, out_v, out_h);
    }
    void backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) override {
        tape_.backward(w, dq, dv, dh, dx, dw);
    }

private:
    cuda::HeadTape tape_;
};

class CudaGraph final : public DeviceGraph {
public:
    CudaGraph(const CudaQueue& queue, cudaGraph_t graph) : stream_(queue.stream) {
        const cudaError_t status = cudaGraphInstantiateWithFlags(&exec_, graph, 0);
        cudaGraphDestroy(graph);
        check_cuda(status, "cudaGraphInstantiateWithFlags", TBRM_WHERE);
    }
    ~CudaGraph() override { cudaGraphExecDestroy(exec_); }
    CudaGraph(const CudaGraph&) = delete;
    CudaGraph& operator=(const CudaGraph&) = delete;

    void launch() override { TBRM_CUDA_CHECK(cudaGraphLaunch(exec_, stream_)); }

private:
    cudaStream_t stream_;
    cudaGraphExec_t exec_ = nullptr;
};

// to[i] = from[i] in the other dtype, rounded to nearest even.
void convert(int64_t n, Dtype from_dtype, const void* from, Dtype to_dtype, void* to) {
    if (from_dtype == to_dtype) {
        std::memcpy(to, from, static_cast<size_t>(n * dtype_bytes(to_dtype)));
    } else if (to_dtype == Dtype::Bf16) {
        parallel_for(ceil_div(n, 4096), n * 4, [&](int64_t block) {
            for (int64_t i = block * 4096; i < std::min(n, block * 4096 + 4096); ++i)
                static_cast<bf16*>(to)[i] = to_bf16(static_cast<const float*>(from)[i]);
        });
    } else {
        parallel_for(ceil_div(n, 4096), n * 4, [&](int64_t block) {
            for (int64_t i = block * 4096; i < std::min(n, block * 4096 + 4096); ++i)
                static_cast<float*>(to)[i] = to_float(static_cast<const bf16*>(from)[i]);
        });
    }
}

class CudaDevice final : public Device {
public:
    CudaDevice(int32_t ordinal, const cudaDeviceProp& properties)
        : ordinal_(ordinal), properties_(properties), handles_(ordinal), queue_(handles_.queue()) {}

    tbrm_device_kind_t kind() const override { return TBRM_DEVICE_KIND_CUDA; }
    DeviceSizes sizes() const override { return {TBRM_DEVICE_KIND_CUDA, 0}; }
    std::string describe_json() const override;
    MemoryCounter& memory() override { return handles_.memory(); }
    int64_t total_bytes() const override { return static_cast<int64_t>(properties_.totalGlobalMem); }
    bool batch_invariant() const override { return queue_.batch_invariant; }
    void set_batch_invariant(bool on) override { queue_.batch_invariant = on; }

    void enter() const override { TBRM_CUDA_CHECK(cudaSetDevice(ordinal_)); }
    void synchronize() override { TBRM_CUDA_CHECK(cudaStreamSynchronize(queue_.stream)); }
    void* stream() const override { return queue_.stream; }

    int64_t used_by_all() const override {
        size_t left = 0, total = 0;
        TBRM_CUDA_CHECK(cudaMemGetInfo(&left, &total));
        return static_cast<int64_t>(total - left);
    }

    // A recording cannot be waited for launch by launch.
    bool can_record() const override { return !waits_for_launches(); }
    std::unique_ptr<DeviceGraph> record(const std::function<void()>& body) override;

    void* allocate(int64_t bytes, MemoryTag tag) override;
    void release(void* pointer, int64_t bytes, MemoryTag tag) noexcept override {
        cudaFreeAsync(pointer, queue_.stream);
        handles_.memory().remove(bytes, tag);
    }
    void upload(void* dst, const void* host_src, int64_t bytes) override {
        handles_.staging().upload(queue_, dst, bytes, 1, [&](int64_t offset, int64_t n, void* host) {
            std::memcpy(host, static_cast<const char*>(host_src) + offset, static_cast<size_t>(n));
        });
    }
    void download(void* host_dst, const void* src, int64_t bytes) override {
        handles_.staging().download(queue_, src, bytes, 1, [&](int64_t offset, int64_t n, const void* host) {
            std::memcpy(static_cast<char*>(host_dst) + offset, host, static_cast<size_t>(n));
        });
    }
    void copy(void* dst, const void* src, int64_t bytes) override {
        if (bytes <= 0) return;
        TBRM_CUDA_CHECK(cudaMemcpyAsync(dst, src, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, queue_.stream));
    }
    void zero(void* dst, int64_t bytes) override {
        if (bytes > 0) TBRM_CUDA_CHECK(cudaMemsetAsync(dst, 0, static_cast<size_t>(bytes), queue_.stream));
    }
    void copy_2d(
            void* dst, int64_t dst_stride, const void* src, int64_t src_stride, int64_t width, int64_t rows) override {
        cuda::copy_2d(queue_, dst, dst_stride, src, src_stride, width, rows);
    }

    void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype src_dtype, const void* host_src) override;
    void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype dst_dtype, void* host_dst) override;
    void narrow_weights(int64_t rows, int64_t cols, const float* src, bf16* dst) override {
        cuda::narrow(queue_, rows * cols, src, dst);
    }
    void round_vector(Dtype dtype, int64_t n, const float* src, float* dst) override {
        cuda::round_vector(queue_, dtype, n, src, dst);
    }
    void shift_vector(int64_t n, float shift, const float* src, float* dst) override {
        cuda::shift_vector(queue_, n, shift, src, dst);
    }

    void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
            const float* bias, Epilogue epilogue, void* y, int64_t ldy) override {
        cuda::linear_forward(queue_, dtype, n, k, m, x, ldx, w, bias, epilogue, y, ldy);
    }
    void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* w, Epilogue epilogue, void* dx, int64_t lddx) override {
        cuda::linear_backward_input(queue_, dtype, n, k, m, dy, lddy, w, epilogue, dx, lddx);
    }
    void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* x, int64_t ldx, float* dw, float* dbias) override {
        cuda::linear_backward_weight(queue_, dtype, n, k, m, dy, lddy, x, ldx, dw, dbias);
    }

    void embedding_forward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y) override {
        cuda::embedding_forward(queue_, dtype, n, d, vocab, ids, w, y);
    }
    void embedding_backward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw) override {
        cuda::embedding_backward(queue_, dtype, n, d, vocab, ids, dy, dw);
    }
    void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps,
            void* y, int64_t ldy, float* out_inv_rms) override {
        cuda::rms_norm_forward(queue_, dtype, n, d, x, ldx, weight, eps, y, ldy, out_inv_rms);
    }
    void heads_norm_forward(Dtype dtype, int64_t n, int64_t n_q, int64_t n_k, int64_t d, void* x, int64_t ldx,
            const float* q_weight, const float* k_weight, float eps, float* out_inv_rms, int64_t ld_inv_rms) override {
        cuda::heads_norm_forward(
                queue_, dtype, n, n_q, n_k, d, x, ldx, q_weight, k_weight, eps, out_inv_rms, ld_inv_rms);
    }
    void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
            float* dweight) override {
        cuda::rms_norm_backward(queue_, dtype, n, d, x, ldx, weight, inv_rms, dy, lddy, add_to_dx, dx, lddx, dweight);
    }
    void rope_apply(Dtype dtype, int64_t n, int64_t n_heads, int64_t d, const int32_t* positions,
            const float* cos_table, const float* sin_table, bool inverse, void* x, int64_t ldx) override {
        cuda::rope_apply(queue_, dtype, n, n_heads, d, positions, cos_table, sin_table, inverse, x, ldx);
    }
    void glu_forward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y) override {
        cuda::glu_forward(queue_, activation, dtype, n, i, gate_up, y);
    }
    void glu_backward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy,
            void* dgate_up) override {
        cuda::glu_backward(queue_, activation, dtype, n, i, gate_up, dy, dgate_up);
    }
    void scale(Dtype dtype, int64_t n, int64_t d, float factor, void* x, int64_t ldx) override {
        cuda::scale(queue_, dtype, n, d, factor, x, ldx);
    }
    void add(Dtype dtype, int64_t n, const void* x, void* y) override { cuda::add(queue_, dtype, n, x, y); }
    void kv_write(Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v, int64_t ld,
            const int64_t* pages, const int32_t* slots, void* pool) override {
        cuda::kv_write(queue_, dtype, shape, n, k, v, ld, pages, slots, pool);
    }
    void paged_attention(Dtype dtype, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq,
            const void* pool, const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys,
            void* out, int64_t ldo, float* out_lse) override {
        cuda::paged_attention(
                queue_, dtype, shape, n, q, ldq, pool, page_table, page_table_offsets, n_keys, out, ldo, out_lse);
    }
    void qkv_to_pages(const LinearCall* projection, const QkvRows& rows) override {
        if (projection == nullptr) return cuda::qkv_to_pages(queue_, rows, {}, nullptr);
        const cuda::OpenSums sums =
                cuda::linear_forward_open(queue_, rows.dtype, rows.n, *projection, Epilogue::Store, rows.qkv);
        cuda::qkv_to_pages(queue_, rows, sums, projection->bias);
    }
    void gated_linear(Activation activation, Dtype dtype, int64_t n, const LinearCall& projection, void* gate_up,
            void* y) override {
        const int64_t width = projection.outputs / 2;
        if (!cuda::takes_gated_product(queue_, dtype, width, projection, y))
            return Device::gated_linear(activation, dtype, n, projection, gate_up, y);
        const cuda::GatedPlan plan = cuda::plan_gated_product(queue_, n, projection.inputs, width);
        cuda::gated_product(queue_, activation, n, projection, y, plan);
    }
    void add_branch_norm(const LinearCall& product, const BranchRows& rows) override {
        const bool adds = rows.branch == nullptr;
        const cuda::OpenSums sums = cuda::linear_forward_open(queue_, rows.dtype, rows.n, product,
                adds ? Epilogue::AddTo : Epilogue::Store, adds ? rows.x : rows.branch);
        cuda::add_branch_norm(queue_, rows, sums);
    }
    void sample_from_head(const HeadShape& shape, int64_t n_logits, const void* x, const void* w, float* logits,
            int64_t ld, float* v, const DrawnRows& draws) override {
        cuda::SegmentTops tops;
        cuda::head_logits(queue_, shape, n_logits, x, w, logits, ld, v, &tops);
        cuda::sample(
                queue_, shape.vocab, logits, ld, v, draws.n, draws.rows, draws.ids, draws.workspace, draws.out, tops);
    }
    void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* host_offsets,
            const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) override {
        cuda::packed_attention_forward(queue_, dtype, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, out_lse);
    }
    void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
            const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
            const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv) override {
        cuda::packed_attention_backward(
                queue_, dtype, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, lse, dout, lddo, dqkv, lddqkv);
    }
    void gather_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, void* dst) override {
        cuda::gather_rows(queue_, dtype, n, d, rows, src, dst);
    }
    void scatter_rows(Dtype dtype, int64_t n, int64_t d, const int64_t* rows, const void* src, int64_t n_dst,
            void* dst) override {
        cuda::scatter_rows(queue_, dtype, n, d, rows, src, n_dst, dst);
    }

    void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) override {
        cuda::head_forward(queue_, shape, rows, x, w, labels, out_q, out_v, out_h);
    }
    void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
            float* out_v) override {
        cuda::head_logits(queue_, shape, rows, x, w, out_logits, ld, out_v);
    }
    std::unique_ptr<DeviceHeadTape> make_head_tape() override { return std::make_unique<CudaHeadTape>(queue_); }

    void value_forward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* bias,
            float* out) override {
        cuda::value_forward(queue_, dtype, rows, d, x, w, bias, out);
    }
    void value_backward(Dtype dtype, int64_t rows, int64_t d, const void* x, const float* w, const float* dv, void* dx,
            float* dw, float* dbias) override {
        cuda::value_backward(queue_, dtype, rows, d, x, w, dv, dx, dw, dbias);
    }

    void sample(int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n, const SampleRow* rows,
            const int32_t* ids, void* workspace, SampleResult* out) override {
        cuda::sample(queue_, vocab, logits, ld, v, n, rows, ids, workspace, out);
    }

    void residual_forward(const tbrm_residual_args_t& args, const float* q, const float* v, float* out_residual,
            double* out_loss, float* out_dq, float* out_dv) override {
        cuda::residual_forward(queue_, args, q, v, out_residual, out_loss, out_dq, out_dv);
    }
    void adamw_step(const AdamWStep& step, int64_t n, float* w, float* m, float* v, const float* grad) override {
        cuda::adamw_step(queue_, step, n, w, m, v, grad);
    }
    void adamw_step_narrow(const AdamWStep& step, int64_t rows, int64_t cols, float* w, float* m, float* v,
            const float* grad, bf16* narrowed) override {
        cuda::adamw_step(queue_, step, rows * cols, w, m, v, grad, narrowed);
    }
    std::vector<double> sums_of_squares(const std::vector<FloatSpan>& arrays) override {
        return cuda::sums_of_squares(queue_, arrays);
    }

private:
    int32_t ordinal_;
    cudaDeviceProp properties_;
    CudaHandles handles_;
    CudaQueue& queue_;
};

std::string CudaDevice::describe_json() const {
    int driver = 0, runtime = 0;
    TBRM_CUDA_CHECK(cudaDriverGetVersion(&driver));
    TBRM_CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
    return format(
            "{\"device\":\"cuda\",\"ordinal\":%d,\"name\":\"%s\",\"compute_capability\":\"%d.%d\","
            "\"multiprocessors\":%d,\"memory_bytes\":%lld,\"driver\":\"%d.%d\",\"runtime\":\"%d.%d\","
            "\"batch_invariant\":%s}",
            ordinal_, properties_.name, properties_.major, properties_.minor, properties_.multiProcessorCount,
            static_cast<long long>(total_bytes()), driver / 1000, driver % 1000 / 10, runtime / 1000,
            runtime % 1000 / 10, queue_.batch_invariant ? "true" : "false");
}

std::unique_ptr<DeviceGraph> CudaDevice::record(const std::function<void()>& body) {
    if (!can_record()) return nullptr;
    cudaGraph_t graph = nullptr;
    TBRM_CUDA_CHECK(cudaStreamBeginCapture(queue_.stream, cudaStreamCaptureModeThreadLocal));
    try {
        body();
    } catch (...) {
        cudaStreamEndCapture(queue_.stream, &graph);
        if (graph != nullptr) cudaGraphDestroy(graph);
        cudaGetLastError();
        throw;
    }
    TBRM_CUDA_CHECK(cudaStreamEndCapture(queue_.stream, &graph));
    return std::make_unique<CudaGraph>(queue_, graph);
}

void* CudaDevice::allocate(int64_t bytes, MemoryTag tag) {
    TBRM_ASSERT(bytes >= 0, "asked for %lld bytes", static_cast<long long>(bytes));
    void* pointer = nullptr;
    const cudaError_t status = cudaMallocAsync(&pointer, static_cast<size_t>(bytes > 0 ? bytes : 1), queue_.stream);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();  // or the check after the next launch would report it again
        TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY,
                "CUDA device %d cannot give %lld bytes; this library holds %lld of its %lld already", ordinal_,
                static_cast<long long>(bytes), static_cast<long long>(handles_.memory().in_use()),
                static_cast<long long>(total_bytes()));
    }
    TBRM_CUDA_CHECK(status);
    handles_.memory().add(bytes, tag);
    return pointer;
}

void CudaDevice::pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
        Dtype src_dtype, const void* host_src) {
    TBRM_ASSERT(first_row >= 0 && n_rows >= 0 && first_row + n_rows <= rows, "rows outside the matrix");
    const int64_t to_size = dtype_bytes(dst_dtype), from_size = dtype_bytes(src_dtype);
    handles_.staging().upload(queue_, static_cast<char*>(dst) + first_row * cols * to_size, n_rows * cols * to_size,
            to_size, [&](int64_t offset, int64_t n, void* host) {
                convert(n / to_size, src_dtype, static_cast<const char*>(host_src) + offset / to_size * from_size,
                        dst_dtype, host);
            });
}

void CudaDevice::unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row,
        int64_t n_rows, Dtype dst_dtype, void* host_dst) {
    TBRM_ASSERT(first_row >= 0 && n_rows >= 0 && first_row + n_rows <= rows, "rows outside the matrix");
    const int64_t to_size = dtype_bytes(dst_dtype), from_size = dtype_bytes(src_dtype);
    handles_.staging().download(queue_, static_cast<const char*>(src) + first_row * cols * from_size,
            n_rows * cols * from_size, from_size, [&](int64_t offset, int64_t n, const void* host) {
                convert(n / from_size, src_dtype, host, dst_dtype,
                        static_cast<char*>(host_dst) + offset / from_size * to_size);
            });
}

}  // namespace

std::unique_ptr<Device> make_cuda_device(int32_t ordinal) {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
        cudaGetLastError();
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED, "this machine has no usable CUDA device (%s); use trainer.device=cpu",
                status == cudaSuccess ? "none found" : cudaGetErrorString(status));
    }
    TBRM_REQUIRE(ordinal >= 0 && ordinal < count, "CUDA device %d was asked for, this machine has 0 to %d", ordinal,
            count - 1);
    cudaDeviceProp properties{};
    TBRM_CUDA_CHECK(cudaGetDeviceProperties(&properties, ordinal));
    if (properties.major < kOldestMajor) {
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED,
                "CUDA device %d (%s) has compute capability %d.%d, expected %d.0 or newer; use trainer.device=cpu",
                ordinal, properties.name, properties.major, properties.minor, kOldestMajor);
    }
    return std::make_unique<CudaDevice>(ordinal, properties);
}

}  // namespace tbrm
