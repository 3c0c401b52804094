#include "decoder/block.hpp"

namespace tbrm {

using A = LayerArray;
using T = LayerTensor;

namespace {

// One call after the other: where an adapter adds to the product, or no norm follows.
void add_branch_alone(const Block& b, const Branch& branch, void* x) {
    const int64_t hidden = b.model.hidden;
    const bool post_norms = b.model.architecture->post_norms;
    const float multiplier = b.model.architecture->residual_multiplier;
    if (!post_norms && multiplier == 1)
        return b.linear(branch.which, branch.inputs, hidden, branch.from, Epilogue::AddTo, x);
    void* out = b.buffers[branch.kept] != nullptr ? b.buffers[branch.kept] : b.buffers[A::Normed];
    b.linear(branch.which, branch.inputs, hidden, branch.from, Epilogue::Store, out);
    if (post_norms) {
        b.norm(out, branch.norm, b.buffers.floats(branch.inv_rms));
        out = b.buffers[A::Normed];
    }
    if (multiplier != 1) b.device.scale(b.model.dtype, b.count, hidden, multiplier, out, hidden);
    b.device.add(b.model.dtype, b.count * hidden, out, x);
}

}  // namespace

void add_branch(const Block& b, const Branch& branch, void* x, const float* next_norm, float* out_inv_rms) {
    const int64_t hidden = b.model.hidden;
    if (next_norm == nullptr) return add_branch_alone(b, branch, x);
    if (b.model.adapter_of(b.layer, branch.which) != nullptr) {
        add_branch_alone(b, branch, x);
        b.device.rms_norm_forward(b.model.dtype, b.count, hidden, x, hidden, next_norm, b.model.rms_norm_eps,
                b.buffers[A::Normed], hidden, out_inv_rms);
        return;
    }
    const bool post_norms = b.model.architecture->post_norms;
    const float multiplier = b.model.architecture->residual_multiplier;
    void* const kept = b.buffers[branch.kept] != nullptr ? b.buffers[branch.kept] : b.buffers[A::Normed];
    const LinearCall product{branch.inputs, hidden, branch.from,
            b.weights().weight(kLinearTensors[static_cast<size_t>(branch.which)]), nullptr};
    b.device.add_branch_norm(product, {b.model.dtype, b.count, hidden, post_norms || multiplier != 1 ? kept : nullptr,
                                              post_norms ? b.weights().vector(branch.norm) : nullptr,
                                              post_norms ? b.buffers.floats(branch.inv_rms) : nullptr, multiplier, x,
                                              next_norm, b.buffers[A::Normed], out_inv_rms, b.model.rms_norm_eps});
}

void* branch_gradient(const LayerStep& s, T norm, A out, A inv_rms, void* dx) {
    const bool post_norms = s.view.architecture->post_norms;
    const float multiplier = s.view.architecture->residual_multiplier;
    if (!post_norms && multiplier == 1) return dx;
    const int64_t hidden = s.view.hidden;
    void* d_out = s.scratch[A::DBranch];
    void* d_added = dx;
    if (multiplier != 1) {
        d_added = post_norms ? s.scratch[A::DNormed] : d_out;
        s.device.copy(d_added, dx, s.n * hidden * dtype_bytes(s.dtype));
        s.device.scale(s.dtype, s.n, hidden, multiplier, d_added, hidden);
    }
    if (post_norms) s.norm_gradient(*s.parameters[norm], s.tape[out], s.tape.floats(inv_rms), d_added, d_out, false);
    return d_out;
}

}  // namespace tbrm
