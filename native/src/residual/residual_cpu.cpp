// residual_cpu.cpp - CPU twin of the residual. Contract: tbrm.h, tbrm_residual_forward. Shares no arithmetic with residual_cuda.cu.
#include <vector>

#include "core/parallel.hpp"
#include "residual/residual.hpp"

namespace tbrm {
namespace cpu {
namespace {

struct Span {
    int64_t first, last;  // the actions' rows: [first, last)
    bool bootstrap;       // row `last` is V(s_{H+1})
};

// A trajectory without any action has no residual, whether or not a bootstrap row follows.
Span actions_of(const tbrm_residual_args_t& args, int64_t b) {
    const int64_t first = args.row_offsets[b], end = args.row_offsets[b + 1];
    const bool bootstrap = args.bootstrap != nullptr && args.bootstrap[b] != 0 && end > first;
    return {first, bootstrap ? end - 1 : end, bootstrap};
}

double residual_of(const tbrm_residual_args_t& args, const float* q, const float* v, int64_t b, const Span& actions) {
    double f = 0.0;
    for (int64_t r = actions.first; r < actions.last; ++r) {
        // Rounded as the reference's was: the difference of equal policies is 0, not the rounding of one side.
        const float logp = q[r] - v[r];
        f += static_cast<double>(logp) - static_cast<double>(args.ref_logp[r]);
    }
    // Equal first values meet first, so that they cancel before anything is rounded.
    double first_value = static_cast<double>(args.v_frozen != nullptr ? args.v_frozen[b] : v[actions.first]);
    if (args.kind == TBRM_RESIDUAL_KIND_REVAL) first_value -= static_cast<double>(args.ref_v1[b]);
    f += first_value - args.reward[b] / args.beta;
    if (actions.bootstrap) {
        const double reference = args.kind == TBRM_RESIDUAL_KIND_REVAL ? static_cast<double>(args.ref_v_end[b]) : 0.0;
        f -= static_cast<double>(v[actions.last]) - reference;
    }
    return f;
}

}  // namespace

void residual_forward(const tbrm_residual_args_t& args, const float* q, const float* v, float* out_residual,
        double* out_loss, float* out_dq, float* out_dv) {
    std::vector<double> losses(static_cast<size_t>(args.n_seqs));
    parallel_for(args.n_seqs, args.n_rows, [&](int64_t b) {
        const Span actions = actions_of(args, b);
        const bool empty = actions.first == actions.last;
        const double f = empty ? 0.0 : residual_of(args, q, v, b, actions);
        const double weight = args.loss_scale * args.weight[b];
        // A dropped trajectory (weight 0) must not poison the sum, even when its residual is not finite.
        const double coefficient = weight == 0.0 ? 0.0 : 2.0 * weight * f;
        losses[static_cast<size_t>(b)] = weight == 0.0 ? 0.0 : weight * f * f;
        out_residual[b] = static_cast<float>(f);
        const float c = static_cast<float>(coefficient);
        for (int64_t r = actions.first; r < actions.last; ++r) {
            out_dq[r] = c;
            out_dv[r] = -c;
        }
        // The -V_1 of log pi(a_1|s_1) meets the +V_1 of the residual; only a detached V(s_1) leaves the former.
        if (!empty && args.detach_value == 0 && args.v_frozen == nullptr) out_dv[actions.first] = 0.0f;
        if (actions.bootstrap) {
            out_dq[actions.last] = 0.0f;
            out_dv[actions.last] = empty ? 0.0f : -c;
        }
    });
    double loss = 0.0;
    for (const double part : losses)
        loss += part;
    *out_loss = loss;
}

}  // namespace cpu
}  // namespace tbrm
