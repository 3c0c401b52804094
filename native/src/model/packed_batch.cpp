#include "model/packed_batch.hpp"

#include <cmath>

#include "core/guard.hpp"

namespace tbrm {
namespace {

using ll = long long;

void check_header(const tbrm_batch_t* batch, bool labelled) {
    TBRM_REQUIRE(batch != nullptr, "batch is null");
    TBRM_REQUIRE(batch->struct_size == static_cast<int32_t>(sizeof(tbrm_batch_t)),
            "batch.struct_size is %d, expected %d: caller and library were built from different headers",
            batch->struct_size, static_cast<int>(sizeof(tbrm_batch_t)));
    TBRM_REQUIRE(!labelled || (batch->temperature > 0 && std::isfinite(batch->temperature)),
            "temperature is %g, expected a positive number", static_cast<double>(batch->temperature));
    TBRM_REQUIRE(batch->n_seqs >= 0 && batch->n_tokens >= 0 && batch->n_rows >= 0,
            "a count is negative: n_seqs %lld, n_tokens %lld, n_rows %lld", ll{batch->n_seqs}, ll{batch->n_tokens},
            ll{batch->n_rows});
    TBRM_REQUIRE(batch->n_tokens < (int64_t{1} << 31), "n_tokens is %lld, at most 2^31 - 1 fit one call",
            ll{batch->n_tokens});
    TBRM_REQUIRE(batch->offsets != nullptr, "offsets is null");
    TBRM_REQUIRE(batch->ids != nullptr || batch->n_tokens == 0, "ids is null");
    TBRM_REQUIRE((batch->rows != nullptr && (batch->labels != nullptr || !labelled)) || batch->n_rows == 0,
            labelled ? "rows or labels is null" : "rows is null");
}

void check_offsets(const tbrm_batch_t& batch, const ModelConfig& config) {
    TBRM_REQUIRE(batch.offsets[0] == 0, "offsets[0] is %lld, expected 0", ll{batch.offsets[0]});
    for (int64_t b = 0; b < batch.n_seqs; ++b) {
        const int64_t begin = batch.offsets[b], end = batch.offsets[b + 1];
        TBRM_REQUIRE(begin <= end && end <= batch.n_tokens,
                "offsets[%lld] is %lld after %lld, expected ascending offsets up to n_tokens = %lld", ll{b + 1},
                ll{end}, ll{begin}, ll{batch.n_tokens});
        TBRM_REQUIRE(end - begin <= config.max_positions,
                "sequence %lld has %lld tokens, the model was created for max_positions = %d", ll{b}, ll{end - begin},
                config.max_positions);
    }
    TBRM_REQUIRE(batch.offsets[batch.n_seqs] == batch.n_tokens, "offsets[%lld] is %lld, expected n_tokens = %lld",
            ll{batch.n_seqs}, ll{batch.offsets[batch.n_seqs]}, ll{batch.n_tokens});
}

void check_elements(const tbrm_batch_t& batch, const ModelConfig& config, bool labelled) {
    for (int64_t i = 0; i < batch.n_tokens; ++i) {
        TBRM_REQUIRE(batch.ids[i] >= 0 && batch.ids[i] < config.vocab_size,
                "ids[%lld] is %d, expected 0 to vocab_size - 1 = %d", ll{i}, batch.ids[i], config.vocab_size - 1);
    }
    int64_t previous = -1;
    for (int64_t r = 0; r < batch.n_rows; ++r) {
        TBRM_REQUIRE(batch.rows[r] > previous && batch.rows[r] < batch.n_tokens,
                "rows[%lld] is %lld after %lld, expected ascending packed indices without repeats below n_tokens = "
                "%lld",
                ll{r}, ll{batch.rows[r]}, ll{previous}, ll{batch.n_tokens});
        TBRM_REQUIRE(!labelled || (batch.labels[r] >= 0 && batch.labels[r] < config.vocab_size),
                "labels[%lld] is %d, expected 0 to vocab_size - 1 = %d", ll{r}, labelled ? batch.labels[r] : 0,
                config.vocab_size - 1);
        previous = batch.rows[r];
    }
}

}  // namespace

void PackedBatch::assign(Device& device, const ModelConfig& config, const tbrm_batch_t* batch, bool labelled) {
    check_header(batch, labelled);
    check_offsets(*batch, config);
    check_elements(*batch, config, labelled);

    n_tokens = batch->n_tokens;
    n_rows = batch->n_rows;
    temperature = batch->temperature;
    offsets.assign(1, 0);
    std::vector<int32_t> host_positions;
    host_positions.reserve(static_cast<size_t>(n_tokens));
    for (int64_t b = 0; b < batch->n_seqs; ++b) {
        const int64_t length = batch->offsets[b + 1] - batch->offsets[b];
        if (length == 0) continue;
        offsets.push_back(batch->offsets[b + 1]);
        for (int64_t i = 0; i < length; ++i)
            host_positions.push_back(static_cast<int32_t>(i));
    }
    ids.assign(device, batch->ids, n_tokens);
    positions.assign(device, host_positions.data(), n_tokens);
    rows.assign(device, batch->rows, n_rows);
    if (labelled) labels.assign(device, batch->labels, n_rows);
}

}  // namespace tbrm
