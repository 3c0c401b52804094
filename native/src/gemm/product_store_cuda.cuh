#pragma once
// product_store_cuda.cuh - the end of a product: bias, what is already there, one rounding; in this order, as the CPU twin.
#include "core/cuda_vector.cuh"
#include "gemm/product_cuda.hpp"

namespace tbrm {
namespace cuda {

template <class Out>
struct alignas(2 * sizeof(Out)) OutPair {
    Out at[2];
};

template <class Out>
struct ProductStore {
    int64_t rows, cols, ldc;
    const float* bias;
    bool add_to, paired;
    Out* c;

    __device__ explicit ProductStore(const Product& p)
        : rows(p.rows), cols(p.cols), ldc(p.ldc), bias(p.bias), add_to(p.add_to), c(static_cast<Out*>(p.c)) {
        paired = ldc % 2 == 0 && reinterpret_cast<uintptr_t>(c) % sizeof(OutPair<Out>) == 0;
    }

    // Sums as they are.
    __device__ ProductStore(int64_t n_rows, int64_t n_cols, Out* to)
        : rows(n_rows), cols(n_cols), ldc(n_cols), bias(nullptr), add_to(false), c(to) {
        paired = ldc % 2 == 0 && reinterpret_cast<uintptr_t>(c) % sizeof(OutPair<Out>) == 0;
    }

    __device__ float finished(float value, int64_t col, Out before) const {
        if (bias != nullptr) value += bias[col];
        if (add_to) value += widen(before);
        return value;
    }

    __device__ void one(int64_t row, int64_t col, float value) const {
        if (row >= rows || col >= cols) return;
        Out* at = c + row * ldc + col;
        narrow(finished(value, col, add_to ? *at : Out{}), at);
    }

    // Elements (row, col) and (row, col + 1); col is even.
    __device__ void pair(int64_t row, int64_t col, float first, float second) const {
        if (row >= rows || col >= cols) return;
        if (!paired || col + 1 >= cols) {
            one(row, col, first);
            one(row, col + 1, second);
            return;
        }
        OutPair<Out>* at = reinterpret_cast<OutPair<Out>*>(c + row * ldc + col);
        OutPair<Out> both{};
        if (add_to) both = *at;
        narrow(finished(first, col, both.at[0]), &both.at[0]);
        narrow(finished(second, col + 1, both.at[1]), &both.at[1]);
        *at = both;
    }
};

}  // namespace cuda
}  // namespace tbrm
