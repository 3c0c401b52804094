// head_tape.cpp - a forward whose backward follows: what is kept, what is recomputed. Contract: logprob/head.hpp; docs/adr/0004-head-e-store.md.
#include <cstring>

#include "logprob/head_backward.hpp"

namespace tbrm {
namespace cpu {
namespace {

constexpr int64_t kDefaultBudget = int64_t{256} << 20;
constexpr int64_t kChunkRows = 2048;  // rows per pass of the backward over W and dW
constexpr int64_t kFewestRows = 48;   // fewer kept rows are not worth their pass

int64_t slice_bytes_per_row(const HeadShape& shape) {
    return std::min(kSegmentColumns, padded_columns(shape.vocab)) * dtype_bytes(shape.dtype);
}

// How the budget is shared between exponentials that are kept and slices of the vocabulary that are recomputed.
struct Plan {
    int64_t n_kept;
    int64_t slice_bytes;  // 0 when every row is kept
};

Plan plan(const HeadShape& shape, int64_t rows, bool may_keep) {
    const int64_t budget = shape.budget_bytes > 0 ? shape.budget_bytes : kDefaultBudget;
    const int64_t per_row = KeptExponentials::bytes_per_row(shape);
    if (may_keep && rows <= budget / per_row) return {rows, 0};
    const int64_t two_segments = 2 * std::min(rows, kChunkRows) * slice_bytes_per_row(shape);
    const int64_t slice = std::min(budget / 4, two_segments), n_kept = (budget - slice) / per_row;
    if (may_keep && n_kept >= kFewestRows) return {std::min(n_kept, rows), slice};
    return {0, std::min(budget, 2 * two_segments)};
}

// The rows from `first` on that backward takes at once: of the `n_kept` that are kept, and recomputed ones as the slice's bytes allow.
BackwardChunk next_chunk(const HeadShape& shape, int64_t rows, int64_t n_kept, int64_t slice_bytes, int64_t first) {
    BackwardChunk chunk{first, 0, 0};
    chunk.n_kept = std::min(kChunkRows, std::max<int64_t>(0, n_kept - first));
    // Sixteen rows are recomputed at a time even where the budget is smaller than that.
    const int64_t room = std::max<int64_t>(16, slice_bytes / slice_bytes_per_row(shape));
    if (first + chunk.n_kept >= n_kept)
        chunk.n_recomputed = std::min({kChunkRows - chunk.n_kept, rows - first - chunk.n_kept, room});
    return chunk;
}

}  // namespace

struct HeadTape::Impl {
    HeadShape shape;
    int64_t rows;
    const void* x;
    int64_t slice_bytes;
    bool has_h;
    HostBuffer<int32_t> labels;
    HostBuffer<float> q, v, h, rest;  // [rows]
    KeptExponentials kept;
};

HeadTape::HeadTape() = default;
HeadTape::~HeadTape() = default;
HeadTape::HeadTape(HeadTape&&) noexcept = default;
HeadTape& HeadTape::operator=(HeadTape&&) noexcept = default;

void HeadTape::forward(const HeadShape& shape, int64_t rows, const void* x, const void* w, const int32_t* labels,
        float* out_q, float* out_v, float* out_h) {
    impl_.reset();
    std::unique_ptr<Impl> tape(new Impl{shape, rows, x, 0, out_h != nullptr, HostBuffer<int32_t>(rows),
            HostBuffer<float>(rows), HostBuffer<float>(rows), HostBuffer<float>(out_h != nullptr ? rows : 0),
            HostBuffer<float>(rows), KeptExponentials()});
    const Plan shares = plan(shape, rows, true);
    tape->slice_bytes = shares.slice_bytes;
    tape->kept.allocate(shape, shares.n_kept);
    if (rows > 0) {
        const size_t bytes = static_cast<size_t>(rows) * sizeof(float);
        ForwardOutputs out;
        out.q = out_q;
        out.v = out_v;
        out.h = out_h;
        out.rest = tape->rest.data();
        out.kept = &tape->kept;
        forward_pass(HeadCall(shape, x, w, labels), rows, out);
        std::memcpy(tape->labels.data(), labels, static_cast<size_t>(rows) * sizeof(int32_t));
        std::memcpy(tape->q.data(), out_q, bytes);
        std::memcpy(tape->v.data(), out_v, bytes);
        if (out_h != nullptr) std::memcpy(tape->h.data(), out_h, bytes);
    }
    impl_ = std::move(tape);
}

void HeadTape::backward(const void* w, const float* dq, const float* dv, const float* dh, void* dx, float* dw) {
    TBRM_ASSERT(impl_ != nullptr, "backward without a forward");
    const std::unique_ptr<Impl> tape = std::move(impl_);
    const HeadCall call(tape->shape, tape->x, w, tape->labels.data());
    if (dh != nullptr) {
        // The entropy's slope needs log p, which the exponentials alone do not give back: their rows are recomputed.
        tape->kept = KeptExponentials();
        tape->slice_bytes = plan(tape->shape, tape->rows, false).slice_bytes;
        if (!tape->has_h) {
            tape->h.resize(tape->rows);
            head_forward(tape->shape, tape->rows, tape->x, w, tape->labels.data(), tape->q.data(), tape->v.data(),
                    tape->h.data());
        }
    }
    const RowCoefficients rows{tape->q.data(), tape->v.data(), tape->h.data(), tape->rest.data(), dq, dv, dh};
    kept_factors(call, rows, tape->kept);
    for (int64_t first = 0; first < tape->rows;) {
        const BackwardChunk chunk = next_chunk(tape->shape, tape->rows, tape->kept.rows, tape->slice_bytes, first);
        backward_chunk(call, rows, chunk, tape->kept, tape->slice_bytes, dx, dw);
        first += chunk.rows();
    }
}

HeadBytes head_bytes(const HeadShape& shape, int64_t rows, bool entropy, bool trains_weight) {
    const Plan forward = plan(shape, rows, true);
    const int64_t per_row = KeptExponentials::bytes_per_row(shape), numbers = rows * (entropy ? 5 : 4) * 4;
    HeadBytes bytes{};
    bytes.kept = forward.n_kept * per_row + numbers;
    bytes.forward = bytes.kept + head_forward_bytes(shape, rows);
    const Plan backward = entropy ? plan(shape, rows, false) : forward;
    for (int64_t first = 0; first < rows;) {
        const BackwardChunk chunk = next_chunk(shape, rows, backward.n_kept, backward.slice_bytes, first);
        bytes.backward =
                std::max(bytes.backward, backward_chunk_bytes(shape, chunk, backward.slice_bytes, trains_weight));
        first += chunk.rows();
    }
    bytes.backward += backward.n_kept * per_row + numbers;
    return bytes;
}

int64_t HeadTape::kept_bytes() const {
    return impl_ == nullptr ? 0 : impl_->kept.e.bytes() + impl_->kept.max.bytes();
}

}  // namespace cpu
}  // namespace tbrm
