#pragma once
// cuda_columns.cuh - sums down the columns of something with many rows: blocks of 256 rows in order, then the blocks in order. No atomics.
#include "core/cuda.hpp"

namespace tbrm {
namespace cuda {

constexpr int64_t kColumnRows = 256;
constexpr int kColumnThreads = 256;

// value(row, col) -> what is added. partial [row blocks][cols].
template <class Value>
__global__ void column_partials_kernel(int64_t rows, int64_t cols, Value value, float* partial) {
    const int64_t col = static_cast<int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
    if (col >= cols) return;
    const int64_t first = blockIdx.x * kColumnRows, end = first + kColumnRows < rows ? first + kColumnRows : rows;
    float sum = 0.0f;
    for (int64_t row = first; row < end; ++row)
        sum += value(row, col);
    partial[blockIdx.x * cols + col] = sum;
}

static __global__ void add_partials_kernel(int64_t blocks, int64_t cols, const float* partial, float* out) {
    const int64_t col = static_cast<int64_t>(blockIdx.x) * kColumnThreads + threadIdx.x;
    if (col >= cols) return;
    float sum = out[col];
    for (int64_t b = 0; b < blocks; ++b)
        sum += partial[b * cols + col];
    out[col] = sum;
}

// out[col] += sum of value(row, col) over rows.
template <class Value>
void add_column_sums(const CudaQueue& queue, int64_t rows, int64_t cols, const Value& value, float* out) {
    if (rows <= 0 || cols <= 0) return;
    const int64_t blocks = (rows + kColumnRows - 1) / kColumnRows;
    const unsigned across = static_cast<unsigned>((cols + kColumnThreads - 1) / kColumnThreads);
    const CudaArray<float> partial(queue, blocks * cols);
    column_partials_kernel<<<dim3(static_cast<unsigned>(blocks), across), kColumnThreads, 0, queue.stream>>>(
            rows, cols, value, partial.data());
    TBRM_LAUNCH_CHECK();
    add_partials_kernel<<<across, kColumnThreads, 0, queue.stream>>>(blocks, cols, partial.data(), out);
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
