// row_bench.cpp - what is done row by row: norms, the gated activation, rotation, embedding, addition. Bound by memory.
#include <cmath>
#include <memory>

#include "bench/kernel_bench.hpp"
#include "core/guard.hpp"
#include "ops/rope.hpp"

namespace tbrm {
namespace {

constexpr float kEps = 1e-6f;

// n rows of width d of three arrays, as the kernels below want them.
struct Rows {
    Dtype dtype;
    int64_t n, d;
    DeviceNumbers device;
    std::vector<float> x, dy, weight;
    DeviceBuffer<char> x_rows, dy_rows, y;
    DeviceBuffer<float> weights, inv_rms, dweight;

    // width_x, width_y: in units of d.
    Rows(Device& on, Dtype type, int64_t rows, int64_t width, int64_t width_x, int64_t width_y)
        : dtype(type),
          n(rows),
          d(width),
          device(on),
          x(device.numbers(n * d * width_x, 2, dtype)),
          dy(device.numbers(n * d, 1, dtype)),
          weight(device.numbers(d, 1)),
          x_rows(device.rows_of(dtype, x)),
          dy_rows(device.rows_of(dtype, dy)),
          y(on, n * d * width_y * dtype_bytes(dtype)),
          weights(device.buffer_of(weight)),
          inv_rms(on, n),
          dweight(on, d) {}

    double bytes(int64_t widths) const { return static_cast<double>(n * d * widths * dtype_bytes(dtype)); }
    std::vector<float> fetched(int64_t width) { return device.fetch(dtype, y.data(), n * d * width); }
    double at(const std::vector<float>& values, int64_t row, int64_t stride, int64_t column) const {
        return values[static_cast<size_t>(row * stride + column)];
    }
    double inverse_rms(int64_t row) const {
        double squares = 0;
        for (int64_t j = 0; j < d; ++j)
            squares += at(x, row, d, j) * at(x, row, d, j);
        return 1 / std::sqrt(squares / static_cast<double>(d) + static_cast<double>(kEps));
    }
};

KernelBench norm_forward(Device& device, Dtype dtype, int64_t n, int64_t d) {
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 1, 1);
    const auto run = [s] {
        s->device.device_.rms_norm_forward(s->dtype, s->n, s->d, s->x_rows.data(), s->d, s->weights.data(), kEps,
                s->y.data(), s->d, s->inv_rms.data());
    };
    return {0, s->bytes(2), run, [s, run](BenchValues& values) {
                run();
                const std::vector<float> y = s->fetched(1);
                for (const int64_t row : bench_sample(s->n, 8)) {
                    const double inv = s->inverse_rms(row);
                    for (const int64_t j : bench_sample(s->d, 8))
                        values.add("y", bench_tolerance(s->dtype), y[static_cast<size_t>(row * s->d + j)],
                                s->at(s->x, row, s->d, j) * inv *
                                        static_cast<double>(s->weight[static_cast<size_t>(j)]));
                }
            }};
}

KernelBench norm_backward(Device& device, Dtype dtype, int64_t n, int64_t d) {
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 1, 1);
    s->device.device_.rms_norm_forward(
            dtype, n, d, s->x_rows.data(), d, s->weights.data(), kEps, s->y.data(), d, s->inv_rms.data());
    const auto run = [s] {
        s->device.device_.rms_norm_backward(s->dtype, s->n, s->d, s->x_rows.data(), s->d, s->weights.data(),
                s->inv_rms.data(), s->dy_rows.data(), s->d, false, s->y.data(), s->d, s->dweight.data());
    };
    return {0, s->bytes(3), run, [s, run](BenchValues& values) {
                run();
                const std::vector<float> dx = s->fetched(1);
                for (const int64_t row : bench_sample(s->n, 8)) {
                    const double inv = s->inverse_rms(row);
                    double along = 0;
                    for (int64_t j = 0; j < s->d; ++j)
                        along += static_cast<double>(s->weight[static_cast<size_t>(j)]) * s->at(s->dy, row, s->d, j) *
                                 s->at(s->x, row, s->d, j);
                    along *= inv * inv / static_cast<double>(s->d);
                    for (const int64_t j : bench_sample(s->d, 8)) {
                        const double slope =
                                static_cast<double>(s->weight[static_cast<size_t>(j)]) * s->at(s->dy, row, s->d, j);
                        values.add("dx", bench_tolerance(s->dtype), dx[static_cast<size_t>(row * s->d + j)],
                                inv * (slope - s->at(s->x, row, s->d, j) * along));
                    }
                }
            }};
}

KernelBench swiglu_forward(Device& device, Dtype dtype, int64_t n, int64_t d) {
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 2, 1);
    const auto run = [s] {
        s->device.device_.glu_forward(Activation::Silu, s->dtype, s->n, s->d, s->x_rows.data(), s->y.data());
    };
    return {0, s->bytes(3), run, [s, run](BenchValues& values) {
                run();
                const std::vector<float> y = s->fetched(1);
                for (const int64_t i : bench_sample(s->n * s->d, 64)) {
                    const double gate = s->at(s->x, i / s->d, 2 * s->d, i % s->d),
                                 up = s->at(s->x, i / s->d, 2 * s->d, s->d + i % s->d);
                    values.add("y", bench_tolerance(s->dtype), y[static_cast<size_t>(i)],
                            gate / (1 + std::exp(-gate)) * up);
                }
            }};
}

KernelBench swiglu_backward(Device& device, Dtype dtype, int64_t n, int64_t d) {
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 2, 2);
    const auto run = [s] {
        s->device.device_.glu_backward(
                Activation::Silu, s->dtype, s->n, s->d, s->x_rows.data(), s->dy_rows.data(), s->y.data());
    };
    return {0, s->bytes(5), run, [s, run](BenchValues& values) {
                run();
                const std::vector<float> dx = s->fetched(2);
                for (const int64_t i : bench_sample(s->n * s->d, 64)) {
                    const int64_t row = i / s->d, j = i % s->d;
                    const double gate = s->at(s->x, row, 2 * s->d, j), up = s->at(s->x, row, 2 * s->d, s->d + j);
                    const double dy = s->at(s->dy, row, s->d, j), share = 1 / (1 + std::exp(-gate));
                    const size_t at = static_cast<size_t>(row * 2 * s->d + j);
                    values.add("dgate", bench_tolerance(s->dtype), dx[at], dy * up * share * (1 + gate * (1 - share)));
                    values.add("dup", bench_tolerance(s->dtype), dx[at + static_cast<size_t>(s->d)], dy * gate * share);
                }
            }};
}

KernelBench addition(Device& device, Dtype dtype, int64_t n, int64_t d) {
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 1, 1);
    const auto run = [s] { s->device.device_.add(s->dtype, s->n * s->d, s->x_rows.data(), s->y.data()); };
    return {0, s->bytes(3), run, [s, run](BenchValues& values) {
                s->device.device_.copy(s->y.data(), s->dy_rows.data(), s->dy_rows.size());
                run();
                const std::vector<float> y = s->fetched(1);
                for (const int64_t i : bench_sample(s->n * s->d, 64))
                    values.add("y", bench_tolerance(s->dtype), y[static_cast<size_t>(i)],
                            s->at(s->x, 0, 0, i) + s->at(s->dy, 0, 0, i));
            }};
}

// d = heads * 64, every head of a row rotated by the row's position.
KernelBench rotation(Device& device, Dtype dtype, int64_t n, int64_t d) {
    constexpr int64_t kHead = 64, kHalf = kHead / 2;
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 1, 1);
    std::vector<float> inv_freq, cosines(static_cast<size_t>(n * kHalf)), sines(cosines.size());
    std::vector<int32_t> positions;
    for (int64_t i = 0; i < kHalf; ++i)
        inv_freq.push_back(static_cast<float>(std::pow(1e4, -static_cast<double>(i) / kHalf)));
    for (int64_t i = 0; i < n; ++i)
        positions.push_back(static_cast<int32_t>(i));
    rope_table(n, kHalf, inv_freq.data(), 1, cosines.data(), sines.data());
    struct Tables {
        DeviceBuffer<float> cosines, sines;
        DeviceBuffer<int32_t> positions;
    };
    const auto tables = std::make_shared<Tables>(
            Tables{s->device.buffer_of(cosines), s->device.buffer_of(sines), s->device.buffer_of(positions)});
    const auto run = [s, tables] {
        s->device.device_.rope_apply(s->dtype, s->n, s->d / kHead, kHead, tables->positions.data(),
                tables->cosines.data(), tables->sines.data(), false, s->y.data(), s->d);
    };
    device.copy(s->y.data(), s->x_rows.data(), s->x_rows.size());
    return {0, s->bytes(2), run, [s, run, inv_freq](BenchValues& values) {
                s->device.device_.copy(s->y.data(), s->x_rows.data(), s->x_rows.size());
                run();
                const std::vector<float> y = s->fetched(1);
                for (const int64_t i : bench_sample(s->n * s->d, 64)) {
                    const int64_t row = i / s->d, j = i % kHead, pair = j % kHalf, first = i - j;
                    const double angle =
                            static_cast<double>(row) * static_cast<double>(inv_freq[static_cast<size_t>(pair)]);
                    const double a = s->at(s->x, 0, 0, first + pair), b = s->at(s->x, 0, 0, first + pair + kHalf);
                    values.add("y", bench_tolerance(s->dtype), y[static_cast<size_t>(i)],
                            j < kHalf ? a * std::cos(angle) - b * std::sin(angle)
                                      : b * std::cos(angle) + a * std::sin(angle));
                }
            }};
}

// n ids of a table of n / 2 rows.
KernelBench embedding(Device& device, Dtype dtype, int64_t n, int64_t d) {
    const auto s = std::make_shared<Rows>(device, dtype, n, d, 1, 1);
    const int64_t vocab = n / 2;
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < n; ++i)
        ids.push_back(static_cast<int32_t>(i * 7919 % vocab));
    const auto table = std::make_shared<DeviceBuffer<char>>(s->device.matrix_of(
            dtype, vocab, d, std::vector<float>(s->x.begin(), s->x.begin() + static_cast<std::ptrdiff_t>(vocab * d))));
    const auto device_ids = std::make_shared<DeviceBuffer<int32_t>>(s->device.buffer_of(ids));
    const auto run = [s, table, device_ids, vocab] {
        s->device.device_.embedding_forward(
                s->dtype, s->n, s->d, vocab, device_ids->data(), table->data(), s->y.data());
    };
    return {0, s->bytes(2), run, [s, run, ids](BenchValues& values) {
                run();
                const std::vector<float> y = s->fetched(1);
                for (const int64_t i : bench_sample(s->n * s->d, 64))
                    values.add("y", 0, y[static_cast<size_t>(i)],
                            s->at(s->x, ids[static_cast<size_t>(i / s->d)], s->d, i % s->d));
            }};
}

}  // namespace

void add_row_benches(std::vector<KernelBenchSpec>& list) {
    const auto add = [&](const char* name, Dtype dtype, int64_t n, int64_t d,
                             KernelBench (*make)(Device&, Dtype, int64_t, int64_t)) {
        list.push_back({name, format("%lld x %lld", static_cast<long long>(n), static_cast<long long>(d)), dtype,
                [=](Device& device) { return make(device, dtype, n, d); }});
    };
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        add("rms_norm_forward", dtype, 8192, 896, norm_forward);
        add("rms_norm_backward", dtype, 8192, 896, norm_backward);
        add("swiglu_forward", dtype, 1024, 4864, swiglu_forward);
        add("swiglu_backward", dtype, 1024, 4864, swiglu_backward);
        add("rope", dtype, 8192, 896, rotation);
        add("embedding", dtype, 8192, 896, embedding);
        add("add", dtype, 8192, 896, addition);
    }
}

}  // namespace tbrm
