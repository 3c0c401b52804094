// aten_rows.cpp - products, embedding, norms and gated units by ATen.
#include "torch/aten.hpp"

namespace tbrm {
namespace aten {
namespace {

using Matrix = tbrm_torch_matrix_t;

// out = value, or out += value, summed in fp32 and rounded once.
void put(const Tensor& value, int32_t add, Tensor out) {
    out.copy_(add != 0 ? wide(out).add_(value) : value);
}

tbrm_status_t linear_forward(tbrm_torch_t* torch, const Matrix* x, const Matrix* w, const float* bias, int32_t add,
        const Matrix* y, tbrm_error_t* err) {
    return guarded(err, "linear_forward", [&] {
        Tensor sum = product(view(torch, *x), view(torch, *w).t());
        if (bias != nullptr) sum.add_(view(torch, bias, w->rows));
        put(sum, add, view(torch, *y));
    });
}

tbrm_status_t linear_backward_input(
        tbrm_torch_t* torch, const Matrix* dy, const Matrix* w, int32_t add, const Matrix* dx, tbrm_error_t* err) {
    return guarded(err, "linear_backward_input",
            [&] { put(product(view(torch, *dy), view(torch, *w)), add, view(torch, *dx)); });
}

tbrm_status_t linear_backward_weight(
        tbrm_torch_t* torch, const Matrix* dy, const Matrix* x, const Matrix* dw, float* dbias, tbrm_error_t* err) {
    return guarded(err, "linear_backward_weight", [&] {
        const Tensor grad = view(torch, *dy);
        if (dw->dtype == dy->dtype)
            view(torch, *dw).addmm_(grad.t(), view(torch, *x));
        else
            view(torch, *dw).add_(product(grad.t(), view(torch, *x)));
        if (dbias != nullptr) view(torch, dbias, dy->cols).add_(wide(grad).sum(0));
    });
}

tbrm_status_t embedding_forward(
        tbrm_torch_t* torch, const int32_t* ids, const Matrix* w, const Matrix* y, tbrm_error_t* err) {
    return guarded(err, "embedding_forward",
            [&] { view(torch, *y).copy_(view(torch, *w).index_select(0, ids_of(torch, ids, y->rows))); });
}

tbrm_status_t embedding_backward(
        tbrm_torch_t* torch, const int32_t* ids, const Matrix* dy, const Matrix* dw, tbrm_error_t* err) {
    return guarded(err, "embedding_backward",
            [&] { view(torch, *dw).index_add_(0, ids_of(torch, ids, dy->rows), wide(view(torch, *dy))); });
}

tbrm_status_t rms_norm_forward(tbrm_torch_t* torch, const Matrix* x, const float* weight, float eps, const Matrix* y,
        float* inv_rms, tbrm_error_t* err) {
    return guarded(err, "rms_norm_forward", [&] {
        const Tensor rows = wide(view(torch, *x));
        const Tensor inverse = at::rsqrt(rows.mul(rows).mean(1, true).add_(eps));
        if (inv_rms != nullptr) view(torch, inv_rms, x->rows).copy_(inverse.squeeze(1));
        view(torch, *y).copy_(rows.mul(inverse).mul_(view(torch, weight, x->cols)));
    });
}

tbrm_status_t rms_norm_backward(tbrm_torch_t* torch, const Matrix* x, const float* weight, const float* inv_rms,
        const Matrix* dy, int32_t add, const Matrix* dx, float* dweight, tbrm_error_t* err) {
    return guarded(err, "rms_norm_backward", [&] {
        const Tensor grad = wide(view(torch, *dy)), inverse = view(torch, inv_rms, x->rows).unsqueeze(1);
        const Tensor unit = wide(view(torch, *x)).mul(inverse), scaled = grad.mul(view(torch, weight, x->cols));
        if (dweight != nullptr) view(torch, dweight, x->cols).add_(grad.mul(unit).sum(0));
        const Tensor along = scaled.mul(unit).mean(1, true);
        put(scaled.sub(unit.mul(along)).mul_(inverse), add, view(torch, *dx));
    });
}

// Gate and up of a row, widened.
struct Halves {
    Tensor gate, up;
    Halves(const tbrm_torch_t* torch, const Matrix& gate_up) {
        const Tensor both = wide(view(torch, gate_up));
        const int64_t half = gate_up.cols / 2;
        gate = both.narrow(1, 0, half);
        up = both.narrow(1, half, half);
    }
};

constexpr double kRootTwoOverPi = 0.79788456080286535588, kCubic = 0.044715;

// ops/glu.hpp: 0 is SiLU, 1 is GELU's tanh form. Both are g s(t) with s the logistic function.
Tensor logistic(int32_t activation, const Tensor& gate) {
    if (activation == 0) return at::sigmoid(gate);
    return at::sigmoid(gate.mul(gate).mul_(kCubic).add_(1).mul_(gate).mul_(2 * kRootTwoOverPi));
}

tbrm_status_t glu_forward(
        tbrm_torch_t* torch, int32_t activation, const Matrix* gate_up, const Matrix* y, tbrm_error_t* err) {
    return guarded(err, "glu_forward", [&] {
        const Halves in(torch, *gate_up);
        view(torch, *y).copy_(logistic(activation, in.gate).mul_(in.gate).mul_(in.up));
    });
}

// d(g s)/dg = s + g s (1 - s) t', t' = 1 for SiLU.
tbrm_status_t glu_backward(tbrm_torch_t* torch, int32_t activation, const Matrix* gate_up, const Matrix* dy,
        const Matrix* dgate_up, tbrm_error_t* err) {
    return guarded(err, "glu_backward", [&] {
        const Halves in(torch, *gate_up);
        const Tensor grad = wide(view(torch, *dy)), s = logistic(activation, in.gate);
        Tensor slope = in.gate.mul(s).mul_(1 - s);
        if (activation != 0) slope.mul_(in.gate.mul(in.gate).mul_(3 * kCubic).add_(1).mul_(2 * kRootTwoOverPi));
        const int64_t half = gate_up->cols / 2;
        Tensor out = view(torch, *dgate_up);
        const Tensor dup = grad.mul(in.gate).mul_(s), dgate = grad.mul(in.up).mul_(slope.add_(s));
        out.narrow(1, 0, half).copy_(dgate);
        out.narrow(1, half, half).copy_(dup);
    });
}

}  // namespace

void fill_rows(tbrm_torch_api_t& api) {
    api.linear_forward = &linear_forward;
    api.linear_backward_input = &linear_backward_input;
    api.linear_backward_weight = &linear_backward_weight;
    api.embedding_forward = &embedding_forward;
    api.embedding_backward = &embedding_backward;
    api.rms_norm_forward = &rms_norm_forward;
    api.rms_norm_backward = &rms_norm_backward;
    api.glu_forward = &glu_forward;
    api.glu_backward = &glu_backward;
}

}  // namespace aten
}  // namespace tbrm
