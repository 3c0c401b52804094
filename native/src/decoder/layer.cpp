#include "decoder/layer.hpp"

#include "decoder/adapter_backward.hpp"
#include "decoder/adapter_forward.hpp"
#include "decoder/block.hpp"

namespace tbrm {

using A = LayerArray;

// ------------------------------------------------------- forward -------------------------------------------------------

void Block::norm(const void* x, LayerTensor weight, float* out_inv_rms) const {
    device.rms_norm_forward(model.dtype, count, model.hidden, x, model.hidden, weights().vector(weight),
            model.rms_norm_eps, buffers[A::Normed], model.hidden, out_inv_rms);
}

void Block::linear(Linear which, int64_t inputs, int64_t outputs, const void* x, Epilogue epilogue, void* y,
        const float* bias) const {
    const void* weight = weights().weight(kLinearTensors[static_cast<size_t>(which)]);
    device.linear_forward(model.dtype, count, inputs, outputs, x, inputs, weight, bias, epilogue, y, outputs);
    adapter_forward(device, model, layer, which, count, x, buffers[A::Adapter], y, outputs);
}

namespace {

// paged: null in training.
void run_layer(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const PagedStep* paged, const AttentionStep& attention, bool with_mlp) {
    const auto at = [&](int64_t first) {
        return static_cast<uint8_t*>(x) + first * model.hidden * dtype_bytes(model.dtype);
    };
    device.for_row_blocks(n, [&](int64_t first, int64_t count) {
        const LayerBuffers rows = buffers.from_row(model, first);
        const Block block{device, model, layer, count, n, rows};
        if (paged == nullptr) return qkv_forward(block, positions + first, at(first));
        PagedStep part = *paged;
        part.pages += first;
        part.slots += first;
        qkv_forward_paged(block, positions + first, at(first), part);
    });
    attention(layer, buffers[A::Qkv], buffers[A::Attention]);
    device.for_row_blocks(n, [&](int64_t first, int64_t count) {
        const LayerBuffers rows = buffers.from_row(model, first);
        const Block block{device, model, layer, count, n, rows};
        attention_output_forward(block, at(first));
        if (paged != nullptr) return mlp_forward_paged(block, at(first), paged->next_norm);
        gate_up_forward(block, at(first));
        if (with_mlp) mlp_output_forward(block, at(first));
    });
}

}  // namespace

void layer_forward(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions, void* x,
        const LayerBuffers& buffers, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, nullptr, attention, true);
}

void layer_forward_paged(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions,
        void* x, const LayerBuffers& buffers, const PagedStep& paged, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, &paged, attention, true);
}

void layer_forward_again(Device& device, const ModelView& model, int64_t layer, int64_t n, const int32_t* positions,
        void* x, const LayerBuffers& buffers, const AttentionStep& attention) {
    run_layer(device, model, layer, n, positions, x, buffers, nullptr, attention, model.architecture->post_norms);
}

// ------------------------------------------------------ backward -------------------------------------------------------

void LayerStep::for_row_blocks(
        bool sums_over_rows, const std::function<void(int64_t first, int64_t count)>& body) const {
    if (sums_over_rows || view.adapter.on) return body(0, n);
    device.for_row_blocks(n, body);
}

void LayerStep::input_gradient(Linear linear, int64_t first, int64_t count, const void* x, void* dy, void* dx) const {
    const Parameter& weight = parameters.linear(linear);
    const int64_t rows = weight.rows(), inputs = weight.cols();
    if (needs_dx(linear)) {
        device.linear_backward_input(dtype, count, inputs, rows, at(dy, first, rows), rows, weight.weight(),
                Epilogue::Store, at(dx, first, inputs), inputs);
    }
    adapter_backward(model, layer, linear, n, x, dy, rows, scratch, needs_dx(linear) ? dx : nullptr);
}

void LayerStep::weight_gradient(Linear linear, Parameter* bias, const void* x, const void* dy) const {
    Parameter& weight = parameters.linear(linear);
    if (!weight.trainable()) return;
    device.linear_backward_weight(dtype, n, weight.cols(), weight.rows(), dy, weight.rows(), x, weight.cols(),
            weight.gradient(), bias != nullptr ? bias->gradient() : nullptr);
}

void LayerStep::norm_gradient(
        Parameter& norm, const void* x, const float* inv_rms, const void* dy, void* dx, bool add) const {
    device.rms_norm_backward(dtype, n, view.hidden, x, view.hidden, norm.vector(), inv_rms, dy, view.hidden, add, dx,
            view.hidden, norm.gradient());
}

void LayerStep::normed_again(const Parameter& norm, const void* x, int64_t first, int64_t count) const {
    device.rms_norm_forward(dtype, count, view.hidden, at(const_cast<void*>(x), first, view.hidden), view.hidden,
            norm.vector(), view.rms_norm_eps, at(scratch[A::NormedAgain], first, view.hidden), view.hidden, nullptr);
}

void layer_backward(Model& model, int64_t layer, const PackedBatch& batch, const void* x, LayerMemory& tape,
        LayerMemory& scratch, void* dx) {
    const ModelView& view = model.view();
    const LayerStep step{
            model, layer, model.device(), view, model.layer(layer), batch, tape, scratch, view.dtype, batch.n_tokens};
    mlp_backward(step, dx);
    attention_backward(step, x, dx);
}

}  // namespace tbrm
