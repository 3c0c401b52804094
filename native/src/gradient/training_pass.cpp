#include "gradient/training_pass.hpp"

#include "core/guard.hpp"
#include "device/staged.hpp"
#include "model/model.hpp"
#include "residual/residual.hpp"

namespace tbrm {
namespace {

using ll = long long;

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
    : model_(model), device_(model.device()), view_(model.view()), body_(model), shared_(model) {}

void TrainingPass::prepare(const tbrm_batch_t* batch, bool keep, bool labelled) {
    if (keep) {
        TBRM_REQUIRE(model_.trains(), "the model is frozen (trainable = 0): it has no gradients to keep a forward for");
        TBRM_REQUIRE(!model_.adapter() || view_.adapter.on,
                "the adapter is switched off: the forward that is to be kept would not depend on what is trained");
        TBRM_REQUIRE(model_.is_shared() || !model_.config().is_shared(),
                "the model was created for %d ranks that share it, and they do not yet: tbrm_model_share comes first",
                model_.config().n_ranks);
        TBRM_REQUIRE(!kept_, "a forward is kept already; call its backward or tbrm_gradient_discard before the next");
    }
    body_.assign(batch, keep, labelled);
}

void TrainingPass::require_lm_head() const {
    TBRM_REQUIRE(model_.config().has_lm_head(),
            "the model has a value head and no logits; tbrm_value_forward and tbrm_value_backward are its calls");
}

void TrainingPass::require_value_head() const {
    TBRM_REQUIRE(model_.config().has_value_head(),
            "the model has an LM head and no values; create one with head_kind = TBRM_HEAD_KIND_VALUE");
}

void TrainingPass::require_kept(int64_t n_rows, const char* call) const {
    TBRM_REQUIRE(kept_, "no forward is kept; call %s with keep = 1 first", call);
    TBRM_REQUIRE(n_rows == body_.batch().n_rows, "n_rows is %lld, the kept forward scored %lld rows", ll{n_rows},
            ll{body_.batch().n_rows});
}

void TrainingPass::require_kept_scores(int64_t n_rows) const {
    require_lm_head();
    require_kept(n_rows, "tbrm_logprob_forward");
    TBRM_REQUIRE(head_ != nullptr || n_rows == 0,
            "the kept forward is tbrm_value_forward's; its backward is tbrm_value_backward");
}

void TrainingPass::forward(const tbrm_batch_t* batch, bool keep, const ScoredRows& out) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    require_lm_head();
    prepare(batch, keep, true);
    TBRM_REQUIRE((out.q != nullptr && out.v != nullptr) || body_.batch().n_rows == 0, "out_q or out_v is null");
    forward_on_device(keep, out.h != nullptr);
    download(out);
    kept_ = keep;
}

void TrainingPass::download(const ScoredRows& out) {
    const int64_t bytes = body_.batch().n_rows * 4;
    if (bytes == 0) return;
    device_.download(out.q, q_.data(), bytes);
    device_.download(out.v, v_.data(), bytes);
    if (out.h != nullptr) device_.download(out.h, h_.data(), bytes);
}

void TrainingPass::forward_on_device(bool keep, bool want_entropy) {
    const int64_t n_rows = body_.batch().n_rows;
    q_.resize(device_, n_rows);
    v_.resize(device_, n_rows);
    if (want_entropy) h_.resize(device_, n_rows);
    if (n_rows == 0) return;
    body_.forward(keep);
    head_forward(keep, want_entropy ? h_.data() : nullptr);
}

void TrainingPass::head_forward(bool keep, float* out_h) {
    const MemoryScope scope(MemoryUse::Head);
    const PackedBatch& batch = body_.batch();
    const HeadShape shape{view_.dtype, view_.hidden, view_.vocab, batch.temperature, model_.config().head_budget()};
    if (!keep) {
        device_.head_forward(
                shape, batch.n_rows, body_.hidden(), view_.head, batch.labels.data(), q_.data(), v_.data(), out_h);
        return;
    }
    head_ = device_.make_head_tape();
    head_->forward(shape, batch.n_rows, body_.hidden(), view_.head, batch.labels.data(), q_.data(), v_.data(), out_h);
}

void TrainingPass::backward(int64_t n_rows, const float* dq, const float* dv, const float* dh) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    require_kept_scores(n_rows);
    TBRM_REQUIRE((dq != nullptr && dv != nullptr) || n_rows == 0, "dq or dv is null");
    dq_.assign(device_, dq, n_rows);
    dv_.assign(device_, dv, n_rows);
    if (dh != nullptr) dh_.assign(device_, dh, n_rows);
    backward_on_device(dq_.data(), dv_.data(), dh != nullptr ? dh_.data() : nullptr);
}

void TrainingPass::backward_on_device(const float* dq, const float* dv, const float* dh) {
    kept_ = false;  // whatever happens below, this forward is used up
    if (body_.batch().n_rows == 0) return shared_.take_part();
    void* d_hidden = body_.d_hidden();
    shared_.begin_heads();
    head_backward(dq, dv, dh, d_hidden);
    if (adds_values_) {
        const int64_t n = body_.batch().n_rows * view_.hidden;
        d_value_hidden_.resize(device_, n * dtype_bytes(view_.dtype));
        value_head_backward(dvalue_.data(), d_value_hidden_.data());
        device_.add(view_.dtype, n, d_value_hidden_.data(), d_hidden);
        adds_values_ = false;
    }
    body_.backward(shared_);
}

void TrainingPass::take_part() {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    TBRM_REQUIRE(!kept_, "a forward is kept: its backward is this rank's part");
    shared_.take_part();
}

void TrainingPass::head_backward(const float* dq, const float* dv, const float* dh, void* d_hidden) {
    const MemoryScope scope(MemoryUse::Head);
    head_->backward(view_.head, dq, dv, dh, d_hidden, model_.head().gradient());
    head_.reset();
}

void TrainingPass::values(const tbrm_batch_t* batch, bool keep, float* out_values) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    require_value_head();
    prepare(batch, keep, false);
    const int64_t n_rows = body_.batch().n_rows;
    TBRM_REQUIRE(out_values != nullptr || n_rows == 0, "out_values is null");
    if (n_rows > 0) {
        body_.forward(keep);
        value_head_forward(out_values);
    }
    kept_ = keep;
}

void TrainingPass::value_head_forward(float* out_values) {
    const int64_t n_rows = body_.batch().n_rows;
    value_.resize(device_, n_rows);
    device_.value_forward(
            view_.dtype, n_rows, view_.hidden, body_.hidden(), view_.score, view_.score_bias, value_.data());
    device_.download(out_values, value_.data(), n_rows * 4);
}

void TrainingPass::value_head_backward(const float* d_values, void* d_hidden) {
    Parameter* bias = model_.score_bias();
    device_.value_backward(view_.dtype, body_.batch().n_rows, view_.hidden, body_.hidden(), view_.score, d_values,
            d_hidden, model_.score().gradient(), bias != nullptr ? bias->gradient() : nullptr);
}

void TrainingPass::values_backward(int64_t n_rows, const float* d_values) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    require_value_head();
    require_kept(n_rows, "tbrm_value_forward");
    TBRM_REQUIRE(
            head_ == nullptr, "the kept forward is tbrm_logprob_forward's; its backward is tbrm_gradient_backward");
    TBRM_REQUIRE(d_values != nullptr || n_rows == 0, "d_values is null");
    kept_ = false;
    if (n_rows == 0) return shared_.take_part();
    dvalue_.assign(device_, d_values, n_rows);
    shared_.begin_heads();
    value_head_backward(dvalue_.data(), body_.d_hidden());
    body_.backward(shared_);
}

void TrainingPass::values_of_kept(int64_t n_rows, float* out_values) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    require_value_head();
    require_kept_scores(n_rows);
    TBRM_REQUIRE(out_values != nullptr || n_rows == 0, "out_values is null");
    if (n_rows > 0) value_head_forward(out_values);
}

void TrainingPass::add_value_gradient(int64_t n_rows, const float* d_values) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    require_value_head();
    require_kept_scores(n_rows);
    TBRM_REQUIRE(d_values != nullptr || n_rows == 0, "d_values is null");
    dvalue_.assign(device_, d_values, n_rows);
    adds_values_ = n_rows > 0;
}

void TrainingPass::residual_gradient(const tbrm_batch_t* batch, const tbrm_residual_args_t* args, const ScoredRows& out,
        float* out_residual, double* out_loss) {
    const MemoryScope scope(model_.owner(), MemoryUse::Activations);
    TBRM_REQUIRE(args != nullptr, "args is null");
    check_residual_args(*args);
    require_lm_head();
    prepare(batch, true, true);
    TBRM_REQUIRE(args->n_rows == body_.batch().n_rows, "the residual has %lld rows, the batch %lld",
            static_cast<long long>(args->n_rows), static_cast<long long>(body_.batch().n_rows));
    TBRM_REQUIRE((out.q != nullptr && out.v != nullptr) || body_.batch().n_rows == 0, "out_q or out_v is null");
    TBRM_REQUIRE(
            (out_residual != nullptr || args->n_seqs == 0) && out_loss != nullptr, "out_residual or out_loss is null");
    const DeviceResidualArgs on_device(device_, *args);
    DeviceBuffer<float> residual(device_, args->n_seqs);
    DeviceBuffer<double> loss(device_, 1);
    forward_on_device(true, false);
    dq_.resize(device_, body_.batch().n_rows);
    dv_.resize(device_, body_.batch().n_rows);
    device_.residual_forward(
            on_device.args, q_.data(), v_.data(), residual.data(), loss.data(), dq_.data(), dv_.data());
    backward_on_device(dq_.data(), dv_.data(), nullptr);
    download({out.q, out.v, nullptr});
    if (args->n_seqs > 0) device_.download(out_residual, residual.data(), args->n_seqs * 4);
    device_.download(out_loss, loss.data(), static_cast<int64_t>(sizeof(double)));
}

void TrainingPass::discard() {
    kept_ = false;
    adds_values_ = false;
    head_.reset();
}

void TrainingPass::release_buffers() {
    TBRM_ASSERT(!kept_, "the buffers of a kept forward were released");
    discard();
    body_.release();
    shared_.release();
    for (DeviceBuffer<float>* buffer : {&q_, &v_, &h_, &dq_, &dv_, &dh_, &value_, &dvalue_})
        buffer->reset();
    d_value_hidden_.reset();
    if (device_.is_host()) trim_host_memory();
}

}  // namespace tbrm
