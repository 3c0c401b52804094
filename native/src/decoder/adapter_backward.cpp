#include "decoder/adapter_backward.hpp"

#include "decoder/adapter_forward.hpp"

namespace tbrm {

void adapter_backward(Model& model, int64_t layer, Linear linear, int64_t n, const void* x, const void* dy,
        int64_t lddy, LayerMemory& scratch, void* dx) {
    const ModelView& view = model.view();
    const LinearAdapter* adapter = view.adapter_of(layer, linear);
    if (adapter == nullptr) return;
    Device& device = model.device();
    const LinearAdapterParameters& parameters = model.adapter_of(layer, linear);
    const Dtype dtype = view.dtype;
    const int64_t width = adapter->width, element = dtype_bytes(dtype);
    uint8_t *u = scratch[LayerArray::AdapterAgain], *du = scratch[LayerArray::DAdapter];
    adapter_inputs(device, view, *adapter, n, x, u);
    for (int64_t p = 0; p < adapter->n_parts; ++p) {
        const AdapterPart& part = adapter->parts[static_cast<size_t>(p)];
        const uint8_t* dy_part = static_cast<const uint8_t*>(dy) + part.first_row * element;
        const int64_t rank = part.rank, column = part.first_column * element;
        device.linear_backward_weight(dtype, n, rank, part.rows, dy_part, lddy, u + column, width,
                parameters.b[static_cast<size_t>(p)]->gradient(), nullptr);
        device.linear_backward_input(
                dtype, n, rank, part.rows, dy_part, lddy, part.b, Epilogue::Store, du + column, width);
    }
    // From here on the gradient of x A^T.
    scale_adapter(device, dtype, *adapter, n, du);
    device.linear_backward_weight(
            dtype, n, adapter->inputs, width, du, width, x, adapter->inputs, parameters.a->gradient(), nullptr);
    if (dx == nullptr) return;
    device.linear_backward_input(
            dtype, n, adapter->inputs, width, du, width, adapter->a, Epilogue::AddTo, dx, adapter->inputs);
}

}  // namespace tbrm
