#include "model/adapter_forward.hpp"

namespace tbrm {

void adapter_inputs(
        Device& device, const ModelView& model, const LinearAdapter& adapter, int64_t n, const void* x, void* u) {
    const int64_t width = adapter.n_parts * model.adapter.rank;
    device.linear_forward(
            model.dtype, n, adapter.inputs, width, x, adapter.inputs, adapter.a, nullptr, Epilogue::Store, u, width);
    if (model.adapter.scale != 1.0f) device.scale(model.dtype, n * width, model.adapter.scale, u);
}

void adapter_forward(Device& device, const ModelView& model, int64_t layer, Linear linear, int64_t n, const void* x,
        void* u, void* y, int64_t ldy) {
    const LinearAdapter* adapter = model.adapter_of(layer, linear);
    if (adapter == nullptr) return;
    adapter_inputs(device, model, *adapter, n, x, u);
    const int64_t rank = model.adapter.rank, element = dtype_bytes(model.dtype);
    for (int64_t p = 0; p < adapter->n_parts; ++p) {
        const AdapterPart& part = adapter->parts[static_cast<size_t>(p)];
        device.linear_forward(model.dtype, n, rank, part.rows, static_cast<uint8_t*>(u) + p * rank * element,
                adapter->n_parts * rank, part.b, nullptr, Epilogue::AddTo,
                static_cast<uint8_t*>(y) + part.first_row * element, ldy);
    }
}

}  // namespace tbrm
