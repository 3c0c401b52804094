#pragma once
// layer_backward.hpp - the gradient of one decoder layer (docs/math/decoder.md).
#include <cstdint>

#include "model/layer_memory.hpp"
#include "model/model.hpp"

namespace tbrm {

struct PackedBatch;

// dx [n, D]: on entry the gradient of the layer's output, on return that of its input x. Parameter gradients are added to. The tape is
// used up (its buffers serve as scratch).
void layer_backward(Model& model, int64_t layer, const PackedBatch& batch, const void* x, LayerMemory& tape,
        LayerMemory& scratch, void* dx);

}  // namespace tbrm
