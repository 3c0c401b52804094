#include "gemm/panels.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "core/parallel.hpp"

namespace tbrm {
namespace cpu {
namespace {

template <class From, class To>
To convert(From x) {
    return from_float<To>(to_float(x));
}
template <>
bf16 convert<bf16, bf16>(bf16 x) {
    return x;
}

// Calls visit(row, col, index in panels) for rows [first_row, first_row + n_rows), one panel per task, in the order of the panels' memory.
template <class Visit>
void visit_panels(Dtype dtype, int64_t cols, int64_t first_row, int64_t n_rows, Visit&& visit) {
    if (n_rows <= 0) return;
    const int64_t first_panel = first_row / kPanelRows, last_panel = (first_row + n_rows - 1) / kPanelRows;
    parallel_for(last_panel - first_panel + 1, n_rows * cols, [&](int64_t i) {
        const int64_t panel = first_panel + i;
        const int64_t begin = std::max(first_row, panel * kPanelRows);
        const int64_t end = std::min(first_row + n_rows, (panel + 1) * kPanelRows);
        constexpr int64_t kStrip = 32;  // columns at a time: keeps both sides within the first-level cache
        for (int64_t c0 = 0; c0 < cols; c0 += kStrip) {
            const int64_t c1 = std::min(cols, c0 + kStrip);
            for (int64_t row = begin; row < end; ++row) {
                for (int64_t col = c0; col < c1; ++col) {
                    visit(row, col, panel_index(dtype, row, col, cols));
                }
            }
        }
    });
}

template <class To, class From>
void pack(To* dst, int64_t cols, int64_t first_row, int64_t n_rows, const From* src) {
    constexpr Dtype kDtype = sizeof(To) == 4 ? Dtype::F32 : Dtype::Bf16;
    visit_panels(kDtype, cols, first_row, n_rows, [=](int64_t row, int64_t col, int64_t index) {
        dst[index] = convert<From, To>(src[(row - first_row) * cols + col]);
    });
}

template <class From, class To>
void unpack(const From* src, int64_t cols, int64_t first_row, int64_t n_rows, To* dst) {
    constexpr Dtype kDtype = sizeof(From) == 4 ? Dtype::F32 : Dtype::Bf16;
    visit_panels(kDtype, cols, first_row, n_rows, [=](int64_t row, int64_t col, int64_t index) {
        dst[(row - first_row) * cols + col] = convert<From, To>(src[index]);
    });
}

void require_rows(int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows) {
    TBRM_REQUIRE(cols >= 0 && first_row >= 0 && n_rows >= 0 && first_row + n_rows <= rows,
            "rows [%lld, %lld) of a matrix of %lld x %lld", static_cast<long long>(first_row),
            static_cast<long long>(first_row + n_rows), static_cast<long long>(rows), static_cast<long long>(cols));
}

}  // namespace

void pack_rows(Dtype dst_dtype, void* dst, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
        Dtype src_dtype, const void* src) {
    require_rows(rows, cols, first_row, n_rows);
    if (dst_dtype == Dtype::F32) {
        float* to = static_cast<float*>(dst);
        if (src_dtype == Dtype::F32) return pack(to, cols, first_row, n_rows, static_cast<const float*>(src));
        return pack(to, cols, first_row, n_rows, static_cast<const bf16*>(src));
    }
    bf16* to = static_cast<bf16*>(dst);
    if (src_dtype == Dtype::F32) return pack(to, cols, first_row, n_rows, static_cast<const float*>(src));
    return pack(to, cols, first_row, n_rows, static_cast<const bf16*>(src));
}

void unpack_rows(Dtype src_dtype, const void* src, int64_t rows, int64_t cols, int64_t first_row, int64_t n_rows,
        Dtype dst_dtype, void* dst) {
    require_rows(rows, cols, first_row, n_rows);
    if (src_dtype == Dtype::F32) {
        const float* from = static_cast<const float*>(src);
        if (dst_dtype == Dtype::F32) return unpack(from, cols, first_row, n_rows, static_cast<float*>(dst));
        return unpack(from, cols, first_row, n_rows, static_cast<bf16*>(dst));
    }
    const bf16* from = static_cast<const bf16*>(src);
    if (dst_dtype == Dtype::F32) return unpack(from, cols, first_row, n_rows, static_cast<float*>(dst));
    return unpack(from, cols, first_row, n_rows, static_cast<bf16*>(dst));
}

void narrow_panels(int64_t rows, int64_t cols, const float* src, bf16* dst) {
    const int64_t pairs = (cols + 1) / 2;
    parallel_for(panel_count(rows) * pairs, panel_count(rows) * pairs * kPanelRows, [&](int64_t i) {
        const int64_t panel = i / pairs, col = i % pairs * 2;
        const float* even = src + (panel * cols + col) * kPanelRows;
        bf16* out = dst + i * kPanelRows * 2;
        const bool has_odd = col + 1 < cols;
        for (int64_t lane = 0; lane < kPanelRows; ++lane) {
            out[lane * 2] = to_bf16(even[lane]);
            out[lane * 2 + 1] = has_odd ? to_bf16(even[kPanelRows + lane]) : bf16{0};
        }
    });
}

}  // namespace cpu
}  // namespace tbrm
