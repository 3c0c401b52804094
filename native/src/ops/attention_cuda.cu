// attention_cuda.cu - CUDA twins of kv_write, paged and packed attention. Contract: ops/attention.hpp. A page holds, per kv head, 64 rows of
// keys, then 64 rows of values, row-major. bf16 with heads of 64 or 128 goes to attention_split_cuda.cu. Everything else is here: a block takes
// up to 32 (query row, head) pairs of one kv head and walks the keys 64 at a time with an online softmax; decode, prefill and training are the
// same walk over the same values, so their bits are equal.
#include <vector>

#include "core/cuda_staging.hpp"
#include "ops/attention_forward_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

template <class T>
struct ForwardShared {
    T *q, *kv, *p;
    float *scores, *sums, *max, *sum;
    int64_t bytes;

    __host__ __device__ ForwardShared(char* base, int head_dim) {
        SharedCursor cursor(base);
        q = cursor.take<T>(kTilePairs * padded_ld<T>(head_dim));
        kv = cursor.take<T>(kKeys * padded_ld<T>(head_dim));
        p = cursor.take<T>(kTilePairs * kProbsLd);
        scores = cursor.take<float>(kTilePairs * kScoresLd);
        sums = cursor.take<float>(kTilePairs * sums_ld(head_dim));
        max = cursor.take<float>(kTilePairs);
        sum = cursor.take<float>(kTilePairs);
        bytes = cursor.used();
    }
};

__device__ float warp_max(float x) {
    for (int hop = 16; hop > 0; hop /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, hop));
    return x;
}

__device__ float warp_sum(float x) {
    for (int hop = 16; hop > 0; hop /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, hop);
    return x;
}

// One warp per pair: probabilities of the block's keys, and the running sums brought to the new maximum. A pair that sees none of the keys
// is left as it is. Products and sums are spelled out: where the compiler may contract them it may do so in one kernel and not in the
// other, and decode's bits would no longer be training's.
template <class T>
__device__ void softmax_block(
        const Forward<T>& f, const RowSpan& span, int pairs, int pair0, int64_t begin, const ForwardShared<T>& s) {
    const int lane = static_cast<int>(threadIdx.x) % 32, ld = sums_ld(f.head_dim);
    for (int pair = static_cast<int>(threadIdx.x) / 32; pair < kTilePairs; pair += kAttentionThreads / 32) {
        const int64_t n_keys = pair < pairs ? span.n_keys + (pair0 + pair) / f.group : 0;
        // Keys of the block up to the pair's own, and of these those before its window.
        const int64_t visible = n_keys - begin, gone = f.window > 0 ? n_keys - f.window - begin : 0;
        T* const p = s.p + pair * kProbsLd;
        if (visible <= 0 || gone >= kKeys) {
            p[lane] = p[lane + 32] = narrowed<T>(0.0f);
            continue;
        }
        const float* const row = s.scores + pair * kScoresLd;
        const bool sees_low = lane < visible && lane >= gone, sees_high = lane + 32 < visible && lane + 32 >= gone;
        const float low = sees_low ? __fmul_rn(row[lane], f.scale) : -INFINITY;
        const float high = sees_high ? __fmul_rn(row[lane + 32], f.scale) : -INFINITY;
        const float before = s.max[pair], now = fmaxf(before, warp_max(fmaxf(low, high)));
        const float fade = before == -INFINITY ? 0.0f : expf(__fsub_rn(before, now));
        const float p_low = sees_low ? expf(__fsub_rn(low, now)) : 0.0f;
        const float p_high = sees_high ? expf(__fsub_rn(high, now)) : 0.0f;
        p[lane] = narrowed<T>(p_low);
        p[lane + 32] = narrowed<T>(p_high);
        const float added = warp_sum(__fadd_rn(p_low, p_high));
        __syncwarp();
        if (lane == 0) {
            s.max[pair] = now;
            s.sum[pair] = fmaf(s.sum[pair], fade, added);
        }
        if (fade != 1.0f) {
            for (int c = lane; c < f.head_dim; c += 32)
                s.sums[pair * ld + c] = __fmul_rn(s.sums[pair * ld + c], fade);
        }
    }
}

template <class T>
__device__ void write_pairs(
        const Forward<T>& f, const RowSpan& span, int pairs, int pair0, int head0, const ForwardShared<T>& s) {
    const int ld = sums_ld(f.head_dim);
    for (int at = static_cast<int>(threadIdx.x); at < pairs * f.head_dim; at += kAttentionThreads) {
        const int pair = at / f.head_dim, c = at % f.head_dim;
        const int64_t row = span.first + (pair0 + pair) / f.group, head = head0 + (pair0 + pair) % f.group;
        // No key at all: a row of zeros. Adding zero turns -0, which depends on what the row was computed with, into +0.
        const float value = span.n_keys > 0 ? fmaf(s.sums[pair * ld + c], 1.0f / s.sum[pair], 0.0f) : 0.0f;
        f.out[row * f.ldo + head * f.head_dim + c] = narrowed<T>(value);
        if (c == 0 && f.out_lse != nullptr)
            f.out_lse[row * f.n_heads + head] = span.n_keys > 0 ? __fadd_rn(s.max[pair], logf(s.sum[pair])) : -INFINITY;
    }
}

// The pairs [pair0, pair0 + 32) of a span's rows times the query heads of one kv head.
template <class T, bool kTensor, class Keys>
__device__ void attend(
        const Forward<T>& f, const RowSpan& span, int kv_head, int pair0, const Keys& keys, char* shared) {
    const ForwardShared<T> s(shared, f.head_dim);
    const int d = f.head_dim, ld = padded_ld<T>(d), head0 = kv_head * f.group;
    const int pairs = min(kTilePairs, span.count * f.group - pair0), m = pairs <= 16 ? 16 : 32;
    load_rows(kTilePairs, pairs, d, ld, s.q, f.wide_q, [&](int pair) {
        return f.q + (span.first + (pair0 + pair) / f.group) * f.ldq + (head0 + (pair0 + pair) % f.group) * d;
    });
    for (int at = static_cast<int>(threadIdx.x); at < kTilePairs * sums_ld(d); at += kAttentionThreads)
        s.sums[at] = 0.0f;
    if (threadIdx.x < kTilePairs) {
        s.max[threadIdx.x] = -INFINITY;
        s.sum[threadIdx.x] = 0.0f;
    }
    const int64_t n_keys = span.n_keys > 0 ? span.n_keys + (span.count - 1) : 0;
    // The span's first row sees the earliest keys.
    const int64_t first_key = f.window > 0 && span.n_keys > f.window ? span.n_keys - f.window : 0;
    for (int64_t begin = first_key / kKeys * kKeys; begin < n_keys; begin += kKeys) {
        // Slots beyond the last key are not initialised: they are read as zeros.
        const int count = static_cast<int>(min(static_cast<int64_t>(kKeys), n_keys - begin));
        load_rows(kKeys, count, d, ld, s.kv, f.wide_kv, [&](int slot) { return keys.key(begin, slot); });
        __syncthreads();
        tile_product<kTensor, Op::Plain, Op::Transposed>(m, kKeys, d, s.q, ld, s.kv, ld, s.scores, kScoresLd, false);
        __syncthreads();
        load_rows(kKeys, count, d, ld, s.kv, f.wide_kv, [&](int slot) { return keys.value(begin, slot); });
        softmax_block(f, span, pairs, pair0, begin, s);
        __syncthreads();
        tile_product<kTensor, Op::Plain, Op::Plain>(m, d, kKeys, s.p, kProbsLd, s.kv, ld, s.sums, sums_ld(d), true);
        __syncthreads();
    }
    __syncthreads();
    write_pairs(f, span, pairs, pair0, head0, s);
}

// grid: (row, kv head, 32 pairs of the row's tile); a block whose row does not start a tile has nothing to do.
template <class T, bool kTensor>
__global__ void __launch_bounds__(kAttentionThreads) paged_attention_kernel(Forward<T> f, int64_t n, int most,
        const T* pool, const int64_t* page_table, const int64_t* table_offsets, const int32_t* n_keys) {
    extern __shared__ __align__(128) char shared[];
    const int64_t row = blockIdx.x;
    if (continues(row, most, table_offsets, n_keys)) return;
    int32_t count = 1;
    while (row + count < n && continues(row + count, most, table_offsets, n_keys))
        ++count;
    const int64_t head_elements = 2 * static_cast<int64_t>(kKeys) * f.head_dim;
    const PagedKeys<T> keys{pool + blockIdx.y * head_elements, page_table + table_offsets[row],
            f.n_kv_heads * head_elements, f.head_dim};
    attend<T, kTensor>(f, {row, count, n_keys[row]}, static_cast<int>(blockIdx.y),
            static_cast<int>(blockIdx.z) * kTilePairs, keys, shared);
}

template <class T, bool kTensor>
__global__ void __launch_bounds__(kAttentionThreads)
        packed_attention_kernel(Forward<T> f, const PackedSpan* spans, const T* k, const T* v) {
    extern __shared__ __align__(128) char shared[];
    const PackedSpan span = spans[blockIdx.x];
    const int64_t first = span.sequence * f.ldq + static_cast<int64_t>(blockIdx.y) * f.head_dim;
    const PackedKeys<T> keys{k + first, v + first, f.ldq};
    attend<T, kTensor>(
            f, span.rows, static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.z) * kTilePairs, keys, shared);
}

template <class T>
__global__ void kv_write_kernel(int head_dim, int n_kv_heads, const T* k, const T* v, int64_t ld, const int64_t* pages,
        const int32_t* slots, T* pool) {
    const int64_t token = blockIdx.x, head_elements = 2 * static_cast<int64_t>(kKeys) * head_dim;
    T* const page = pool + pages[token] * n_kv_heads * head_elements + static_cast<int64_t>(slots[token]) * head_dim;
    for (int at = static_cast<int>(threadIdx.x); at < n_kv_heads * head_dim; at += static_cast<int>(blockDim.x)) {
        const int head = at / head_dim, c = at % head_dim;
        T* const key = page + head * head_elements + c;
        key[0] = k[token * ld + at];
        key[static_cast<int64_t>(kKeys) * head_dim] = v[token * ld + at];
    }
}

dim3 grid_of(const AttentionShape& shape, int64_t n) {
    const int64_t pairs = rows_per_tile(shape, kTilePairs) * (shape.n_heads / shape.n_kv_heads);
    return dim3(static_cast<unsigned>(n), static_cast<unsigned>(shape.n_kv_heads),
            static_cast<unsigned>((pairs + kTilePairs - 1) / kTilePairs));
}

template <class T>
Forward<T> forward_of(Dtype dtype, const AttentionShape& shape, const void* q, int64_t ldq, void* out, int64_t ldo,
        float* out_lse, bool wide_kv) {
    return {static_cast<int>(shape.n_heads / shape.n_kv_heads), static_cast<int>(shape.n_heads),
            static_cast<int>(shape.n_kv_heads), static_cast<int>(shape.head_dim), shape.scale, shape.window,
            static_cast<const T*>(q), ldq, static_cast<T*>(out), ldo, out_lse,
            rows_are_wide(dtype, q, ldq, shape.head_dim), wide_kv};
}

}  // namespace

void kv_write(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n, const void* k, const void* v,
        int64_t ld, const int64_t* pages, const int32_t* slots, void* pool) {
    if (n <= 0) return;
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        kv_write_kernel<T><<<static_cast<unsigned>(n), kAttentionThreads, 0, queue.stream>>>(
                static_cast<int>(shape.head_dim), static_cast<int>(shape.n_kv_heads), static_cast<const T*>(k),
                static_cast<const T*>(v), ld, pages, slots, static_cast<T*>(pool));
    });
    TBRM_LAUNCH_CHECK();
}

void paged_attention(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n, const void* q,
        int64_t ldq, const void* pool, const int64_t* page_table, const int64_t* page_table_offsets,
        const int32_t* n_keys, void* out, int64_t ldo, float* out_lse) {
    if (n <= 0) return;
    if (splits_keys(dtype, shape)) {
        return paged_attention_split(
                queue, shape, n, q, ldq, pool, page_table, page_table_offsets, n_keys, out, ldo, out_lse);
    }
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const auto launch = [&](auto* kernel) {
            const int64_t bytes = ForwardShared<T>(nullptr, static_cast<int>(shape.head_dim)).bytes;
            reserve_shared(queue, kernel, bytes, shape.head_dim, "attention at head_dim");
            const bool wide = rows_are_wide(dtype, pool, shape.head_dim, shape.head_dim);
            kernel<<<grid_of(shape, n), kAttentionThreads, static_cast<size_t>(bytes), queue.stream>>>(
                    forward_of<T>(dtype, shape, q, ldq, out, ldo, out_lse, wide), n,
                    static_cast<int>(rows_per_tile(shape, kTilePairs)), static_cast<const T*>(pool), page_table,
                    page_table_offsets, n_keys);
        };
        if constexpr (std::is_same_v<T, float>) {
            launch(paged_attention_kernel<T, false>);
        } else {
            launch(takes_tensor_cores(dtype, shape.head_dim) ? paged_attention_kernel<T, true>
                                                             : paged_attention_kernel<T, false>);
        }
    });
    TBRM_LAUNCH_CHECK();
}

void packed_attention_forward(const CudaQueue& queue, Dtype dtype, const AttentionShape& shape, int64_t n_seqs,
        const int64_t* host_offsets, const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) {
    if (splits_keys(dtype, shape))
        return packed_attention_split(queue, shape, n_seqs, host_offsets, qkv, ldqkv, out, ldo, out_lse);
    const std::vector<PackedSpan> spans = spans_of(shape, kTilePairs, n_seqs, host_offsets);
    if (spans.empty()) return;
    const CudaArray<PackedSpan> device_spans = to_device(queue, spans);
    with_cuda_dtype(dtype, [&](auto* null) {
        using T = std::remove_pointer_t<decltype(null)>;
        const T* const k = static_cast<const T*>(qkv) + shape.n_heads * shape.head_dim;
        const auto launch = [&](auto* kernel) {
            const int64_t bytes = ForwardShared<T>(nullptr, static_cast<int>(shape.head_dim)).bytes;
            reserve_shared(queue, kernel, bytes, shape.head_dim, "attention at head_dim");
            const bool wide = rows_are_wide(dtype, qkv, ldqkv, shape.head_dim);
            kernel<<<grid_of(shape, static_cast<int64_t>(spans.size())), kAttentionThreads, static_cast<size_t>(bytes),
                    queue.stream>>>(forward_of<T>(dtype, shape, qkv, ldqkv, out, ldo, out_lse, wide),
                    device_spans.data(), k, k + shape.n_kv_heads * shape.head_dim);
        };
        if constexpr (std::is_same_v<T, float>) {
            launch(packed_attention_kernel<T, false>);
        } else {
            launch(takes_tensor_cores(dtype, shape.head_dim) ? packed_attention_kernel<T, true>
                                                             : packed_attention_kernel<T, false>);
        }
    });
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
