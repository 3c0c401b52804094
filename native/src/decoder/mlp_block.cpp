#include "decoder/block.hpp"

namespace tbrm {

using A = LayerArray;
using T = LayerTensor;

void gate_up_forward(const Block& b, const void* x) {
    const int64_t hidden = b.model.hidden;
    if (b.buffers[A::Middle] != nullptr)
        b.device.copy(b.buffers[A::Middle], x, b.count * hidden * dtype_bytes(b.model.dtype));
    b.linear(Linear::GateUp, hidden, 2 * b.model.intermediate, b.buffers[A::Normed], Epilogue::Store,
            b.buffers[A::GateUp]);
}

namespace {

Branch mlp_branch(const Block& b) {
    return {Linear::Down, b.model.intermediate, b.buffers[A::Inner], A::MlpOut, T::MlpOutNorm, A::MlpOutInvRms};
}

}  // namespace

void mlp_output_forward(const Block& b, void* x) {
    b.device.glu_forward(b.model.architecture->activation, b.model.dtype, b.count, b.model.intermediate,
            b.buffers[A::GateUp], b.buffers[A::Inner]);
    add_branch(b, mlp_branch(b), x, nullptr, nullptr);
}

void mlp_forward_paged(const Block& b, void* x, const float* next_norm) {
    const Activation activation = b.model.architecture->activation;
    if (b.model.adapter_of(b.layer, Linear::GateUp) != nullptr) {
        gate_up_forward(b, x);
        b.device.glu_forward(
                activation, b.model.dtype, b.count, b.model.intermediate, b.buffers[A::GateUp], b.buffers[A::Inner]);
    } else {
        const LinearCall projection{
                b.model.hidden, 2 * b.model.intermediate, b.buffers[A::Normed], b.weights().weight(T::GateUp), nullptr};
        b.device.gated_linear(
                activation, b.model.dtype, b.count, projection, b.buffers[A::GateUp], b.buffers[A::Inner]);
    }
    add_branch(b, mlp_branch(b), x, next_norm, nullptr);
}

void mlp_backward(const LayerStep& s, void* dx) {
    const int64_t inner = s.view.intermediate;
    uint8_t* gate_up = s.tape[A::GateUp];  // its gradient replaces it
    const Activation activation = s.view.architecture->activation;
    void* d_out = branch_gradient(s, T::MlpOutNorm, A::MlpOut, A::MlpOutInvRms, dx);
    s.for_row_blocks(false, [&](int64_t first, int64_t count) {
        uint8_t* block = s.at(gate_up, first, 2 * inner);
        if (s.reads_input(Linear::Down))
            s.device.glu_forward(
                    activation, s.dtype, count, inner, block, s.at(s.scratch[A::InnerAgain], first, inner));
        s.input_gradient(Linear::Down, first, count, s.scratch[A::InnerAgain], d_out, s.scratch[A::DInner]);
        s.device.glu_backward(
                activation, s.dtype, count, inner, block, s.at(s.scratch[A::DInner], first, inner), block);
        if (s.reads_input(Linear::GateUp)) s.normed_again(*s.parameters[T::MlpNorm], s.tape[A::Middle], first, count);
        s.input_gradient(Linear::GateUp, first, count, s.scratch[A::NormedAgain], gate_up, s.scratch[A::DNormed]);
    });
    s.weight_gradient(Linear::Down, nullptr, s.scratch[A::InnerAgain], d_out);
    s.weight_gradient(Linear::GateUp, nullptr, s.scratch[A::NormedAgain], gate_up);
    s.norm_gradient(
            *s.parameters[T::MlpNorm], s.tape[A::Middle], s.tape.floats(A::MiddleInvRms), s.scratch[A::DNormed], dx);
}

}  // namespace tbrm
