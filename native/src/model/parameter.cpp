#include "model/parameter.hpp"

#include <algorithm>
#include <vector>

#include "core/guard.hpp"

namespace tbrm {
namespace {

// Rows handled at once when a tensor passes through host scratch: about 1 MiB of fp32.
int64_t chunk_rows(int64_t width) {
    return std::max<int64_t>(1, (int64_t{1} << 18) / width);
}

int64_t layout_size(const DeviceSizes& sizes, Dtype dtype, const ParameterShape& shape) {
    return shape.layout == ParameterLayout::Plain ? shape.elements()
                                                  : sizes.weight_elements(dtype, shape.rows, shape.cols);
}

int64_t compute_bytes(const DeviceSizes& sizes, Dtype dtype, const ParameterShape& shape) {
    return layout_size(sizes, dtype, shape) * (shape.layout == ParameterLayout::Plain ? 4 : dtype_bytes(dtype));
}

// Of a weight: pairs of columns of 64 rows, which are the same elements in both types; whole panels where the columns are odd.
int64_t unit_of(const ParameterShape& shape) {
    constexpr int64_t kRows = 64;
    if (shape.layout == ParameterLayout::Plain) return 16;
    return shape.cols % 2 == 0 ? 2 * kRows : shape.cols * kRows;
}

// Masters of norms, biases and adapters are small, and files are written from them.
bool can_share_master(Dtype dtype, const ParameterShape& shape, bool is_adapter) {
    return dtype != Dtype::F32 && shape.layout == ParameterLayout::Weight && !is_adapter;
}

}  // namespace

ParameterBytes parameter_bytes(const DeviceSizes& sizes, Dtype dtype, const ParameterShape& shape, bool trainable) {
    const int64_t wide = trainable ? layout_size(sizes, Dtype::F32, shape) * 4 : 0;
    const int64_t shifted = shape.shift != 0 ? shape.elements() * 4 : 0;
    return {compute_bytes(sizes, dtype, shape) + shifted, dtype == Dtype::F32 ? 0 : wide, wide, 2 * wide};
}

ParameterBytes shared_parameter_bytes(const DeviceSizes& sizes, Dtype dtype, const ParameterShape& shape,
        bool is_adapter, int64_t number, const Sharing& sharing) {
    ParameterBytes bytes = parameter_bytes(sizes, dtype, shape, true);
    const Pieces pieces(layout_size(sizes, Dtype::F32, shape), unit_of(shape));
    const int64_t own = pieces.of_rank(number, sharing.rank, sharing.n_ranks).n * 4;
    bytes.moments = 2 * own;
    if (sharing.masters && can_share_master(dtype, shape, is_adapter)) bytes.master = own;
    if (sharing.gradients) bytes.gradient = own;
    return bytes;
}

void require_device_memory(Device& device, int64_t bytes, const char* what, const char* advice) {
    const int64_t total = device.total_bytes(), left = total - device.memory().in_use();
    if (total <= 0 || bytes <= left) return;
    TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY, "%s need %lld bytes, %lld of the device's %lld are left; %s", what,
            static_cast<long long>(bytes), static_cast<long long>(left), static_cast<long long>(total), advice);
}

Parameter::Parameter(Device& device, Dtype dtype, const ParameterShape& shape, bool trainable, bool gradient)
    : device_(device),
      dtype_(dtype),
      shape_(shape),
      trainable_(trainable),
      layout_elements_(layout_size(device.sizes(), Dtype::F32, shape)),
      pieces_(layout_elements_, unit_of(shape)),
      own_{0, layout_elements_} {
    weight_.resize(device, all_weight_bytes());
    device.zero(weight_.data(), all_weight_bytes());
    if (shape.shift != 0) shifted_.resize(device, shape.elements());
    update_shifted();
    if (!trainable) return;
    if (dtype != Dtype::F32) {
        const MemoryScope scope(MemoryUse::Masters);
        master_.resize(device, layout_elements_);
        device.zero(master_.data(), layout_elements_ * 4);
    }
    if (!gradient) return;
    const MemoryScope scope(MemoryUse::Gradients);
    gradient_.resize(device, layout_elements_);
    zero_gradient();
}

int64_t Parameter::all_weight_bytes() const {
    return compute_bytes(device_.sizes(), dtype_, shape_);
}

const float* Parameter::vector() const {
    TBRM_ASSERT(plain(), "a weight was read as plain numbers");
    return static_cast<const float*>(operand());
}

void Parameter::update_shifted() {
    if (shifted_.data() != nullptr) device_.shift_vector(shifted_.size(), shape_.shift, stored(), shifted_.data());
}

float* Parameter::master() {
    if (!trainable_ || shares_master_) return nullptr;
    return dtype_ == Dtype::F32 ? reinterpret_cast<float*>(weight_.data()) : master_.data();
}

void Parameter::freeze() {
    trainable_ = false;
    master_.reset();
    gradient_.reset();
    accumulator_ = nullptr;
    sharing_ = Sharing();
    shares_master_ = false;
    own_ = {0, layout_elements_};
}

void Parameter::unfreeze() {
    if (trainable_) return;
    const MemoryScope scope(MemoryUse::Gradients);
    DeviceBuffer<float> gradient(device_, layout_elements_);
    if (dtype_ != Dtype::F32) {
        const MemoryScope masters(MemoryUse::Masters);
        DeviceBuffer<float> master(device_, layout_elements_);
        device_.zero(master.data(), layout_elements_ * 4);
        widen_into(master);
        master_ = std::move(master);
    }
    gradient_ = std::move(gradient);
    trainable_ = true;
    zero_gradient();
}

void Parameter::zero_gradient() {
    if (trainable_ && gradient_.size() > 0) device_.zero(gradient_.data(), gradient_.size() * 4);
}

void Parameter::refresh() {
    if (!trainable_) return;
    if (dtype_ != Dtype::F32 && !plain()) {
        device_.narrow_weights(rows(), cols(), master_.data(), reinterpret_cast<bf16*>(weight_.data()));
    } else if (dtype_ != Dtype::F32) {
        device_.round_vector(dtype_, layout_elements_, master_.data(), reinterpret_cast<float*>(weight_.data()));
    }
    update_shifted();
}

bf16* Parameter::narrowed() {
    return trainable_ && dtype_ == Dtype::Bf16 && !plain() ? reinterpret_cast<bf16*>(weight_.data()) : nullptr;
}

bool Parameter::has(tbrm_tensor_kind_t kind) const {
    return kind == TBRM_TENSOR_KIND_WEIGHT || state(kind) != nullptr;
}

float* Parameter::state(tbrm_tensor_kind_t kind) {
    switch (kind) {
        case TBRM_TENSOR_KIND_MASTER:
            return master();
        case TBRM_TENSOR_KIND_GRADIENT:
            return sharing_.gradients ? nullptr : gradient_.data();
        default:
            return nullptr;
    }
}

void Parameter::read_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, float* out_values) const {
    if (kind == TBRM_TENSOR_KIND_WEIGHT && !plain()) {
        device_.unpack_rows(dtype_, weight(), rows(), cols(), first, n, Dtype::F32, out_values);
    } else {
        read_state_rows(kind == TBRM_TENSOR_KIND_WEIGHT ? stored() : state(kind), first, n, out_values);
    }
}

void Parameter::read_state_rows(const float* state, int64_t first, int64_t n, float* out_values) const {
    if (!plain()) {
        device_.unpack_rows(Dtype::F32, state, rows(), cols(), first, n, Dtype::F32, out_values);
    } else {
        device_.download(out_values, state + first * shape_.width(), n * shape_.width() * 4);
    }
}

void Parameter::write_state_rows(float* state, int64_t first, int64_t n, const float* values) {
    if (!plain()) {
        device_.pack_rows(Dtype::F32, state, rows(), cols(), first, n, Dtype::F32, values);
    } else {
        device_.upload(state + first * shape_.width(), values, n * shape_.width() * 4);
    }
}

void Parameter::write_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, const float* values) {
    if (kind == TBRM_TENSOR_KIND_MASTER) return load_rows(Dtype::F32, first, n, values);
    if (kind != TBRM_TENSOR_KIND_WEIGHT) return write_state_rows(state(kind), first, n, values);
    const int64_t width = shape_.width(), step = chunk_rows(width);
    std::vector<float> rounded(static_cast<size_t>(std::min(n, step) * width));
    for (int64_t done = 0; done < n; done += step) {
        const int64_t now = std::min(step, n - done);
        std::transform(values + done * width, values + (done + now) * width, rounded.begin(),
                [&](float x) { return round_to(dtype_, x); });
        load_rows(Dtype::F32, first + done, now, rounded.data());
    }
}

void Parameter::load_rows(Dtype source, int64_t first, int64_t n, const void* values) {
    if (!plain()) {
        device_.pack_rows(dtype_, weight_.data(), rows(), cols(), first, n, source, values);
        if (shares_master_) {
            load_own_master_rows(source, first, n, values);
        } else if (master_.data() != nullptr) {
            device_.pack_rows(Dtype::F32, master_.data(), rows(), cols(), first, n, source, values);
        }
        return;
    }
    const int64_t begin = first * shape_.width(), count = n * shape_.width();
    std::vector<float> wide(static_cast<size_t>(count)), rounded(static_cast<size_t>(count));
    for (size_t i = 0; i < wide.size(); ++i) {
        wide[i] = source == Dtype::F32 ? static_cast<const float*>(values)[i]
                                       : to_float(static_cast<const bf16*>(values)[i]);
        rounded[i] = round_to(dtype_, wide[i]);
    }
    device_.upload(reinterpret_cast<float*>(weight_.data()) + begin, rounded.data(), count * 4);
    if (master_.data() != nullptr) device_.upload(master_.data() + begin, wide.data(), count * 4);
    update_shifted();
}

void Parameter::save_rows(int64_t first, int64_t n, void* out_values) const {
    if (!plain()) {
        device_.unpack_rows(dtype_, weight(), rows(), cols(), first, n, dtype_, out_values);
        return;
    }
    std::vector<float> wide(static_cast<size_t>(n * shape_.width()));
    device_.download(wide.data(), stored() + first * shape_.width(), n * shape_.width() * 4);
    if (dtype_ == Dtype::F32) {
        std::copy(wide.begin(), wide.end(), static_cast<float*>(out_values));
    } else {
        std::transform(wide.begin(), wide.end(), static_cast<bf16*>(out_values), to_bf16);
    }
}

void Parameter::copy_from(Parameter& source) {
    TBRM_ASSERT(rows() == source.rows() && cols() == source.cols() && dtype_ == source.dtype_, "shapes differ");
    device_.copy(weight_.data(), source.weight_.data(), all_weight_bytes());
    update_shifted();
    if (master_.data() == nullptr) return;
    TBRM_ASSERT(!shares_master_ && !source.shares_master_, "masters that ranks share were copied");
    if (source.master_.data() != nullptr) {
        device_.copy(master_.data(), source.master_.data(), layout_elements_ * 4);
    } else {
        widen_into(master_);
    }
}

void Parameter::widen_into(DeviceBuffer<float>& master) const {
    if (plain()) {
        device_.copy(master.data(), weight_.data(), layout_elements_ * 4);
        return;
    }
    const int64_t step = chunk_rows(cols());
    std::vector<float> wide(static_cast<size_t>(std::min(rows(), step) * cols()));
    for (int64_t first = 0; first < rows(); first += step) {
        const int64_t n = std::min(step, rows() - first);
        device_.unpack_rows(dtype_, weight(), rows(), cols(), first, n, Dtype::F32, wide.data());
        device_.pack_rows(Dtype::F32, master.data(), rows(), cols(), first, n, Dtype::F32, wide.data());
    }
}

}  // namespace tbrm
