// linear_cuda.cu - CUDA twin of linear.cpp and linear_backward.cpp. Contract: linear.hpp. W is row-major.
#include "core/cuda_columns.cuh"
#include "core/cuda_vector.cuh"
#include "gemm/linear.hpp"
#include "gemm/product_cuda.hpp"

namespace tbrm {
namespace cuda {
namespace {

template <class T>
struct Element {
    const T* from;
    int64_t ld;
    __device__ float operator()(int64_t row, int64_t col) const { return widen(from[row * ld + col]); }
};

}  // namespace

void linear_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x, int64_t ldx,
        const void* w, const float* bias, Epilogue epilogue, void* y, int64_t ldy) {
    multiply(queue, {dtype, n, m, k, x, ldx, false, w, k, false, bias, epilogue == Epilogue::AddTo, y, dtype, ldy});
}

OpenSums linear_forward_open(
        const CudaQueue& queue, Dtype dtype, int64_t n, const LinearCall& call, Epilogue epilogue, void* y) {
    return multiply_open(queue, {dtype, n, call.outputs, call.inputs, call.x, call.inputs, false, call.w, call.inputs,
                                        false, call.bias, epilogue == Epilogue::AddTo, y, dtype, call.outputs});
}

void linear_forward_f32(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* x,
        int64_t ldx, const void* w, float* y, int64_t ldy) {
    multiply(queue, {dtype, n, m, k, x, ldx, false, w, k, false, nullptr, false, y, Dtype::F32, ldy});
}

void linear_backward_input(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy,
        int64_t lddy, const void* w, Epilogue epilogue, void* dx, int64_t lddx) {
    multiply_backward(queue,
            {dtype, n, k, m, dy, lddy, false, w, k, true, nullptr, epilogue == Epilogue::AddTo, dx, dtype, lddx});
}

void linear_backward_weight(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t k, int64_t m, const void* dy,
        int64_t lddy, const void* x, int64_t ldx, float* dw, float* dbias) {
    if (n <= 0 || m <= 0) return;
    multiply_backward(queue, {dtype, m, k, n, dy, lddy, true, x, ldx, true, nullptr, true, dw, Dtype::F32, k});
    if (dbias == nullptr) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        add_column_sums(queue, n, m, Element<T>{static_cast<const T*>(dy), lddy}, dbias);
    });
}

}  // namespace cuda
}  // namespace tbrm
