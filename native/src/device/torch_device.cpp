// torch_device.cpp - Device by libtorch over another device's memory: products, embedding, norms, gated units and packed attention are ATen's,
// on a CPU the head too; the rest (rotation, KV cache, sampler, residual, optimizer; on a GPU the head) are the kernels of that device.
// Weights are row-major. ATen's rows depend on the rows beside them.
#include <cstring>

#include "core/parallel.hpp"
#include "device/forwarding_device.hpp"
#include "device/torch_plugin.hpp"

namespace tbrm {
namespace {

// Blocks that libtorch asks for: their size and tag stand before them.
struct BlockHeader {
    int64_t bytes;
    MemoryTag tag;
};
constexpr int64_t kHeaderBytes = 64;
static_assert(sizeof(BlockHeader) <= kHeaderBytes);

void* allocate_for_torch(int64_t bytes) {
    try {
        const MemoryTag tag = MemoryTag::current();
        void* block = host_allocate(bytes + kHeaderBytes, tag);
        new (block) BlockHeader{bytes + kHeaderBytes, tag};
        return static_cast<char*>(block) + kHeaderBytes;
    } catch (...) {
        return nullptr;  // the plug-in says so
    }
}

void release_for_torch(void* pointer) {
    void* block = static_cast<char*>(pointer) - kHeaderBytes;
    const BlockHeader header = *static_cast<BlockHeader*>(block);
    host_free(block, header.bytes, header.tag);
}

constexpr tbrm_torch_host_t kHost = {
        static_cast<int32_t>(sizeof(tbrm_torch_host_t)), 0, &allocate_for_torch, &release_for_torch};

tbrm_torch_matrix_t matrix(Dtype dtype, const void* data, int64_t rows, int64_t cols, int64_t ld) {
    return {static_cast<tbrm_dtype_t>(dtype), 0, rows, cols, ld, const_cast<void*>(data)};
}

tbrm_torch_matrix_t matrix(Dtype dtype, const void* data, int64_t rows, int64_t cols) {
    return matrix(dtype, data, rows, cols, cols);
}

tbrm_torch_attention_t attention_of(const AttentionShape& shape) {
    return {shape.n_heads, shape.n_kv_heads, shape.head_dim, shape.window, shape.scale, 0};
}

tbrm_torch_head_t head_of(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels) {
    return {matrix(shape.dtype, x, rows, shape.hidden), matrix(shape.dtype, w, shape.vocab, shape.hidden), labels,
            tbrm_torch_head_words(rows, shape.vocab, shape.budget_bytes), shape.temperature, 0};
}

// Elements between two layouts of one type, or between the two types.
void convert(Dtype from_dtype, const void* from, Dtype to_dtype, void* to, int64_t n) {
    if (from_dtype == to_dtype) {
        std::memcpy(to, from, static_cast<size_t>(n * dtype_bytes(to_dtype)));
    } else if (to_dtype == Dtype::Bf16) {
        for (int64_t i = 0; i < n; ++i)
            static_cast<bf16*>(to)[i] = to_bf16(static_cast<const float*>(from)[i]);
    } else {
        for (int64_t i = 0; i < n; ++i)
            static_cast<float*>(to)[i] = to_float(static_cast<const bf16*>(from)[i]);
    }
}

void convert_rows(Dtype from_dtype, const void* from, Dtype to_dtype, void* to, int64_t rows, int64_t cols) {
    parallel_for(rows, rows * cols, [&](int64_t r) {
        convert(from_dtype, static_cast<const char*>(from) + r * cols * dtype_bytes(from_dtype), to_dtype,
                static_cast<char*>(to) + r * cols * dtype_bytes(to_dtype), cols);
    });
}

class TorchDevice final : public ForwardingDevice {
public:
    TorchDevice(std::unique_ptr<Device> base, int32_t ordinal, const TorchPlugin& plugin)
        : ForwardingDevice(std::move(base)), ordinal_(ordinal), plugin_(plugin) {
        call(plugin_.api->open, &kHost, ordinal, stream(), &torch_);
    }
    ~TorchDevice() override { plugin_.api->close(torch_); }

    tbrm_device_kind_t kind() const override {
        return ordinal_ < 0 ? TBRM_DEVICE_KIND_TORCH_CPU : TBRM_DEVICE_KIND_TORCH_CUDA;
    }
    DeviceSizes sizes() const override { return {kind(), base().sizes().n_threads}; }
    std::string describe_json() const override {
        const std::string of_base = base().describe_json();
        const std::string name = ordinal_ < 0 ? "torch:cpu" : format("torch:cuda:%d", ordinal_);
        std::string path;
        for (const char c : plugin_.path)
            path += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
        const size_t rest = of_base.find(',');
        return format("{\"device\":\"%s\",\"libtorch\":\"%s\",\"plug_in\":\"%s\"%s", name.c_str(),
                plugin_.api->built_with, path.c_str(), of_base.substr(rest).c_str());
    }
    bool batch_invariant() const override { return false; }

    void enter() const override {
        base().enter();
        call(plugin_.api->enter, torch_, base().sizes().n_threads);
    }
    // ATen's threads are shared out inside each of its kernels.
    void for_row_blocks(int64_t n, const std::function<void(int64_t first, int64_t count)>& body) override {
        body(0, n);
    }

    void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype src_dtype, const void* src) override {
        if (!is_host())
            return ForwardingDevice::pack_rows(dst_dtype, dst, rows, cols, first_row, n_rows, src_dtype, src);
        TBRM_ASSERT(first_row >= 0 && n_rows >= 0 && first_row + n_rows <= rows, "rows outside the matrix");
        convert_rows(src_dtype, src, dst_dtype, static_cast<char*>(dst) + first_row * cols * dtype_bytes(dst_dtype),
                n_rows, cols);
    }
    void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
            Dtype dst_dtype, void* dst) override {
        if (!is_host())
            return ForwardingDevice::unpack_rows(src_dtype, src, rows, cols, first_row, n_rows, dst_dtype, dst);
        TBRM_ASSERT(first_row >= 0 && n_rows >= 0 && first_row + n_rows <= rows, "rows outside the matrix");
        convert_rows(src_dtype, static_cast<const char*>(src) + first_row * cols * dtype_bytes(src_dtype), dst_dtype,
                dst, n_rows, cols);
    }
    void narrow_weights(int64_t rows, int64_t cols, const float* src, bf16* dst) override {
        if (!is_host()) return ForwardingDevice::narrow_weights(rows, cols, src, dst);
        convert_rows(Dtype::F32, src, Dtype::Bf16, dst, rows, cols);
    }

    void linear_forward(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx, const void* w,
            const float* bias, Epilogue epilogue, void* y, int64_t ldy) override {
        const tbrm_torch_matrix_t in = matrix(dtype, x, n, k, ldx), weight = matrix(dtype, w, m, k),
                                  out = matrix(dtype, y, n, m, ldy);
        call(plugin_.api->linear_forward, torch_, &in, &weight, bias, epilogue == Epilogue::AddTo, &out);
    }
    void linear_backward_input(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* w, Epilogue epilogue, void* dx, int64_t lddx) override {
        const tbrm_torch_matrix_t in = matrix(dtype, dy, n, m, lddy), weight = matrix(dtype, w, m, k),
                                  out = matrix(dtype, dx, n, k, lddx);
        call(plugin_.api->linear_backward_input, torch_, &in, &weight, epilogue == Epilogue::AddTo, &out);
    }
    void linear_backward_weight(Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy, int64_t lddy,
            const void* x, int64_t ldx, float* dw, float* dbias) override {
        const tbrm_torch_matrix_t grad = matrix(dtype, dy, n, m, lddy), in = matrix(dtype, x, n, k, ldx),
                                  out = matrix(Dtype::F32, dw, m, k);
        call(plugin_.api->linear_backward_weight, torch_, &grad, &in, &out, dbias);
    }
    void embedding_forward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* w, void* y) override {
        const tbrm_torch_matrix_t weight = matrix(dtype, w, vocab, d), out = matrix(dtype, y, n, d);
        call(plugin_.api->embedding_forward, torch_, ids, &weight, &out);
    }
    void embedding_backward(
            Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids, const void* dy, float* dw) override {
        const tbrm_torch_matrix_t grad = matrix(dtype, dy, n, d), out = matrix(Dtype::F32, dw, vocab, d);
        call(plugin_.api->embedding_backward, torch_, ids, &grad, &out);
    }
    void rms_norm_forward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight, float eps,
            void* y, int64_t ldy, float* out_inv_rms) override {
        const tbrm_torch_matrix_t in = matrix(dtype, x, n, d, ldx), out = matrix(dtype, y, n, d, ldy);
        call(plugin_.api->rms_norm_forward, torch_, &in, weight, eps, &out, out_inv_rms);
    }
    void rms_norm_backward(Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx, const float* weight,
            const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
            float* dweight) override {
        const tbrm_torch_matrix_t in = matrix(dtype, x, n, d, ldx), grad = matrix(dtype, dy, n, d, lddy),
                                  out = matrix(dtype, dx, n, d, lddx);
        call(plugin_.api->rms_norm_backward, torch_, &in, weight, inv_rms, &grad, add_to_dx ? 1 : 0, &out, dweight);
    }
    void glu_forward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y) override {
        const tbrm_torch_matrix_t in = matrix(dtype, gate_up, n, 2 * i), out = matrix(dtype, y, n, i);
        call(plugin_.api->glu_forward, torch_, static_cast<int32_t>(activation), &in, &out);
    }
    void glu_backward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy,
            void* dgate_up) override {
        const tbrm_torch_matrix_t in = matrix(dtype, gate_up, n, 2 * i), grad = matrix(dtype, dy, n, i),
                                  out = matrix(dtype, dgate_up, n, 2 * i);
        call(plugin_.api->glu_backward, torch_, static_cast<int32_t>(activation), &in, &grad, &out);
    }
    void packed_attention_forward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs, const int64_t* host_offsets,
            const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) override {
        const int64_t n = host_offsets[n_seqs], width = (shape.n_heads + 2 * shape.n_kv_heads) * shape.head_dim;
        const tbrm_torch_attention_t heads = attention_of(shape);
        const tbrm_torch_matrix_t in = matrix(dtype, qkv, n, width, ldqkv),
                                  mixed = matrix(dtype, out, n, shape.n_heads * shape.head_dim, ldo);
        call(plugin_.api->attention_forward, torch_, &heads, n_seqs, host_offsets, &in, &mixed, out_lse);
    }
    void packed_attention_backward(Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
            const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
            const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv) override {
        const int64_t n = host_offsets[n_seqs], width = (shape.n_heads + 2 * shape.n_kv_heads) * shape.head_dim;
        const int64_t out_width = shape.n_heads * shape.head_dim;
        const tbrm_torch_attention_t heads = attention_of(shape);
        const tbrm_torch_matrix_t in = matrix(dtype, qkv, n, width, ldqkv),
                                  mixed = matrix(dtype, out, n, out_width, ldo),
                                  grad = matrix(dtype, dout, n, out_width, lddo),
                                  dx = matrix(dtype, dqkv, n, width, lddqkv);
        call(plugin_.api->attention_backward, torch_, &heads, n_seqs, host_offsets, &in, &mixed, lse, &grad, &dx);
    }

    void head_forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
            float* out_q, float* out_v, float* out_h) override {
        if (!is_host()) return ForwardingDevice::head_forward(shape, rows, x, w, labels, out_q, out_v, out_h);
        const tbrm_torch_head_t head = head_of(shape, rows, x, w, labels);
        call(plugin_.api->head_forward, torch_, &head, out_q, out_v, out_h);
    }
    void head_logits(const HeadShape& shape, int64_t rows, const void* x, const void* w, float* out_logits, int64_t ld,
            float* out_v) override {
        if (!is_host()) return ForwardingDevice::head_logits(shape, rows, x, w, out_logits, ld, out_v);
        const tbrm_torch_head_t head = head_of(shape, rows, x, w, nullptr);
        const tbrm_torch_matrix_t logits = matrix(Dtype::F32, out_logits, rows, shape.vocab, ld);
        call(plugin_.api->head_logits, torch_, &head, &logits, out_v);
    }
    std::unique_ptr<DeviceHeadTape> make_head_tape() override {
        if (!is_host()) return ForwardingDevice::make_head_tape();
        return std::make_unique<Tape>(*this);
    }

private:
    // Keeps V and H of its forward; logits are computed again in backward.
    class Tape final : public DeviceHeadTape {
    public:
        explicit Tape(TorchDevice& device) : device_(device) {}
        void forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
                float* out_q, float* out_v, float* out_h) override {
            device_.head_forward(shape, rows, x, w, labels, out_q, out_v, out_h);
            shape_ = shape;
            x_ = x;
            labels_.assign(device_, labels, rows);
            v_.assign(device_, out_v, rows);
            has_entropy_ = out_h != nullptr;
            if (has_entropy_) h_.assign(device_, out_h, rows);
        }
        void backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) override {
            const int64_t rows = v_.size();
            TBRM_ASSERT(dh == nullptr || has_entropy_, "a gradient of H whose forward gave none");
            const tbrm_torch_head_t head = head_of(shape_, rows, x_, w, labels_.data());
            const tbrm_torch_matrix_t in = matrix(shape_.dtype, dx, rows, shape_.hidden),
                                      weight = matrix(Dtype::F32, dw, shape_.vocab, shape_.hidden);
            device_.call(device_.plugin_.api->head_backward, device_.torch_, &head, v_.data(),
                    has_entropy_ ? h_.data() : nullptr, dq, dv, dh, &in, &weight);
            labels_.reset();
            v_.reset();
            h_.reset();
        }

    private:
        TorchDevice& device_;
        HeadShape shape_{};
        const void* x_ = nullptr;
        bool has_entropy_ = false;
        DeviceBuffer<int32_t> labels_;
        DeviceBuffer<float> v_, h_;
    };

    template <class Function, class... Arguments>
    void call(Function function, Arguments... arguments) const {
        tbrm_error_t err{};
        const tbrm_status_t status = function(arguments..., &err);
        if (status != TBRM_STATUS_OK) TBRM_FAIL(status, "%s: %s", err.where, err.message);
    }

    int32_t ordinal_;
    const TorchPlugin& plugin_;
    tbrm_torch_t* torch_ = nullptr;
};

}  // namespace

std::unique_ptr<Device> make_torch_device(int32_t ordinal, int32_t n_threads) {
    const TorchPlugin& plugin = torch_plugin();
    if (ordinal >= 0 && plugin.api->has_cuda == 0)
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED,
                "%s was built with libtorch %s without CUDA; build with TBRM_TORCH_DIR naming one with it, or use "
                "trainer.device=torch:cpu",
                plugin.path.c_str(), plugin.api->built_with);
    return std::make_unique<TorchDevice>(
            ordinal < 0 ? make_cpu_device(n_threads) : make_cuda_device(ordinal), ordinal, plugin);
}

}  // namespace tbrm
