#pragma once
// training_pass.hpp - a model's body and its heads, forward and backward: Q, V, H of the scored rows (LM head), one value each (value head), or
// both of one forward.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>

#include "device/device.hpp"
#include "gradient/body_pass.hpp"

namespace tbrm {

// Where Q, V, H of R rows go; host memory. h may be null.
struct ScoredRows {
    float* q;
    float* v;
    float* h;
};

class TrainingPass {
public:
    explicit TrainingPass(Model& model);

    // Runs `batch`. keep: keeps what backward needs; throws when a forward is kept already. Needs an LM head.
    void forward(const tbrm_batch_t* batch, bool keep, const ScoredRows& out);

    // Adds the kept forward's gradients to the parameters' and drops it. n_rows must be the kept forward's; dh may be null. Host memory.
    void backward(int64_t n_rows, const float* dq, const float* dv, const float* dh);

    // forward, residual and backward on the device. Host outputs: q, v [R], residual [B], loss [1].
    void residual_gradient(const tbrm_batch_t* batch, const tbrm_residual_args_t* args, const ScoredRows& out,
            float* out_residual, double* out_loss);

    // The same with a value head: out_values, d_values [R], host memory.
    void values(const tbrm_batch_t* batch, bool keep, float* out_values);
    void values_backward(int64_t n_rows, const float* d_values);

    // With both heads: values of a forward() that was kept, and their gradient, which the next backward() adds.
    void values_of_kept(int64_t n_rows, float* out_values);
    void add_value_gradient(int64_t n_rows, const float* d_values);

    // This rank's part of the others' backward: it has no rows.
    void take_part();

    bool kept() const { return kept_; }
    void discard();

    // Frees every buffer (nothing may be kept): the memory goes back before the next rollout.
    void release_buffers();

private:
    void prepare(const tbrm_batch_t* batch, bool keep, bool labelled);
    void require_lm_head() const;
    void require_value_head() const;
    void require_kept(int64_t n_rows, const char* call) const;
    void require_kept_scores(int64_t n_rows) const;
    void value_head_forward(float* out_values);
    void value_head_backward(const float* d_values, void* d_hidden);
    void forward_on_device(bool keep, bool want_entropy);
    void head_forward(bool keep, float* out_h);
    void head_backward(const float* dq, const float* dv, const float* dh, void* d_hidden);
    void backward_on_device(const float* dq, const float* dv, const float* dh);
    void download(const ScoredRows& out);

    Model& model_;
    Device& device_;
    const ModelView& view_;
    bool kept_ = false;
    bool adds_values_ = false;  // the next backward adds the gradient of dvalue_
    BodyPass body_;
    SharedGradients shared_;
    std::unique_ptr<DeviceHeadTape> head_;
    DeviceBuffer<float> q_, v_, h_, dq_, dv_, dh_, value_, dvalue_;
    DeviceBuffer<uint8_t> d_value_hidden_;  // [R, D] the value head's part of d_hidden, beside an LM head
};

}  // namespace tbrm
