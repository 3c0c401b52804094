#include "decoder/ends.hpp"

namespace tbrm {
namespace {

// rows [n, D] of the LM head's input, or of its gradient: logits are linear in it.
void divide_logits(Device& device, const ModelView& model, int64_t n, void* rows) {
    const float scaling = model.architecture->logits_scaling;
    if (scaling != 1 && model.head != nullptr)
        device.scale(model.dtype, n, model.hidden, 1 / scaling, rows, model.hidden);
}

}  // namespace

void embed_tokens(Device& device, const ModelView& model, int64_t n, const int32_t* ids, void* x) {
    device.embedding_forward(model.dtype, n, model.hidden, model.vocab, ids, model.embedding, x);
    const float scale = model.layer_shape().embedding_scale(model.dtype);
    if (scale != 1) device.scale(model.dtype, n, model.hidden, scale, x, model.hidden);
}

void embed_tokens_backward(Model& model, int64_t n, const int32_t* ids, void* dx) {
    if (!model.embedding().trainable()) return;
    const ModelView& view = model.view();
    Device& device = model.device();
    const float scale = view.layer_shape().embedding_scale(view.dtype);
    if (scale != 1) device.scale(view.dtype, n, view.hidden, scale, dx, view.hidden);
    device.embedding_backward(view.dtype, n, view.hidden, view.vocab, ids, dx, model.embedding().gradient());
}

void final_norm_forward(Device& device, const ModelView& model, int64_t n, const void* x, void* y, float* out_inv_rms) {
    device.rms_norm_forward(model.dtype, n, model.hidden, x, model.hidden, model.final_norm, model.rms_norm_eps, y,
            model.hidden, out_inv_rms);
    divide_logits(device, model, n, y);
}

void final_norm_backward(Model& model, int64_t n, const void* x, const float* inv_rms, void* dy, void* dx) {
    const ModelView& view = model.view();
    divide_logits(model.device(), view, n, dy);
    model.device().rms_norm_backward(view.dtype, n, view.hidden, x, view.hidden, view.final_norm, inv_rms, dy,
            view.hidden, false, dx, view.hidden, model.final_norm().gradient());
}

}  // namespace tbrm
