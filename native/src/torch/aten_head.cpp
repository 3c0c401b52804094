// aten_head.cpp - Q, V, H and their gradients by ATen, so many words of the vocabulary at a time that their logits fit the budget.
#include <algorithm>
#include <limits>

#include "torch/aten.hpp"

namespace tbrm {
namespace aten {
namespace {

using Head = tbrm_torch_head_t;
using Matrix = tbrm_torch_matrix_t;

// Words [first, first + n) of the vocabulary.
struct Words {
    int64_t first, n;
};

template <class Body>
void for_words(const Head& head, Body&& body) {
    for (int64_t first = 0; first < head.w.rows; first += head.words)
        body(Words{first, std::min(head.words, head.w.rows - first)});
}

// z of all rows against some words, fp32.
Tensor scores(const tbrm_torch_t* torch, const Head& head, const Tensor& x, Words words) {
    return product(x, view_rows(torch, head.w, words.first, words.n).t()).div_(static_cast<double>(head.temperature));
}

// Which rows have their label among the words, and its column (0 where not): [R], [R, 1].
struct Labelled {
    Tensor here, column;
    Labelled(const Tensor& labels, Words words)
        : here(labels.ge(words.first).logical_and_(labels.lt(words.first + words.n))),
          column(labels.sub(words.first).clamp_(0, words.n - 1).unsqueeze(1)) {}
};

tbrm_status_t head_forward(
        tbrm_torch_t* torch, const Head* head, float* out_q, float* out_v, float* out_h, tbrm_error_t* err) {
    return guarded(err, "head_forward", [&] {
        const int64_t rows = head->x.rows;
        const Tensor x = view(torch, head->x), labels = ids_of(torch, head->labels, rows);
        Tensor q = view(torch, out_q, rows), v = view(torch, out_v, rows);
        q.zero_();
        v.fill_(-std::numeric_limits<float>::infinity());
        Tensor mean = at::zeros_like(v);  // of z under softmax(z), over the words seen so far
        for_words(*head, [&](Words words) {
            Tensor z = scores(torch, *head, x, words);
            const Labelled label(labels, words);
            q.copy_(at::where(label.here, z.gather(1, label.column).squeeze(1), q));
            const Tensor next = at::logaddexp(v, at::logsumexp(z, {1}));
            if (out_h != nullptr)
                mean = mean.mul_(v.sub(next).exp_()).add_(z.sub(next.unsqueeze(1)).exp_().mul_(z).sum(1));
            v.copy_(next);
        });
        if (out_h != nullptr) view(torch, out_h, rows).copy_(v.sub(mean));
    });
}

tbrm_status_t head_logits(
        tbrm_torch_t* torch, const Head* head, const Matrix* logits, float* out_v, tbrm_error_t* err) {
    return guarded(err, "head_logits", [&] {
        const Tensor x = view(torch, head->x), all = view(torch, *logits);
        Tensor v = view(torch, out_v, head->x.rows);
        v.fill_(-std::numeric_limits<float>::infinity());
        for_words(*head, [&](Words words) {
            const Tensor z = product(x, view_rows(torch, head->w, words.first, words.n).t());
            all.narrow(1, words.first, words.n).copy_(z);
            v.copy_(at::logaddexp(v, at::logsumexp(z.div(static_cast<double>(head->temperature)), {1})));
        });
    });
}

// dz = dQ e_label + dV p - dH p (log p + H), divided by the temperature.
tbrm_status_t head_backward(tbrm_torch_t* torch, const Head* head, const float* v, const float* h, const float* dq,
        const float* dv, const float* dh, const Matrix* dx, const Matrix* dw, tbrm_error_t* err) {
    return guarded(err, "head_backward", [&] {
        const int64_t rows = head->x.rows;
        const Tensor x = view(torch, head->x), labels = ids_of(torch, head->labels, rows);
        const Tensor grad_q = view(torch, dq, rows), sums = view(torch, v, rows).unsqueeze(1);
        const Tensor grad_v = view(torch, dv, rows).unsqueeze(1);
        Tensor sum = at::zeros({rows, head->x.cols}, grad_q.options());
        for_words(*head, [&](Words words) {
            const Tensor log_p = scores(torch, *head, x, words).sub_(sums), p = log_p.exp();
            Tensor dz = p.mul(grad_v);
            if (dh != nullptr)
                dz.sub_(log_p.add_(view(torch, h, rows).unsqueeze(1)).mul_(p).mul_(view(torch, dh, rows).unsqueeze(1)));
            const Labelled label(labels, words);
            dz.scatter_add_(1, label.column, grad_q.mul(label.here).unsqueeze(1));
            dz.div_(static_cast<double>(head->temperature));
            const Tensor part = wide(view_rows(torch, head->w, words.first, words.n));
            sum.addmm_(dz, part);
            if (dw->data != nullptr) view_rows(torch, *dw, words.first, words.n).addmm_(dz.t(), wide(x));
        });
        view(torch, *dx).copy_(sum);
    });
}

}  // namespace

void fill_head(tbrm_torch_api_t& api) {
    api.head_forward = &head_forward;
    api.head_logits = &head_logits;
    api.head_backward = &head_backward;
}

}  // namespace aten
}  // namespace tbrm
