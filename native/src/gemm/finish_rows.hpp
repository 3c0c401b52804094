#pragma once
// finish_rows.hpp - the end of a product: fp32 tile -> the output's dtype, one rounding; and column sums. Compiled per instruction set (gemm/vec.hpp).
#include "gemm/vec.hpp"

namespace tbrm {
namespace {

template <class T>
void finish_rows_vec(int64_t rows, int64_t cols, const float* acc, int64_t ldacc, const float* bias, bool add_to,
        void* y, int64_t ldy) {
    for (int64_t r = 0; r < rows; ++r) {
        const float* from = acc + r * ldacc;
        T* to = static_cast<T*>(y) + r * ldy;
        int64_t c = 0;
        for (; c + Vec::kLanes <= cols; c += Vec::kLanes) {
            Vec::T value = Vec::load(from + c);
            if (bias != nullptr) value = Vec::add(value, Vec::load(bias + c));
            if (add_to) value = Vec::add(value, Vec::load(to + c));
            Vec::store(to + c, value);
        }
        if (c < cols) {
            const int64_t n = cols - c;
            Vec::T value = Vec::load_part(from + c, n);
            if (bias != nullptr) value = Vec::add(value, Vec::load_part(bias + c, n));
            if (add_to) value = Vec::add(value, Vec::load_part(to + c, n));
            Vec::store_part(to + c, value, n);
        }
    }
}

template <class T>
void column_sums_vec(int64_t rows, int64_t cols, const void* src, int64_t ld, float* sum) {
    const T* from = static_cast<const T*>(src);
    int64_t c = 0;
    for (; c + Vec::kLanes <= cols; c += Vec::kLanes) {
        Vec::T total = Vec::load(sum + c);
        for (int64_t r = 0; r < rows; ++r) {
            total = Vec::add(total, Vec::load(from + r * ld + c));
        }
        Vec::store(sum + c, total);
    }
    if (c < cols) {
        const int64_t n = cols - c;
        Vec::T total = Vec::load_part(sum + c, n);
        for (int64_t r = 0; r < rows; ++r) {
            total = Vec::add(total, Vec::load_part(from + r * ld + c, n));
        }
        Vec::store_part(sum + c, total, n);
    }
}

}  // namespace
}  // namespace tbrm
