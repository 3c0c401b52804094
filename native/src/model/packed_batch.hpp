#pragma once
// packed_batch.hpp - a tbrm_batch_t, checked and on the device.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <vector>

#include "device/device.hpp"
#include "model/config.hpp"

namespace tbrm {

struct PackedBatch {
    int64_t n_tokens = 0;
    int64_t n_rows = 0;
    float temperature = 1;
    std::vector<int64_t> offsets;  // host, without empty sequences
    DeviceBuffer<int32_t> ids;
    DeviceBuffer<int32_t> positions;  // of each token in its sequence
    DeviceBuffer<int64_t> rows;
    DeviceBuffer<int32_t> labels;

    int64_t n_seqs() const { return static_cast<int64_t>(offsets.size()) - 1; }

    // Throws INVALID_ARGUMENT naming array, index, value and what is allowed. Without `labelled` the batch's labels and temperature are not
    // looked at: a value head needs neither.
    void assign(Device& device, const ModelConfig& config, const tbrm_batch_t* batch, bool labelled);
};

}  // namespace tbrm
