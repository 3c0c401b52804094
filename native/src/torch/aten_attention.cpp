// aten_attention.cpp - packed causal attention by ATen: per sequence and kv head the whole matrix of scores, in fp32.
#include <limits>

#include "torch/aten.hpp"

namespace tbrm {
namespace aten {
namespace {

using Matrix = tbrm_torch_matrix_t;
using Shape = tbrm_torch_attention_t;

// Rows of one sequence, and what of them belongs to one kv head.
class Sequence {
public:
    Sequence(const tbrm_torch_t* torch, const Shape& shape, int64_t first, int64_t n)
        : torch_(torch), shape_(shape), first_(first), n_(n), group_(shape.n_heads / shape.n_kv_heads) {}

    // Heads [head, head + count) of rows of heads: [count, n, d] in fp32.
    Tensor heads(const Matrix& rows, int64_t head, int64_t count) const {
        return wide(columns(rows, head, count)).reshape({n_, count, shape_.head_dim}).transpose(0, 1);
    }
    void put(const Tensor& value, const Matrix& rows, int64_t head, int64_t count) const {
        columns(rows, head, count).copy_(value.transpose(0, 1).reshape({n_, count * shape_.head_dim}));
    }

    Tensor queries(const Matrix& qkv, int64_t kv_head) const { return heads(qkv, kv_head * group_, group_); }
    Tensor keys(const Matrix& qkv, int64_t kv_head) const { return heads(qkv, shape_.n_heads + kv_head, 1); }
    Tensor values(const Matrix& qkv, int64_t kv_head) const {
        return heads(qkv, shape_.n_heads + shape_.n_kv_heads + kv_head, 1);
    }
    // [group, n, 1]: the log-sum-exps of a kv head's query heads.
    Tensor lse(const float* all, int64_t kv_head) const {
        return view(torch_, all + first_ * shape_.n_heads, n_ * shape_.n_heads)
                .reshape({n_, shape_.n_heads})
                .narrow(1, kv_head * group_, group_)
                .t()
                .unsqueeze(2);
    }

    // True where a query does not see a key: [n, n].
    Tensor hidden() const {
        const Tensor ones = at::ones({n_, n_}, at::TensorOptions().dtype(at::kBool).device(torch_->where));
        Tensor after = ones.triu(1);
        if (shape_.window > 0 && shape_.window < n_) after = after.logical_or(ones.tril(-shape_.window));
        return after;
    }
    // Scores of the visible pairs, minus infinity elsewhere: [group, n, n].
    Tensor scores(const Tensor& q, const Tensor& k, const Tensor& hidden_pairs) const {
        return at::matmul(q, k.transpose(1, 2))
                .mul_(static_cast<double>(shape_.scale))
                .masked_fill_(hidden_pairs, -std::numeric_limits<double>::infinity());
    }
    int64_t group() const { return group_; }

private:
    Tensor columns(const Matrix& rows, int64_t head, int64_t count) const {
        return view_rows(torch_, rows, first_, n_).narrow(1, head * shape_.head_dim, count * shape_.head_dim);
    }

    const tbrm_torch_t* torch_;
    const Shape& shape_;
    int64_t first_, n_, group_;
};

tbrm_status_t attention_forward(tbrm_torch_t* torch, const Shape* shape, int64_t n_seqs, const int64_t* offsets,
        const Matrix* qkv, const Matrix* out, float* lse, tbrm_error_t* err) {
    return guarded(err, "attention_forward", [&] {
        for (int64_t b = 0; b < n_seqs; ++b) {
            if (offsets[b + 1] == offsets[b]) continue;
            const Sequence rows(torch, *shape, offsets[b], offsets[b + 1] - offsets[b]);
            const Tensor hidden = rows.hidden();
            for (int64_t h = 0; h < shape->n_kv_heads; ++h) {
                Tensor scores = rows.scores(rows.queries(*qkv, h), rows.keys(*qkv, h), hidden);
                const Tensor sums = at::logsumexp(scores, {2}, true);
                const Tensor mixed = at::matmul(scores.sub_(sums).exp_(), rows.values(*qkv, h));
                rows.put(mixed, *out, h * rows.group(), rows.group());
                if (lse != nullptr) rows.lse(lse, h).copy_(sums);
            }
        }
    });
}

tbrm_status_t attention_backward(tbrm_torch_t* torch, const Shape* shape, int64_t n_seqs, const int64_t* offsets,
        const Matrix* qkv, const Matrix* out, const float* lse, const Matrix* dout, const Matrix* dqkv,
        tbrm_error_t* err) {
    return guarded(err, "attention_backward", [&] {
        for (int64_t b = 0; b < n_seqs; ++b) {
            if (offsets[b + 1] == offsets[b]) continue;
            const Sequence rows(torch, *shape, offsets[b], offsets[b + 1] - offsets[b]);
            const Tensor hidden = rows.hidden();
            for (int64_t h = 0; h < shape->n_kv_heads; ++h) {
                const int64_t group = rows.group(), first = h * group;
                const Tensor q = rows.queries(*qkv, h), k = rows.keys(*qkv, h), v = rows.values(*qkv, h);
                const Tensor grad = rows.heads(*dout, first, group);
                const Tensor p = rows.scores(q, k, hidden).sub_(rows.lse(lse, h)).exp_();
                const Tensor dv = at::matmul(p.transpose(1, 2), grad).sum(0, true);
                const Tensor inner = grad.mul(rows.heads(*out, first, group)).sum(2, true);
                const Tensor ds =
                        at::matmul(grad, v.transpose(1, 2)).sub_(inner).mul_(p).mul_(static_cast<double>(shape->scale));
                const Tensor dq = at::matmul(ds, k), dk = at::matmul(ds.transpose(1, 2), q).sum(0, true);
                rows.put(dq, *dqkv, first, group);
                rows.put(dk, *dqkv, shape->n_heads + h, 1);
                rows.put(dv, *dqkv, shape->n_heads + shape->n_kv_heads + h, 1);
            }
        }
    });
}

}  // namespace

void fill_attention(tbrm_torch_api_t& api) {
    api.attention_forward = &attention_forward;
    api.attention_backward = &attention_backward;
}

}  // namespace aten
}  // namespace tbrm
