// parameter_shares.cpp - a parameter of which a rank keeps a share.
#include <algorithm>
#include <vector>

#include "core/guard.hpp"
#include "model/parameter.hpp"

namespace tbrm {

void Parameter::share(bool is_adapter, int64_t number, const Sharing& sharing) {
    TBRM_ASSERT(trainable_, "a parameter that is not trained was shared");
    number_ = number;
    sharing_ = sharing;
    own_ = of_rank(sharing.rank);
    // As shared_parameter_bytes reckons.
    const bool divides = sharing.masters && dtype_ != Dtype::F32 && !plain() && !is_adapter;
    if (divides && !shares_master_) {
        const MemoryScope scope(MemoryUse::Masters);
        DeviceBuffer<float> own(device_, own_.n);
        device_.copy(own.data(), master_.data() + own_.first, own_.n * 4);
        device_.synchronize();
        master_ = std::move(own);
        shares_master_ = true;
    }
    gradient_.reset();
    const MemoryScope scope(MemoryUse::Gradients);
    gradient_.resize(device_, sharing.gradients ? own_.n : layout_elements_);
    zero_gradient();
}

float* Parameter::own_master() {
    return shares_master_ ? master_.data() : master() + own_.first;
}

float* Parameter::own_gradient() {
    return gradient_.data() + (sharing_.gradients ? 0 : own_.first);
}

Range Parameter::weight_bytes_of(const Range& elements) const {
    if (plain() || dtype_ == Dtype::F32) return {elements.first * 4, elements.n * 4};
    const int64_t width = dtype_bytes(dtype_);
    // The compute copy pads odd columns where it lies in panels; shares are whole panels then.
    const int64_t panel = shape_.cols * 64, padded = device_.sizes().weight_elements(dtype_, 64, shape_.cols);
    if (padded == panel) return {elements.first * width, elements.n * width};
    return {elements.first / panel * padded * width, elements.n / panel * padded * width};
}

void Parameter::refresh_own() {
    if (!shares_master_ || own_.n == 0) return;
    auto* out = reinterpret_cast<bf16*>(weight_.data() + weight_bytes_of(own_).first);
    const bool in_panels = device_.sizes().row_group() > 1;
    // Pairs of columns of 64 rows that follow one another lie as one panel does.
    if (!in_panels) {
        device_.narrow_weights(1, own_.n, master_.data(), out);
    } else if (cols() % 2 == 0) {
        device_.narrow_weights(64, own_.n / 64, master_.data(), out);
    } else {
        device_.narrow_weights(own_.n / cols(), cols(), master_.data(), out);
    }
}

Parameter::Cover Parameter::cover(int64_t first, int64_t n) const {
    const int64_t width = shape_.width();
    if (plain()) return {{first * width, n * width}, n, 0};
    const int64_t group = device_.sizes().row_group(), begin = first / group * group;
    const int64_t end = ceil_div(first + n, group) * group;
    return {{begin * width, (end - begin) * width}, end - begin, first - begin};
}

void Parameter::pack_cover(const Cover& cover, float* layout, int64_t n, Dtype source, const void* values) const {
    device_.pack_rows(Dtype::F32, layout, cover.rows, cols(), cover.skipped, n, source, values);
}

void Parameter::unpack_cover(const Cover& cover, const float* layout, int64_t n, float* out_values) const {
    if (plain()) {
        device_.download(out_values, layout, cover.elements.n * 4);
    } else {
        device_.unpack_rows(Dtype::F32, layout, cover.rows, cols(), cover.skipped, n, Dtype::F32, out_values);
    }
}

void Parameter::write_own_rows(float* own, int64_t first, int64_t n, const float* values) {
    const Cover rows = cover(first, n);
    const Range part = common(rows.elements, own_);
    if (part.n == 0) return;
    if (plain()) {
        device_.upload(own + (part.first - own_.first), values + (part.first - rows.elements.first), part.n * 4);
        return;
    }
    // What this rank has of a panel keeps its other rows.
    DeviceBuffer<float> layout(device_, rows.elements.n);
    float* there = layout.data() + (part.first - rows.elements.first);
    float* here = own + (part.first - own_.first);
    device_.copy(there, here, part.n * 4);
    pack_cover(rows, layout.data(), n, Dtype::F32, values);
    device_.copy(here, there, part.n * 4);
    device_.synchronize();
}

void Parameter::load_own_master_rows(Dtype source, int64_t first, int64_t n, const void* values) {
    const Cover rows = cover(first, n);
    if (common(rows.elements, own_).n == 0) return;
    if (source == Dtype::F32) return write_own_rows(master_.data(), first, n, static_cast<const float*>(values));
    std::vector<float> wide(static_cast<size_t>(n * cols()));
    std::transform(static_cast<const bf16*>(values), static_cast<const bf16*>(values) + n * cols(), wide.begin(),
            [](bf16 x) { return to_float(x); });
    write_own_rows(master_.data(), first, n, wide.data());
}

}  // namespace tbrm
