// embedding_cuda.cu - CUDA twin of embedding.cpp. Contract: embedding.hpp. Backward sorts the tokens by id with a stable radix sort; the
// block of an id's first token then adds up its rows in order. No atomics: the additions of each element are those of the CPU twin.
#include <cub/device/device_radix_sort.cuh>

#include "core/cuda.hpp"
#include "core/cuda_vector.cuh"
#include "ops/embedding.hpp"
#include "ops/rows.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 128;

__global__ void count_kernel(int64_t n, int32_t* out) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (i < n) out[i] = static_cast<int32_t>(i);
}

// Tokens in order of (id, token): ids[i] of token tokens[i]. Block (i, c): the run of equal ids that begins at i, columns [128 c, ..).
template <class T>
__global__ void add_runs_kernel(
        int64_t n, int64_t d, const int32_t* ids, const int32_t* tokens, const T* dy, float* dw) {
    const int64_t first = blockIdx.x, col = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
    const int32_t id = ids[first];
    if (col >= d || (first > 0 && ids[first - 1] == id)) return;
    float* out = dw + static_cast<int64_t>(id) * d + col;
    float sum = *out;
    for (int64_t i = first; i < n && ids[i] == id; ++i)
        sum += widen(dy[static_cast<int64_t>(tokens[i]) * d + col]);
    *out = sum;
}

unsigned blocks_for(int64_t n) {
    return static_cast<unsigned>((n + kThreads - 1) / kThreads);
}

// Bits that ids below vocab may have.
int bits_of(int64_t vocab) {
    int bits = 1;
    while (bits < 31 && (int64_t{1} << bits) < vocab)
        ++bits;
    return bits;
}

}  // namespace

void embedding_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, int64_t, const int32_t* ids,
        const void* w, void* y) {
    gather_rows(queue, dtype, n, d, ids, w, y);
}

void embedding_backward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids,
        const void* dy, float* dw) {
    if (n <= 0 || d <= 0) return;
    TBRM_ASSERT(n < (int64_t{1} << 31), "%lld tokens are too many for one sort", static_cast<long long>(n));
    const CudaArray<int32_t> order(queue, n), sorted_ids(queue, n), tokens(queue, n);
    count_kernel<<<blocks_for(n), kThreads, 0, queue.stream>>>(n, order.data());
    TBRM_LAUNCH_CHECK();
    const int count = static_cast<int>(n), bits = bits_of(vocab);
    size_t bytes = 0;
    TBRM_CUDA_CHECK(cub::DeviceRadixSort::SortPairs(
            nullptr, bytes, ids, sorted_ids.data(), order.data(), tokens.data(), count, 0, bits, queue.stream));
    const CudaArray<char> scratch(queue, static_cast<int64_t>(bytes > 0 ? bytes : 1));
    TBRM_CUDA_CHECK(cub::DeviceRadixSort::SortPairs(
            scratch.data(), bytes, ids, sorted_ids.data(), order.data(), tokens.data(), count, 0, bits, queue.stream));
    const dim3 grid(static_cast<unsigned>(n), blocks_for(d));
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        add_runs_kernel<T><<<grid, kThreads, 0, queue.stream>>>(
                n, d, sorted_ids.data(), tokens.data(), static_cast<const T*>(dy), dw);
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
