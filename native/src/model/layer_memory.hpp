#pragma once
// layer_memory.hpp - the arrays of a layer's forward and backward (architecture.hpp: LayerArray) in the memory of a device.
#include <array>
#include <cstdint>

#include "device/device.hpp"
#include "model/architecture.hpp"
#include "model/model_view.hpp"

namespace tbrm {

// Where a layer puts what it computes. Null: the layer has no such array, or nobody wants it.
struct LayerBuffers {
    std::array<void*, kLayerArrays> arrays{};

    void* operator[](LayerArray array) const { return arrays[static_cast<size_t>(array)]; }
    float* floats(LayerArray array) const { return static_cast<float*>((*this)[array]); }
    // From row `first` on.
    LayerBuffers from_row(const ModelView& model, int64_t first) const;
};

// Arrays of the given uses (a sum of ArrayUse). They grow, and are used again.
class LayerMemory {
public:
    void resize(Device& device, const ModelView& model, int64_t n, unsigned uses);
    // The same, but arrays that must grow get room for `room` rows.
    void reserve(Device& device, const ModelView& model, int64_t n, int64_t room, unsigned uses);
    static int64_t bytes_per_row(const ModelView& model, unsigned uses);

    // Hands out the arrays of these uses.
    void place(unsigned uses, LayerBuffers& buffers);
    uint8_t* operator[](LayerArray array) { return memory_[static_cast<size_t>(array)].data(); }
    float* floats(LayerArray array) { return reinterpret_cast<float*>((*this)[array]); }

private:
    std::array<DeviceBuffer<uint8_t>, kLayerArrays> memory_;
};

// Of a forward that no backward follows: one memory for all layers.
LayerBuffers layer_buffers(LayerMemory& scratch);
// Of a forward whose layers keep a tape each.
LayerBuffers layer_buffers(LayerMemory& scratch, LayerMemory& tape);
constexpr unsigned kTapeUses = kForward | kTape;

// Bytes of one row of an array.
inline int64_t row_bytes(const ArraySpec& spec, const LayerShape& shape, Dtype dtype) {
    return spec.width(shape) * (spec.form == ArrayForm::Rows ? dtype_bytes(dtype) : int64_t{sizeof(float)});
}

}  // namespace tbrm
