// head_bench.cpp - Q and V of the head, and its gradient by kept exponentials; the floor is one product, and three.
#include <cmath>
#include <memory>

#include "bench/kernel_bench.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

struct Head {
    HeadShape shape;
    int64_t rows;
    DeviceNumbers device;
    std::vector<float> x, w, slopes;
    std::vector<int32_t> labels;
    DeviceBuffer<char> x_rows, w_matrix, dx;
    DeviceBuffer<float> q, v, dq, dv, dw;
    DeviceBuffer<int32_t> device_labels;

    Head(Device& on, Dtype dtype, int64_t n, int64_t hidden, int64_t vocab)
        : shape{dtype, hidden, vocab, 1, 0},
          rows(n),
          device(on),
          x(device.numbers(n * hidden, 1, dtype)),
          w(device.numbers(vocab * hidden, 3 / std::sqrt(static_cast<float>(hidden)), dtype)),
          slopes(device.numbers(n, 0.01f)),
          x_rows(device.rows_of(dtype, x)),
          w_matrix(device.matrix_of(dtype, vocab, hidden, w)),
          dx(on, n * hidden * dtype_bytes(dtype)),
          q(on, n),
          v(on, n),
          dw(on, on.weight_elements(Dtype::F32, vocab, hidden)) {
        std::vector<float> falling;
        for (int64_t r = 0; r < n; ++r) {
            labels.push_back(static_cast<int32_t>(r % 5 == 0 ? vocab - 1 : r * 7919 % vocab));
            falling.push_back(-slopes[static_cast<size_t>(r)]);
        }
        dq = device.buffer_of(slopes);
        dv = device.buffer_of(falling);
        device_labels = device.buffer_of(labels);
    }

    void forward() {
        device.device_.head_forward(
                shape, rows, x_rows.data(), w_matrix.data(), device_labels.data(), q.data(), v.data(), nullptr);
    }
    void forward_backward() {
        const std::unique_ptr<DeviceHeadTape> tape = device.device_.make_head_tape();
        tape->forward(shape, rows, x_rows.data(), w_matrix.data(), device_labels.data(), q.data(), v.data(), nullptr);
        tape->backward(w_matrix.data(), dq.data(), dv.data(), nullptr, dx.data(), dw.data());
    }
    double logit(int64_t row, int64_t column) const {
        const float *a = x.data() + row * shape.hidden, *b = w.data() + column * shape.hidden;
        double sum = 0;
        for (int64_t i = 0; i < shape.hidden; ++i)
            sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        return sum;
    }
    // Logits of a row and, last, their log-sum-exp.
    std::vector<double> logits(int64_t row) const {
        std::vector<double> z;
        double sum = 0;
        for (int64_t column = 0; column < shape.vocab; ++column) {
            z.push_back(logit(row, column));
            sum += std::exp(z.back());  // |z| is far below where exp overflows
        }
        z.push_back(std::log(sum));
        return z;
    }
    double flops() const {
        return 2.0 * static_cast<double>(rows) * static_cast<double>(shape.hidden) * static_cast<double>(shape.vocab);
    }
    double weight_bytes() const { return static_cast<double>(shape.vocab * shape.hidden * dtype_bytes(shape.dtype)); }

    void check_values(int64_t row, const std::vector<double>& z, const std::vector<float>& got_q,
            const std::vector<float>& got_v, BenchValues& values) const {
        const size_t r = static_cast<size_t>(row);
        values.add("Q", kBenchF32, got_q[r], z[static_cast<size_t>(labels[r])]);
        values.add("V", kBenchF32, got_v[r], z.back());
    }
};

KernelBench forward(Device& device, Dtype dtype, int64_t rows, int64_t hidden, int64_t vocab) {
    const auto s = std::make_shared<Head>(device, dtype, rows, hidden, vocab);
    return {s->flops(), s->weight_bytes(), [s] { s->forward(); },
            [s](BenchValues& values) {
                s->forward();
                const std::vector<float> q = s->device.fetch(Dtype::F32, s->q.data(), s->rows),
                                         v = s->device.fetch(Dtype::F32, s->v.data(), s->rows);
                for (const int64_t row : {int64_t{0}, s->rows - 1})
                    s->check_values(row, s->logits(row), q, v, values);
            }};
}

void check_gradient(Head& s, BenchValues& values) {
    s.device.device_.zero(s.dw.data(), s.dw.size() * 4);
    s.forward_backward();
    const std::vector<float> q = s.device.fetch(Dtype::F32, s.q.data(), s.rows),
                             v = s.device.fetch(Dtype::F32, s.v.data(), s.rows),
                             dx = s.device.fetch(s.shape.dtype, s.dx.data(), s.rows * s.shape.hidden),
                             dw = s.device.fetch_matrix(s.dw.data(), s.shape.vocab, s.shape.hidden);
    const double tolerance = s.shape.dtype == Dtype::F32 ? 5 * kBenchF32 : 4 * kBenchBf16;
    const int64_t row = s.rows - 2;
    const std::vector<double> z = s.logits(row);
    s.check_values(row, z, q, v, values);
    std::vector<double> slope(static_cast<size_t>(s.shape.hidden));
    const double scale = static_cast<double>(s.slopes[static_cast<size_t>(row)]);
    for (int64_t column = 0; column < s.shape.vocab; ++column) {
        const bool is_label = s.labels[static_cast<size_t>(row)] == column;
        const double dz = scale * ((is_label ? 1.0 : 0.0) - std::exp(z[static_cast<size_t>(column)] - z.back()));
        for (int64_t i = 0; i < s.shape.hidden; ++i)
            slope[static_cast<size_t>(i)] +=
                    dz * static_cast<double>(s.w[static_cast<size_t>(column * s.shape.hidden + i)]);
    }
    for (const int64_t i : bench_sample(s.shape.hidden, 32))
        values.add("dx", tolerance, dx[static_cast<size_t>(row * s.shape.hidden + i)], slope[static_cast<size_t>(i)]);
    // V of the rows that were not compared is the kernel's own: an error there is one of dw.
    for (const int64_t column : bench_sample(s.shape.vocab, 8)) {
        double sum = 0;
        for (int64_t r = 0; r < s.rows; ++r) {
            const size_t at = static_cast<size_t>(r);
            const double p = std::exp(s.logit(r, column) - static_cast<double>(v[at]));
            sum += static_cast<double>(s.slopes[at]) * ((s.labels[at] == column ? 1.0 : 0.0) - p) *
                   static_cast<double>(s.x[static_cast<size_t>(r * s.shape.hidden + 3)]);
        }
        values.add("dw", tolerance, dw[static_cast<size_t>(column * s.shape.hidden + 3)], sum);
    }
}

KernelBench forward_backward(Device& device, Dtype dtype, int64_t rows, int64_t hidden, int64_t vocab) {
    const auto s = std::make_shared<Head>(device, dtype, rows, hidden, vocab);
    device.zero(s->dw.data(), s->dw.size() * 4);
    const double dw_bytes = 8.0 * static_cast<double>(hidden) * static_cast<double>(vocab);
    return {3 * s->flops(), 2 * s->weight_bytes() + dw_bytes, [s] { s->forward_backward(); },
            [s](BenchValues& values) { check_gradient(*s, values); }};
}

}  // namespace

void add_head_benches(std::vector<KernelBenchSpec>& list) {
    const auto add = [&](const char* name, Dtype dtype, int64_t rows, int64_t hidden, int64_t vocab,
                             KernelBench (*make)(Device&, Dtype, int64_t, int64_t, int64_t)) {
        list.push_back({name,
                format("%lld rows, H %lld, V %lld", static_cast<long long>(rows), static_cast<long long>(hidden),
                        static_cast<long long>(vocab)),
                dtype, [=](Device& device) { return make(device, dtype, rows, hidden, vocab); }});
    };
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        add("head_forward", dtype, 256, 896, 32768, forward);
        add("head_forward_backward", dtype, 256, 896, 32768, forward_backward);
    }
}

}  // namespace tbrm
