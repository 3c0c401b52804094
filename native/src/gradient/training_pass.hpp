#pragma once
// training_pass.hpp - packed forward of a model with Q, V, H of the scored rows, and its backward. Holds the buffers of both.
//
// The backward is an explicit walk back over the layers (docs/adr/0005-explicit-backward.md): each layer keeps what LayerTape names, or,
// with recompute, its input alone. Only scored rows reach the final norm and the head.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "device/device.hpp"
#include "gradient/layer_tape.hpp"
#include "model/packed_batch.hpp"

namespace tbrm {

class Model;

// Where Q, V, H of R rows go; host memory. h may be null.
struct ScoredRows {
    float* q;
    float* v;
    float* h;
};

class TrainingPass {
public:
    explicit TrainingPass(Model& model);

    // Runs `batch`. keep: keeps what backward needs; throws when a forward is kept already.
    void forward(const tbrm_batch_t* batch, bool keep, const ScoredRows& out);

    // Adds the kept forward's gradients to the parameters' and drops it. n_rows must be the kept forward's; dh may be null. Host memory.
    void backward(int64_t n_rows, const float* dq, const float* dv, const float* dh);

    // forward, residual and backward on the device. Host outputs: q, v [R], residual [B], loss [1].
    void residual_gradient(const tbrm_batch_t* batch, const tbrm_residual_args_t* args, const ScoredRows& out,
            float* out_residual, double* out_loss);

    bool kept() const { return kept_; }
    void discard();

    // Frees every buffer (nothing may be kept): the memory goes back before the next rollout.
    void release_buffers();

private:
    void prepare(const tbrm_batch_t* batch, bool keep);
    void require_memory(int64_t n_tokens, int64_t n_rows, bool keep);
    void forward_on_device(bool keep, bool want_entropy);
    void layers_forward(bool keep);
    void head_forward(bool keep, float* out_h);
    void backward_on_device(const float* dq, const float* dv, const float* dh);
    void layers_backward();
    AttentionStep attention_step(float* out_lse);
    LayerTape& tape(int64_t layer);
    void download(const ScoredRows& out);

    Model& model_;
    Device& device_;
    const ModelView& view_;
    const int64_t row_bytes_;  // of the residual stream
    bool kept_ = false;
    int64_t held_bytes_ = 0;  // of the buffers below, as require_memory reckons
    PackedBatch batch_;
    std::vector<DeviceBuffer<uint8_t>> inputs_;  // [L] residual stream before each layer
    std::vector<LayerTape> tapes_;               // [L], or [1] with recompute
    ForwardScratch forward_scratch_;
    BackwardScratch backward_scratch_;
    DeviceBuffer<uint8_t> x_;       // [N, D] residual stream, then its gradient
    DeviceBuffer<uint8_t> again_;   // [N, D] residual stream of a layer that runs again
    DeviceBuffer<uint8_t> scored_;  // [R, D] residual stream of the scored rows
    DeviceBuffer<uint8_t> normed_;  // [R, D] the head's input
    DeviceBuffer<uint8_t> d_scored_, d_normed_;
    DeviceBuffer<float> final_inv_rms_;
    std::unique_ptr<DeviceHeadTape> head_;
    DeviceBuffer<float> q_, v_, h_, dq_, dv_, dh_;
};

}  // namespace tbrm
