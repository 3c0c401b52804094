#pragma once
// body_pass.hpp - packed forward of a model's body (embedding, layers, final norm) to the hidden states of the rows that a head reads, and its
// backward from their gradient. Holds the buffers of both.
//
// The backward is an explicit walk back over the layers (docs/adr/0005-explicit-backward.md): each layer keeps the arrays of a tape, or,
// with recompute, its input alone. Only the rows of the batch reach the final norm.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <vector>

#include "decoder/layer.hpp"
#include "device/device.hpp"
#include "gradient/shared_gradients.hpp"
#include "model/layer_memory.hpp"
#include "model/packed_batch.hpp"

namespace tbrm {

class Model;

// Bytes of what a pass over n_tokens with n_rows hidden states holds until it is released; with `keep`, for its backward too.
struct BodyBytes {
    int64_t inputs;    // residual stream before each layer
    int64_t tape;      // what the layers keep, or one of them with recompute
    int64_t forward;   // scratch of a layer's forward
    int64_t backward;  // and of its backward
    int64_t rows;      // residual stream, its rows that the head reads and their gradients
    int64_t ids;       // the batch
    int64_t total() const { return inputs + tape + forward + backward + rows + ids; }
};
BodyBytes body_bytes(const ModelView& model, bool recompute, bool keep, int64_t n_tokens, int64_t n_rows);

class BodyPass {
public:
    explicit BodyPass(Model& model);

    // Checks `batch`, brings it to the device, and asks for the memory of a forward (and, with keep, of its backward).
    void assign(const tbrm_batch_t* batch, bool keep, bool labelled);
    const PackedBatch& batch() const { return batch_; }

    // hidden() [R, D] of the batch. keep: keeps what backward needs.
    void forward(bool keep);
    const void* hidden() const { return hidden_.data(); }

    // Where a head writes the gradient of hidden(), [R, D]; sized by the call.
    void* d_hidden();
    // Adds the gradients of the kept forward to the parameters'. Uses up what was kept. The heads have been begun, and added theirs.
    void backward(SharedGradients& shared);

    // Frees every buffer.
    void release();

private:
    void require_memory(bool keep);
    AttentionStep attention_step(float* out_lse);
    LayerMemory& tape(int64_t layer);
    void layers_forward(bool keep);
    void layers_backward(SharedGradients& shared);

    Model& model_;
    Device& device_;
    const ModelView& view_;
    const int64_t row_bytes_;  // of the residual stream
    int64_t held_bytes_ = 0;   // of the buffers below, as require_memory reckons
    PackedBatch batch_;
    std::vector<DeviceBuffer<uint8_t>> inputs_;  // [L] residual stream before each layer
    std::vector<LayerMemory> tapes_;             // [L], or [1] with recompute
    LayerMemory forward_scratch_;
    LayerMemory backward_scratch_;
    DeviceBuffer<uint8_t> x_;       // [N, D] residual stream, then its gradient
    DeviceBuffer<uint8_t> again_;   // [N, D] residual stream of a layer that runs again
    DeviceBuffer<uint8_t> picked_;  // [R, D] residual stream of the batch's rows
    DeviceBuffer<uint8_t> hidden_;  // [R, D] after the final norm: the head's input
    DeviceBuffer<uint8_t> d_picked_, d_hidden_;
    DeviceBuffer<float> final_inv_rms_;
};

}  // namespace tbrm
