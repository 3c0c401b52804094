#include "model/layer_memory.hpp"

namespace tbrm {

LayerBuffers LayerBuffers::from_row(const ModelView& model, int64_t first) const {
    LayerBuffers moved;
    const LayerShape shape = model.layer_shape();
    for (size_t i = 0; i < kLayerArrays; ++i) {
        if (arrays[i] == nullptr) continue;
        const ArraySpec& spec = kLayerArraySpecs[i];
        const int64_t row =
                spec.form == ArrayForm::FloatColumns ? int64_t{sizeof(float)} : row_bytes(spec, shape, model.dtype);
        moved.arrays[i] = static_cast<uint8_t*>(arrays[i]) + first * row;
    }
    return moved;
}

void LayerMemory::resize(Device& device, const ModelView& model, int64_t n, unsigned uses) {
    reserve(device, model, n, n, uses);
}

void LayerMemory::reserve(Device& device, const ModelView& model, int64_t n, int64_t room, unsigned uses) {
    const LayerShape shape = model.layer_shape();
    for (const ArraySpec& spec : kLayerArraySpecs) {
        const int64_t bytes = row_bytes(spec, shape, model.dtype);
        DeviceBuffer<uint8_t>& buffer = memory_[static_cast<size_t>(spec.array)];
        if ((spec.use & uses) != 0 && n * bytes > buffer.size()) buffer.resize(device, room * bytes);
    }
}

int64_t LayerMemory::bytes_per_row(const ModelView& model, unsigned uses) {
    const LayerShape shape = model.layer_shape();
    int64_t bytes = 0;
    for (const ArraySpec& spec : kLayerArraySpecs) {
        if ((spec.use & uses) != 0) bytes += row_bytes(spec, shape, model.dtype);
    }
    return bytes;
}

void LayerMemory::place(unsigned uses, LayerBuffers& buffers) {
    for (size_t i = 0; i < kLayerArrays; ++i) {
        if ((kLayerArraySpecs[i].use & uses) != 0) buffers.arrays[i] = memory_[i].data();
    }
}

LayerBuffers layer_buffers(LayerMemory& scratch) {
    LayerBuffers buffers;
    scratch.place(kScratch | kForward, buffers);
    return buffers;
}

LayerBuffers layer_buffers(LayerMemory& scratch, LayerMemory& tape) {
    LayerBuffers buffers;
    scratch.place(kScratch, buffers);
    tape.place(kTapeUses, buffers);
    return buffers;
}

}  // namespace tbrm
