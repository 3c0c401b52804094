#include "decoder/adapter_forward.hpp"

#include <algorithm>

namespace tbrm {

// u = s u, part by part; in one call where all parts have one s.
void scale_adapter(Device& device, Dtype dtype, const LinearAdapter& adapter, int64_t n, void* u) {
    const auto parts = adapter.parts.begin(), end = parts + adapter.n_parts;
    const float first = parts->scale;
    if (std::all_of(parts, end, [&](const AdapterPart& part) { return part.scale == first; })) {
        if (first != 1.0f) device.scale(dtype, n, adapter.width, first, u, adapter.width);
        return;
    }
    std::for_each(parts, end, [&](const AdapterPart& part) {
        if (part.scale == 1.0f) return;
        uint8_t* const columns = static_cast<uint8_t*>(u) + part.first_column * dtype_bytes(dtype);
        device.scale(dtype, n, part.rank, part.scale, columns, adapter.width);
    });
}

void adapter_inputs(
        Device& device, const ModelView& model, const LinearAdapter& adapter, int64_t n, const void* x, void* u) {
    device.linear_forward(model.dtype, n, adapter.inputs, adapter.width, x, adapter.inputs, adapter.a, nullptr,
            Epilogue::Store, u, adapter.width);
    scale_adapter(device, model.dtype, adapter, n, u);
}

void adapter_forward(Device& device, const ModelView& model, int64_t layer, Linear linear, int64_t n, const void* x,
        void* u, void* y, int64_t ldy) {
    const LinearAdapter* adapter = model.adapter_of(layer, linear);
    if (adapter == nullptr) return;
    adapter_inputs(device, model, *adapter, n, x, u);
    const int64_t element = dtype_bytes(model.dtype);
    for (int64_t p = 0; p < adapter->n_parts; ++p) {
        const AdapterPart& part = adapter->parts[static_cast<size_t>(p)];
        device.linear_forward(model.dtype, n, part.rank, part.rows,
                static_cast<uint8_t*>(u) + part.first_column * element, adapter->width, part.b, nullptr,
                Epilogue::AddTo, static_cast<uint8_t*>(y) + part.first_row * element, ldy);
    }
}

}  // namespace tbrm
