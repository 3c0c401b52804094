#pragma once
// parameter.hpp - one parameter of a model: its compute copy, and, when it is trained, master weight, gradient and Adam moments.
//
// A matrix [rows, cols] lies in the device's weight layout (Device::weight_elements); the compute copy in dtype, everything else in the
// fp32 form, so that the optimizer is elementwise. A vector [rows] (cols = 0: norm, bias) is fp32 throughout; in a bf16 model its compute
// copy holds values that bf16 can represent. In an fp32 model the compute copy is the master weight: one memory.
#include <cstdint>

#include "core/dtype.hpp"
#include "device/device.hpp"

namespace tbrm {

// Throws OUT_OF_MEMORY, naming the bytes, unless the device has them left. Asked before anything large is allocated: a system that
// overcommits would grant it and end the process at first use.
void require_device_memory(Device& device, int64_t bytes, const char* what, const char* advice);

class Parameter {
public:
    // Zero-filled. A parameter that is not trained has its compute copy alone.
    Parameter(Device& device, Dtype dtype, int64_t rows, int64_t cols, bool trainable);

    int64_t rows() const { return rows_; }
    int64_t cols() const { return cols_; }
    bool is_matrix() const { return cols_ > 0; }
    bool trainable() const { return trainable_; }
    Dtype dtype() const { return dtype_; }

    // Elements of master, gradient and each moment, layout padding (zeros) included.
    int64_t layout_elements() const { return layout_elements_; }
    // Bytes that a parameter of this shape will take without its moments.
    static int64_t bytes(Device& device, Dtype dtype, int64_t rows, int64_t cols, bool trainable);

    const void* weight() const { return weight_.data(); }
    const float* vector() const;  // the compute copy of a vector
    float* master();              // null when not trainable
    float* gradient() { return gradient_.data(); }
    float* adam_m() { return adam_m_.data(); }
    float* adam_v() { return adam_v_.data(); }

    // Keeps the compute copy alone from now on; there must be no moments.
    void freeze();

    void zero_gradient();
    void allocate_moments();  // zero-filled
    void release_moments() noexcept;

    // Compute copy from master weight, after an update.
    void refresh();

    // Host copies of rows [first, first + n) as row-major fp32 (elements of a vector). kind must exist: has(kind).
    bool has(tbrm_tensor_kind_t kind) const;
    void read_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, float* out_values) const;
    void write_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, const float* values);

    // From and to files: row-major in `source` / in dtype(). The master keeps the source's precision.
    void load_rows(Dtype source, int64_t first, int64_t n, const void* values);
    void save_rows(int64_t first, int64_t n, void* out_values) const;

    // Takes the compute copy (and the master, where both have one) of a parameter of the same shape and dtype on the same device.
    void copy_from(Parameter& source);

private:
    int64_t weight_bytes() const;
    float* state(tbrm_tensor_kind_t kind);
    const float* state(tbrm_tensor_kind_t kind) const { return const_cast<Parameter*>(this)->state(kind); }
    void widen_into_master();

    Device& device_;
    Dtype dtype_;
    int64_t rows_;
    int64_t cols_;
    bool trainable_;
    int64_t layout_elements_;
    DeviceBuffer<uint8_t> weight_;
    DeviceBuffer<float> master_;  // empty when weight_ is the master, or when not trainable
    DeviceBuffer<float> gradient_;
    DeviceBuffer<float> adam_m_;
    DeviceBuffer<float> adam_v_;
};

}  // namespace tbrm
