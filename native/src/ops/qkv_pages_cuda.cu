// qkv_pages_cuda.cu - CUDA twin of qkv_pages.cpp. Contract: qkv_pages.hpp. One warp per row and head, which lies in shared memory on the way;
// every step has the arithmetic of the kernel that does it alone.
#include "ops/qkv_pages.hpp"

#include "core/cuda.hpp"
#include "gemm/open_sums_cuda.cuh"
#include "ops/rms_norm_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = 32 * kWarps;
constexpr int64_t kMostShared = 48 << 10;  // of a block that asks for no more

template <class T>
struct Rows {
    int64_t n;
    int n_q, n_kv, d, ld_shared;
    T* qkv;
    int64_t ld;
    const float *q_norm, *k_norm;
    float eps;
    bool aligned;  // norms and rows in shared memory may be read in chunks
    const int32_t* positions;
    const float *cos_table, *sin_table;
    const int64_t* pages;
    const int32_t* slots;
    T* pool;
    OpenSums sums;
    const float* bias;
};

// The head's elements as the projection gives them.
template <class T>
__device__ void load_head(const Rows<T>& p, int64_t row, int head, T* x) {
    for (int c = static_cast<int>(threadIdx.x) % 32; c < p.d; c += 32) {
        const int64_t col = static_cast<int64_t>(head) * p.d + c, at = row * p.ld + col;
        if (p.sums.count == 0) {
            x[c] = p.qkv[at];
            continue;
        }
        float sum = summed(p.sums, at);
        if (p.bias != nullptr) sum = __fadd_rn(sum, p.bias[col]);
        narrow(sum, x + c);
    }
}

// x rotated, as rope_kernel does it.
template <class T>
__device__ void rotate(const Rows<T>& p, int64_t row, const T* x, T* to) {
    const int half = p.d / 2;
    const int64_t angle = static_cast<int64_t>(p.positions[row]) * half;
    for (int i = static_cast<int>(threadIdx.x) % 32; i < half; i += 32) {
        const float c = p.cos_table[angle + i], s = p.sin_table[angle + i];
        const float a = widen(x[i]), b = widen(x[half + i]);
        narrow(__fsub_rn(__fmul_rn(a, c), __fmul_rn(b, s)), to + i);
        narrow(__fmaf_rn(b, c, __fmul_rn(a, s)), to + half + i);
    }
}

template <class T>
__global__ void __launch_bounds__(kThreads) qkv_to_pages_kernel(Rows<T> p) {
    extern __shared__ __align__(16) char shared[];
    const int warp = static_cast<int>(threadIdx.x) / 32, heads = p.n_q + 2 * p.n_kv;
    const int64_t id = static_cast<int64_t>(blockIdx.x) * kWarps + warp;
    if (id >= p.n * heads) return;
    const int64_t row = id / heads;
    const int head = static_cast<int>(id % heads), kv = head < p.n_q ? -1 : (head - p.n_q) % p.n_kv;
    const bool is_value = head >= p.n_q + p.n_kv;
    T* const x = reinterpret_cast<T*>(shared) + warp * p.ld_shared;
    load_head(p, row, head, x);
    __syncwarp();
    const float* const norm = is_value ? nullptr : kv < 0 ? p.q_norm : p.k_norm;
    if (norm != nullptr) {
        normalize_row(p.d, x, norm, p.eps, p.aligned, x);
        __syncwarp();
    }
    T* to = p.qkv + row * p.ld + static_cast<int64_t>(head) * p.d;
    if (kv >= 0) {
        if (p.pages[row] < 0) return;
        const int64_t block = kPageTokens * p.d;  // keys, or values, of one kv head of a page
        to = p.pool + (p.pages[row] * p.n_kv + kv) * 2 * block + (is_value ? block : 0) + p.slots[row] * p.d;
    }
    if (!is_value) return rotate(p, row, x, to);
    for (int c = static_cast<int>(threadIdx.x) % 32; c < p.d; c += 32)
        to[c] = x[c];
}

}  // namespace

void qkv_to_pages(const CudaQueue& queue, const QkvRows& rows, const OpenSums& sums, const float* bias) {
    if (rows.n <= 0) return;
    const AttentionShape& shape = rows.shape;
    const int64_t heads = shape.n_heads + 2 * shape.n_kv_heads, blocks = (rows.n * heads + kWarps - 1) / kWarps;
    with_cuda_dtype(rows.dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const int64_t ld_shared = (shape.head_dim + kChunk - 1) / kChunk * kChunk;
        const int64_t bytes = kWarps * ld_shared * static_cast<int64_t>(sizeof(T));
        TBRM_REQUIRE(bytes <= kMostShared, "head_dim is %lld, expected %lld or less on a GPU",
                static_cast<long long>(shape.head_dim),
                static_cast<long long>(kMostShared / kWarps / static_cast<int64_t>(sizeof(T))));
        const Rows<T> p{rows.n, static_cast<int>(shape.n_heads), static_cast<int>(shape.n_kv_heads),
                static_cast<int>(shape.head_dim), static_cast<int>(ld_shared), static_cast<T*>(rows.qkv), rows.ld,
                rows.q_norm, rows.k_norm, rows.eps, chunks_aligned(rows.q_norm, 0) && chunks_aligned(rows.k_norm, 0),
                rows.positions, rows.cos_table, rows.sin_table, rows.pages, rows.slots, static_cast<T*>(rows.pool),
                sums, bias};
        qkv_to_pages_kernel<T>
                <<<static_cast<unsigned>(blocks), kThreads, static_cast<size_t>(bytes), queue.stream>>>(p);
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
