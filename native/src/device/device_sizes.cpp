#include "device/device_sizes.hpp"

#include <algorithm>

#include "gemm/panels.hpp"
#include "logprob/head_sizes_cuda.hpp"
#include "ops/rms_norm.hpp"
#include "rollout/sampler.hpp"

namespace tbrm {

int64_t DeviceSizes::weight_elements(Dtype dtype, int64_t rows, int64_t cols) const {
    return is_cpu() ? panel_elements(dtype, rows, cols) : rows * cols;
}

int64_t DeviceSizes::attention_backward(const AttentionShape& shape, int64_t tokens) const {
    // CUDA: sum of dout * out per token and head. A CPU's threads keep what they need (gemm/scratch.hpp).
    return is_cpu() ? 0 : tokens * shape.n_heads * 4;
}

int64_t DeviceSizes::norm_backward(int64_t rows, int64_t width) const {
    // CUDA: partial sums of 256 rows (core/cuda_columns.cuh).
    return (is_cpu() ? cpu::rms_norm_partial_rows(rows) : (rows + 255) / 256) * width * 4;
}

int64_t DeviceSizes::embedding_backward(int64_t tokens) const {
    // CUDA: three arrays of ids, and a sort's scratch of about two more (ops/embedding_cuda.cu).
    return is_cpu() ? 0 : 5 * tokens * 4;
}

HeadBytes DeviceSizes::head(const HeadShape& shape, int64_t rows, bool entropy, bool trains_weight) const {
    return is_cpu() ? cpu::head_bytes(shape, rows, entropy, trains_weight)
                    : cuda::head_bytes(shape, rows, entropy, trains_weight);
}

int64_t DeviceSizes::head_forward(const HeadShape& shape, int64_t rows) const {
    return is_cpu() ? cpu::head_forward_bytes(shape, rows) : cuda::head_forward_bytes(shape, rows);
}

int64_t DeviceSizes::head_logits(const HeadShape& shape, int64_t rows) const {
    return is_cpu() ? cpu::head_forward_bytes(shape, rows) : cuda::head_sum_bytes(shape, rows);
}

int64_t DeviceSizes::sample_workspace(int64_t vocab) const {
    return is_cpu() ? cpu::sample_workspace_bytes(vocab, n_threads) : cuda::sample_workspace_bytes(vocab);
}

}  // namespace tbrm
