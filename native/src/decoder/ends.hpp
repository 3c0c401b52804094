#pragma once
// ends.hpp - what stands before the first layer and after the last one, forward and backward. docs/math/decoder.md.
#include <cstdint>

#include "device/device.hpp"
#include "model/model.hpp"
#include "model/model_view.hpp"

namespace tbrm {

// ids [n] on the device -> x [n, D], the residual stream before the first layer.
void embed_tokens(Device& device, const ModelView& model, int64_t n, const int32_t* ids, void* x);
// Adds dx [n, D] of it to the embedding's gradient, where that is trained. dx is used up.
void embed_tokens_backward(Model& model, int64_t n, const int32_t* ids, void* dx);

// y [n, D] = final norm of x [n, D], the input of the head. out_inv_rms [n] or null.
void final_norm_forward(Device& device, const ModelView& model, int64_t n, const void* x, void* y, float* out_inv_rms);
// dx [n, D] from dy [n, D], which is used up; adds to the gradient of the norm's weight.
void final_norm_backward(Model& model, int64_t n, const void* x, const float* inv_rms, void* dy, void* dx);

}  // namespace tbrm
