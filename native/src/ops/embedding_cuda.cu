// embedding_cuda.cu - CUDA twin of embedding.cpp. Contract: embedding.hpp. Backward sorts the tokens by id with a stable radix sort; the
// block of an id's first token then adds up its rows in order. No atomics: the additions of each element are those of the CPU twin.
#include "core/cuda_sort.hpp"
#include "core/cuda_vector.cuh"
#include "ops/embedding.hpp"
#include "ops/rows.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 128;

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

}  // namespace

void embedding_forward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, int64_t, const int32_t* ids,
        const void* w, void* y) {
    gather_rows(queue, dtype, n, d, ids, w, y);
}

void embedding_backward(const CudaQueue& queue, Dtype dtype, int64_t n, int64_t d, int64_t vocab, const int32_t* ids,
        const void* dy, float* dw) {
    if (n <= 0 || d <= 0) return;
    const SortedKeys tokens = sort_keys(queue, n, vocab, ids);
    const dim3 grid(static_cast<unsigned>(n), blocks_for(d));
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        add_runs_kernel<T><<<grid, kThreads, 0, queue.stream>>>(
                n, d, tokens.sorted.data(), tokens.order.data(), static_cast<const T*>(dy), dw);
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
