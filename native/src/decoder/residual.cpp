#include "decoder/block.hpp"

namespace tbrm {

using A = LayerArray;
using T = LayerTensor;

void add_branch(const Block& b, Linear which, int64_t inputs, const void* from, A kept, T norm, A inv_rms, void* x) {
    const int64_t hidden = b.model.hidden;
    const bool post_norms = b.model.architecture->post_norms;
    const float multiplier = b.model.architecture->residual_multiplier;
    if (!post_norms && multiplier == 1) return b.linear(which, inputs, hidden, from, Epilogue::AddTo, x);
    void* out = b.buffers[kept] != nullptr ? b.buffers[kept] : b.buffers[A::Normed];
    b.linear(which, inputs, hidden, from, Epilogue::Store, out);
    if (post_norms) {
        b.norm(out, norm, b.buffers.floats(inv_rms));
        out = b.buffers[A::Normed];
    }
    if (multiplier != 1) b.device.scale(b.model.dtype, b.count, hidden, multiplier, out, hidden);
    b.device.add(b.model.dtype, b.count * hidden, out, x);
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
