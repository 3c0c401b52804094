#include "gradient/training_pass.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "device/staged.hpp"
#include "gradient/layer_backward.hpp"
#include "model/model.hpp"
#include "residual/residual.hpp"

namespace tbrm {
namespace {

// The arrays of a tbrm_residual_args_t on the device.
struct DeviceResidualArgs {
    StagedInput<int64_t> row_offsets;
    StagedInput<float> ref_logp, ref_v1, v_frozen, ref_v_end;
    StagedInput<double> reward, weight;
    StagedInput<int32_t> bootstrap;
    tbrm_residual_args_t args;

    DeviceResidualArgs(Device& device, const tbrm_residual_args_t& host)
        : row_offsets(device, host.row_offsets, host.n_seqs + 1),
          ref_logp(device, host.ref_logp, host.n_rows),
          ref_v1(device, host.ref_v1, host.n_seqs),
          v_frozen(device, host.v_frozen, host.n_seqs),
          ref_v_end(device, host.ref_v_end, host.n_seqs),
          reward(device, host.reward, host.n_seqs),
          weight(device, host.weight, host.n_seqs),
          bootstrap(device, host.bootstrap, host.n_seqs),
          args(host) {
        args.row_offsets = row_offsets.get();
        args.ref_logp = ref_logp.get();
        args.ref_v1 = ref_v1.get();
        args.reward = reward.get();
        args.weight = weight.get();
        args.bootstrap = bootstrap.get();
        args.v_frozen = v_frozen.get();
        args.ref_v_end = ref_v_end.get();
    }
};

}  // namespace

TrainingPass::TrainingPass(Model& model)
    : model_(model),
      device_(model.device()),
      view_(model.view()),
      row_bytes_(model.view().hidden * dtype_bytes(model.view().dtype)) {}

void TrainingPass::prepare(const tbrm_batch_t* batch, bool keep) {
    if (keep) {
        TBRM_REQUIRE(model_.trains(), "the model is frozen (trainable = 0): it has no gradients to keep a forward for");
        TBRM_REQUIRE(!model_.adapter() || view_.adapter.on,
                "the adapter is switched off: the forward that is to be kept would not depend on what is trained");
        TBRM_REQUIRE(!kept_,
                "a forward is kept already; call tbrm_gradient_backward or tbrm_gradient_discard before the next");
    }
    batch_.assign(device_, model_.config(), batch);
    require_memory(batch_.n_tokens, batch_.n_rows, keep);
}

void TrainingPass::require_memory(int64_t n_tokens, int64_t n_rows, bool keep) {
    const int64_t n_layers = static_cast<int64_t>(view_.layers.size());
    int64_t per_token = row_bytes_ + ForwardScratch::bytes_per_token(view_, keep);
    if (keep) {
        const bool recompute = model_.config().recompute != 0;
        per_token += n_layers * row_bytes_ + (recompute ? 1 : n_layers) * LayerTape::bytes_per_token(view_) +
                     (recompute ? row_bytes_ : 0) + BackwardScratch::bytes_per_token(view_);
    }
    const int64_t needed = n_tokens * per_token + n_rows * (keep ? 4 : 2) * row_bytes_;
    require_device_memory(device_, needed - held_bytes_, "the activations of this micro-batch",
            keep && model_.config().recompute == 0 ? "use smaller micro-batches or recompute = 1"
                                                   : "use smaller micro-batches");
    held_bytes_ = std::max(held_bytes_, needed);
}

void TrainingPass::forward(const tbrm_batch_t* batch, bool keep, const ScoredRows& out) {
    prepare(batch, keep);
    TBRM_REQUIRE((out.q != nullptr && out.v != nullptr) || batch_.n_rows == 0, "out_q or out_v is null");
    forward_on_device(keep, out.h != nullptr);
    download(out);
    kept_ = keep;
}

void TrainingPass::download(const ScoredRows& out) {
    const int64_t bytes = batch_.n_rows * 4;
    if (bytes == 0) return;
    device_.download(out.q, q_.data(), bytes);
    device_.download(out.v, v_.data(), bytes);
    if (out.h != nullptr) device_.download(out.h, h_.data(), bytes);
}

void TrainingPass::forward_on_device(bool keep, bool want_entropy) {
    q_.resize(device_, batch_.n_rows);
    v_.resize(device_, batch_.n_rows);
    if (want_entropy) h_.resize(device_, batch_.n_rows);
    if (batch_.n_rows == 0) return;
    layers_forward(keep);
    head_forward(keep, want_entropy ? h_.data() : nullptr);
}

AttentionStep TrainingPass::attention_step(float* out_lse) {
    return [this, out_lse](int64_t, const void* qkv, void* out) {
        device_.packed_attention_forward(view_.dtype, view_.attention, batch_.n_seqs(), batch_.offsets.data(), qkv,
                view_.qkv_width(), out, view_.attention_width(), out_lse);
    };
}

LayerTape& TrainingPass::tape(int64_t layer) {
    return tapes_[tapes_.size() == 1 ? 0 : static_cast<size_t>(layer)];
}

void TrainingPass::layers_forward(bool keep) {
    const int64_t n = batch_.n_tokens, n_layers = static_cast<int64_t>(view_.layers.size());
    x_.resize(device_, n * row_bytes_);
    forward_scratch_.resize(device_, view_, n, keep);
    device_.embedding_forward(view_.dtype, n, view_.hidden, view_.vocab, batch_.ids.data(), view_.embedding, x_.data());
    if (keep) {
        inputs_.resize(static_cast<size_t>(n_layers));
        tapes_.resize(model_.config().recompute != 0 ? 1 : static_cast<size_t>(n_layers));
    }
    for (int64_t layer = 0; layer < n_layers; ++layer) {
        if (!keep) {
            layer_forward(device_, view_, layer, n, batch_.positions.data(), x_.data(), layer_buffers(forward_scratch_),
                    attention_step(nullptr));
            continue;
        }
        DeviceBuffer<uint8_t>& input = inputs_[static_cast<size_t>(layer)];
        input.resize(device_, n * row_bytes_);
        device_.copy(input.data(), x_.data(), n * row_bytes_);
        tape(layer).resize(device_, view_, n);
        layer_forward(device_, view_, layer, n, batch_.positions.data(), x_.data(),
                layer_buffers(forward_scratch_, tape(layer)), attention_step(tape(layer).lse.data()));
    }
}

void TrainingPass::head_forward(bool keep, float* out_h) {
    const int64_t n_rows = batch_.n_rows;
    scored_.resize(device_, n_rows * row_bytes_);
    normed_.resize(device_, n_rows * row_bytes_);
    final_inv_rms_.resize(device_, n_rows);
    device_.gather_rows(view_.dtype, n_rows, view_.hidden, batch_.rows.data(), x_.data(), scored_.data());
    final_norm_forward(device_, view_, n_rows, scored_.data(), normed_.data(), final_inv_rms_.data());
    const HeadShape shape{view_.dtype, view_.hidden, view_.vocab, batch_.temperature, model_.config().head_budget()};
    if (!keep) {
        device_.head_forward(
                shape, n_rows, normed_.data(), view_.head, batch_.labels.data(), q_.data(), v_.data(), out_h);
        return;
    }
    head_ = device_.make_head_tape();
    head_->forward(
            shape, n_rows, normed_.data(), view_.head, batch_.labels.data(), nullptr, q_.data(), v_.data(), out_h);
}

void TrainingPass::backward(int64_t n_rows, const float* dq, const float* dv, const float* dh) {
    TBRM_REQUIRE(kept_, "no forward is kept; call tbrm_logprob_forward with keep = 1 first");
    TBRM_REQUIRE(n_rows == batch_.n_rows, "n_rows is %lld, the kept forward scored %lld rows",
            static_cast<long long>(n_rows), static_cast<long long>(batch_.n_rows));
    TBRM_REQUIRE((dq != nullptr && dv != nullptr) || n_rows == 0, "dq or dv is null");
    dq_.assign(device_, dq, n_rows);
    dv_.assign(device_, dv, n_rows);
    if (dh != nullptr) dh_.assign(device_, dh, n_rows);
    backward_on_device(dq_.data(), dv_.data(), dh != nullptr ? dh_.data() : nullptr);
}

void TrainingPass::backward_on_device(const float* dq, const float* dv, const float* dh) {
    kept_ = false;  // whatever happens below, this forward is used up
    const int64_t n_rows = batch_.n_rows;
    if (n_rows == 0) return;
    d_normed_.resize(device_, n_rows * row_bytes_);
    d_scored_.resize(device_, n_rows * row_bytes_);
    head_->backward(view_.head, dq, dv, dh, d_normed_.data(), model_.head().gradient());
    head_.reset();
    device_.rms_norm_backward(view_.dtype, n_rows, view_.hidden, scored_.data(), view_.hidden, view_.final_norm,
            final_inv_rms_.data(), d_normed_.data(), view_.hidden, false, d_scored_.data(), view_.hidden,
            model_.final_norm().gradient());
    device_.scatter_rows(
            view_.dtype, n_rows, view_.hidden, batch_.rows.data(), d_scored_.data(), batch_.n_tokens, x_.data());
    layers_backward();
    if (!model_.embedding().trainable()) return;
    device_.embedding_backward(view_.dtype, batch_.n_tokens, view_.hidden, view_.vocab, batch_.ids.data(), x_.data(),
            model_.embedding().gradient());
}

void TrainingPass::layers_backward() {
    const int64_t n = batch_.n_tokens, n_layers = static_cast<int64_t>(view_.layers.size());
    backward_scratch_.resize(device_, view_, n);
    for (int64_t layer = n_layers - 1; layer >= 0; --layer) {
        const uint8_t* input = inputs_[static_cast<size_t>(layer)].data();
        // The shared tape still holds the last layer's forward.
        if (model_.config().recompute != 0 && layer < n_layers - 1) {
            again_.resize(device_, n * row_bytes_);
            device_.copy(again_.data(), input, n * row_bytes_);
            layer_forward_to_gate_up(device_, view_, layer, n, batch_.positions.data(), again_.data(),
                    layer_buffers(forward_scratch_, tape(layer)), attention_step(tape(layer).lse.data()));
        }
        layer_backward(model_, layer, batch_, input, tape(layer), backward_scratch_, x_.data());
    }
}

void TrainingPass::residual_gradient(const tbrm_batch_t* batch, const tbrm_residual_args_t* args, const ScoredRows& out,
        float* out_residual, double* out_loss) {
    TBRM_REQUIRE(args != nullptr, "args is null");
    check_residual_args(*args);
    prepare(batch, true);
    TBRM_REQUIRE(args->n_rows == batch_.n_rows, "the residual has %lld rows, the batch %lld",
            static_cast<long long>(args->n_rows), static_cast<long long>(batch_.n_rows));
    TBRM_REQUIRE((out.q != nullptr && out.v != nullptr) || batch_.n_rows == 0, "out_q or out_v is null");
    TBRM_REQUIRE(
            (out_residual != nullptr || args->n_seqs == 0) && out_loss != nullptr, "out_residual or out_loss is null");
    const DeviceResidualArgs on_device(device_, *args);
    DeviceBuffer<float> residual(device_, args->n_seqs);
    DeviceBuffer<double> loss(device_, 1);
    forward_on_device(true, false);
    dq_.resize(device_, batch_.n_rows);
    dv_.resize(device_, batch_.n_rows);
    device_.residual_forward(
            on_device.args, q_.data(), v_.data(), residual.data(), loss.data(), dq_.data(), dv_.data());
    backward_on_device(dq_.data(), dv_.data(), nullptr);
    download({out.q, out.v, nullptr});
    if (args->n_seqs > 0) device_.download(out_residual, residual.data(), args->n_seqs * 4);
    device_.download(out_loss, loss.data(), static_cast<int64_t>(sizeof(double)));
}

void TrainingPass::discard() {
    kept_ = false;
    head_.reset();
}

void TrainingPass::release_buffers() {
    TBRM_ASSERT(!kept_, "the buffers of a kept forward were released");
    discard();
    held_bytes_ = 0;
    inputs_.clear();
    tapes_.clear();
    batch_ = PackedBatch();
    forward_scratch_ = ForwardScratch();
    backward_scratch_ = BackwardScratch();
    for (DeviceBuffer<uint8_t>* buffer : {&x_, &again_, &scored_, &normed_, &d_scored_, &d_normed_})
        buffer->reset();
    for (DeviceBuffer<float>* buffer : {&final_inv_rms_, &q_, &v_, &h_, &dq_, &dv_, &dh_})
        buffer->reset();
}

}  // namespace tbrm
