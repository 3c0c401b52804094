// sampler_cpu.cpp - the CPU twin of the sampler. Contract: sampler.hpp. Rows are independent and run on one thread each.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/parallel.hpp"
#include "rollout/sampler.hpp"
#include "rollout/sampler_kernels.hpp"
#include "rollout/sampler_math.hpp"

namespace tbrm::cpu {
namespace {

constexpr int64_t kSegment = 1024;  // ids whose masses are summed before the draw looks at single ids
constexpr SampleResult kNothing = {-1, 0.0f, 0.0f};

// A row as the passes see it: x[i] / temperature are the scores, after penalty and masks.
struct Scores {
    const float* x;
    int64_t n;
    float temperature;
    float z_max;
};

// One 11-, 11- or 10-bit digit of the order-preserving key, most significant first.
struct Digit {
    int shift;
    int bits;
};
constexpr Digit kDigits[] = {{21, 11}, {10, 11}, {0, 10}};
constexpr int64_t kBuckets = 2048;

uint32_t digit_of(uint32_t key, const Digit& digit) {
    return key >> digit.shift & ((1u << digit.bits) - 1);
}

// Goes down the buckets until the sum from the top reaches `need`; adds those passed to *above.
uint32_t find_bucket(const uint64_t* sums, const Digit& digit, uint64_t need, uint64_t* above) {
    uint32_t bucket = (1u << digit.bits) - 1;
    while (bucket > 0 && *above + sums[bucket] < need)
        *above += sums[bucket--];
    return bucket;
}

// What select_key found: the sum over larger keys, and the ids, ascending, among which are all that have the key.
struct Selected {
    uint32_t key;
    uint64_t above;
    int64_t n_candidates;
};

// The key at which the running sum over descending keys first reaches `need`. weight(i) is what element i adds; elements with a key below
// lowest_key do not count. One pass over the row for the first digit; the others look only at the ids in its bucket. candidates [n].
template <class Weight>
Selected select_key(
        const float* z, int64_t n, uint32_t lowest_key, uint64_t need, const Weight& weight, int32_t* candidates) {
    Selected found = {0, 0, 0};
    uint64_t sums[kBuckets] = {};
    for (int64_t i = 0; i < n; ++i) {
        const uint32_t key = order_key(z[i]);
        if (key >= lowest_key) sums[digit_of(key, kDigits[0])] += weight(i);
    }
    const uint32_t first = find_bucket(sums, kDigits[0], need, &found.above);
    for (int64_t i = 0; i < n; ++i) {
        const uint32_t key = order_key(z[i]);
        candidates[found.n_candidates] = static_cast<int32_t>(i);
        found.n_candidates += digit_of(key, kDigits[0]) == first && key >= lowest_key ? 1 : 0;
    }
    found.key = first << kDigits[0].shift;
    for (size_t d = 1; d < sizeof kDigits / sizeof *kDigits; ++d) {
        const Digit& digit = kDigits[d];
        const uint32_t higher = ~uint32_t{0} << (digit.shift + digit.bits);
        std::fill(sums, sums + kBuckets, uint64_t{0});
        for (int64_t c = 0; c < found.n_candidates; ++c) {
            const uint32_t key = order_key(z[candidates[c]]);
            if ((key & higher) == found.key) sums[digit_of(key, digit)] += weight(candidates[c]);
        }
        found.key |= find_bucket(sums, digit, need, &found.above) << digit.shift;
    }
    return found;
}

// Copies the row and applies penalty and masks; returns the copy.
const float* edited_logits(const float* logits, const SampleRow& row, const int32_t* ids, float* scratch) {
    std::memcpy(scratch, logits, static_cast<size_t>(row.n_vocab) * sizeof(float));
    for (int32_t i = 0; i < row.n_seen; ++i) {
        const int32_t id = ids[row.first_seen + i];
        if (id < row.n_vocab) scratch[id] = penalize(scratch[id], row.repetition_penalty);
    }
    for (int32_t i = 0; i < row.n_masked; ++i) {
        const int32_t id = ids[row.first_masked + i];
        if (id < row.n_vocab) scratch[id] = -INFINITY;
    }
    return scratch;
}

bool keeps(const Keep& keep, float z, float z_max, int64_t id) {
    return (z > keep.threshold || (z == keep.threshold && id <= keep.last_tie)) && z - z_max >= keep.lowest;
}

// The smallest id whose cumulative mass exceeds `target`; target is below the mass of the whole row.
int32_t find_id(const Scores& s, const Keep& keep, uint64_t target, const uint64_t* segment_mass) {
    int64_t first = 0;
    while (target >= segment_mass[first / kSegment]) {
        target -= segment_mass[first / kSegment];
        first += kSegment;
    }
    const int64_t end = std::min(first + kSegment, s.n);
    for (int64_t id = first; id < end; ++id) {
        const float z = s.x[id] / s.temperature;
        if (!keeps(keep, z, s.z_max, id)) continue;
        const uint64_t w = to_mass(scaled_exp(z - s.z_max));
        if (target < w) return static_cast<int32_t>(id);
        target -= w;
    }
    return -1;  // unreachable: the segment's mass is the sum of these
}

SampleResult greedy(const float* logits, float v, const float* x, int64_t n, float largest) {
    const int64_t id = std::find(x, x + n, largest) - x;
    return {static_cast<int32_t>(id), logits[id] - v, 0.0f};
}

SampleResult draw(
        const float* logits, float v, const SampleRow& row, const Scores& s, const Keep& keep, uint64_t* segment_mass) {
    const SamplerKernels& kernels = sampler_kernels();
    uint64_t total = 0;
    for (int64_t first = 0; first < s.n; first += kSegment) {
        const uint64_t part = kernels.mass(s.x + first, std::min(kSegment, s.n - first), static_cast<int32_t>(first),
                s.temperature, s.z_max, keep);
        segment_mass[first / kSegment] = part;
        total += part;
    }
    const int32_t id = find_id(s, keep, draw_below(total, row.seed, row.trajectory_id, row.position), segment_mass);
    if (id < 0) return kNothing;
    const double log_total = std::log(static_cast<double>(total) * 0x1p-40);
    const double below = static_cast<double>(s.x[id] / s.temperature) - static_cast<double>(s.z_max);
    return {id, logits[id] / row.temperature - v, static_cast<float>(below - log_total)};
}

SampleResult sample_row(const float* logits, float v, const SampleRow& row, const int32_t* ids, float* scratch,
        uint64_t* segment_mass) {
    const SamplerKernels& kernels = sampler_kernels();
    const int64_t n = row.n_vocab;
    if (!std::isfinite(v)) return kNothing;
    const bool edited = row.n_seen > 0 || row.n_masked > 0;
    const float* x = edited ? edited_logits(logits, row, ids, scratch) : logits;
    const float largest = kernels.max(x, n);
    if (!std::isfinite(largest)) return kNothing;
    if (row.temperature == 0.0f) return greedy(logits, v, x, n, largest);

    Scores scores = {x, n, row.temperature, largest / row.temperature};
    if (!std::isfinite(scores.z_max)) return kNothing;  // a temperature too small for these logits
    SampleFilter filter = {-INFINITY, std::numeric_limits<int32_t>::max(), row.log_min_p};
    if (row.top_k > 0 || row.top_p < 1.0f) {
        kernels.divide(x, n, row.temperature, scratch);
        scores.x = scratch;
        scores.temperature = 1.0f;
        filter = sample_filter(n, scratch, scores.z_max, row.top_k, row.top_p, row.log_min_p, scratch + n);
    }
    return draw(logits, v, row, scores, {filter.threshold, filter.last_tie, filter.log_min_p}, segment_mass);
}

// Per thread: sums of the segments; edited or divided logits; scratch of sample_filter.
int64_t thread_workspace_floats(int64_t vocab) {
    return 2 * ceil_div(vocab, kSegment) + 3 * vocab + 16;
}

}  // namespace

SampleFilter sample_filter(
        int64_t n_vocab, const float* z, float z_max, int32_t top_k, float top_p, float log_min_p, float* scratch) {
    SampleFilter filter = {-INFINITY, std::numeric_limits<int32_t>::max(), log_min_p};
    int32_t* candidates = reinterpret_cast<int32_t*>(scratch + n_vocab);
    uint32_t lowest_key = 0;
    if (top_k > 0 && top_k < n_vocab) {
        const auto one = [](int64_t) -> uint64_t { return 1; };
        lowest_key = select_key(z, n_vocab, 0, static_cast<uint64_t>(top_k), one, candidates).key;
        filter.threshold = from_order_key(lowest_key);
    }
    if (!(top_p < 1.0f)) return filter;

    const SamplerKernels& kernels = sampler_kernels();
    const uint64_t total = kernels.mass(z, n_vocab, 0, 1.0f, z_max, {filter.threshold, filter.last_tie, -INFINITY});
    // A token goes when the mass of those before it, in descending order, reaches `need`: Hugging Face removes what lies within the
    // lowest 1 - top_p.
    const uint64_t need = mass_to_keep(total, top_p);
    kernels.scaled_exps(z, n_vocab, z_max, scratch);
    const auto mass = [&](int64_t i) { return to_mass(scratch[i]); };
    const Selected found = select_key(z, n_vocab, lowest_key, need, mass, candidates);
    filter.threshold = from_order_key(found.key);
    const uint64_t tie_mass = to_mass(scaled_exp(filter.threshold - z_max));
    uint64_t n_ties = (need - found.above + tie_mass - 1) / tie_mass;
    for (int64_t c = 0; c < found.n_candidates && n_ties > 0; ++c) {
        if (z[candidates[c]] != filter.threshold) continue;
        filter.last_tie = candidates[c];
        --n_ties;
    }
    return filter;
}

int64_t sample_workspace_bytes(int64_t vocab, int64_t n_threads) {
    return static_cast<int64_t>(sizeof(float)) * thread_workspace_floats(vocab) * n_threads;
}

int64_t sample_workspace_bytes(int64_t vocab) {
    return sample_workspace_bytes(vocab, max_threads());
}

void sample(int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n, const SampleRow* rows,
        const int32_t* ids, void* workspace, SampleResult* out) {
    // Sums first, so that they are aligned: the share of a thread is a multiple of 16 floats.
    const int64_t share = thread_workspace_floats(vocab) / 16 * 16;
    parallel_for_dynamic(n, n * vocab, [&](int64_t r) {
        const SampleRow& row = rows[r];
        float* mine = static_cast<float*>(workspace) + thread_index() * share;
        uint64_t* segment_mass = reinterpret_cast<uint64_t*>(mine);
        float* scratch = mine + 2 * ceil_div(vocab, kSegment);
        out[r] = sample_row(logits + row.logits_row * ld, v[row.logits_row], row, ids, scratch, segment_mass);
    });
}

}  // namespace tbrm::cpu
