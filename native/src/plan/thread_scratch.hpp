#pragma once
// thread_scratch.hpp - working memory that the CPU kernels' threads keep from the first use on.
#include <cstdint>

#include "device/device_sizes.hpp"
#include "model/model_view.hpp"

namespace tbrm {

// The largest batches that run: rows of a product.
struct ScratchLoad {
    int64_t forward_rows;  // in any forward; 0: none
    int64_t update_rows;   // in a backward; 0: none
    bool update_head;      // an LM head's backward
    int64_t update_sequences;
    int64_t score_rows;  // of a packed batch that is only scored, and its sequences
    int64_t score_sequences;
};

// 0 on CUDA, whose kernels keep nothing. With libtorch: what one of its kernels allocates at most; attention and the head are in DeviceSizes.
int64_t thread_scratch_bytes(
        const DeviceSizes& sizes, const ModelView& model, const ScratchLoad& load, bool trains_weights);

}  // namespace tbrm
