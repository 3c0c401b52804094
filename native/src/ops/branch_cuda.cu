// branch_cuda.cu - residual stream and norm in one launch. Contract: branch.hpp. A block per row; sums of squares by its first warp alone, in the order
// of rms_norm_cuda.cuh.
#include "ops/branch.hpp"

#include "core/cuda.hpp"
#include "gemm/open_sums_cuda.cuh"
#include "ops/rms_norm.hpp"
#include "ops/rms_norm_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Rows {
    int64_t n, d;
    T* branch;
    const float* branch_norm;
    float* branch_inv_rms;
    float multiplier;
    T* x;
    const float* norm;
    T* normed;
    float* inv_rms;
    float eps;
    bool aligned;
    OpenSums sums;
};

// 1 / rms of a row that this block has written, for every thread. shared: one float that nobody reads any more.
template <class T>
__device__ float inv_rms_of_row(const Rows<T>& p, const T* row, float* out, float* shared) {
    __syncthreads();  // the row is written
    if (threadIdx.x < 32) {
        const float value = row_inv_rms(p.d, row, p.eps, p.aligned);
        if (threadIdx.x == 0) {
            *shared = value;
            if (out != nullptr) out[blockIdx.x] = value;
        }
    }
    __syncthreads();
    return *shared;
}

// x += the branch, which has roundings of its own on the way.
template <class T>
__device__ void add_own_branch(const Rows<T>& p, T* branch, T* x, float* shared) {
    const bool has_norm = p.branch_norm != nullptr;
    const float inv_rms = has_norm ? inv_rms_of_row(p, branch, p.branch_inv_rms, shared) : 1.0f;
    for (int64_t c = threadIdx.x; c < p.d; c += kThreads) {
        T value = branch[c];
        if (has_norm) narrow(widen(value) * inv_rms * p.branch_norm[c], &value);
        if (p.multiplier != 1.0f) narrow(widen(value) * p.multiplier, &value);
        narrow(__fadd_rn(widen(x[c]), widen(value)), x + c);
    }
}

template <class T>
__global__ void __launch_bounds__(kThreads) add_branch_norm_kernel(Rows<T> p) {
    __shared__ float shared[2];
    const int64_t first = blockIdx.x * p.d;
    T* const x = p.x + first;
    T* const branch = p.branch == nullptr ? nullptr : p.branch + first;
    if (p.sums.count > 0) {
        for (int64_t c = threadIdx.x; c < p.d; c += kThreads) {
            const float sum = summed(p.sums, first + c);
            if (branch == nullptr)
                narrow(__fadd_rn(sum, widen(x[c])), x + c);
            else
                narrow(sum, branch + c);
        }
    }
    if (branch != nullptr) add_own_branch(p, branch, x, shared);
    const float inv_rms = inv_rms_of_row(p, x, p.inv_rms, shared + 1);
    for (int64_t c = threadIdx.x; c < p.d; c += kThreads)
        narrow(widen(x[c]) * inv_rms * p.norm[c], p.normed + first + c);
}

}  // namespace

void add_branch_norm(const CudaQueue& queue, const BranchRows& rows, const OpenSums& sums) {
    if (rows.n <= 0) return;
    if (rows.branch == nullptr && sums.count == 0) {
        return rms_norm_forward(queue, rows.dtype, rows.n, rows.d, rows.x, rows.d, rows.norm, rows.eps, rows.normed,
                rows.d, rows.inv_rms);
    }
    with_cuda_dtype(rows.dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        T* const x = static_cast<T*>(rows.x);
        T* const branch = static_cast<T*>(rows.branch);
        const Rows<T> p{rows.n, rows.d, branch, rows.branch_norm, rows.branch_inv_rms, rows.multiplier, x, rows.norm,
                static_cast<T*>(rows.normed), rows.inv_rms, rows.eps,
                chunks_aligned(x, rows.d) && chunks_aligned(branch, rows.d), sums};
        add_branch_norm_kernel<T><<<static_cast<unsigned>(rows.n), kThreads, 0, queue.stream>>>(p);
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
