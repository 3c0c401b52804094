// sampler_cuda.cu - CUDA twin of the sampler. Contract: rollout/sampler.hpp. One block per row; probabilities are integers, so block sums and
// shared-memory counters may be added in any order and still give the CPU twin's tokens. Only the logarithm in processed_logp is a library's.
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
        __syncthreads();
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

// Masses of the 1024-id segments, one warp each; returns the mass of all.
__device__ uint64_t sum_segments(const Scores& scores, const SampleFilter& filter, uint64_t* segment_mass) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    uint64_t all = 0;
    for (int64_t first = threadIdx.x / 32 * kSegment; first < scores.n; first += kThreads / 32 * kSegment) {
        uint64_t sum = 0;
        for (int64_t id = first + lane; id < min(first + kSegment, static_cast<int64_t>(scores.n)); id += 32) {
            const float z = scores.z(static_cast<int>(id));
            if (keeps(filter, z, scores.z_max, static_cast<int>(id))) sum += to_mass(scaled_exp(z - scores.z_max));
        }
        for (int hop = 16; hop > 0; hop /= 2)
            sum += __shfl_xor_sync(0xffffffffu, sum, hop);
        if (lane == 0) {
            segment_mass[first / kSegment] = sum;
            all += sum;
        }
    }
    return reduce_block<kThreads>(all, Add());  // which also lets every thread see the segments
}

// The smallest id whose cumulative mass exceeds `target`, by the first warp; its lanes look at 32 ids at a time.
__device__ int32_t find_id(
        const Scores& scores, const SampleFilter& filter, uint64_t target, const uint64_t* segment_mass) {
    int64_t first = 0;
    while (target >= segment_mass[first / kSegment]) {
        target -= segment_mass[first / kSegment];
        first += kSegment;
    }
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int64_t end = min(first + kSegment, static_cast<int64_t>(scores.n));
    for (int64_t at = first; at < end; at += 32) {
        const int id = static_cast<int>(at) + lane;
        uint64_t upto = 0;
        if (id < end) {
            const float z = scores.z(id);
            if (keeps(filter, z, scores.z_max, id)) upto = to_mass(scaled_exp(z - scores.z_max));
        }
        for (int hop = 1; hop < 32; hop *= 2) {
            const uint64_t lower = __shfl_up_sync(0xffffffffu, upto, static_cast<unsigned>(hop));
            if (lane >= hop) upto += lower;
        }
        const unsigned beyond = __ballot_sync(0xffffffffu, upto > target);
        if (beyond != 0) return static_cast<int32_t>(at) + __ffs(static_cast<int>(beyond)) - 1;
        target -= __shfl_sync(0xffffffffu, upto, 31);
    }
    return -1;  // unreachable: the segment's mass is the sum of these
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

__device__ SampleResult draw(const float* logits, float v, const SampleRow& row, const Scores& scores,
        const SampleFilter& filter, uint64_t* segment_mass) {
    const uint64_t total = sum_segments(scores, filter, segment_mass);
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

// Every thread takes part; the first has the result.
__device__ SampleResult sample_row(const float* logits, float v, const SampleRow& row, const int32_t* ids,
        const Scratch& scratch, SelectShared& shared) {
    const SampleResult nothing{-1, 0.0f, 0.0f};
    if (!isfinite(v)) return nothing;
    const float* x = logits;
    if (row.n_seen > 0 || row.n_masked > 0) {
        edit_logits(logits, row, ids, scratch.x);
        x = scratch.x;
    }
    const float largest = largest_of(x, row.n_vocab);
    if (!isfinite(largest)) return nothing;
    if (row.temperature == 0.0f) return greedy(logits, v, x, row.n_vocab, largest);
    const Scores scores{x, row.n_vocab, row.temperature, largest / row.temperature};
    if (!isfinite(scores.z_max)) return nothing;  // a temperature too small for these logits
    return draw(logits, v, row, scores, filter_of(scores, row, shared), scratch.segment_mass);
}

__host__ __device__ int64_t segments_of(int64_t vocab) {
    return (vocab + kSegment - 1) / kSegment;
}

__global__ void __launch_bounds__(kThreads) sample_kernel(int64_t vocab, const float* logits, int64_t ld,
        const float* v, int64_t n, const SampleRow* rows, const int32_t* ids, char* workspace, SampleResult* out) {
    __shared__ SelectShared shared;
    char* const mine = workspace + blockIdx.x * sample_scratch_bytes(vocab);
    const Scratch scratch{reinterpret_cast<float*>(mine + segments_of(vocab) * 8), reinterpret_cast<uint64_t*>(mine)};
    for (int64_t r = blockIdx.x; r < n; r += gridDim.x) {
        const SampleRow row = rows[r];
        const SampleResult result =
                sample_row(logits + row.logits_row * ld, v[row.logits_row], row, ids, scratch, shared);
        if (threadIdx.x == 0) out[r] = result;
        __syncthreads();
    }
}

}  // namespace

void sample(const CudaQueue& queue, int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n,
        const SampleRow* rows, const int32_t* ids, void* workspace, SampleResult* out) {
    if (n <= 0) return;
    const unsigned blocks = static_cast<unsigned>(std::min(n, kSampleBlocks));
    sample_kernel<<<blocks, kThreads, 0, queue.stream>>>(
            vocab, logits, ld, v, n, rows, ids, static_cast<char*>(workspace), out);
    TBRM_LAUNCH_CHECK();
}

}  // namespace cuda
}  // namespace tbrm
