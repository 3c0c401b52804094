#include "device/device_sizes.hpp"

#include <algorithm>

#include "gemm/panels.hpp"
#include "logprob/head_sizes_cuda.hpp"
#include "ops/rms_norm.hpp"
#include "rollout/sampler.hpp"
#include "torch/torch_interface.h"

namespace tbrm {
namespace {

// ATen's head on a CPU: logits of some words in several copies; what was bf16 widened; the sum of dx.
HeadBytes torch_head_bytes(const HeadShape& shape, int64_t rows, bool entropy) {
    const int64_t words = tbrm_torch_head_words(rows, shape.vocab, shape.budget_bytes);
    const int64_t logits = words * rows * 4 * TBRM_TORCH_HEAD_COPIES;
    const int64_t wide = shape.dtype == Dtype::F32 ? 0 : (rows + words) * shape.hidden * 4;
    const int64_t kept = rows * (entropy ? 12 : 8), vectors = rows * 64;
    return {kept, kept + logits + wide + vectors, kept + logits + wide + vectors + rows * shape.hidden * 4};
}

}  // namespace

int64_t DeviceSizes::row_group() const {
    return is_cpu() ? kPanelRows : 1;
}

int64_t DeviceSizes::weight_elements(Dtype dtype, int64_t rows, int64_t cols) const {
    return is_cpu() ? panel_elements(dtype, rows, cols) : rows * cols;
}

int64_t DeviceSizes::attention_backward(const AttentionShape& shape, int64_t tokens, int64_t longest) const {
    // ATen: the scores of a kv head in four copies, what is hidden of them, rows of its queries in six.
    if (is_torch()) {
        const int64_t group = shape.n_heads / shape.n_kv_heads;
        return longest * longest * (group * 16 + 3) + longest * group * shape.head_dim * 24;
    }
    // CUDA: sum of dout * out per token and head. A CPU's threads keep what they need (gemm/scratch.hpp).
    return is_cpu() ? 0 : tokens * shape.n_heads * 4;
}

int64_t DeviceSizes::norm_backward(int64_t rows, int64_t width) const {
    if (is_torch()) return 5 * rows * width * 4;
    // CUDA: partial sums of 256 rows (core/cuda_columns.cuh).
    return (is_cpu() ? cpu::rms_norm_partial_rows(rows) : (rows + 255) / 256) * width * 4;
}

int64_t DeviceSizes::embedding_backward(int64_t tokens) const {
    if (is_torch()) return tokens * 8;  // ids as libtorch wants them
    // CUDA: three arrays of ids, and a sort's scratch of about two more (ops/embedding_cuda.cu).
    return is_cpu() ? 0 : 5 * tokens * 4;
}

HeadBytes DeviceSizes::head(const HeadShape& shape, int64_t rows, bool entropy, bool trains_weight) const {
    if (kind == TBRM_DEVICE_KIND_TORCH_CPU) return torch_head_bytes(shape, rows, entropy);
    return is_cpu() ? cpu::head_bytes(shape, rows, entropy, trains_weight)
                    : cuda::head_bytes(shape, rows, entropy, trains_weight);
}

int64_t DeviceSizes::head_forward(const HeadShape& shape, int64_t rows) const {
    if (kind == TBRM_DEVICE_KIND_TORCH_CPU) return torch_head_bytes(shape, rows, false).forward;
    return is_cpu() ? cpu::head_forward_bytes(shape, rows) : cuda::head_forward_bytes(shape, rows);
}

int64_t DeviceSizes::head_logits(const HeadShape& shape, int64_t rows) const {
    if (kind == TBRM_DEVICE_KIND_TORCH_CPU) return torch_head_bytes(shape, rows, false).forward;
    return is_cpu() ? cpu::head_forward_bytes(shape, rows) : cuda::head_sum_bytes(shape, rows);
}

int64_t DeviceSizes::sample_workspace(int64_t vocab) const {
    return is_host() ? cpu::sample_workspace_bytes(vocab, n_threads) : cuda::sample_workspace_bytes(vocab);
}

}  // namespace tbrm
