// attention_backward_cuda.cu - CUDA twin of packed_attention_backward. Contract: ops/attention.hpp. Two passes that recompute the scores from
// lse: a block of the first owns 64 keys of a kv head and walks the queries after them (dK, dV); a block of the second owns 32 (query row, head)
// pairs and walks the keys before them (dQ). Each gradient has one writer and one order of additions: no atomics.
#include <algorithm>
#include <vector>

#include "core/cuda_staging.hpp"
#include "ops/attention_tile_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

// Rows of a sequence of the packed batch: [begin, end), and the first of those that a block owns.
struct Owned {
    int64_t begin, end, first;
};

template <class T>
struct Backward {
    int group, n_heads, n_kv_heads, head_dim;
    float scale;
    int64_t window;  // AttentionShape::window
    const T* qkv;
    int64_t ldqkv;
    const float* lse;    // [n][n_heads]
    const float* delta;  // [n][n_heads]: sum of dout * out
    const T* dout;
    int64_t lddo;
    T* dqkv;
    int64_t lddqkv;
    bool wide_qkv, wide_dout;

    __device__ const T* query(int64_t row, int head) const { return qkv + row * ldqkv + head * head_dim; }
    __device__ const T* key(int64_t row, int head) const { return query(row, n_heads + head); }
    __device__ const T* value(int64_t row, int head) const { return query(row, n_heads + n_kv_heads + head); }
    __device__ T* gradient(int64_t row, int column_head) const { return dqkv + row * lddqkv + column_head * head_dim; }
    __device__ bool sees(int64_t row, int64_t key) const { return key <= row && (window == 0 || key > row - window); }
};

// Pairs [first, first + count) of the rows of a sequence times the query heads of a kv head; pair p is row begin + p / group.
struct Pairs {
    int64_t begin, first;
    int count;

    __device__ int64_t row(int pair, int group) const { return begin + (first + pair) / group; }
    __device__ int head(int pair, int group) const { return static_cast<int>((first + pair) % group); }
};

template <class T>
struct BackwardShared {
    T *k, *v, *q, *dout, *p, *ds;
    float *scores, *dp, *dk, *dv;  // dq takes the place of dk
    int64_t bytes;

    __host__ __device__ BackwardShared(char* base, int head_dim, bool owns_keys) {
        SharedCursor cursor(base);
        const int ld = padded_ld<T>(head_dim), sums = sums_ld(head_dim);
        k = cursor.take<T>(kKeys * ld);
        v = cursor.take<T>(kKeys * ld);
        q = cursor.take<T>(kTilePairs * ld);
        dout = cursor.take<T>(kTilePairs * ld);
        p = cursor.take<T>(kTilePairs * kProbsLd);
        ds = cursor.take<T>(kTilePairs * kProbsLd);
        scores = cursor.take<float>(kTilePairs * kScoresLd);
        dp = cursor.take<float>(kTilePairs * kScoresLd);
        dk = cursor.take<float>((owns_keys ? kKeys : kTilePairs) * sums);
        dv = cursor.take<float>(owns_keys ? kKeys * sums : 0);
        bytes = cursor.used();
    }
};

template <class T>
__device__ void load_keys(const Backward<T>& b, const BackwardShared<T>& s, int kv_head, int64_t first, int count) {
    const int ld = padded_ld<T>(b.head_dim);
    load_rows(kKeys, count, b.head_dim, ld, s.k, b.wide_qkv, [&](int slot) { return b.key(first + slot, kv_head); });
    load_rows(kKeys, count, b.head_dim, ld, s.v, b.wide_qkv, [&](int slot) { return b.value(first + slot, kv_head); });
}

template <class T>
__device__ void load_queries(const Backward<T>& b, const BackwardShared<T>& s, int head0, const Pairs& pairs) {
    const int ld = padded_ld<T>(b.head_dim);
    load_rows(kTilePairs, pairs.count, b.head_dim, ld, s.q, b.wide_qkv,
            [&](int pair) { return b.query(pairs.row(pair, b.group), head0 + pairs.head(pair, b.group)); });
    load_rows(kTilePairs, pairs.count, b.head_dim, ld, s.dout, b.wide_dout, [&](int pair) {
        return b.dout + pairs.row(pair, b.group) * b.lddo +
               static_cast<int64_t>(head0 + pairs.head(pair, b.group)) * b.head_dim;
    });
}

// p and ds of all pairs against the 64 keys from row `first_key`; zero where a key lies after its query, before its window or beyond the sequence. Keys and
// queries are in shared memory; barriers around and inside.
template <class T, bool kTensor>
__device__ void probabilities(const Backward<T>& b, const BackwardShared<T>& s, int head0, const Pairs& pairs,
        int64_t first_key, int n_keys) {
    const int d = b.head_dim, ld = padded_ld<T>(d);
    __syncthreads();
    tile_product<kTensor, Op::Plain, Op::Transposed>(
            kTilePairs, kKeys, d, s.q, ld, s.k, ld, s.scores, kScoresLd, false);
    tile_product<kTensor, Op::Plain, Op::Transposed>(kTilePairs, kKeys, d, s.dout, ld, s.v, ld, s.dp, kScoresLd, false);
    __syncthreads();
    for (int at = static_cast<int>(threadIdx.x); at < kTilePairs * kKeys; at += kAttentionThreads) {
        const int pair = at / kKeys, key = at % kKeys;
        float p = 0.0f, ds = 0.0f;
        if (pair < pairs.count && key < n_keys && b.sees(pairs.row(pair, b.group), first_key + key)) {
            const int64_t stat = pairs.row(pair, b.group) * b.n_heads + head0 + pairs.head(pair, b.group);
            p = expf(s.scores[pair * kScoresLd + key] * b.scale - b.lse[stat]);
            ds = p * (s.dp[pair * kScoresLd + key] - b.delta[stat]) * b.scale;
        }
        s.p[pair * kProbsLd + key] = narrowed<T>(p);
        s.ds[pair * kProbsLd + key] = narrowed<T>(ds);
    }
    __syncthreads();
}

template <class T>
__device__ void write_rows(
        const float* sums, int ld, int head_dim, int count, const Backward<T>& b, int64_t first, int column_head) {
    for (int at = static_cast<int>(threadIdx.x); at < count * head_dim; at += kAttentionThreads)
        b.gradient(first + at / head_dim, column_head)[at % head_dim] =
                narrowed<T>(sums[at / head_dim * ld + at % head_dim]);
}

// grid: (64 keys of a sequence, kv head).
template <class T, bool kTensor>
__global__ void __launch_bounds__(kAttentionThreads) attention_dkdv_kernel(Backward<T> b, const Owned* owned) {
    extern __shared__ __align__(128) char shared[];
    const Owned own = owned[blockIdx.x];
    const int kv_head = static_cast<int>(blockIdx.y), head0 = kv_head * b.group, d = b.head_dim;
    const int ld = padded_ld<T>(d), sums = sums_ld(d);
    const int n_keys = static_cast<int>(min(static_cast<int64_t>(kKeys), own.end - own.first));
    const BackwardShared<T> s(shared, d, true);
    for (int at = static_cast<int>(threadIdx.x); at < kKeys * sums; at += kAttentionThreads)
        s.dk[at] = s.dv[at] = 0.0f;
    load_keys(b, s, kv_head, own.first, n_keys);
    // Queries before the first of these keys see none of them, nor do those from whose window the last one is gone.
    int64_t n_queries = own.end - own.first;
    if (b.window > 0) n_queries = min(n_queries, n_keys - 1 + b.window);
    const int64_t n_pairs = n_queries * b.group;
    for (int64_t first = 0; first < n_pairs; first += kTilePairs) {
        const Pairs pairs{own.first, first, static_cast<int>(min(static_cast<int64_t>(kTilePairs), n_pairs - first))};
        load_queries(b, s, head0, pairs);
        probabilities<T, kTensor>(b, s, head0, pairs, own.first, n_keys);
        tile_product<kTensor, Op::Transposed, Op::Plain>(
                kKeys, d, kTilePairs, s.p, kProbsLd, s.dout, ld, s.dv, sums, true);
        tile_product<kTensor, Op::Transposed, Op::Plain>(
                kKeys, d, kTilePairs, s.ds, kProbsLd, s.q, ld, s.dk, sums, true);
        __syncthreads();
    }
    write_rows(s.dk, sums, d, n_keys, b, own.first, b.n_heads + kv_head);
    write_rows(s.dv, sums, d, n_keys, b, own.first, b.n_heads + b.n_kv_heads + kv_head);
}

// grid: (query rows of a sequence, kv head, 32 pairs of them). own.first: the first row; `most` rows, fewer at the end.
template <class T, bool kTensor>
__global__ void __launch_bounds__(kAttentionThreads) attention_dq_kernel(Backward<T> b, const Owned* owned, int most) {
    extern __shared__ __align__(128) char shared[];
    const Owned own = owned[blockIdx.x];
    const int kv_head = static_cast<int>(blockIdx.y), head0 = kv_head * b.group, d = b.head_dim;
    const int ld = padded_ld<T>(d), sums = sums_ld(d);
    const int64_t rows = min(static_cast<int64_t>(most), own.end - own.first);
    const int64_t pair0 = static_cast<int64_t>(blockIdx.z) * kTilePairs;
    if (pair0 >= rows * b.group) return;
    const Pairs pairs{
            own.first, pair0, static_cast<int>(min(static_cast<int64_t>(kTilePairs), rows * b.group - pair0))};
    const BackwardShared<T> s(shared, d, false);
    for (int at = static_cast<int>(threadIdx.x); at < kTilePairs * sums; at += kAttentionThreads)
        s.dk[at] = 0.0f;
    load_queries(b, s, head0, pairs);
    const int64_t position = own.first - own.begin;
    const int64_t gone = b.window > 0 && position >= b.window ? position + 1 - b.window : 0;
    for (int64_t first_key = own.begin + gone / kKeys * kKeys; first_key < own.first + rows; first_key += kKeys) {
        const int n_keys = static_cast<int>(min(static_cast<int64_t>(kKeys), own.first + rows - first_key));
        load_keys(b, s, kv_head, first_key, n_keys);
        probabilities<T, kTensor>(b, s, head0, pairs, first_key, n_keys);
        tile_product<kTensor, Op::Plain, Op::Plain>(kTilePairs, d, kKeys, s.ds, kProbsLd, s.k, ld, s.dk, sums, true);
        __syncthreads();
    }
    for (int at = static_cast<int>(threadIdx.x); at < pairs.count * d; at += kAttentionThreads) {
        const int pair = at / d;
        b.gradient(pairs.row(pair, b.group), head0 + pairs.head(pair, b.group))[at % d] =
                narrowed<T>(s.dk[pair * sums + at % d]);
    }
}

// delta[row][head] = sum of dout * out, one warp each.
template <class T>
__global__ void attention_delta_kernel(int64_t first_row, int64_t n_pairs, int n_heads, int head_dim, const T* out,
        int64_t ldo, const T* dout, int64_t lddo, float* delta) {
    const int64_t pair = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
    if (pair >= n_pairs) return;
    const int64_t row = first_row + pair / n_heads, column = pair % n_heads * head_dim;
    float sum = 0.0f;
    for (int c = static_cast<int>(threadIdx.x) % 32; c < head_dim; c += 32)
        sum = fmaf(widen(dout[row * lddo + column + c]), widen(out[row * ldo + column + c]), sum);
    for (int hop = 16; hop > 0; hop /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, hop);
    if (threadIdx.x % 32 == 0) delta[row * n_heads + column / head_dim] = sum;
}

// Every `step`-th row of every sequence. The blocks with most to do start first: early keys, or late queries.
std::vector<Owned> owned_rows(int64_t n_seqs, const int64_t* offsets, int64_t step, bool last_first) {
    std::vector<Owned> owned;
    for (int64_t b = 0; b < n_seqs; ++b) {
        const int64_t count = (offsets[b + 1] - offsets[b] + step - 1) / step;
        for (int64_t i = 0; i < count; ++i)
            owned.push_back({offsets[b], offsets[b + 1], offsets[b] + (last_first ? count - 1 - i : i) * step});
    }
    return owned;
}

template <class T, bool kTensor>
void run(const CudaQueue& queue, const Backward<T>& b, int64_t n_seqs, const int64_t* offsets) {
    const CudaArray<Owned> keys = to_device(queue, owned_rows(n_seqs, offsets, kKeys, false));
    const int64_t key_bytes = BackwardShared<T>(nullptr, b.head_dim, true).bytes;
    reserve_shared(
            queue, attention_dkdv_kernel<T, kTensor>, key_bytes, b.head_dim, "the gradient of attention at head_dim");
    attention_dkdv_kernel<T, kTensor><<<dim3(static_cast<unsigned>(keys.size()), static_cast<unsigned>(b.n_kv_heads)),
            kAttentionThreads, static_cast<size_t>(key_bytes), queue.stream>>>(b, keys.data());
    TBRM_LAUNCH_CHECK();

    const int most = std::max(1, kTilePairs / b.group);
    const CudaArray<Owned> rows = to_device(queue, owned_rows(n_seqs, offsets, most, true));
    const int64_t row_bytes = BackwardShared<T>(nullptr, b.head_dim, false).bytes;
    const unsigned chunks = static_cast<unsigned>((most * b.group + kTilePairs - 1) / kTilePairs);
    reserve_shared(
            queue, attention_dq_kernel<T, kTensor>, row_bytes, b.head_dim, "the gradient of attention at head_dim");
    attention_dq_kernel<T, kTensor>
            <<<dim3(static_cast<unsigned>(rows.size()), static_cast<unsigned>(b.n_kv_heads), chunks), kAttentionThreads,
                    static_cast<size_t>(row_bytes), queue.stream>>>(b, rows.data(), most);
    TBRM_LAUNCH_CHECK();
}

}  // namespace

void packed_attention_backward(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
        const int64_t* host_offsets, const void* qkv, int64_t ldqkv, const void* out, int64_t ldo, const float* lse,
        const void* dout, int64_t lddo, void* dqkv, int64_t lddqkv) {
    const int64_t first = n_seqs > 0 ? host_offsets[0] : 0, n = n_seqs > 0 ? host_offsets[n_seqs] - first : 0;
    if (n <= 0) return;
    // Indexed by row, as lse is: rows before the first are not used.
    const CudaArray<float> delta(queue, (first + n) * shape.n_heads);
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const int64_t n_pairs = n * shape.n_heads;
        constexpr int kWarps = kAttentionThreads / 32;
        attention_delta_kernel<T>
                <<<static_cast<unsigned>((n_pairs + kWarps - 1) / kWarps), kAttentionThreads, 0, queue.stream>>>(first,
                        n_pairs, static_cast<int>(shape.n_heads), static_cast<int>(shape.head_dim),
                        static_cast<const T*>(out), ldo, static_cast<const T*>(dout), lddo, delta.data());
        TBRM_LAUNCH_CHECK();
        const Backward<T> b{static_cast<int>(shape.n_heads / shape.n_kv_heads), static_cast<int>(shape.n_heads),
                static_cast<int>(shape.n_kv_heads), static_cast<int>(shape.head_dim), shape.scale, shape.window,
                static_cast<const T*>(qkv), ldqkv, lse, delta.data(), static_cast<const T*>(dout), lddo,
                static_cast<T*>(dqkv), lddqkv, rows_are_wide(dtype, qkv, ldqkv, shape.head_dim),
                rows_are_wide(dtype, dout, lddo, shape.head_dim)};
        if constexpr (std::is_same_v<T, float>) {
            run<T, false>(queue, b, n_seqs, host_offsets);
        } else if (takes_tensor_cores(dtype, shape.head_dim)) {
            run<T, true>(queue, b, n_seqs, host_offsets);
        } else {
            run<T, false>(queue, b, n_seqs, host_offsets);
        }
    });
}

}  // namespace cuda
}  // namespace tbrm
