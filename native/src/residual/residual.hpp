#pragma once
// residual.hpp - the squared trajectory Bellman residual and its gradient. Contract: tbrm.h, tbrm_residual_forward.
#include <tbrm/tbrm.h>

#include <cstdint>

namespace tbrm {
namespace cpu {

// All arrays as in tbrm_residual_args_t; args has been checked. loss is added up over trajectories in order, in fp64.
void residual_forward(const tbrm_residual_args_t& args, const float* q, const float* v, float* out_residual,
        double* out_loss, float* out_dq, float* out_dv);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twin; every pointer, those inside args too, is memory of the queue's device.
void residual_forward(const CudaQueue& queue, const tbrm_residual_args_t& args, const float* q, const float* v,
        float* out_residual, double* out_loss, float* out_dq, float* out_dv);

}  // namespace cuda

// Throws INVALID_ARGUMENT unless args is what the contract asks for.
void check_residual_args(const tbrm_residual_args_t& args);

}  // namespace tbrm
