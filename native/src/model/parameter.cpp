#include "model/parameter.hpp"

#include <algorithm>
#include <vector>

#include "core/guard.hpp"

namespace tbrm {
namespace {

// Rows handled at once when a tensor passes through host scratch: about 1 MiB of fp32.
int64_t chunk_rows(int64_t cols) {
    return std::max<int64_t>(1, (int64_t{1} << 18) / std::max<int64_t>(cols, 1));
}

}  // namespace

void require_device_memory(Device& device, int64_t bytes, const char* what, const char* advice) {
    const int64_t total = device.total_bytes(), left = total - device.memory().in_use();
    if (total <= 0 || bytes <= left) return;
    TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY, "%s need %lld bytes, %lld of the device's %lld are left; %s", what,
            static_cast<long long>(bytes), static_cast<long long>(left), static_cast<long long>(total), advice);
}

Parameter::Parameter(Device& device, Dtype dtype, int64_t rows, int64_t cols, bool trainable)
    : device_(device),
      dtype_(dtype),
      rows_(rows),
      cols_(cols),
      trainable_(trainable),
      layout_elements_(cols > 0 ? device.weight_elements(Dtype::F32, rows, cols) : rows) {
    weight_.resize(device, weight_bytes());
    device.zero(weight_.data(), weight_bytes());
    if (!trainable) return;
    if (dtype != Dtype::F32) {
        master_.resize(device, layout_elements_);
        device.zero(master_.data(), layout_elements_ * 4);
    }
    gradient_.resize(device, layout_elements_);
    zero_gradient();
}

int64_t Parameter::weight_bytes() const {
    return is_matrix() ? device_.weight_elements(dtype_, rows_, cols_) * dtype_bytes(dtype_) : rows_ * 4;
}

int64_t Parameter::bytes(Device& device, Dtype dtype, int64_t rows, int64_t cols, bool trainable) {
    const int64_t wide = (cols > 0 ? device.weight_elements(Dtype::F32, rows, cols) : rows) * 4;
    const int64_t compute = cols > 0 ? device.weight_elements(dtype, rows, cols) * dtype_bytes(dtype) : rows * 4;
    return compute + (trainable ? wide + (dtype == Dtype::F32 ? 0 : wide) : 0);
}

const float* Parameter::vector() const {
    TBRM_ASSERT(!is_matrix(), "a matrix was read as a vector");
    return reinterpret_cast<const float*>(weight_.data());
}

float* Parameter::master() {
    if (!trainable_) return nullptr;
    return dtype_ == Dtype::F32 ? reinterpret_cast<float*>(weight_.data()) : master_.data();
}

void Parameter::freeze() {
    TBRM_ASSERT(adam_m_.data() == nullptr, "a parameter with moments was frozen");
    trainable_ = false;
    master_.reset();
    gradient_.reset();
}

void Parameter::zero_gradient() {
    if (trainable_) device_.zero(gradient_.data(), layout_elements_ * 4);
}

void Parameter::allocate_moments() {
    for (DeviceBuffer<float>* moment : {&adam_m_, &adam_v_}) {
        moment->resize(device_, layout_elements_);
        device_.zero(moment->data(), layout_elements_ * 4);
    }
}

void Parameter::release_moments() noexcept {
    adam_m_.reset();
    adam_v_.reset();
}

void Parameter::refresh() {
    if (!trainable_ || dtype_ == Dtype::F32) return;
    if (is_matrix()) {
        device_.narrow_weights(rows_, cols_, master_.data(), reinterpret_cast<bf16*>(weight_.data()));
    } else {
        device_.round_vector(dtype_, rows_, master_.data(), reinterpret_cast<float*>(weight_.data()));
    }
}

bool Parameter::has(tbrm_tensor_kind_t kind) const {
    return kind == TBRM_TENSOR_KIND_WEIGHT || state(kind) != nullptr;
}

float* Parameter::state(tbrm_tensor_kind_t kind) {
    switch (kind) {
        case TBRM_TENSOR_KIND_MASTER:
            return master();
        case TBRM_TENSOR_KIND_GRADIENT:
            return gradient_.data();
        case TBRM_TENSOR_KIND_ADAM_M:
            return adam_m_.data();
        case TBRM_TENSOR_KIND_ADAM_V:
            return adam_v_.data();
        default:
            return nullptr;
    }
}

void Parameter::read_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, float* out_values) const {
    const bool compute = kind == TBRM_TENSOR_KIND_WEIGHT;
    if (is_matrix()) {
        device_.unpack_rows(compute ? dtype_ : Dtype::F32, compute ? weight() : state(kind), rows_, cols_, first, n,
                Dtype::F32, out_values);
    } else {
        device_.download(out_values, (compute ? vector() : state(kind)) + first, n * 4);
    }
}

void Parameter::write_rows(tbrm_tensor_kind_t kind, int64_t first, int64_t n, const float* values) {
    if (kind == TBRM_TENSOR_KIND_MASTER) return load_rows(Dtype::F32, first, n, values);
    if (kind != TBRM_TENSOR_KIND_WEIGHT) {
        if (is_matrix()) {
            device_.pack_rows(Dtype::F32, state(kind), rows_, cols_, first, n, Dtype::F32, values);
        } else {
            device_.upload(state(kind) + first, values, n * 4);
        }
        return;
    }
    const int64_t width = std::max<int64_t>(cols_, 1), step = chunk_rows(cols_);
    std::vector<float> rounded(static_cast<size_t>(std::min(n, step) * width));
    for (int64_t done = 0; done < n; done += step) {
        const int64_t now = std::min(step, n - done);
        std::transform(values + done * width, values + (done + now) * width, rounded.begin(),
                [&](float x) { return round_to(dtype_, x); });
        load_rows(Dtype::F32, first + done, now, rounded.data());
    }
}

void Parameter::load_rows(Dtype source, int64_t first, int64_t n, const void* values) {
    if (is_matrix()) {
        device_.pack_rows(dtype_, weight_.data(), rows_, cols_, first, n, source, values);
        if (master_.data() != nullptr) {
            device_.pack_rows(Dtype::F32, master_.data(), rows_, cols_, first, n, source, values);
        }
        return;
    }
    std::vector<float> wide(static_cast<size_t>(n)), rounded(static_cast<size_t>(n));
    for (size_t i = 0; i < wide.size(); ++i) {
        wide[i] = source == Dtype::F32 ? static_cast<const float*>(values)[i]
                                       : to_float(static_cast<const bf16*>(values)[i]);
        rounded[i] = round_to(dtype_, wide[i]);
    }
    device_.upload(reinterpret_cast<float*>(weight_.data()) + first, rounded.data(), n * 4);
    if (master_.data() != nullptr) device_.upload(master_.data() + first, wide.data(), n * 4);
}

void Parameter::save_rows(int64_t first, int64_t n, void* out_values) const {
    if (is_matrix()) {
        device_.unpack_rows(dtype_, weight(), rows_, cols_, first, n, dtype_, out_values);
        return;
    }
    std::vector<float> wide(static_cast<size_t>(n));
    device_.download(wide.data(), vector() + first, n * 4);
    if (dtype_ == Dtype::F32) {
        std::copy(wide.begin(), wide.end(), static_cast<float*>(out_values));
    } else {
        std::transform(wide.begin(), wide.end(), static_cast<bf16*>(out_values), to_bf16);
    }
}

void Parameter::copy_from(Parameter& source) {
    TBRM_ASSERT(rows_ == source.rows_ && cols_ == source.cols_ && dtype_ == source.dtype_, "shapes differ");
    device_.copy(weight_.data(), source.weight_.data(), weight_bytes());
    if (master_.data() == nullptr) return;
    if (source.master_.data() != nullptr) {
        device_.copy(master_.data(), source.master_.data(), layout_elements_ * 4);
    } else {
        widen_into_master();
    }
}

void Parameter::widen_into_master() {
    if (!is_matrix()) {
        device_.copy(master_.data(), weight_.data(), rows_ * 4);
        return;
    }
    const int64_t step = chunk_rows(cols_);
    std::vector<float> wide(static_cast<size_t>(std::min(rows_, step) * cols_));
    for (int64_t first = 0; first < rows_; first += step) {
        const int64_t n = std::min(step, rows_ - first);
        device_.unpack_rows(dtype_, weight(), rows_, cols_, first, n, Dtype::F32, wide.data());
        device_.pack_rows(Dtype::F32, master_.data(), rows_, cols_, first, n, Dtype::F32, wide.data());
    }
}

}  // namespace tbrm
