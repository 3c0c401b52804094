#pragma once
// head_contenders.hpp - our head and the three products it cannot do without, on one set of inputs.
#include <cmath>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/philox.hpp"
#include "gemm/linear.hpp"
#include "gemm/panels.hpp"
#include "logprob/head.hpp"
#include "measure.hpp"

namespace tbrm::bench {

// Row-major x [N, D], w [V, D] in dtype, the same w in panels, labels, dQ = -dV as TBRM's.
struct HeadInputs {
    HeadShape shape;
    int64_t rows;
    HostBuffer<char> x, w, panels;
    HostBuffer<int32_t> labels;
    HostBuffer<float> dq, dv, q, v, dw;
    HostBuffer<char> dx;

    HeadInputs(Dtype dtype, int64_t n, int64_t hidden, int64_t vocab)
        : shape{dtype, hidden, vocab, 1.0f, 0},
          rows(n),
          x(n * hidden * dtype_bytes(dtype)),
          w(vocab * hidden * dtype_bytes(dtype)),
          panels(panel_elements(dtype, vocab, hidden) * dtype_bytes(dtype)),
          labels(n),
          dq(n),
          dv(n),
          q(n),
          v(n),
          dw(panel_elements(Dtype::F32, vocab, hidden)),
          dx(n * hidden * dtype_bytes(dtype)) {
        fill(x, n * hidden, 1, 1.0f);
        fill(w, vocab * hidden, 2, 3.0f / std::sqrt(static_cast<float>(hidden)));
        cpu::pack_rows(dtype, panels.data(), vocab, hidden, 0, vocab, dtype, w.data());
        for (int64_t r = 0; r < n; ++r) {
            labels[r] = static_cast<int32_t>(
                    philox4x32(3, static_cast<uint32_t>(r), 0, 0, 0).x[0] % static_cast<uint32_t>(vocab));
            dq[r] = 0.01f * static_cast<float>(r % 7 - 3);
            dv[r] = -dq[r];
        }
        std::fill(dw.begin(), dw.end(), 0.0f);
    }

    // Uniform in [-scale, scale).
    void fill(HostBuffer<char>& out, int64_t n, uint64_t seed, float scale) {
        parallel_for(ceil_div(n, 4), n, [&](int64_t block) {
            const Philox4 bits =
                    philox4x32(seed, static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0);
            for (int64_t i = block * 4; i < std::min(n, block * 4 + 4); ++i) {
                const float value = scale * (static_cast<float>(bits.x[i % 4]) / 2147483648.0f - 1.0f);
                if (shape.dtype == Dtype::F32)
                    reinterpret_cast<float*>(out.data())[i] = value;
                else
                    reinterpret_cast<bf16*>(out.data())[i] = to_bf16(value);
            }
        });
    }

    void head_forward_backward(int64_t budget) {
        HeadShape with_budget = shape;
        with_budget.budget_bytes = budget;
        cpu::HeadTape tape;
        tape.forward(with_budget, rows, x.data(), panels.data(), labels.data(), q.data(), v.data(), nullptr);
        tape.backward(panels.data(), dq.data(), dv.data(), nullptr, dx.data(), dw.data());
    }
    void head_forward() {
        cpu::head_forward(shape, rows, x.data(), panels.data(), labels.data(), q.data(), v.data(), nullptr);
    }
    // z = x W^T, dx = z W, dw += z^T x. z [N, V] in dtype.
    void three_products(HostBuffer<char>& z) {
        const int64_t d = shape.hidden, vocab = shape.vocab;
        cpu::linear_forward(
                shape.dtype, rows, d, vocab, x.data(), d, panels.data(), nullptr, Epilogue::Store, z.data(), vocab);
        cpu::linear_backward_input(
                shape.dtype, rows, d, vocab, z.data(), vocab, panels.data(), Epilogue::Store, dx.data(), d);
        cpu::linear_backward_weight(shape.dtype, rows, d, vocab, z.data(), vocab, x.data(), d, dw.data(), nullptr);
    }
    double product_flops() const {
        return 2.0 * static_cast<double>(rows) * static_cast<double>(shape.hidden) * static_cast<double>(shape.vocab);
    }
};

}  // namespace tbrm::bench
