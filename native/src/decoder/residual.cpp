#include "decoder/block.hpp"

namespace tbrm {

using A = LayerArray;
using T = LayerTensor;

void add_branch(const Block& b, Linear which, int64_t inputs, const void* from, A kept, T norm, A inv_rms, void* x) {
    const int64_t hidden = b.model.hidden;
    if (!b.model.architecture->post_norms) return b.linear(which, inputs, hidden, from, Epilogue::AddTo, x);
    void* out = b.buffers[kept] != nullptr ? b.buffers[kept] : b.buffers[A::Normed];
    b.linear(which, inputs, hidden, from, Epilogue::Store, out);
    b.norm(out, norm, b.buffers.floats(inv_rms));
    b.device.add(b.model.dtype, b.count * hidden, b.buffers[A::Normed], x);
}

void* branch_gradient(const LayerStep& s, T norm, A out, A inv_rms, void* dx) {
    if (!s.view.architecture->post_norms) return dx;
    s.norm_gradient(*s.parameters[norm], s.tape[out], s.tape.floats(inv_rms), dx, s.scratch[A::DBranch], false);
    return s.scratch[A::DBranch];
}

}  // namespace tbrm
