#include "plan/thread_scratch.hpp"

#include <algorithm>

#include "gemm/scratch_sizes.hpp"
#include "logprob/head_backward.hpp"

namespace tbrm {
namespace {

// What ATen's products, gated units and attention allocate while they run: operands that were bf16 widened, results before they are rounded.
int64_t torch_working_bytes(const ModelView& model, const ScratchLoad& load) {
    const int64_t rows = std::max(load.forward_rows, load.update_rows);
    int64_t most = 0;
    const auto linear = [&](int64_t k, int64_t m) {
        const int64_t wide = model.dtype == Dtype::F32 ? 0 : rows * std::max(k, m) + m * k;
        most = std::max(most, 4 * (2 * rows * std::max(k, m) + wide + (load.update_rows > 0 ? wide : 0)));
    };
    linear(model.hidden, model.qkv_width());
    linear(model.attention_width(), model.hidden);
    linear(model.hidden, 2 * model.intermediate);
    linear(model.intermediate, model.hidden);
    return std::max(most, rows * model.intermediate * 4 * (load.update_rows > 0 ? 9 : 4));
}

}  // namespace

int64_t thread_scratch_bytes(
        const DeviceSizes& sizes, const ModelView& model, const ScratchLoad& load, bool trains_weights) {
    if (sizes.is_torch() && load.forward_rows + load.update_rows > 0) return torch_working_bytes(model, load);
    if (!sizes.is_cpu() || load.forward_rows + load.update_rows == 0) return 0;
    int64_t accumulators = 0, slab = 0, logits = 0, transposed = 0;
    const auto take = [&](const cpu::LinearScratch& need) {
        accumulators = std::max(accumulators, need.accumulators);
        slab = std::max(slab, need.slab);
        transposed = std::max(transposed, need.transposed);
    };
    const auto linear = [&](int64_t k, int64_t m, bool trained) {
        const int64_t rows = std::max(load.forward_rows, load.update_rows);
        take(cpu::linear_forward_scratch(model.dtype, rows, k, m, sizes.n_threads));
        if (load.update_rows > 0)
            take(cpu::linear_backward_scratch(model.dtype, load.update_rows, k, sizes.n_threads, trained));
    };
    linear(model.hidden, model.qkv_width(), trains_weights);
    linear(model.attention_width(), model.hidden, trains_weights);
    linear(model.hidden, 2 * model.intermediate, trains_weights);
    linear(model.intermediate, model.hidden, trains_weights);
    if (model.adapter.width > 0) {
        for (const int64_t inputs : {model.hidden, model.attention_width(), model.intermediate})
            linear(inputs, model.adapter.width, true);
    }
    const auto head = [&](const cpu::HeadScratch& need) {
        accumulators = std::max(accumulators, need.accumulators);
        slab = std::max(slab, need.slab);
        logits = std::max(logits, need.logits);
    };
    if (load.forward_rows > 0 || load.update_head) head(cpu::head_forward_scratch());
    if (load.update_head) head(cpu::head_backward_scratch(model.dtype));
    int64_t rows = 0, pool = 0, keys = 0;
    const auto attention = [&](int64_t sequences, int64_t tokens, bool backward) {
        const int64_t longest = sequences > 0 ? (tokens + sequences - 1) / sequences : 0;
        const cpu::AttentionScratch forward =
                cpu::attention_forward_scratch(model.dtype, model.attention, sequences, longest);
        rows = std::max(rows, forward.rows);
        pool = std::max(pool, forward.keys);
        if (!backward || sequences == 0) return;
        const cpu::AttentionScratch back = cpu::attention_backward_scratch(model.dtype, model.attention, longest);
        rows = std::max(rows, back.rows);
        keys = std::max(keys, back.keys);
    };
    attention(load.update_sequences, load.update_rows, true);
    attention(load.score_sequences, load.score_rows, false);
    return sizes.n_threads * (accumulators + slab + logits + rows) + (sizes.n_threads - 1) * keys +
           std::max(pool, keys) + transposed;
}

}  // namespace tbrm
