#include "gradient/body_pass.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "decoder/ends.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

// With a tape, its arrays take the place of the forward's own.
unsigned forward_uses(bool keep) {
    return keep ? kScratch : kScratch | kForward;
}

}  // namespace

BodyPass::BodyPass(Model& model)
    : model_(model),
      device_(model.device()),
      view_(model.view()),
      row_bytes_(model.view().hidden * dtype_bytes(model.view().dtype)) {}

void BodyPass::assign(const tbrm_batch_t* batch, bool keep, bool labelled) {
    batch_.assign(device_, model_.config(), batch, labelled);
    require_memory(keep);
}

BodyBytes body_bytes(const ModelView& model, bool recompute, bool keep, int64_t n_tokens, int64_t n_rows) {
    const int64_t n_layers = static_cast<int64_t>(model.layers.size()), row = model.hidden * dtype_bytes(model.dtype);
    BodyBytes bytes{};
    bytes.forward = n_tokens * LayerMemory::bytes_per_row(model, forward_uses(keep));
    bytes.rows = n_tokens * row + n_rows * (2 * row + 4);  // + the final norm's 1 / rms
    bytes.ids = n_tokens * 8 + n_rows * 12;
    if (!keep) return bytes;
    bytes.inputs = n_layers * n_tokens * row;
    bytes.tape = (recompute ? 1 : n_layers) * n_tokens * LayerMemory::bytes_per_row(model, kTapeUses);
    bytes.backward = n_tokens * LayerMemory::bytes_per_row(model, kBackward);
    bytes.rows += n_rows * 2 * row + (recompute ? n_tokens * row : 0);
    return bytes;
}

void BodyPass::require_memory(bool keep) {
    const bool recompute = model_.config().recompute != 0;
    const int64_t needed = body_bytes(view_, recompute, keep, batch_.n_tokens, batch_.n_rows).total();
    require_device_memory(device_, needed - held_bytes_, "the activations of this micro-batch",
            keep && !recompute ? "use smaller micro-batches or recompute = 1" : "use smaller micro-batches");
    held_bytes_ = std::max(held_bytes_, needed);
}

void BodyPass::forward(bool keep) {
    const int64_t n_rows = batch_.n_rows;
    layers_forward(keep);
    picked_.resize(device_, n_rows * row_bytes_);
    hidden_.resize(device_, n_rows * row_bytes_);
    final_inv_rms_.resize(device_, n_rows);
    device_.gather_rows(view_.dtype, n_rows, view_.hidden, batch_.rows.data(), x_.data(), picked_.data());
    final_norm_forward(device_, view_, n_rows, picked_.data(), hidden_.data(), final_inv_rms_.data());
}

AttentionStep BodyPass::attention_step(float* out_lse) {
    return [this, out_lse](int64_t layer, const void* qkv, void* out) {
        device_.packed_attention_forward(view_.dtype, view_.attention_of(layer), batch_.n_seqs(), batch_.offsets.data(),
                qkv, view_.qkv_width(), out, view_.attention_width(), out_lse);
    };
}

LayerMemory& BodyPass::tape(int64_t layer) {
    return tapes_[tapes_.size() == 1 ? 0 : static_cast<size_t>(layer)];
}

void BodyPass::layers_forward(bool keep) {
    const int64_t n = batch_.n_tokens, n_layers = static_cast<int64_t>(view_.layers.size());
    x_.resize(device_, n * row_bytes_);
    forward_scratch_.resize(device_, view_, n, forward_uses(keep));
    embed_tokens(device_, view_, n, batch_.ids.data(), x_.data());
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
        tape(layer).resize(device_, view_, n, kTapeUses);
        layer_forward(device_, view_, layer, n, batch_.positions.data(), x_.data(),
                layer_buffers(forward_scratch_, tape(layer)), attention_step(tape(layer).floats(LayerArray::Lse)));
    }
}

void* BodyPass::d_hidden() {
    d_hidden_.resize(device_, batch_.n_rows * row_bytes_);
    return d_hidden_.data();
}

void BodyPass::backward(SharedGradients& shared) {
    const int64_t n_rows = batch_.n_rows;
    d_picked_.resize(device_, n_rows * row_bytes_);
    final_norm_backward(model_, n_rows, picked_.data(), final_inv_rms_.data(), d_hidden_.data(), d_picked_.data());
    device_.scatter_rows(
            view_.dtype, n_rows, view_.hidden, batch_.rows.data(), d_picked_.data(), batch_.n_tokens, x_.data());
    shared.end_heads();
    layers_backward(shared);
    shared.begin_embedding();
    embed_tokens_backward(model_, batch_.n_tokens, batch_.ids.data(), x_.data());
    shared.end_embedding();
}

void BodyPass::layers_backward(SharedGradients& shared) {
    const int64_t n = batch_.n_tokens, n_layers = static_cast<int64_t>(view_.layers.size());
    backward_scratch_.resize(device_, view_, n, kBackward);
    for (int64_t layer = n_layers - 1; layer >= 0; --layer) {
        const uint8_t* input = inputs_[static_cast<size_t>(layer)].data();
        // The shared tape still holds the last layer's forward.
        if (model_.config().recompute != 0 && layer < n_layers - 1) {
            again_.resize(device_, n * row_bytes_);
            device_.copy(again_.data(), input, n * row_bytes_);
            layer_forward_again(device_, view_, layer, n, batch_.positions.data(), again_.data(),
                    layer_buffers(forward_scratch_, tape(layer)), attention_step(tape(layer).floats(LayerArray::Lse)));
        }
        shared.begin_layer(layer);
        layer_backward(model_, layer, batch_, input, tape(layer), backward_scratch_, x_.data());
        shared.end_layer(layer);
    }
}

void BodyPass::release() {
    held_bytes_ = 0;
    inputs_.clear();
    tapes_.clear();
    batch_ = PackedBatch();
    forward_scratch_ = LayerMemory();
    backward_scratch_ = LayerMemory();
    for (DeviceBuffer<uint8_t>* buffer : {&x_, &again_, &picked_, &hidden_, &d_picked_, &d_hidden_})
        buffer->reset();
    final_inv_rms_.reset();
}

}  // namespace tbrm
