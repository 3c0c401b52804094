// rms_norm_cuda.cu - CUDA twin of rms_norm.cpp. Contract: rms_norm.hpp. One warp per row (rms_norm_cuda.cuh).
#include "ops/rms_norm_cuda.cuh"

#include "core/cuda_columns.cuh"
#include "ops/rms_norm.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kRowsPerBlock = 4;  // one warp each
constexpr int kThreads = 32 * kRowsPerBlock;

// The row of this warp; rows beyond n leave as whole warps.
__device__ int64_t warp_row() {
    return static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / 32;
}

unsigned row_blocks(int64_t n) {
    return static_cast<unsigned>((n + kRowsPerBlock - 1) / kRowsPerBlock);
}

template <class T>
struct ForwardRows {
    int64_t n, d;
    const T* x;
    int64_t ldx;
    const float* weight;
    float eps;
    T* y;
    int64_t ldy;
    float* inv_rms;
    bool aligned;
};

template <class T>
__global__ void rms_norm_forward_kernel(ForwardRows<T> p) {
    const int64_t row = warp_row(), lane = threadIdx.x % 32;
    if (row >= p.n) return;
    const float inv_rms = normalize_row(p.d, p.x + row * p.ldx, p.weight, p.eps, p.aligned, p.y + row * p.ldy);
    if (lane == 0 && p.inv_rms != nullptr) p.inv_rms[row] = inv_rms;
}

template <class T>
struct HeadRows {
    int64_t n, n_q, n_heads, d;  // n_heads: of q and of k
    T* x;
    int64_t ldx;
    const float *q_weight, *k_weight;
    float eps;
    float* inv_rms;  // [n_heads][ld_inv_rms] or null
    int64_t ld_inv_rms;
    bool aligned;
};

// One warp per row and head, the heads of a row side by side.
template <class T>
__global__ void heads_norm_forward_kernel(HeadRows<T> p) {
    const int64_t pair = warp_row(), lane = threadIdx.x % 32;
    if (pair >= p.n * p.n_heads) return;
    const int64_t row = pair / p.n_heads, head = pair % p.n_heads;
    T* const x = p.x + row * p.ldx + head * p.d;
    const float inv_rms = normalize_row(p.d, x, head < p.n_q ? p.q_weight : p.k_weight, p.eps, p.aligned, x);
    if (lane == 0 && p.inv_rms != nullptr) p.inv_rms[head * p.ld_inv_rms + row] = inv_rms;
}

template <class T>
struct BackwardRows {
    int64_t n, d;
    const T* x;
    int64_t ldx;
    const float* weight;
    const float* inv_rms;
    const T* dy;
    int64_t lddy;
    bool add_to_dx;
    T* dx;
    int64_t lddx;
    bool aligned;
};

template <class T>
__global__ void rms_norm_backward_kernel(BackwardRows<T> p) {
    const int64_t row = warp_row(), lane = threadIdx.x % 32;
    if (row >= p.n) return;
    const T* x = p.x + row * p.ldx;
    const T* dy = p.dy + row * p.lddy;
    T* dx = p.dx + row * p.lddx;
    float values[kChunk], grads[kChunk], weights[kChunk], before[kChunk], products = 0.0f;
    for (int64_t at = lane * kChunk; at < p.d; at += kNormLaneStride) {
        load_chunk(x + at, p.d - at, p.aligned, values);
        load_chunk(dy + at, p.d - at, p.aligned, grads);
        load_chunk(p.weight + at, p.d - at, p.aligned, weights);
#pragma unroll
        for (int i = 0; i < kChunk; ++i)
            products = fmaf(grads[i] * weights[i], values[i], products);
    }
    const float r = p.inv_rms[row];
    const float along = -(r * r * r) * (warp_sum(products) / static_cast<float>(p.d));
    for (int64_t at = lane * kChunk; at < p.d; at += kNormLaneStride) {
        const int64_t left = p.d - at;
        load_chunk(x + at, left, p.aligned, values);
        load_chunk(dy + at, left, p.aligned, grads);
        load_chunk(p.weight + at, left, p.aligned, weights);
        if (p.add_to_dx) load_chunk(dx + at, left, p.aligned, before);
#pragma unroll
        for (int i = 0; i < kChunk; ++i) {
            values[i] = fmaf(along, values[i], r * (grads[i] * weights[i]));
            if (p.add_to_dx) values[i] += before[i];
        }
        store_chunk(dx + at, left, p.aligned, values);
    }
}

// What a row adds to dweight.
template <class T>
struct WeightSlope {
    const T* x;
    int64_t ldx;
    const T* dy;
    int64_t lddy;
    const float* inv_rms;
    __device__ float operator()(int64_t row, int64_t col) const {
        return widen(dy[row * lddy + col]) * (widen(x[row * ldx + col]) * inv_rms[row]);
    }
};

}  // namespace

void rms_norm_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx,
        const float* weight, float eps, void* y, int64_t ldy, float* out_inv_rms) {
    if (n <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const T* from = static_cast<const T*>(x);
        T* to = static_cast<T*>(y);
        const bool aligned = chunks_aligned(from, ldx) && chunks_aligned(to, ldy) && chunks_aligned(weight, 0);
        rms_norm_forward_kernel<T><<<row_blocks(n), kThreads, 0, queue.stream>>>(
                {n, d, from, ldx, weight, eps, to, ldy, out_inv_rms, aligned});
    });
    TBRM_LAUNCH_CHECK();
}

void heads_norm_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t n_q, int64_t n_k, int64_t d, void* x,
        int64_t ldx, const float* q_weight, const float* k_weight, float eps, float* out_inv_rms, int64_t ld_inv_rms) {
    if (n <= 0 || n_q + n_k <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        T* const rows = static_cast<T*>(x);
        const bool aligned = chunks_aligned(rows, ldx) && chunks_aligned(rows, d) && chunks_aligned(q_weight, 0) &&
                             chunks_aligned(k_weight, 0);
        heads_norm_forward_kernel<T><<<row_blocks(n * (n_q + n_k)), kThreads, 0, queue.stream>>>(
                {n, n_q, n_q + n_k, d, rows, ldx, q_weight, k_weight, eps, out_inv_rms, ld_inv_rms, aligned});
    });
    TBRM_LAUNCH_CHECK();
}

void rms_norm_backward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, const void* x, int64_t ldx,
        const float* weight, const float* inv_rms, const void* dy, int64_t lddy, bool add_to_dx, void* dx, int64_t lddx,
        float* dweight) {
    if (n <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const T* from = static_cast<const T*>(x);
        const T* grad = static_cast<const T*>(dy);
        T* to = static_cast<T*>(dx);
        // Before dx is written, which may lie where dy or x does.
        if (dweight != nullptr) add_column_sums(queue, n, d, WeightSlope<T>{from, ldx, grad, lddy, inv_rms}, dweight);
        const bool aligned = chunks_aligned(from, ldx) && chunks_aligned(grad, lddy) && chunks_aligned(to, lddx) &&
                             chunks_aligned(weight, 0);
        rms_norm_backward_kernel<T><<<row_blocks(n), kThreads, 0, queue.stream>>>(
                {n, d, from, ldx, weight, inv_rms, grad, lddy, add_to_dx, to, lddx, aligned});
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
