#pragma once
// batch_runner.hpp - runs one planned iteration on the device: embedding, layers over the paged cache, head, sampler.
#include <cstdint>
#include <vector>

#include "decoder/layer.hpp"
#include "device/device.hpp"
#include "model/layer_memory.hpp"
#include "model/model_view.hpp"
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
    // max_rows: of any plan. logits_budget_bytes bounds the fp32 logits that exist at any time (at least one row's).
    BatchRunner(Device& device, const ModelView& model, KvCache& cache, int64_t max_rows, int64_t logits_budget_bytes);

    // Samples from pi_guide^(1 - scale) pi^scale: every row also runs through the guide, whose cache has the same pages. Null ends it.
    void mix(const ModelView* guide, KvCache* cache, float scale);

    // One result per entry of plan.draws, valid until the next run.
    const std::vector<SampleResult>& run(const Plan& plan);

    // Frees the activations; the next run allocates them again.
    void release();

private:
    // Device arrays of one run. They grow and are used again.
    struct Inputs {
        DeviceBuffer<int32_t> ids, positions, slots, n_keys;
        DeviceBuffer<int64_t> write_pages, page_table, page_table_offsets, last_rows;
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

    void gather_inputs(const Plan& plan);
    void upload_inputs();
    void run_model(const ModelView& model, KvCache& cache, Activations& act, int64_t n);
    void final_rows(const ModelView& model, Activations& act, int64_t n_last);
    void chunk_logits(const ModelView& model, const Activations& act, const HeadChunk& chunk, float temperature,
            DeviceBuffer<float>& out);
    void mix_chunk(int64_t n, float temperature);
    void order_draws(const Plan& plan);
    HeadChunk next_chunk(const Plan& plan, size_t first_draw, int64_t first_row) const;
    void run_chunk(const Plan& plan, const HeadChunk& chunk);
    void sample_chunk(const Plan& plan, const HeadChunk& chunk);

    Device& device_;
    const ModelView& model_;
    KvCache& cache_;
    int64_t max_rows_;
    int64_t logits_budget_bytes_;
    int64_t max_logits_rows_;
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
    std::vector<int64_t> span_last_row_;  // [spans] batch row of the span's last token
    std::vector<int32_t> order_;          // draws by temperature, then in the plan's order
    std::vector<int64_t> last_rows_;      // batch rows that the head reads, each once
    std::vector<int64_t> draw_last_row_;  // [order_] index into last_rows_
    std::vector<SampleRow> sample_rows_;
    std::vector<int32_t> sample_ids_;
    std::vector<SampleResult> chunk_results_, results_;
};

}  // namespace tbrm
