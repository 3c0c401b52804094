// sampler_cuda.cu - CUDA twin of the sampler. Contract: rollout/sampler.hpp. Probabilities are integers, so block sums and shared-memory counters may be
// added in any order and still give the CPU twin's tokens. Only the logarithm in processed_logp is a library's. What is drawn from without edits and
// without top-k and top-p has its masses summed by many blocks, in one pass where the head has left the maxima; one block per row does the rest.
#include <algorithm>
#include <cmath>

#include "core/cuda.hpp"
#include "core/cuda_reduce.cuh"
#include "rollout/sampler.hpp"
#include "rollout/sampler_math.hpp"

namespace tbrm {
namespace cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kMassThreads = 256;
constexpr int kMassSegments = 2 * kMassThreads / 32;  // of a block: two a warp
constexpr int kBuckets = 2048;
constexpr int kBucketsPerThread = kBuckets / kThreads;
constexpr int64_t kSegment = kSampleSegment;  // ids whose masses are summed before the draw looks at single ids
constexpr int32_t kAllIds = 0x7fffffff;

struct Digit {
    int shift, bits;
};

// The order-preserving key in three digits, most significant first, as the CPU twin's.
__device__ constexpr Digit kDigits[] = {{21, 11}, {10, 11}, {0, 10}};

// A row's scratch in the workspace.
struct Scratch {
    float* x;                // [vocab]: edited or divided logits
    uint64_t* segment_mass;  // [segments]
};

// x[i] / temperature are the scores, after penalty and masks.
struct Scores {
    const float* x;
    int n;
    float temperature, z_max;

    __device__ float z(int id) const { return x[id] / temperature; }
    __device__ uint64_t mass(int id) const { return to_mass(scaled_exp(z(id) - z_max)); }
};

__device__ bool keeps(const SampleFilter& filter, float z, float z_max, int id) {
    return (z > filter.threshold || (z == filter.threshold && id <= filter.last_tie)) && z - z_max >= filter.log_min_p;
}

// The largest of x, NaN when any is NaN.
struct MaxOrNan {
    __device__ float operator()(float a, float b) const { return a != a || a > b ? a : b; }
};

// Sums over this thread and all later ones; every thread gets the value for itself. shared [kThreads].
__device__ uint64_t sum_from_here_up(uint64_t value, uint64_t* shared) {
    const int t = static_cast<int>(threadIdx.x);
    __syncthreads();
    shared[t] = value;
    __syncthreads();
    for (int hop = 1; hop < kThreads; hop *= 2) {
        const uint64_t other = t + hop < kThreads ? shared[t + hop] : 0;
        __syncthreads();
        shared[t] += other;
        __syncthreads();
    }
    return shared[t];
}

struct Selected {
    uint32_t key;
    uint64_t above;
};

struct SelectShared {
    unsigned long long buckets[kBuckets];
    uint64_t scan[kThreads];
    uint32_t bucket;
    uint64_t above;
};

// Goes down the buckets until the sum from the top, beginning with `above`, reaches `need`: into s.bucket, and what was passed into s.above.
__device__ void find_bucket(SelectShared& s, int n_buckets, uint64_t need, uint64_t above) {
    const int first = static_cast<int>(threadIdx.x) * kBucketsPerThread;
    uint64_t own = 0;
    for (int i = 0; i < kBucketsPerThread; ++i)
        own += first + i < n_buckets ? s.buckets[first + i] : 0;
    const uint64_t upto = above + sum_from_here_up(own, s.scan), before = upto - own;
    if (threadIdx.x == 0) {
        // Reached nowhere: the lowest bucket, with everything above it passed.
        s.bucket = 0;
        s.above = upto - s.buckets[0];
    }
    __syncthreads();
    if (before < need && upto >= need) {
        uint64_t passed = before;
        int bucket = min(first + kBucketsPerThread, n_buckets) - 1;
        while (bucket > first && passed + s.buckets[bucket] < need)
            passed += s.buckets[bucket--];
        s.bucket = static_cast<uint32_t>(bucket);
        s.above = passed;
    }
    __syncthreads();
}

// The key at which the running sum over descending keys first reaches `need`; elements with a key below lowest_key do not count.
template <class Weight>
__device__ Selected select_key(
        const Scores& scores, uint32_t lowest_key, uint64_t need, const Weight& weight, SelectShared& s) {
    Selected found{0, 0};
    for (const Digit digit : {kDigits[0], kDigits[1], kDigits[2]}) {
        const uint32_t higher = digit.shift + digit.bits == 32 ? 0u : ~uint32_t{0} << (digit.shift + digit.bits);
        for (int i = static_cast<int>(threadIdx.x); i < kBuckets; i += kThreads)
            s.buckets[i] = 0;
        __syncthreads();
        for (int id = static_cast<int>(threadIdx.x); id < scores.n; id += kThreads) {
            const uint32_t key = order_key(scores.z(id));
            if (key < lowest_key || (key & higher) != found.key) continue;
            const uint64_t w = weight(id);
            if (w != 0)
                atomicAdd(
                        &s.buckets[key >> digit.shift & ((1u << digit.bits) - 1)], static_cast<unsigned long long>(w));
        }
        __syncthreads();
        find_bucket(s, 1 << digit.bits, need, found.above);
        found.above = s.above;
        found.key |= s.bucket << digit.shift;
    }
    return found;
}

// The id of the count-th (from 1) score that equals `value`, ascending; kAllIds when there are fewer.
__device__ int32_t nth_equal(const Scores& scores, float value, uint64_t count, SelectShared& s) {
    const int share = (scores.n + kThreads - 1) / kThreads, first = static_cast<int>(threadIdx.x) * share;
    const int end = min(first + share, scores.n);
    uint64_t own = 0;
    for (int id = first; id < end; ++id)
        own += scores.z(id) == value ? 1 : 0;
    const uint64_t here_up = sum_from_here_up(own, s.scan), all = s.scan[0], before = all - here_up;
    if (threadIdx.x == 0) s.bucket = static_cast<uint32_t>(kAllIds);
    __syncthreads();
    if (before < count && before + own >= count) {
        uint64_t passed = before;
        int id = first - 1;
        while (passed < count)
            passed += scores.z(++id) == value ? 1 : 0;
        s.bucket = static_cast<uint32_t>(id);
    }
    __syncthreads();
    const int32_t found = static_cast<int32_t>(s.bucket);
    __syncthreads();
    return found;
}

// What top-k and top-p keep; see the CPU twin's sample_filter.
__device__ SampleFilter filter_of(const Scores& scores, const SampleRow& row, SelectShared& s) {
    SampleFilter filter{-INFINITY, kAllIds, row.log_min_p};
    uint32_t lowest_key = 0;
    if (row.top_k > 0 && row.top_k < scores.n) {
        const auto one = [](int) -> uint64_t { return 1; };
        lowest_key = select_key(scores, 0, static_cast<uint64_t>(row.top_k), one, s).key;
        filter.threshold = from_order_key(lowest_key);
    }
    if (!(row.top_p < 1.0f)) return filter;

    uint64_t total = 0;
    for (int id = static_cast<int>(threadIdx.x); id < scores.n; id += kThreads)
        total += scores.z(id) >= filter.threshold ? scores.mass(id) : 0;
    total = reduce_block<kThreads>(total, Add());
    const uint64_t need = mass_to_keep(total, row.top_p);
    const auto mass = [&](int id) { return scores.mass(id); };
    const Selected found = select_key(scores, lowest_key, need, mass, s);
    filter.threshold = from_order_key(found.key);
    const uint64_t tie_mass = to_mass(scaled_exp(filter.threshold - scores.z_max));
    const uint64_t n_ties = tie_mass == 0 ? 0 : (need - found.above + tie_mass - 1) / tie_mass;
    if (n_ties > 0) filter.last_tie = nth_equal(scores, filter.threshold, n_ties, s);
    return filter;
}

// The mass of ids [first, first + kSegment) by a warp, for each of its lanes.
__device__ uint64_t segment_sum(const Scores& scores, const SampleFilter& filter, int64_t first) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const bool aligned = reinterpret_cast<uintptr_t>(scores.x) % 16 == 0;
    uint64_t sum = 0;
    const auto add = [&](int id, float x) {
        const float z = x / scores.temperature;
        if (keeps(filter, z, scores.z_max, id)) sum += to_mass(scaled_exp(z - scores.z_max));
    };
#pragma unroll 2
    for (int id = static_cast<int>(first) + 4 * lane; id < min(first + kSegment, static_cast<int64_t>(scores.n));
            id += 4 * 32) {
        if (aligned && id + 3 < scores.n) {
            const float4 x = *reinterpret_cast<const float4*>(scores.x + id);
            add(id, x.x);
            add(id + 1, x.y);
            add(id + 2, x.z);
            add(id + 3, x.w);
        } else {
            for (int i = id; i < min(id + 4, scores.n); ++i)
                add(i, scores.x[i]);
        }
    }
    for (int hop = 16; hop > 0; hop /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, hop);
    return sum;
}

// Masses of the segments, one warp each; returns the mass of all.
__device__ uint64_t sum_segments(const Scores& scores, const SampleFilter& filter, uint64_t* segment_mass) {
    uint64_t all = 0;
    for (int64_t first = threadIdx.x / 32 * kSegment; first < scores.n; first += kThreads / 32 * kSegment) {
        const uint64_t sum = segment_sum(scores, filter, first);
        if (threadIdx.x % 32 == 0) {
            segment_mass[first / kSegment] = sum;
            all += sum;
        }
    }
    return reduce_block<kThreads>(all, Add());  // which also lets every thread see the segments
}

// Of 32 masses, one a lane: the first lane up to which they sum to more than target, -1 when there is none. target loses what lies before it.
__device__ int pass_masses(uint64_t mass, uint64_t& target) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    uint64_t upto = mass;
    for (int hop = 1; hop < 32; hop *= 2) {
        const uint64_t lower = __shfl_up_sync(0xffffffffu, upto, static_cast<unsigned>(hop));
        if (lane >= hop) upto += lower;
    }
    const unsigned beyond = __ballot_sync(0xffffffffu, upto > target);
    const int found = beyond != 0 ? __ffs(static_cast<int>(beyond)) - 1 : -1;
    target -= __shfl_sync(0xffffffffu, found >= 0 ? upto - mass : upto, found >= 0 ? found : 31);
    return found;
}

// The smallest id whose cumulative mass exceeds `target`, by the first warp: its segment, its 32 ids, itself.
__device__ int32_t find_id(
        const Scores& scores, const SampleFilter& filter, uint64_t target, const uint64_t* segment_mass) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int n_segments = (scores.n + static_cast<int>(kSegment) - 1) / static_cast<int>(kSegment);
    const auto mass = [&](int id) -> uint64_t {
        if (id >= scores.n) return 0;
        const float z = scores.z(id);
        return keeps(filter, z, scores.z_max, id) ? to_mass(scaled_exp(z - scores.z_max)) : 0;
    };
    for (int segment = 0; segment < n_segments; segment += 32) {
        const int found = pass_masses(segment + lane < n_segments ? segment_mass[segment + lane] : 0, target);
        if (found < 0) continue;
        int first = (segment + found) * static_cast<int>(kSegment);
        uint64_t own = 0;
        for (int i = 0; i < 32; ++i)
            own += mass(first + 32 * lane + i);
        first += 32 * pass_masses(own, target);
        return first + pass_masses(mass(first + lane), target);
    }
    return -1;  // unreachable: target is less than the sum of all
}

// Copies the row and applies penalty and masks.
__device__ void edit_logits(const float* logits, const SampleRow& row, const int32_t* ids, float* x) {
    for (int id = static_cast<int>(threadIdx.x); id < row.n_vocab; id += kThreads)
        x[id] = logits[id];
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < row.n_seen; i += kThreads) {
        const int32_t id = ids[row.first_seen + i];
        if (id < row.n_vocab) x[id] = penalize(x[id], row.repetition_penalty);
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < row.n_masked; i += kThreads) {
        const int32_t id = ids[row.first_masked + i];
        if (id < row.n_vocab) x[id] = -INFINITY;
    }
    __syncthreads();
}

__device__ float largest_of(const float* x, int n) {
    float largest = -INFINITY;
    for (int id = static_cast<int>(threadIdx.x); id < n; id += kThreads)
        largest = MaxOrNan()(x[id], largest);
    return reduce_block<kThreads>(largest, MaxOrNan());
}

struct Min {
    __device__ int operator()(int a, int b) const { return a < b ? a : b; }
};

__device__ SampleResult greedy(const float* logits, float v, const float* x, int n, float largest) {
    int lowest = n;
    for (int id = static_cast<int>(threadIdx.x); id < n && lowest == n; id += kThreads)
        if (x[id] == largest) lowest = id;
    lowest = reduce_block<kThreads>(lowest, Min());
    return {lowest, logits[lowest] - v, 0.0f};
}

// total: of segment_mass.
__device__ SampleResult draw(const float* logits, float v, const SampleRow& row, const Scores& scores,
        const SampleFilter& filter, uint64_t total, const uint64_t* segment_mass) {
    SampleResult result{-1, 0.0f, 0.0f};
    if (total > 0 && threadIdx.x < 32) {
        const uint64_t target = draw_below(total, row.seed, row.trajectory_id, row.position);
        const int32_t id = find_id(scores, filter, target, segment_mass);
        if (id >= 0) {
            const double log_total = log(static_cast<double>(total) * 0x1p-40);
            const double below = static_cast<double>(scores.z(id)) - static_cast<double>(scores.z_max);
            // A subtraction of its own: contracted with the division's last step it would be rounded once less.
            result = {id, __fsub_rn(logits[id] / row.temperature, v), static_cast<float>(below - log_total)};
        }
    }
    return result;
}

__host__ __device__ int64_t segments_of(int64_t vocab) {
    return (vocab + kSegment - 1) / kSegment;
}

// Rows whose masses segment_mass_kernel sums: nothing is edited, and nothing but min-p leaves ids out.
__device__ bool takes_one_pass(const SampleRow& row) {
    const bool all_ids = (row.top_k <= 0 || row.top_k >= row.n_vocab) && !(row.top_p < 1.0f);
    return row.temperature != 0.0f && row.n_seen == 0 && row.n_masked == 0 && all_ids;
}

__device__ SampleFilter min_p_alone(const SampleRow& row) {
    return {-INFINITY, kAllIds, row.log_min_p};
}

// What a launch draws.
struct Draws {
    int64_t vocab;
    const float* logits;
    int64_t ld;
    const float* v;
    const SampleRow* rows;
    const int32_t* ids;
    char* workspace;
    SegmentTops tops;
    bool own_tops;  // tops are of the draws, not of the rows of logits

    __device__ Scratch scratch(int64_t r) const {
        char* const mine = workspace + r * sample_scratch_bytes(vocab);
        return {reinterpret_cast<float*>(mine + segments_of(vocab) * 8), reinterpret_cast<uint64_t*>(mine)};
    }
    // The scores of a row that takes one pass: tops hold for whole segments, and what lies behind them is looked at. kBlock: threads that ask.
    template <int kBlock>
    __device__ Scores scores(int64_t r, const SampleRow& row) const {
        const float* const x = logits + row.logits_row * ld;
        const float* const top = tops.top + (own_tops ? r : row.logits_row) * tops.row_stride;
        const int whole = row.n_vocab / static_cast<int>(kSegment);
        float z_max = -INFINITY;
        for (int s = static_cast<int>(threadIdx.x); s < whole; s += kBlock)
            z_max = MaxOrNan()(top[s * tops.segment_stride], z_max);
        for (int id = whole * static_cast<int>(kSegment) + static_cast<int>(threadIdx.x); id < row.n_vocab;
                id += kBlock)
            z_max = MaxOrNan()(x[id] / row.temperature, z_max);
        return {x, row.n_vocab, row.temperature, reduce_block<kBlock>(z_max, MaxOrNan())};
    }
};

// Block (i, r): segments [i kMassSegments, ..) of draw r.
__global__ void __launch_bounds__(kMassThreads) segment_top_kernel(Draws draws, float* tops) {
    const SampleRow row = draws.rows[blockIdx.y];
    if (!takes_one_pass(row)) return;
    const int lane = static_cast<int>(threadIdx.x) % 32, whole = row.n_vocab / static_cast<int>(kSegment);
    const float* const x = draws.logits + row.logits_row * draws.ld;
    for (int i = static_cast<int>(threadIdx.x) / 32; i < kMassSegments; i += kMassThreads / 32) {
        const int segment = static_cast<int>(blockIdx.x) * kMassSegments + i;
        if (segment >= whole) return;
        float top = -INFINITY;
        for (int at = lane; at < kSegment; at += 32)
            top = MaxOrNan()(x[segment * kSegment + at] / row.temperature, top);
        for (int hop = 16; hop > 0; hop /= 2)
            top = MaxOrNan()(__shfl_xor_sync(0xffffffffu, top, hop), top);
        if (lane == 0) tops[blockIdx.y * segments_of(draws.vocab) + segment] = top;
    }
}

__global__ void __launch_bounds__(kMassThreads) segment_mass_kernel(Draws draws) {
    const int64_t r = blockIdx.y;
    const SampleRow row = draws.rows[r];
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kMassSegments * kSegment;
    if (!takes_one_pass(row) || first >= row.n_vocab) return;
    const Scores scores = draws.scores<kMassThreads>(r, row);
    uint64_t* const segment_mass = draws.scratch(r).segment_mass;
    for (int i = static_cast<int>(threadIdx.x) / 32; i < kMassSegments; i += kMassThreads / 32) {
        const int64_t at = first + i * kSegment;
        if (at >= row.n_vocab) return;
        const uint64_t sum = segment_sum(scores, min_p_alone(row), at);
        if (threadIdx.x % 32 == 0) segment_mass[at / kSegment] = sum;
    }
}

__device__ SampleResult draw_known(const Draws& draws, int64_t r, const SampleRow& row, float v) {
    const Scores scores = draws.scores<kThreads>(r, row);
    if (!isfinite(scores.z_max)) return {-1, 0.0f, 0.0f};
    const uint64_t* const segment_mass = draws.scratch(r).segment_mass;
    uint64_t total = 0;
    for (int64_t s = threadIdx.x; s < segments_of(row.n_vocab); s += kThreads)
        total += segment_mass[s];
    total = reduce_block<kThreads>(total, Add());
    return draw(scores.x, v, row, scores, min_p_alone(row), total, segment_mass);
}

// Every thread takes part; the first has the result.
__device__ SampleResult sample_row(const Draws& draws, int64_t r, const SampleRow& row, float v, SelectShared& shared) {
    const SampleResult nothing{-1, 0.0f, 0.0f};
    if (!isfinite(v)) return nothing;
    if (takes_one_pass(row)) return draw_known(draws, r, row, v);
    const Scratch scratch = draws.scratch(r);
    const float* const logits = draws.logits + row.logits_row * draws.ld;
    const float* x = logits;
    if (row.n_seen > 0 || row.n_masked > 0) {
        edit_logits(logits, row, draws.ids, scratch.x);
        x = scratch.x;
    }
    const float largest = largest_of(x, row.n_vocab);
    if (!isfinite(largest)) return nothing;
    if (row.temperature == 0.0f) return greedy(logits, v, x, row.n_vocab, largest);
    const Scores scores{x, row.n_vocab, row.temperature, largest / row.temperature};
    if (!isfinite(scores.z_max)) return nothing;  // a temperature too small for these logits
    const SampleFilter filter = filter_of(scores, row, shared);
    const uint64_t total = sum_segments(scores, filter, scratch.segment_mass);
    return draw(logits, v, row, scores, filter, total, scratch.segment_mass);
}

__global__ void __launch_bounds__(kThreads) sample_kernel(Draws draws, SampleResult* out) {
    __shared__ SelectShared shared;
    const int64_t r = blockIdx.x;
    const SampleRow row = draws.rows[r];
    const SampleResult result = sample_row(draws, r, row, draws.v[row.logits_row], shared);
    if (threadIdx.x == 0) out[r] = result;
}

}  // namespace

void sample(const CudaQueue& queue, int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n,
        const SampleRow* rows, const int32_t* ids, void* workspace, SampleResult* out, const SegmentTops& tops) {
    const unsigned blocks = static_cast<unsigned>((segments_of(vocab) + kMassSegments - 1) / kMassSegments);
    // Behind the rows' scratch.
    float* const own =
            reinterpret_cast<float*>(static_cast<char*>(workspace) + kSampleBlocks * sample_scratch_bytes(vocab));
    for (int64_t first = 0; first < n; first += kSampleBlocks) {
        const unsigned count = static_cast<unsigned>(std::min(n - first, kSampleBlocks));
        Draws draws{vocab, logits, ld, v, rows + first, ids, static_cast<char*>(workspace), tops, tops.top == nullptr};
        if (draws.own_tops) {
            draws.tops = {own, segments_of(vocab), 1};
            segment_top_kernel<<<dim3(blocks, count), kMassThreads, 0, queue.stream>>>(draws, own);
            TBRM_LAUNCH_CHECK();
        }
        segment_mass_kernel<<<dim3(blocks, count), kMassThreads, 0, queue.stream>>>(draws);
        TBRM_LAUNCH_CHECK();
        sample_kernel<<<count, kThreads, 0, queue.stream>>>(draws, out + first);
        TBRM_LAUNCH_CHECK();
    }
}

}  // namespace cuda
}  // namespace tbrm
