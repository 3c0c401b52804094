#pragma once
// device_sizes.hpp - what the kernels of a device allocate, by the kind of device alone: a machine without it can plan for it. Each number comes from
// the function that the kernel itself allocates by.
#include <tbrm/tbrm.h>

#include <cstdint>

#include "core/dtype.hpp"
#include "logprob/head.hpp"
#include "ops/attention.hpp"

namespace tbrm {

struct DeviceSizes {
    tbrm_device_kind_t kind;
    int32_t n_threads;  // of a CPU

    bool is_cpu() const { return kind == TBRM_DEVICE_KIND_CPU; }  // and its own kernels
    bool is_host() const { return is_cpu() || kind == TBRM_DEVICE_KIND_TORCH_CPU; }
    bool is_torch() const { return kind == TBRM_DEVICE_KIND_TORCH_CPU || kind == TBRM_DEVICE_KIND_TORCH_CUDA; }

    // Rows that lie interleaved: a weight's rows in whole groups are consecutive memory.
    int64_t row_group() const;

    // Elements that W[rows, cols] takes in dtype.
    int64_t weight_elements(Dtype dtype, int64_t rows, int64_t cols) const;

    // Bytes while the call runs. longest: tokens of the longest sequence.
    int64_t attention_backward(const AttentionShape& shape, int64_t tokens, int64_t longest) const;
    int64_t norm_backward(int64_t rows, int64_t width) const;
    int64_t embedding_backward(int64_t tokens) const;

    HeadBytes head(const HeadShape& shape, int64_t rows, bool entropy, bool trains_weight) const;
    int64_t head_forward(const HeadShape& shape, int64_t rows) const;  // that keeps nothing
    int64_t head_logits(const HeadShape& shape, int64_t rows) const;
    int64_t sample_workspace(int64_t vocab) const;
};

}  // namespace tbrm
