#pragma once
// attention_row_cuda.cuh - attention of one query row by a block whose warps walk parts of its keys (attention_state_cuda.cuh), and the merge of what
// several blocks have seen.
#include "ops/attention_forward_cuda.cuh"
#include "ops/attention_state_cuda.cuh"

namespace tbrm {
namespace cuda {

constexpr int kWalkWarps = 4;
constexpr int kWalkThreads = 32 * kWalkWarps;
constexpr int kMostRowPairs =
        12;  // of a row that is walked alone: its states must fit beside the rings in an A100's shared memory

// 16-byte units of a page's keys, or values, of one head.
template <int D>
constexpr int kPageUnits = kPageKeys* HeadTile<D>::kRowChunks;
// A state in memory: values, max, sum, and a gap against bank conflicts.
template <int D>
constexpr int kStateLd = D + 8;

template <int D>
constexpr int64_t row_bytes_of(int group) {
    return (kWarpPairs + kWalkWarps * 2 * kPageKeys) * HeadTile<D>::kRowChunks * 16 +
           static_cast<int64_t>(kWalkWarps) * group * kStateLd<D> * 4;
}

// The parts that a row sees, and the pages.
struct SeenParts {
    int first_key, first_page, end_page, first, end;
    __device__ SeenParts(int n_keys, int64_t window) {
        first_key = window > 0 && n_keys > window ? n_keys - static_cast<int>(window) : 0;
        first_page = first_key / kPageKeys;
        end_page = n_keys > 0 ? (n_keys + kPageKeys - 1) / kPageKeys : 0;
        first = first_key / kPartKeys;
        end = n_keys > 0 ? (n_keys + kPartKeys - 1) / kPartKeys : 0;
    }
    __device__ int count() const { return end - first; }
};

// One pair by one warp: lane l owns columns l, l + 32, ...
template <int D>
struct PairTotal {
    float values[D / 32];
    float max = -INFINITY, sum = 0.0f;

    __device__ PairTotal() {
#pragma unroll
        for (int j = 0; j < D / 32; ++j)
            values[j] = 0.0f;
    }
    __device__ void add(const float* state) {
        const MergeFactors f(max, state[D]);
        max = f.max;
        sum = f.merged(sum, state[D + 1]);
#pragma unroll
        for (int j = 0; j < D / 32; ++j)
            values[j] = f.merged(values[j], state[threadIdx.x % 32 + 32 * j]);
    }
    __device__ void write(const Forward<bf16>& f, int64_t row, int64_t head) const {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        const bool sees = max != -INFINITY || sum != 0.0f;
        const float inverse = sees ? 1.0f / sum : 0.0f;
        bf16* const out = f.out + row * f.ldo + head * D + lane;
#pragma unroll
        for (int j = 0; j < D / 32; ++j)
            narrow(__fmaf_rn(values[j], inverse, 0.0f), out + 32 * j);
        if (lane == 0 && f.out_lse != nullptr)
            f.out_lse[row * f.n_heads + head] = sees ? __fadd_rn(max, logf(sum)) : -INFINITY;
    }
};

// states: [pair][kStateLd].
template <int D>
__device__ inline void store_state(const PartState<D>& state, int pairs, float* states) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
        const int pair = lane / 4 + 8 * h;
        if (pair >= pairs) continue;
        float* const to = states + pair * kStateLd<D>;
#pragma unroll
        for (int i = 0; i < D / 8; ++i) {
            to[i * 8 + lane % 4 * 2] = state.values[i][2 * h];
            to[i * 8 + lane % 4 * 2 + 1] = state.values[i][2 * h + 1];
        }
        if (lane % 4 == 0) {
            to[D] = state.max[h];
            to[D + 1] = state.sum[h];
        }
    }
}

// A warp's walk over the parts first, first + stride, ... of a row: keys and values of one page after the other through two slots.
template <int D>
class PartWalk {
public:
    __device__ PartWalk(const Forward<bf16>& f, const PagedKeys<bf16>& keys, const SeenParts& parts, int n_keys,
            int first, int stride, const uint4* q, uint4* slots)
        : f_(f), keys_(keys), parts_(parts), n_keys_(n_keys), stride_(stride), q_(q), slots_(slots) {
        page_ = max(first * kPartPages, parts.first_page);
        fetch(page_, false);
        fetch(page_, true);
    }

    // The next part.
    __device__ void walk(PartState<D>& state) {
        state.clear();
        bool same_part = true;
        while (same_part) {
            const int begin = page_ * kPageKeys, next = page_after(page_);
            same_part = next == page_ + 1 && next % kPartPages != 0 && next < parts_.end_page;
            SeenKeys seen;
            seen.end[0] = seen.end[1] = n_keys_ - begin;
            seen.first[0] = seen.first[1] = parts_.first_key - begin;
            float scores[kPageKeys / 8][4];
            wait_for_copies<1>();
            __syncwarp();
            page_scores<D>(q_, 0, slots_, scores);
            __syncwarp();  // the keys are read
            fetch(next, false);
            page_softmax<D>(f_.scale, seen, scores, state);
            wait_for_copies<1>();
            __syncwarp();
            page_values<D>(scores, slots_ + kPageUnits<D>, state);
            __syncwarp();
            fetch(next, true);
            page_ = next;
        }
    }

private:
    __device__ int page_after(int page) const {
        const int next = page + 1;
        if (next % kPartPages != 0 && next < parts_.end_page) return next;
        return (page / kPartPages + stride_) * kPartPages;
    }
    __device__ void fetch(int page, bool values) {
        if (page < parts_.end_page) {
            const int begin = page * kPageKeys, count = min(kPageKeys, n_keys_ - begin);
            const bf16* const first = values ? keys_.value(begin, 0) : keys_.key(begin, 0);
            fetch_rows<D>(kPageKeys, count, f_.wide_kv, slots_ + (values ? kPageUnits<D> : 0),
                    static_cast<int>(threadIdx.x) % 32, 32, [&](int slot) { return first + slot * D; });
        }
        commit_copies();
    }

    const Forward<bf16>& f_;
    const PagedKeys<bf16>& keys_;
    const SeenParts& parts_;
    int n_keys_, stride_, page_;
    const uint4* q_;
    uint4* slots_;
};

// share: of `shares` blocks that the parts are dealt to. states: null, or where the states of the row's parts go, [part][pair][kStateLd], to be merged
// by another launch.
template <int D>
__device__ inline void attend_row(const Forward<bf16>& f, int64_t row, int n_keys, int kv_head,
        const PagedKeys<bf16>& keys, int share, int shares, float* states, uint4* shared) {
    const int warp = static_cast<int>(threadIdx.x) / 32, head0 = kv_head * f.group;
    uint4* const q = shared;
    uint4* const slots = shared + kWarpPairs * HeadTile<D>::kRowChunks + warp * 2 * kPageUnits<D>;
    float* const own_states =
            reinterpret_cast<float*>(shared + (kWarpPairs + kWalkWarps * 2 * kPageKeys) * HeadTile<D>::kRowChunks);
    const SeenParts parts(n_keys, f.window);
    fetch_rows<D>(kWarpPairs, f.group, f.wide_q, q, static_cast<int>(threadIdx.x), kWalkThreads,
            [&](int pair) { return f.q + row * f.ldq + (head0 + pair) * D; });
    commit_copies();
    const int stride = shares * kWalkWarps, first = parts.first + share + warp * shares;
    PartWalk<D> walk(f, keys, parts, n_keys, first, stride, q, slots);
    wait_for_copies<2>();  // the queries
    __syncthreads();
    constexpr int kPairsPerWarp = (kMostRowPairs + kWalkWarps - 1) / kWalkWarps;
    PairTotal<D> totals[kPairsPerWarp];
    for (int round = parts.first + share; round < parts.end; round += stride) {
        const int part = round + warp * shares;
        if (part < parts.end) {
            PartState<D> state;
            walk.walk(state);
            float* const to = states != nullptr
                                      ? states + static_cast<int64_t>(part - parts.first) * f.group * kStateLd<D>
                                      : own_states + warp * f.group * kStateLd<D>;
            store_state<D>(state, f.group, to);
        }
        if (states != nullptr) continue;
        __syncthreads();
        const int there = min(kWalkWarps, parts.end - round);
#pragma unroll
        for (int i = 0; i < kPairsPerWarp; ++i) {
            const int pair = warp + i * kWalkWarps;
            for (int w = 0; pair < f.group && w < there; ++w)
                totals[i].add(own_states + (w * f.group + pair) * kStateLd<D>);
        }
        __syncthreads();
    }
    wait_for_copies<0>();
    if (states != nullptr) return;
#pragma unroll
    for (int i = 0; i < kPairsPerWarp; ++i) {
        const int pair = warp + i * kWalkWarps;
        if (pair < f.group) totals[i].write(f, row, head0 + pair);
    }
}

}  // namespace cuda
}  // namespace tbrm
