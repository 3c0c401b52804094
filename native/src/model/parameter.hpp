#pragma once
// parameter.hpp - one parameter of a model: its compute copy, and, when it is trained, master weight and gradient. What an optimizer keeps
// per parameter belongs to the optimizer.
//
// A weight of a linear layer [rows, cols] lies in the device's weight layout (Device::weight_elements); the compute copy in dtype, everything else in the
// fp32 form, so that the optimizer is elementwise. A vector [rows] (cols = 0: norm, bias) and a value head [1, cols] are plain fp32; in a bf16 model its compute
// copy holds values that bf16 can represent. In an fp32 model the compute copy is the master weight: one memory.
#include <cstdint>

#include "core/dtype.hpp"
#include "device/device.hpp"
#include "model/shares.hpp"

namespace tbrm {

// Throws OUT_OF_MEMORY, naming the bytes, unless the device has them left. Asked before anything large is allocated: a system that
// overcommits would grant it and end the process at first use.
void require_device_memory(Device& device, int64_t bytes, const char* what, const char* advice);

// How a parameter's numbers lie.
enum class ParameterLayout { Weight, Plain };

struct ParameterShape {
    int64_t rows;
    int64_t cols;  // 0: a vector
    ParameterLayout layout;
    float shift = 0;  // of a vector: forward reads shift + the number

    static ParameterShape vector(int64_t rows, float shift = 0) { return {rows, 0, ParameterLayout::Plain, shift}; }
    static ParameterShape weight(int64_t rows, int64_t cols) { return {rows, cols, ParameterLayout::Weight}; }
    static ParameterShape row(int64_t cols) { return {1, cols, ParameterLayout::Plain}; }
    int64_t width() const { return cols > 0 ? cols : 1; }
    int64_t elements() const { return rows * width(); }
};

// Bytes of a parameter; all but the first are 0 when it is not trained.
struct ParameterBytes {
    int64_t weight;
    int64_t master;
    int64_t gradient;
    int64_t moments;  // of one optimizer, both
    int64_t total() const { return weight + master + gradient; }
};
ParameterBytes parameter_bytes(const DeviceSizes& sizes, Dtype dtype, const ParameterShape& shape, bool trainable);

// The same of one rank of several; number: of the parameter in its model. is_adapter: of one, whose masters every rank has whole.
ParameterBytes shared_parameter_bytes(const DeviceSizes& sizes, Dtype dtype, const ParameterShape& shape,
        bool is_adapter, int64_t number, const Sharing& sharing);

class Parameter {
public:
    // Zero-filled. A parameter that is not trained has its compute copy alone; without `gradient` it gets one by share().
    Parameter(Device& device, Dtype dtype, const ParameterShape& shape, bool trainable, bool gradient = true);

    const ParameterShape& shape() const { return shape_; }
    int64_t rows() const { return shape_.rows; }
    int64_t cols() const { return shape_.cols; }
    bool is_matrix() const { return shape_.cols > 0; }
    bool trainable() const { return trainable_; }
    Dtype dtype() const { return dtype_; }

    // Elements of master, gradient and whatever an optimizer keeps, layout padding (zeros) included.
    int64_t layout_elements() const { return layout_elements_; }

    const void* weight() const { return weight_.data(); }
    // What forward reads: the compute copy, of a shifted vector the shifted numbers.
    const void* operand() const {
        return shifted_.data() != nullptr ? static_cast<const void*>(shifted_.data()) : weight();
    }
    const float* vector() const;  // the same of what is plain
    float* master();              // null when not trainable, or when ranks share it
    // Where a backward adds: layout_elements() numbers; null when not trainable, and when ranks share them and none was given.
    float* gradient() { return accumulator_ != nullptr || sharing_.gradients ? accumulator_ : gradient_.data(); }

    // From now on this rank updates own() alone: of the master and the gradient it keeps no more where `sharing` says so. The gradient is zero.
    void share(bool is_adapter, int64_t number, const Sharing& sharing);
    Pieces pieces() const { return pieces_; }
    Range own() const { return own_; }  // all of it where nothing is shared
    Range of_rank(int64_t rank) const { return pieces_.of_rank(number_, rank, sharing_.n_ranks); }
    bool shares_master() const { return shares_master_; }
    bool shares_gradient() const { return sharing_.gradients; }
    float* own_master();    // of own()
    float* own_gradient();  // the same; with a shared gradient the sum over the ranks
    // Where the next backward adds, of layout_elements() zeros; null: where it always does.
    void accumulate_in(float* scratch) { accumulator_ = scratch; }
    // Compute copy of own() from its master; and where the compute copy of elements lies in weight().
    void refresh_own();
    Range weight_bytes_of(const Range& elements) const;
    uint8_t* weight_bytes() { return weight_.data(); }

    // Rows of an fp32 array of which this rank has own(): what it has of them is set. values: row-major.
    void write_own_rows(float* own, int64_t first, int64_t n, const float* values);
    // The other way: the layout of whole rows or panels that hold rows [first, first + n), and how many rows before them it begins.
    struct Cover {
        Range elements;
        int64_t rows;
        int64_t skipped;
    };
    Cover cover(int64_t first, int64_t n) const;
    // out_values [n][width] from such a layout on the device.
    void unpack_cover(const Cover& cover, const float* layout, int64_t n, float* out_values) const;

    // Keeps the compute copy alone from now on; and back: a master as exact as the copy, and a zero gradient.
    void freeze();
    void unfreeze();

    void zero_gradient();

    // Compute copy from master weight, after an update.
    void refresh();
    // Of a bf16 matrix: its compute copy, for an update that rounds what it writes (Device::adamw_step_narrow). Otherwise null: refresh.
    bf16* narrowed();

    // Host copies of rows [first, first + n) as row-major fp32 (elements of a vector). kind must exist: has(kind).
    bool has(tbrm_tensor_kind_t kind) const;
    void read_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, float* out_values) const;
    void write_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, const float* values);

    // The same of an fp32 array of layout_elements() numbers that lies as the master does: an optimizer's state.
    void read_state_rows(const float* state, int64_t first, int64_t n, float* out_values) const;
    void write_state_rows(float* state, int64_t first, int64_t n, const float* values);

    // From and to files: row-major in `source` / in dtype(). The master keeps the source's precision.
    void load_rows(Dtype source, int64_t first, int64_t n, const void* values);
    void save_rows(int64_t first, int64_t n, void* out_values) const;

    // Takes the compute copy (and the master, where both have one) of a parameter of the same shape and dtype on the same device.
    void copy_from(Parameter& source);

private:
    bool plain() const { return shape_.layout == ParameterLayout::Plain; }
    int64_t all_weight_bytes() const;
    void pack_cover(const Cover& cover, float* layout, int64_t n, Dtype source, const void* values) const;
    void load_own_master_rows(Dtype source, int64_t first, int64_t n, const void* values);
    float* state(tbrm_tensor_kind_t kind);
    const float* state(tbrm_tensor_kind_t kind) const { return const_cast<Parameter*>(this)->state(kind); }
    void widen_into(DeviceBuffer<float>& master) const;
    const float* stored() const { return reinterpret_cast<const float*>(weight_.data()); }
    void update_shifted();

    Device& device_;
    Dtype dtype_;
    ParameterShape shape_;
    bool trainable_;
    int64_t layout_elements_;
    DeviceBuffer<uint8_t> weight_;
    DeviceBuffer<float> shifted_;  // empty when there is no shift
    DeviceBuffer<float>
            master_;  // empty when weight_ is the master, or when not trainable; of own_ when ranks share it
    DeviceBuffer<float> gradient_;
    float* accumulator_ = nullptr;
    Pieces pieces_;
    Sharing sharing_;
    int64_t number_ = 0;
    bool shares_master_ = false;
    Range own_;
};

}  // namespace tbrm
