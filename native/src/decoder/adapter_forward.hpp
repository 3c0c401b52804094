#pragma once
// adapter_forward.hpp - what low-rank adapters add to the outputs of a linear layer. Rollout and training run it from the same layer forward.
#include <cstdint>

#include "device/device.hpp"
#include "model/model_view.hpp"

namespace tbrm {

// u = s u of u [n, adapter.width], with the s of each part.
void scale_adapter(Device& device, Dtype dtype, const LinearAdapter& adapter, int64_t n, void* u);

// u [n, adapter.width] = s x A^T, of inputs x [n, inputs]: both forward and the gradient of B read it scaled.
void adapter_inputs(
        Device& device, const ModelView& model, const LinearAdapter& adapter, int64_t n, const void* x, void* u);

// y[:, rows of a part] += u_part B_part^T for each part; y has row stride ldy. Does nothing where the layer has no adapter or it is off.
// u: scratch of [n, adapter.width].
void adapter_forward(Device& device, const ModelView& model, int64_t layer, Linear linear, int64_t n, const void* x,
        void* u, void* y, int64_t ldy);

}  // namespace tbrm
