#pragma once
// batch_runner.hpp - runs one planned iteration on the device: embedding, layers over the paged cache, head, sampler.
#include <cstdint>
#include <vector>

#include "decoder/layer.hpp"
#include "device/device.hpp"
#include "model/layer_memory.hpp"
#include "model/model_view.hpp"
#include "rollout/decode_graph.hpp"
#include "rollout/kv_cache.hpp"
#include "rollout/scheduler.hpp"

namespace tbrm {

// Bytes of a runner at its largest batch: activations with where keys go and come from, and what the sampler draws from.
struct RunnerBytes {
    int64_t activations;
    int64_t logits;
};
RunnerBytes runner_bytes(const DeviceSizes& sizes, const ModelView& model, int64_t max_seqs, int64_t max_batched_tokens,
        int64_t logits_budget_bytes);

class BatchRunner {
public:
    // max_rows: of any plan. logits_budget_bytes bounds the fp32 logits that exist at any time (at least one row's). decode_rows: steps of up to so many
    // sequences with one row each are recorded, where the device can (0: none is).
    BatchRunner(Device& device, const ModelView& model, KvCache& cache, int64_t max_rows, int64_t logits_budget_bytes,
            int64_t decode_rows);

    // Samples from pi_guide^(1 - scale) pi^scale: every row also runs through the guide, whose cache has the same pages. Null ends it.
    void mix(const ModelView* guide, KvCache* cache, float scale);

    // Of what a run reads, per row, without the lists of pages: the page written, where the row's list begins, the last rows; ids, positions, slots and
    // key counts.
    static constexpr int64_t kInputBytes = 3 * 8 + 4 * 4;

    // One result per entry of plan.draws, valid until the next run.
    const std::vector<SampleResult>& run(const Plan& plan);

    // Frees the activations; the next run allocates them again.
    void release();

private:
    // What a run reads of its rows, in device memory: one array after the other, so that it comes in one copy. Places depend on `rows` and the address
    // alone: a recorded step finds them again.
    struct Inputs {
        DeviceBuffer<uint8_t> memory;
        int64_t rows = 0;  // room for

        const int64_t* write_pages() const { return reinterpret_cast<const int64_t*>(memory.data()); }
        const int64_t* page_table_offsets() const { return write_pages() + rows; }
        const int64_t* last_rows() const { return write_pages() + 2 * rows; }
        const int32_t* ids() const { return reinterpret_cast<const int32_t*>(write_pages() + 3 * rows); }
        const int32_t* positions() const { return ids() + rows; }
        const int32_t* slots() const { return ids() + 2 * rows; }
        const int32_t* n_keys() const { return ids() + 3 * rows; }
        const int64_t* page_table() const {
            return write_pages() + 5 * rows;
        }  // behind the four arrays of half the width
    };
    struct Activations {
        DeviceBuffer<uint8_t> x, last;
        LayerMemory layer;
    };
    struct Output {
        DeviceBuffer<float> logits, v;
        DeviceBuffer<SampleRow> rows;
        DeviceBuffer<int32_t> ids;
        DeviceBuffer<SampleResult> results;
        DeviceBuffer<uint8_t> workspace;
    };
    // Draws whose logits are computed in one piece: entries [first_draw, end_draw) of order_, logits rows [first_row, end_row).
    struct HeadChunk {
        size_t first_draw, end_draw;
        int64_t first_row, end_row;
    };

    // What the head's call for a chunk takes.
    struct ChunkLogits {
        HeadShape shape;
        int64_t rows;
        const void* x;
        const void* w;
        float* logits;
        float* v;
    };

    void gather_inputs(const Plan& plan);
    bool decodes_alone(const Plan& plan) const;
    void pad_inputs(int64_t rows);
    void upload_inputs(int64_t rows);
    void run_decode(const Plan& plan);
    DecodeGraphs::Key decode_key(int64_t rows, float temperature);
    void run_model(const ModelView& model, KvCache& cache, Activations& act, int64_t n);
    void final_rows(const ModelView& model, Activations& act, int64_t n_last);
    ChunkLogits chunk_logits(const ModelView& model, const Activations& act, const HeadChunk& chunk, float temperature,
            DeviceBuffer<float>& out);
    void sample_from_head(const HeadChunk& chunk, float temperature, int64_t n);
    void mix_chunk(int64_t n, float temperature);
    void order_draws(const Plan& plan);
    HeadChunk next_chunk(const Plan& plan, size_t first_draw, int64_t first_row) const;
    void run_chunk(const Plan& plan, const HeadChunk& chunk);
    void gather_samples(const Plan& plan, const HeadChunk& chunk);
    void upload_samples();
    DrawnRows drawn_rows(int64_t n);
    void take_results(const HeadChunk& chunk);

    Device& device_;
    const ModelView& model_;
    KvCache& cache_;
    int64_t max_rows_;
    int64_t logits_budget_bytes_;
    int64_t max_logits_rows_;
    int64_t decode_rows_;
    DecodeGraphs graphs_;
    Inputs in_;
    Activations act_;
    Output out_;

    const ModelView* guide_ = nullptr;
    KvCache* guide_cache_ = nullptr;
    float scale_ = 1.0f;
    Activations guide_act_;
    DeviceBuffer<float> guide_logits_;
    std::vector<float> mixed_, guided_, mixed_v_;  // host side of the logits that are mixed

    // Host side of in_ and out_.
    std::vector<int32_t> ids_, positions_, slots_, n_keys_;
    std::vector<int64_t> write_pages_, page_table_, page_table_offsets_;
    std::vector<uint8_t> packed_;
    std::vector<int64_t> span_last_row_;  // [spans] batch row of the span's last token
    std::vector<int32_t> order_;          // draws by temperature, then in the plan's order
    std::vector<int64_t> last_rows_;      // batch rows that the head reads, each once
    std::vector<int64_t> draw_last_row_;  // [order_] index into last_rows_
    std::vector<SampleRow> sample_rows_;
    std::vector<int32_t> sample_ids_;
    std::vector<SampleResult> chunk_results_, results_;
};

}  // namespace tbrm
