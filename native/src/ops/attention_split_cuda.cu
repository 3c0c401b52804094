// attention_split_cuda.cu - paged and packed attention of bf16 heads of 64 or 128 on tensor cores. Contract: ops/attention.hpp; the arithmetic, and why
// the walks below have the same bits: attention_state_cuda.cuh.
//
// A tile of rows (prefill, training): each warp takes 16 of up to 64 pairs, all walk the same pages, which come in by a ring of asynchronous copies.
// One row (decode): all warps take the row's pairs, and each walks parts of the keys of its own, by a ring of its own, so that many loads are under
// way; with few rows the parts are spread over blocks too, and a second launch merges them.
#include <algorithm>
#include <vector>

#include "core/cuda_staging.hpp"
#include "ops/attention_forward_cuda.cuh"
#include "ops/attention_row_cuda.cuh"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kMostPairs = kWalkWarps * kWarpPairs;  // of a tile
constexpr int kMultiprocessors = 132;  // of an H100: rows and kv heads below that are spread over more blocks
constexpr int kMostShares = 8;

// ------------------------------------------------------ a tile of rows ------------------------------------------------------

template <int D>
constexpr int64_t tile_bytes() {
    return (kMostPairs * HeadTile<D>::kRowChunks + 4 * kPageUnits<D>)*16;
}

template <int D>
__device__ void write_tile(
        const Forward<bf16>& f, const RowSpan& span, int pairs, int pair0, int head0, const PartState<D>& state) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        const int pair = warp * kWarpPairs + lane / 4 + 8 * h;
        if (pair >= pairs) continue;
        const int64_t row = span.first + (pair0 + pair) / f.group, head = head0 + (pair0 + pair) % f.group;
        const bool sees = span.n_keys > 0;
        const float inverse = sees ? 1.0f / state.sum[h] : 0.0f;
        bf16* const out = f.out + row * f.ldo + head * D + lane % 4 * 2;
#pragma unroll
        for (int i = 0; i < D / 8; ++i) {
            // Adding zero turns -0, which depends on what the row was computed with, into +0.
            narrow(__fmaf_rn(state.values[i][2 * h], inverse, 0.0f), out + i * 8);
            narrow(__fmaf_rn(state.values[i][2 * h + 1], inverse, 0.0f), out + i * 8 + 1);
        }
        if (lane % 4 == 0 && f.out_lse != nullptr)
            f.out_lse[row * f.n_heads + head] = sees ? __fadd_rn(state.max[h], logf(state.sum[h])) : -INFINITY;
    }
}

// The pairs [pair0, pair0 + 64) of a span's rows times the query heads of one kv head.
template <int D, class Keys>
__device__ void attend_tile(
        const Forward<bf16>& f, const RowSpan& span, int kv_head, int pair0, const Keys& keys, uint4* shared) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int thread = static_cast<int>(threadIdx.x), head0 = kv_head * f.group;
    const int pairs = min(kMostPairs, span.count * f.group - pair0);
    uint4* const q = shared;
    uint4* const ring = shared + kMostPairs * HeadTile<D>::kRowChunks;
    fetch_rows<D>(kMostPairs, pairs, f.wide_q, q, thread, kWalkThreads, [&](int pair) {
        return f.q + (span.first + (pair0 + pair) / f.group) * f.ldq + (head0 + (pair0 + pair) % f.group) * D;
    });
    const int n_keys = span.n_keys > 0 ? span.n_keys + (span.count - 1) : 0;
    // The span's first row sees the earliest keys.
    const int window = static_cast<int>(f.window), first_seen = window > 0 ? max(0, span.n_keys - window) : 0;
    const auto page_at = [&](int begin) { return ring + begin / kPageKeys % 2 * 2 * kPageUnits<D>; };
    const auto fetch = [&](int begin) {
        if (begin < n_keys) {
            const int count = min(kPageKeys, n_keys - begin);
            uint4* const to = page_at(begin);
            const bf16* const first_key = keys.key(begin, 0);
            const bf16* const first_value = keys.value(begin, 0);
            const int64_t stride = keys.stride();
            fetch_rows<D>(kPageKeys, count, f.wide_kv, to, thread, kWalkThreads,
                    [&](int slot) { return first_key + slot * stride; });
            fetch_rows<D>(kPageKeys, count, f.wide_kv, to + kPageUnits<D>, thread, kWalkThreads,
                    [&](int slot) { return first_value + slot * stride; });
        }
        commit_copies();  // an empty group too: the count below stays right
    };
    // Keys up to the own of this lane's rows, and of the warp's last one.
    int own[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        const int pair = warp * kWarpPairs + lane / 4 + 8 * h;
        own[h] = pair < pairs ? span.n_keys + (pair0 + pair) / f.group : 0;
    }
    const int last = min(pairs, (warp + 1) * kWarpPairs) - 1;
    const int most = warp * kWarpPairs < pairs ? span.n_keys + (pair0 + last) / f.group : 0;

    PartState<D> total, part;
    total.clear();
    part.clear();
    const int first = first_seen / kPageKeys * kPageKeys;
    fetch(first);
    for (int begin = first; begin < n_keys; begin += kPageKeys) {
        fetch(begin + kPageKeys);
        wait_for_copies<1>();
        __syncthreads();
        if (begin < most) {
            SeenKeys seen;
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                seen.end[h] = own[h] - begin;
                seen.first[h] = window > 0 ? own[h] - window - begin : 0;
            }
            float scores[kPageKeys / 8][4];
            page_scores<D>(q, warp * kWarpPairs, page_at(begin), scores);
            page_softmax<D>(f.scale, seen, scores, part);
            page_values<D>(scores, page_at(begin) + kPageUnits<D>, part);
        }
        if (begin / kPageKeys % kPartPages == kPartPages - 1) {
            merge(total, part);
            part.clear();
        }
        // Nobody reads the page any more that the next round fetches into.
        __syncthreads();
    }
    wait_for_copies<0>();
    merge(total, part);
    write_tile<D>(f, span, pairs, pair0, head0, total);
}

// -------------------------------------------------------- kernels --------------------------------------------------------

// The rows of a paged batch and how the parts of a row alone are dealt out.
struct PagedBatch {
    int64_t n;
    int most;  // rows of a tile
    const bf16* pool;
    const int64_t *page_table, *table_offsets;
    const int32_t* n_keys;
    int shares;
    float* states;       // [n][kv heads][most_parts][group][kStateLd]; null with one share
    int64_t most_parts;  // that a row has room for

    __device__ bool alone(int64_t row) const {
        return !continues(row, most, table_offsets, n_keys) &&
               !(row + 1 < n && continues(row + 1, most, table_offsets, n_keys));
    }
    __device__ float* states_of(int64_t row, int kv_head, const Forward<bf16>& f, int64_t ld) const {
        return states + (row * f.n_kv_heads + kv_head) * most_parts * f.group * ld;
    }
};

// grid: (row, kv head, 64 pairs of the row's tile, or share of a row alone); a block whose row does not start a tile has nothing to do.
template <int D>
__global__ void __launch_bounds__(kWalkThreads) paged_split_kernel(Forward<bf16> f, PagedBatch batch) {
    extern __shared__ __align__(128) char shared[];
    const int64_t row = blockIdx.x;
    const int kv_head = static_cast<int>(blockIdx.y), z = static_cast<int>(blockIdx.z);
    if (continues(row, batch.most, batch.table_offsets, batch.n_keys)) return;
    const int64_t head_elements = 2 * static_cast<int64_t>(kKeys) * D;
    const int n_keys = batch.n_keys[row];
    const PagedKeys<bf16> keys{batch.pool + kv_head * head_elements, batch.page_table + batch.table_offsets[row],
            f.n_kv_heads * head_elements, D};
    if (f.group <= kMostRowPairs && batch.alone(row)) {
        const bool spread = batch.shares > 1 && SeenParts(n_keys, f.window).count() <= batch.most_parts;
        if (!spread && z > 0) return;
        float* const states = spread ? batch.states_of(row, kv_head, f, kStateLd<D>) : nullptr;
        return attend_row<D>(
                f, row, n_keys, kv_head, keys, z, spread ? batch.shares : 1, states, reinterpret_cast<uint4*>(shared));
    }
    if (batch.shares > 1 && z > 0) return;
    int32_t count = 1;
    while (row + count < batch.n && continues(row + count, batch.most, batch.table_offsets, batch.n_keys))
        ++count;
    attend_tile<D>(f, {row, count, n_keys}, kv_head, z * kMostPairs, keys, reinterpret_cast<uint4*>(shared));
}

// grid: (row, kv head): merges what the shares of a row left behind.
template <int D>
__global__ void __launch_bounds__(kWalkThreads) merge_parts_kernel(Forward<bf16> f, PagedBatch batch) {
    const int64_t row = blockIdx.x;
    const int kv_head = static_cast<int>(blockIdx.y);
    if (!batch.alone(row)) return;
    const int count = SeenParts(batch.n_keys[row], f.window).count();
    if (count > batch.most_parts) return;
    const float* const states = batch.states_of(row, kv_head, f, kStateLd<D>);
    for (int pair = static_cast<int>(threadIdx.x) / 32; pair < f.group; pair += kWalkWarps) {
        PairTotal<D> total;
        for (int part = 0; part < count; ++part)
            total.add(states + (static_cast<int64_t>(part) * f.group + pair) * kStateLd<D>);
        total.write(f, row, kv_head * f.group + pair);
    }
}

template <int D>
__global__ void __launch_bounds__(kWalkThreads)
        packed_split_kernel(Forward<bf16> f, const PackedSpan* spans, const bf16* k, const bf16* v) {
    extern __shared__ __align__(128) char shared[];
    const PackedSpan span = spans[blockIdx.x];
    const int64_t first = span.sequence * f.ldq + static_cast<int64_t>(blockIdx.y) * D;
    const PackedKeys<bf16> keys{k + first, v + first, f.ldq};
    attend_tile<D>(f, span.rows, static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.z) * kMostPairs, keys,
            reinterpret_cast<uint4*>(shared));
}

Forward<bf16> forward_of(
        const AttentionShape& shape, const void* q, int64_t ldq, void* out, int64_t ldo, float* out_lse, bool wide_kv) {
    return {static_cast<int>(shape.n_heads / shape.n_kv_heads), static_cast<int>(shape.n_heads),
            static_cast<int>(shape.n_kv_heads), static_cast<int>(shape.head_dim), shape.scale, shape.window,
            static_cast<const bf16*>(q), ldq, static_cast<bf16*>(out), ldo, out_lse,
            rows_are_wide(Dtype::Bf16, q, ldq, shape.head_dim), wide_kv};
}

unsigned tiles_of(const AttentionShape& shape) {
    const int64_t pairs = rows_per_tile(shape, kMostPairs) * (shape.n_heads / shape.n_kv_heads);
    return static_cast<unsigned>((pairs + kMostPairs - 1) / kMostPairs);
}

template <int D>
void launch_paged(const CudaQueue& queue, const AttentionShape& shape, const Forward<bf16>& f, PagedBatch batch) {
    const bool row_alone = f.group <= kMostRowPairs;
    const int64_t state_bytes = batch.n * f.n_kv_heads * f.group * kStateLd<D> * static_cast<int64_t>(sizeof(float));
    batch.most_parts = queue.scratch_bytes / state_bytes;
    batch.shares = static_cast<int>(
            std::clamp<int64_t>(kMultiprocessors / (batch.n * f.n_kv_heads), 1, row_alone ? kMostShares : 1));
    if (batch.most_parts == 0) batch.shares = 1;
    batch.states = batch.shares > 1 ? static_cast<float*>(queue.scratch) : nullptr;
    const int64_t bytes = row_alone ? std::max(tile_bytes<D>(), row_bytes_of<D>(f.group)) : tile_bytes<D>();
    reserve_shared(queue, paged_split_kernel<D>, bytes, D, "attention at head_dim");
    const dim3 rows(static_cast<unsigned>(batch.n), static_cast<unsigned>(f.n_kv_heads));
    const dim3 grid(rows.x, rows.y, std::max(tiles_of(shape), static_cast<unsigned>(batch.shares)));
    paged_split_kernel<D><<<grid, kWalkThreads, static_cast<size_t>(bytes), queue.stream>>>(f, batch);
    TBRM_LAUNCH_CHECK();
    if (batch.shares == 1) return;
    merge_parts_kernel<D><<<rows, kWalkThreads, 0, queue.stream>>>(f, batch);
    TBRM_LAUNCH_CHECK();
}

template <int D>
void launch_packed(const CudaQueue& queue, const AttentionShape& shape, const Forward<bf16>& f, int64_t n_spans,
        const PackedSpan* spans, const bf16* k) {
    reserve_shared(queue, packed_split_kernel<D>, tile_bytes<D>(), D, "attention at head_dim");
    const dim3 grid(static_cast<unsigned>(n_spans), static_cast<unsigned>(f.n_kv_heads), tiles_of(shape));
    packed_split_kernel<D><<<grid, kWalkThreads, static_cast<size_t>(tile_bytes<D>()), queue.stream>>>(
            f, spans, k, k + shape.n_kv_heads * D);
    TBRM_LAUNCH_CHECK();
}

}  // namespace

void paged_attention_split(const CudaQueue& queue, const AttentionShape& shape, int64_t n, const void* q, int64_t ldq,
        const void* pool, const int64_t* page_table, const int64_t* page_table_offsets, const int32_t* n_keys,
        void* out, int64_t ldo, float* out_lse) {
    const bool wide = rows_are_wide(Dtype::Bf16, pool, shape.head_dim, shape.head_dim);
    const Forward<bf16> f = forward_of(shape, q, ldq, out, ldo, out_lse, wide);
    const PagedBatch batch{n, static_cast<int>(rows_per_tile(shape, kMostPairs)), static_cast<const bf16*>(pool),
            page_table, page_table_offsets, n_keys, 1, nullptr, 0};
    if (shape.head_dim == 64)
        launch_paged<64>(queue, shape, f, batch);
    else
        launch_paged<128>(queue, shape, f, batch);
}

void packed_attention_split(const CudaQueue& queue, const AttentionShape& shape, int64_t n_seqs,
        const int64_t* host_offsets, const void* qkv, int64_t ldqkv, void* out, int64_t ldo, float* out_lse) {
    const std::vector<PackedSpan> spans = spans_of(shape, kMostPairs, n_seqs, host_offsets);
    if (spans.empty()) return;
    const CudaArray<PackedSpan> device_spans = to_device(queue, spans);
    const bool wide = rows_are_wide(Dtype::Bf16, qkv, ldqkv, shape.head_dim);
    const Forward<bf16> f = forward_of(shape, qkv, ldqkv, out, ldo, out_lse, wide);
    const bf16* const k = static_cast<const bf16*>(qkv) + shape.n_heads * shape.head_dim;
    const int64_t n = static_cast<int64_t>(spans.size());
    if (shape.head_dim == 64)
        launch_packed<64>(queue, shape, f, n, device_spans.data(), k);
    else
        launch_packed<128>(queue, shape, f, n, device_spans.data(), k);
}

}  // namespace cuda
}  // namespace tbrm
