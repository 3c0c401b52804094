// residual_cuda.cu - CUDA twin of residual_cpu.cpp. Contract: tbrm.h, tbrm_residual_forward.
// One block per trajectory: its threads stride over the rows, then a reduction in fixed order (no atomics).
#include "core/cuda.hpp"
#include "core/cuda_reduce.cuh"
#include "residual/residual.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 128;

struct Trajectories {
    bool reval, detach_value;
    double beta, loss_scale;
    const int64_t* row_offsets;
    const float* ref_logp;
    const float* ref_v1;
    const double* reward;
    const double* weight;
    const int32_t* bootstrap;
    const float* v_frozen;
    const float* ref_v_end;
};

__global__ void residual_block_per_trajectory_kernel(Trajectories t, const float* q, const float* v,
        float* out_residual, double* out_losses, float* out_dq, float* out_dv) {
    const int64_t b = blockIdx.x, first = t.row_offsets[b], end = t.row_offsets[b + 1];
    const bool bootstrap = t.bootstrap != nullptr && t.bootstrap[b] != 0 && end > first;
    const int64_t last = bootstrap ? end - 1 : end;
    const bool empty = first == last;

    double log_ratio = 0.0;
    for (int64_t r = first + threadIdx.x; r < last; r += kThreads) {
        const float logp = q[r] - v[r];  // rounded as ref_logp was: equal policies differ by 0
        log_ratio += static_cast<double>(logp) - static_cast<double>(t.ref_logp[r]);
    }
    log_ratio = reduce_block<kThreads>(log_ratio, Add());

    double f = 0.0;
    if (!empty) {
        double first_value = static_cast<double>(t.v_frozen != nullptr ? t.v_frozen[b] : v[first]);
        if (t.reval) first_value -= static_cast<double>(t.ref_v1[b]);
        f = log_ratio + (first_value - t.reward[b] / t.beta);
        if (bootstrap) f -= static_cast<double>(v[last]) - (t.reval ? static_cast<double>(t.ref_v_end[b]) : 0.0);
    }
    const double weight = t.loss_scale * t.weight[b];
    // A dropped trajectory (weight 0) must not poison anything, even when its residual is not finite.
    const float c = weight == 0.0 ? 0.0f : static_cast<float>(2.0 * weight * f);
    if (threadIdx.x == 0) {
        out_residual[b] = static_cast<float>(f);
        out_losses[b] = weight == 0.0 ? 0.0 : weight * f * f;
    }
    for (int64_t r = first + threadIdx.x; r < end; r += kThreads) {
        const bool action = r < last;
        out_dq[r] = action ? c : 0.0f;
        if (action)
            out_dv[r] = r == first && !t.detach_value && t.v_frozen == nullptr ? 0.0f : -c;
        else
            out_dv[r] = empty ? 0.0f : -c;
    }
}

__global__ void sum_losses_kernel(int64_t n, const double* losses, double* out_loss) {
    double sum = 0.0;
    for (int64_t b = threadIdx.x; b < n; b += kThreads)
        sum += losses[b];
    sum = reduce_block<kThreads>(sum, Add());
    if (threadIdx.x == 0) *out_loss = sum;
}

}  // namespace

void residual_forward(const CudaQueue& queue, const tbrm_residual_args_t& args, const float* q, const float* v,
        float* out_residual, double* out_loss, float* out_dq, float* out_dv) {
    const Trajectories t{args.kind == TBRM_RESIDUAL_KIND_REVAL, args.detach_value != 0, args.beta, args.loss_scale,
            args.row_offsets, args.ref_logp, args.ref_v1, args.reward, args.weight, args.bootstrap, args.v_frozen,
            args.ref_v_end};
    const CudaArray<double> losses(queue, args.n_seqs);
    if (args.n_seqs > 0) {
        residual_block_per_trajectory_kernel<<<static_cast<unsigned>(args.n_seqs), kThreads, 0, queue.stream>>>(
                t, q, v, out_residual, losses.data(), out_dq, out_dv);
        TBRM_LAUNCH_CHECK();
    }
    sum_losses_kernel<<<1, kThreads, 0, queue.stream>>>(args.n_seqs, losses.data(), out_loss);
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
