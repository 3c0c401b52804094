#pragma once
// head_sizes_cuda.hpp - how the CUDA twin of the head cuts rows and vocabulary, and what it allocates. Arithmetic alone: a machine without CUDA plans
// by it, and head_cuda.cu allocates by it.
#include <algorithm>
#include <cstdint>

#include "logprob/head.hpp"

namespace tbrm {
namespace cuda {

constexpr int64_t kHeadDefaultBudget = int64_t{256} << 20;
constexpr int64_t kHeadChunkRows = 8192;  // rows per pass over W
constexpr int64_t kHeadSegment = 1024;
constexpr int64_t kHeadSumBytes = 16;  // of a row's segment

inline int64_t head_budget(const HeadShape& shape) {
    return shape.budget_bytes > 0 ? shape.budget_bytes : kHeadDefaultBudget;
}
inline int64_t head_segments(int64_t columns) {
    return (columns + kHeadSegment - 1) / kHeadSegment;
}
inline int64_t head_padded_vocab(int64_t vocab) {
    return (vocab + 7) / 8 * 8;
}
// Columns per slice so that rows times columns of `bytes` each stay within `budget`.
inline int64_t head_slice_columns(int64_t rows, int64_t bytes, int64_t budget) {
    const int64_t fits = budget / (rows * bytes) / kHeadSegment * kHeadSegment;
    return std::max<int64_t>(kHeadSegment, std::min(16 * kHeadSegment, fits));
}
// Rows of a pass that keeps nothing.
inline int64_t head_chunk_rows(int64_t rows, int64_t budget) {
    return std::min({rows, kHeadChunkRows, std::max<int64_t>(1, budget / (kHeadSegment * 4))});
}
// A quarter of the budget holds fp32 logits of a slice; the rest is kept, whole rows of it.
inline int64_t head_kept_row_bytes(const HeadShape& shape) {
    return head_padded_vocab(shape.vocab) * dtype_bytes(shape.dtype) + head_segments(shape.vocab) * 4;
}
inline int64_t head_kept_rows(const HeadShape& shape, int64_t rows) {
    const int64_t budget = head_budget(shape), fits = (budget - budget / 4) / head_kept_row_bytes(shape);
    return std::min({rows, fits, kHeadChunkRows, std::max<int64_t>(0, budget / 4 / (kHeadSegment * 4))});
}
// Rows of a backward pass whose logits are computed again.
inline int64_t head_recomputed_rows(const HeadShape& shape) {
    return std::max<int64_t>(16, head_budget(shape) / 4 / (kHeadSegment * (4 + dtype_bytes(shape.dtype))));
}

inline int64_t head_sum_bytes(const HeadShape& shape, int64_t rows) {
    return head_segments(shape.vocab) * rows * kHeadSumBytes;
}
// Logits of a slice and sums of a pass over `rows` rows at a time.
inline int64_t head_pass_bytes(const HeadShape& shape, int64_t rows, int64_t budget) {
    return rows <= 0 ? 0 : rows * head_slice_columns(rows, 4, budget) * 4 + head_sum_bytes(shape, rows);
}
inline int64_t head_forward_bytes(const HeadShape& shape, int64_t rows) {
    const int64_t budget = head_budget(shape);
    return head_pass_bytes(shape, head_chunk_rows(rows, budget), budget);
}
inline HeadBytes head_bytes(const HeadShape& shape, int64_t rows, bool entropy, bool trains_weight) {
    const int64_t quarter = std::max<int64_t>(head_budget(shape) / 4, 1), size = dtype_bytes(shape.dtype);
    const int64_t n_kept = head_kept_rows(shape, rows), numbers = rows * (entropy ? 5 : 4) * 4;
    HeadBytes bytes{};
    bytes.kept = n_kept * head_kept_row_bytes(shape) + numbers;
    bytes.forward = bytes.kept + std::max(head_pass_bytes(shape, n_kept, quarter),
                                         head_pass_bytes(shape, head_chunk_rows(rows - n_kept, quarter), quarter));
    const auto products = [&](int64_t n) { return n * shape.hidden * (4 + (trains_weight ? size : 0)); };
    const int64_t still_kept = entropy ? 0 : n_kept;
    const int64_t again = std::min({kHeadChunkRows, rows - still_kept, head_recomputed_rows(shape)});
    const int64_t slices = again > 0 ? again * head_slice_columns(again, 4 + size, quarter) * (4 + size) : 0;
    bytes.backward = numbers + still_kept * head_kept_row_bytes(shape) +
                     std::max(products(still_kept), again > 0 ? products(again) + slices : 0);
    return bytes;
}

}  // namespace cuda
}  // namespace tbrm
