#pragma once
// sampler.hpp - from fp32 logits to one token per row. docs/math/sampler.md derives what is written here.
//
// Order, as Hugging Face's generate: repetition penalty -> masked ids -> temperature -> top-k -> top-p -> min-p -> draw.
// Exactness: probabilities are integers. w = round(exp(z - z_max) * 2^40) with an exponential made of fma alone (sampler_math.hpp), sums of
// w are uint64, so every threshold and every draw is exact and does not depend on the order of a sum: the CPU and the CUDA twin
// choose the same token from the same logits. The draw is the inverse of the cumulative mass in ascending id at a 64-bit uniform,
// Philox4x32-10 with key seed and counter (kDrawStream, position, trajectory id).
//
// Ties: top-k keeps every token that equals the k-th largest (as Hugging Face). top-p keeps the lower ids of the tokens that equal the
// last one kept (Hugging Face leaves it to an unstable sort). Greedy takes the lowest id.
#include <cstdint>

namespace tbrm {

// One draw. Ids that the row masks and has seen are ranges of one shared array.
struct SampleRow {
    uint64_t seed;
    int64_t trajectory_id;
    int32_t position;    // of the drawn token in its sequence
    int32_t logits_row;  // several rows may draw from the same logits
    int32_t n_vocab;     // ids [0, n_vocab) may be drawn
    int32_t top_k;       // 0 = off
    float temperature;   // 0 = greedy
    float top_p;         // 1 = off
    float log_min_p;     // nats below the maximum; -inf = off
    float repetition_penalty;
    int32_t first_seen;  // ids[first_seen, first_seen + n_seen): distinct ids that the penalty applies to
    int32_t n_seen;
    int32_t first_masked;  // ids[first_masked, first_masked + n_masked) are not drawn
    int32_t n_masked;
};

struct SampleResult {
    int32_t token;         // -1: the logits were NaN or infinite, or nothing was left to draw
    float logp;            // q - v at the row's temperature (1 when greedy), before penalty and filters
    float processed_logp;  // under the distribution that was drawn from; 0 when greedy
};

// Which tokens a row keeps: z > threshold, or z = threshold and id <= last_tie; and z - z_max >= log_min_p.
struct SampleFilter {
    float threshold;
    int32_t last_tie;
    float log_min_p;
};

namespace cpu {

int64_t sample_workspace_bytes(int64_t vocab, int64_t n_threads);
int64_t sample_workspace_bytes(int64_t vocab);  // of the threads that there are

// Shapes     logits [.., vocab] with row stride ld, as head_logits writes them (not divided by temperature); v one per row of logits: the
//            log-sum-exp at the row's temperature; rows, out [n]; workspace sample_workspace_bytes(vocab), uninitialised.
// Units      nats. Errors: none; a row that cannot be drawn from reports token -1 and leaves the others alone.
void sample(int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n, const SampleRow* rows,
        const int32_t* ids, void* workspace, SampleResult* out);

// What top-k, top-p and min-p keep of z [n_vocab] (already divided by temperature; scratch [2 n_vocab]). For tests and for sample itself.
SampleFilter sample_filter(
        int64_t n_vocab, const float* z, float z_max, int32_t top_k, float top_p, float log_min_p, float* scratch);

}  // namespace cpu

struct CudaQueue;  // core/cuda.hpp

namespace cuda {

// As the CPU twins; every pointer is memory of the queue's device. The same tokens and the same logp as the CPU twin from the same logits;
// processed_logp to an ulp, since it takes the device's logarithm.

constexpr int64_t kSampleBlocks = 264;  // rows at a time; each has scratch of its own
constexpr int64_t kSampleSegment = 1024;

// Bytes of one row's scratch, a multiple of 16: the masses of its segments, and its logits.
constexpr int64_t sample_scratch_bytes(int64_t vocab) {
    return ((vocab + kSampleSegment - 1) / kSampleSegment * 8 + vocab * 4 + 15) / 16 * 16;
}
// And the largest score of each segment.
constexpr int64_t sample_workspace_bytes(int64_t vocab) {
    return kSampleBlocks * (sample_scratch_bytes(vocab) + (vocab + kSampleSegment - 1) / kSampleSegment * 4);
}

// The largest of each kSampleSegment logits of a row, divided by the temperature: top[row * row_stride + segment * segment_stride]. Segments that the
// vocabulary ends in are not asked for.
struct SegmentTops {
    const float* top = nullptr;
    int64_t row_stride = 0, segment_stride = 0;
};

// tops: of the rows of logits, at the temperature of every draw from them (1 where that is 0); without top they are found in a pass of their own.
void sample(const CudaQueue& queue, int64_t vocab, const float* logits, int64_t ld, const float* v, int64_t n,
        const SampleRow* rows, const int32_t* ids, void* workspace, SampleResult* out, const SegmentTops& tops = {});

}  // namespace cuda
}  // namespace tbrm
