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

// Calls body(panel, first lane, number of lanes, first of these rows counted from first_row) for each panel that
// [first_row, first_row + n_rows) touches, panels in parallel.
template <class Body>
void for_panels(int64_t cols, int64_t first_row, int64_t n_rows, Body&& body) {
    if (n_rows <= 0) return;
    const int64_t first_panel = first_row / kPanelRows, last_panel = (first_row + n_rows - 1) / kPanelRows;
    parallel_for(last_panel - first_panel + 1, n_rows * cols, [&](int64_t i) {
        const int64_t panel = first_panel + i;
        const int64_t begin = std::max(first_row, panel * kPanelRows);
        const int64_t end = std::min(first_row + n_rows, (panel + 1) * kPanelRows);
        body(panel, begin % kPanelRows, end - begin, begin - first_row);
    });
}

// Columns at a time: the rows' side of a strip (64 pieces) and the panel's side (64 lanes each) stay in the first-level cache.
constexpr int64_t kStrip = 16;

// Rows [row][cols] -> lanes [lane0, lane0 + lanes) of one panel. Stores run along the lanes.
template <class From>
void pack_panel(float* panel, int64_t cols, int64_t lane0, int64_t lanes, const From* src) {
    for (int64_t c0 = 0; c0 < cols; c0 += kStrip) {
        for (int64_t col = c0; col < std::min(cols, c0 + kStrip); ++col) {
            float* out = panel + col * kPanelRows + lane0;
            for (int64_t lane = 0; lane < lanes; ++lane)
                out[lane] = convert<From, float>(src[lane * cols + col]);
        }
    }
}

template <class From>
void pack_panel(bf16* panel, int64_t cols, int64_t lane0, int64_t lanes, const From* src) {
    const int64_t pairs = cols / 2;
    for (int64_t p0 = 0; p0 < pairs; p0 += kStrip) {
        for (int64_t pair = p0; pair < std::min(pairs, p0 + kStrip); ++pair) {
            bf16* out = panel + (pair * kPanelRows + lane0) * 2;
            for (int64_t lane = 0; lane < lanes; ++lane) {
                out[lane * 2] = convert<From, bf16>(src[lane * cols + pair * 2]);
                out[lane * 2 + 1] = convert<From, bf16>(src[lane * cols + pair * 2 + 1]);
            }
        }
    }
    if (cols % 2 == 0) return;
    for (int64_t lane = 0; lane < lanes; ++lane)
        panel[(pairs * kPanelRows + lane0 + lane) * 2] = convert<From, bf16>(src[lane * cols + cols - 1]);
}

// The inverse. Stores run along the row.
template <class To>
void unpack_panel(const float* panel, int64_t cols, int64_t lane0, int64_t lanes, To* dst) {
    for (int64_t c0 = 0; c0 < cols; c0 += kStrip) {
        const int64_t n = std::min(kStrip, cols - c0);
        for (int64_t lane = 0; lane < lanes; ++lane) {
            const float* from = panel + c0 * kPanelRows + lane0 + lane;
            To* out = dst + lane * cols + c0;
            for (int64_t i = 0; i < n; ++i)
                out[i] = convert<float, To>(from[i * kPanelRows]);
        }
    }
}

template <class To>
void unpack_panel(const bf16* panel, int64_t cols, int64_t lane0, int64_t lanes, To* dst) {
    const int64_t pairs = cols / 2;
    for (int64_t p0 = 0; p0 < pairs; p0 += kStrip) {
        const int64_t n = std::min(kStrip, pairs - p0);
        for (int64_t lane = 0; lane < lanes; ++lane) {
            const bf16* from = panel + (p0 * kPanelRows + lane0 + lane) * 2;
            To* out = dst + lane * cols + p0 * 2;
            for (int64_t i = 0; i < n; ++i) {
                out[i * 2] = convert<bf16, To>(from[i * kPanelRows * 2]);
                out[i * 2 + 1] = convert<bf16, To>(from[i * kPanelRows * 2 + 1]);
            }
        }
    }
    if (cols % 2 == 0) return;
    for (int64_t lane = 0; lane < lanes; ++lane)
        dst[lane * cols + cols - 1] = convert<bf16, To>(panel[(pairs * kPanelRows + lane0 + lane) * 2]);
}

template <class To, class From>
void pack(To* dst, int64_t cols, int64_t first_row, int64_t n_rows, const From* src) {
    const int64_t panel_size = panel_elements(sizeof(To) == 4 ? Dtype::F32 : Dtype::Bf16, kPanelRows, cols);
    for_panels(cols, first_row, n_rows, [&](int64_t panel, int64_t lane0, int64_t lanes, int64_t row) {
        pack_panel(dst + panel * panel_size, cols, lane0, lanes, src + row * cols);
    });
}

template <class From, class To>
void unpack(const From* src, int64_t cols, int64_t first_row, int64_t n_rows, To* dst) {
    const int64_t panel_size = panel_elements(sizeof(From) == 4 ? Dtype::F32 : Dtype::Bf16, kPanelRows, cols);
    for_panels(cols, first_row, n_rows, [&](int64_t panel, int64_t lane0, int64_t lanes, int64_t row) {
        unpack_panel(src + panel * panel_size, cols, lane0, lanes, dst + row * cols);
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
