// head_cuda.cu - CUDA twin of the head, portable path. Contract: logprob/head.hpp. A linear layer gives fp32 logits of a slice of the
// vocabulary (gemm/linear.hpp: row-invariant or by cuBLASLt, as the queue says), row kernels reduce them (head_rows_cuda.cuh), and cuBLAS
// multiplies dz again. Shares no arithmetic with the CPU twin.
#include <algorithm>
#include <cmath>

#include "core/cuda_sort.hpp"
#include "gemm/linear.hpp"
#include "logprob/head.hpp"
#include "logprob/head_rows_cuda.cuh"
#include "logprob/head_sizes_cuda.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int64_t kChunkRows = kHeadChunkRows;
static_assert(
        kSegmentColumns == kSampleSegment && kSegmentColumns == kHeadSegment && sizeof(SegmentSums) == kHeadSumBytes,
        "the plan reckons with others");

int64_t budget_of(const HeadShape& shape) {
    return head_budget(shape);
}

int64_t segments_of(int64_t columns) {
    return head_segments(columns);
}

cudaDataType_t type_of(Dtype dtype) {
    return dtype == Dtype::F32 ? CUDA_R_32F : CUDA_R_16BF;
}

// c (fp32) = op(a) op(b) + beta c in cuBLAS's column-major terms; fp32 stays fp32 (no TF32), bf16 adds up in fp32.
void multiply(const CudaQueue& queue, Dtype dtype, cublasOperation_t op_a, cublasOperation_t op_b, int64_t m, int64_t n,
        int64_t k, const void* a, int64_t lda, const void* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    const float alpha = 1.0f;
    const cublasComputeType_t compute = dtype == Dtype::F32 ? CUBLAS_COMPUTE_32F_PEDANTIC : CUBLAS_COMPUTE_32F;
    TBRM_CUBLAS_CHECK(cublasGemmEx(queue.blas, op_a, op_b, static_cast<int>(m), static_cast<int>(n),
            static_cast<int>(k), &alpha, a, type_of(dtype), static_cast<int>(lda), b, type_of(dtype),
            static_cast<int>(ldb), &beta, c, CUDA_R_32F, static_cast<int>(ldc), compute, CUBLAS_GEMM_DEFAULT));
}

// One call's shape and operands, row-major: x [rows, D], w [V, D], both in dtype.
struct Call {
    const CudaQueue& queue;
    HeadShape shape;
    const char* x;
    const char* w;
    const int32_t* labels;

    int64_t size() const { return dtype_bytes(shape.dtype); }
    const char* x_row(int64_t row) const { return x + row * shape.hidden * size(); }
    const char* w_row(int64_t row) const { return w + row * shape.hidden * size(); }

    int64_t slice_columns(int64_t rows, int64_t bytes, int64_t budget) const {
        return head_slice_columns(rows, bytes, budget);
    }
    Slice slice(int64_t first, int64_t columns, int64_t ld, int64_t row, int64_t rows) const {
        return {first, std::min(columns, shape.vocab - first), ld, rows, shape.temperature,
                labels == nullptr ? nullptr : labels + row};
    }
    // logits[rows][ld] = x rows . W[first .. first + columns)^T, before the temperature.
    void logits(const Slice& s, int64_t row, float* out) const {
        linear_forward_f32(queue, shape.dtype, s.rows, shape.hidden, s.columns, x_row(row), shape.hidden,
                w_row(s.first), out, s.ld);
    }
    // acc [rows][D] += dz W_slice;  dw_slice += dz^T x.
    void input_gradient(const Slice& s, const void* dz, float* acc) const {
        multiply(queue, shape.dtype, CUBLAS_OP_N, CUBLAS_OP_N, shape.hidden, s.rows, s.columns, w_row(s.first),
                shape.hidden, dz, s.ld, 1.0f, acc, shape.hidden);
    }
    void weight_gradient(const Slice& s, const void* dz, const void* x_rows, float* dw) const {
        multiply(queue, shape.dtype, CUBLAS_OP_N, CUBLAS_OP_T, shape.hidden, s.columns, s.rows, x_rows, shape.hidden,
                dz, s.ld, 1.0f, dw + s.first * shape.hidden, shape.hidden);
    }
};

dim3 row_grid(const Slice& s) {
    return dim3(static_cast<unsigned>(s.rows), static_cast<unsigned>(segments_of(s.columns)));
}

void reduce(const Call& call, const Slice& s, const float* logits, SegmentSums* sums, float* q, void* e) {
    with_cuda_dtype(call.shape.dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        head_reduce_kernel<T>
                <<<row_grid(s), kRowThreads, 0, call.queue.stream>>>(s, logits, sums, q, static_cast<T*>(e));
    });
    TBRM_LAUNCH_CHECK();
}

unsigned merge_blocks(int64_t rows) {
    return static_cast<unsigned>((rows + kMergeThreads - 1) / kMergeThreads);
}

struct Outputs {
    float *q, *v, *h, *rest;  // q, h and rest may be null
};

void merge(const Call& call, int64_t rows, const SegmentSums* sums, const Outputs& out, int64_t row) {
    head_merge_kernel<<<merge_blocks(32 * rows), kMergeThreads, 0, call.queue.stream>>>(rows,
            segments_of(call.shape.vocab), sums, out.v + row, out.h == nullptr ? nullptr : out.h + row,
            out.rest == nullptr ? nullptr : out.rest + row);
    TBRM_LAUNCH_CHECK();
}

// Forward of rows [first, first + rows) that keeps nothing; at most kChunkRows of them at a time.
void forward_rows(const Call& call, int64_t first, int64_t rows, const Outputs& out, int64_t budget) {
    const int64_t chunk = head_chunk_rows(rows, budget);
    if (rows <= 0) return;
    const int64_t columns = call.slice_columns(chunk, 4, budget);
    CudaArray<float> logits(call.queue, chunk * columns);
    CudaArray<SegmentSums> sums(call.queue, segments_of(call.shape.vocab) * chunk);
    for (int64_t row = first; row < first + rows; row += chunk) {
        const int64_t n = std::min(chunk, first + rows - row);
        for (int64_t c = 0; c < call.shape.vocab; c += columns) {
            const Slice s = call.slice(c, columns, columns, row, n);
            call.logits(s, row, logits.data());
            reduce(call, s, logits.data(), sums.data() + c / kSegmentColumns * n, out.q + row, nullptr);
        }
        merge(call, n, sums.data(), out, row);
    }
}

}  // namespace

void head_forward(const CudaQueue& queue, const HeadShape& shape, int64_t rows, const void* x, const void* w,
        const int32_t* labels, float* out_q, float* out_v, float* out_h) {
    const Call call{queue, shape, static_cast<const char*>(x), static_cast<const char*>(w), labels};
    forward_rows(call, 0, rows, {out_q, out_v, out_h, nullptr}, budget_of(shape));
}

void head_logits(const CudaQueue& queue, const HeadShape& shape, int64_t rows, const void* x, const void* w,
        float* out_logits, int64_t ld, float* out_v, SegmentTops* out_tops) {
    if (rows == 0) return;
    const Call call{queue, shape, static_cast<const char*>(x), static_cast<const char*>(w), nullptr};
    const Slice all = call.slice(0, shape.vocab, ld, 0, rows);
    // A decode step that is recorded may not allocate.
    const int64_t n_sums = segments_of(shape.vocab) * rows;
    const bool fits = n_sums * static_cast<int64_t>(sizeof(SegmentSums)) <= queue.scratch_bytes;
    const CudaArray<SegmentSums> own(queue, fits ? 0 : n_sums);
    SegmentSums* const sums = fits ? static_cast<SegmentSums*>(queue.scratch) : own.data();
    call.logits(all, 0, out_logits);
    reduce(call, all, out_logits, sums, nullptr, nullptr);
    merge(call, rows, sums, {nullptr, out_v, nullptr, nullptr}, 0);
    constexpr int64_t kFloats = sizeof(SegmentSums) / sizeof(float);
    if (out_tops != nullptr && fits) *out_tops = {&sums->max, kFloats, kFloats * rows};
}

// Kept: e of slice c at e + c * n_kept elements, row stride = columns of a slice (the last one's rounded up to 8); max [segments][n_kept].
struct HeadTape::Impl {
    CudaQueue queue;
    HeadShape shape;
    int64_t rows;
    const void* x;
    bool has_h;
    int64_t n_kept;
    int64_t columns;  // of a kept slice
    CudaArray<int32_t> labels;
    CudaArray<float> q, v, h, rest, max;
    CudaArray<char> e;

    int64_t padded_vocab() const { return head_padded_vocab(shape.vocab); }
    int64_t ld(int64_t c) const { return std::min(columns, padded_vocab() - c); }
    char* slice(int64_t c) const { return e.data() + c * n_kept * dtype_bytes(shape.dtype); }
    Call call(const void* w) const {
        return {queue, shape, static_cast<const char*>(x), static_cast<const char*>(w), labels.data()};
    }
    void keep(const Call& c, const Outputs& out, int64_t scratch);
    void backward_kept(const Call& c, const RowSlopes& slopes, float* acc, const void* active_x, float* dw);
    void backward_recomputed(const Call& c, const RowSlopes& slopes, int64_t first, int64_t n, int64_t budget,
            float* acc, const void* active_x, float* dw);
};

HeadTape::HeadTape(const CudaQueue& queue) : queue_(&queue) {}
HeadTape::~HeadTape() = default;
HeadTape::HeadTape(HeadTape&&) noexcept = default;
HeadTape& HeadTape::operator=(HeadTape&&) noexcept = default;

// Forward of rows [0, n_kept) that writes their exponentials. `scratch` bytes of logits at a time.
void HeadTape::Impl::keep(const Call& c, const Outputs& out, int64_t scratch) {
    if (n_kept == 0) return;
    const int64_t segments = segments_of(shape.vocab);
    columns = c.slice_columns(n_kept, 4, scratch);
    CudaArray<float> logits(queue, n_kept * columns);
    CudaArray<SegmentSums> sums(queue, segments * n_kept);
    for (int64_t at = 0; at < shape.vocab; at += columns) {
        const Slice s = c.slice(at, columns, ld(at), 0, n_kept);
        c.logits(s, 0, logits.data());
        reduce(c, s, logits.data(), sums.data() + at / kSegmentColumns * n_kept, out.q, slice(at));
    }
    merge(c, n_kept, sums.data(), out, 0);
    const dim3 grid(merge_blocks(n_kept), static_cast<unsigned>(std::min<int64_t>(segments, 1024)));
    head_keep_max_kernel<<<grid, kMergeThreads, 0, queue.stream>>>(
            n_kept, segments, sums.data(), n_kept, max.data(), n_kept);
    TBRM_LAUNCH_CHECK();
}

void HeadTape::forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
        float* out_q, float* out_v, float* out_h) {
    impl_.reset();
    std::unique_ptr<Impl> tape(new Impl{*queue_, shape, rows, x, out_h != nullptr, 0, 0, {}, {}, {}, {}, {}, {}, {}});
    const int64_t budget = budget_of(shape), segments = segments_of(shape.vocab);
    tape->n_kept = head_kept_rows(shape, rows);
    tape->labels.resize(*queue_, rows);
    for (CudaArray<float>* array : {&tape->q, &tape->v, &tape->rest})
        array->resize(*queue_, rows);
    if (out_h != nullptr) tape->h.resize(*queue_, rows);
    tape->max.resize(*queue_, segments * tape->n_kept);
    tape->e.resize(*queue_, tape->padded_vocab() * tape->n_kept * dtype_bytes(shape.dtype));
    if (rows > 0) {
        const auto copy = [&](void* dst, const void* src) {
            TBRM_CUDA_CHECK(
                    cudaMemcpyAsync(dst, src, static_cast<size_t>(rows) * 4, cudaMemcpyDeviceToDevice, queue_->stream));
        };
        copy(tape->labels.data(), labels);
        const Call call = tape->call(w);
        const Outputs out{out_q, out_v, out_h, tape->rest.data()};
        tape->keep(call, out, budget / 4);
        forward_rows(call, tape->n_kept, rows - tape->n_kept, out, std::max<int64_t>(budget / 4, 1));
        copy(tape->q.data(), out_q);
        copy(tape->v.data(), out_v);
        if (out_h != nullptr) copy(tape->h.data(), out_h);
    }
    impl_ = std::move(tape);
}

void HeadTape::Impl::backward_kept(
        const Call& c, const RowSlopes& slopes, float* acc, const void* active_x, float* dw) {
    for (int64_t at = 0; at < shape.vocab; at += columns) {
        const Slice s = c.slice(at, columns, ld(at), 0, n_kept);
        with_cuda_dtype(shape.dtype, [&](auto* null) {
            using T = std::remove_pointer_t<decltype(null)>;
            head_scale_kernel<T><<<row_grid(s), kRowThreads, 0, queue.stream>>>(
                    s, slopes, max.data() + at / kSegmentColumns * n_kept, n_kept, reinterpret_cast<T*>(slice(at)));
        });
        TBRM_LAUNCH_CHECK();
        c.input_gradient(s, slice(at), acc);
        if (dw != nullptr) c.weight_gradient(s, slice(at), active_x, dw);
    }
}

void HeadTape::Impl::backward_recomputed(const Call& c, const RowSlopes& slopes, int64_t first, int64_t n,
        int64_t budget, float* acc, const void* active_x, float* dw) {
    const int64_t width = c.slice_columns(n, 4 + c.size(), budget);
    CudaArray<float> logits(queue, n * width);
    CudaArray<char> dz(queue, n * width * c.size());
    for (int64_t at = 0; at < shape.vocab; at += width) {
        const Slice s = c.slice(at, width, width, first, n);
        c.logits(s, first, logits.data());
        with_cuda_dtype(shape.dtype, [&](auto* null) {
            using T = std::remove_pointer_t<decltype(null)>;
            head_gradient_kernel<T><<<row_grid(s), kRowThreads, 0, queue.stream>>>(
                    s, slopes, logits.data(), reinterpret_cast<T*>(dz.data()));
        });
        TBRM_LAUNCH_CHECK();
        c.input_gradient(s, dz.data(), acc);
        if (dw != nullptr) c.weight_gradient(s, dz.data(), active_x, dw);
    }
}

// The part of dw that is the labels' own: rows are sorted by label, so that each label's row of dw has one writer.
static void add_label_columns(
        const Call& call, const RowSlopes& slopes, const int32_t* labels, int64_t n, const void* active_x, float* dw) {
    const CudaArray<float> by_row(call.queue, n);
    head_label_slopes_kernel<<<merge_blocks(n), kMergeThreads, 0, call.queue.stream>>>(n, slopes, by_row.data());
    TBRM_LAUNCH_CHECK();
    const SortedKeys keys = sort_keys(call.queue, n, call.shape.vocab, labels);
    const int64_t d = call.shape.hidden;
    const dim3 grid(static_cast<unsigned>(n), static_cast<unsigned>((d + kLabelThreads - 1) / kLabelThreads));
    with_cuda_dtype(call.shape.dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        head_label_weight_kernel<T><<<grid, kLabelThreads, 0, call.queue.stream>>>(
                n, d, by_row.data(), keys.sorted.data(), keys.order.data(), static_cast<const T*>(active_x), dw);
    });
    TBRM_LAUNCH_CHECK();
}

void HeadTape::backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) {
    TBRM_ASSERT(impl_ != nullptr, "backward without a forward");
    const std::unique_ptr<Impl> tape = std::move(impl_);
    const Call call = tape->call(w);
    const int64_t d = tape->shape.hidden, rows = tape->rows, budget = budget_of(tape->shape);
    if (dh != nullptr) {
        // The entropy's slope needs log p, which the exponentials alone do not give back: their rows are recomputed.
        tape->n_kept = 0;
        tape->e.reset();
        if (!tape->has_h) {
            tape->h.resize(*queue_, rows);
            forward_rows(call, 0, rows, {tape->q.data(), tape->v.data(), tape->h.data(), nullptr}, budget);
        }
    }
    const int64_t recomputed_rows = head_recomputed_rows(tape->shape);
    for (int64_t first = 0; first < rows;) {
        const bool kept = first < tape->n_kept;
        const int64_t n = kept ? tape->n_kept : std::min({kChunkRows, rows - first, recomputed_rows});
        const RowSlopes slopes{tape->q.data() + first, tape->v.data() + first,
                dh == nullptr ? nullptr : tape->h.data() + first, tape->rest.data() + first, dq + first, dv + first,
                dh == nullptr ? nullptr : dh + first, tape->shape.temperature};
        CudaArray<float> acc(*queue_, n * d);
        CudaArray<char> active_x(*queue_, dw != nullptr ? n * d * call.size() : 0);
        TBRM_CUDA_CHECK(cudaMemsetAsync(acc.data(), 0, static_cast<size_t>(acc.bytes()), queue_->stream));
        const unsigned blocks = static_cast<unsigned>(n);
        with_cuda_dtype(tape->shape.dtype, [&](auto* null) {
            using T = std::remove_pointer_t<decltype(null)>;
            if (dw == nullptr) return;
            head_active_rows_kernel<T><<<blocks, 256, 0, queue_->stream>>>(
                    d, slopes, reinterpret_cast<const T*>(call.x_row(first)), reinterpret_cast<T*>(active_x.data()));
        });
        TBRM_LAUNCH_CHECK();
        if (kept)
            tape->backward_kept(call, slopes, acc.data(), active_x.data(), dw);
        else
            tape->backward_recomputed(call, slopes, first, n, budget / 4, acc.data(), active_x.data(), dw);
        with_cuda_dtype(tape->shape.dtype, [&](auto* null) {
            using T = std::remove_pointer_t<decltype(null)>;
            const int32_t* labels = tape->labels.data() + first;
            head_finish_input_kernel<T><<<blocks, 256, 0, queue_->stream>>>(
                    d, slopes, labels, static_cast<const T*>(w), acc.data(), static_cast<T*>(dx) + first * d);
        });
        TBRM_LAUNCH_CHECK();
        if (dw != nullptr) add_label_columns(call, slopes, tape->labels.data() + first, n, active_x.data(), dw);
        first += n;
    }
}

int64_t HeadTape::kept_bytes() const {
    return impl_ == nullptr ? 0 : impl_->e.bytes() + impl_->max.bytes();
}

}  // namespace cuda
}  // namespace tbrm
