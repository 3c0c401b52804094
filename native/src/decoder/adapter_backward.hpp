#pragma once
// adapter_backward.hpp - the gradient of what a low-rank adapter adds to a linear layer (docs/math/adapter.md).
#include <cstdint>

#include "model/layer_memory.hpp"
#include "model/model.hpp"

namespace tbrm {

// x [n, inputs]: the layer's input; dy: the gradient of its output, row stride lddy. Adds to the gradients of A and B, and to dx [n, inputs]
// unless that is null. Does nothing where the layer has no adapter.
void adapter_backward(Model& model, int64_t layer, Linear linear, int64_t n, const void* x, const void* dy,
        int64_t lddy, LayerMemory& scratch, void* dx);

}  // namespace tbrm
