// product_bench.cpp - linear layers at Qwen2.5-0.5B's MLP, forward and both gradients, and one row against a wide matrix, which is what a decode
// step reads.
#include <memory>

#include "bench/kernel_bench.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

struct Product {
    Dtype dtype;
    int64_t n, k, m;
    DeviceNumbers device;
    std::vector<float> x, w, dy;
    DeviceBuffer<char> x_rows, dy_rows, w_matrix, y, dx;
    DeviceBuffer<float> dw;

    Product(Device& on, Dtype type, int64_t rows, int64_t inputs, int64_t outputs)
        : dtype(type),
          n(rows),
          k(inputs),
          m(outputs),
          device(on),
          x(device.numbers(n * k, 1, dtype)),
          w(device.numbers(m * k, 1, dtype)),
          dy(device.numbers(n * m, 1, dtype)),
          x_rows(device.rows_of(dtype, x)),
          dy_rows(device.rows_of(dtype, dy)),
          w_matrix(device.matrix_of(dtype, m, k, w)),
          y(on, n * m * dtype_bytes(dtype)),
          dx(on, n * k * dtype_bytes(dtype)),
          dw(on, on.weight_elements(Dtype::F32, m, k)) {}

    double flops() const { return 2.0 * static_cast<double>(n) * static_cast<double>(k) * static_cast<double>(m); }
    double bytes(double weight_bytes) const {
        return static_cast<double>((n * k + n * m) * dtype_bytes(dtype)) + static_cast<double>(m * k) * weight_bytes;
    }
};

double dot(const float* a, int64_t step_a, const float* b, int64_t step_b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
        sum += static_cast<double>(a[i * step_a]) * static_cast<double>(b[i * step_b]);
    return sum;
}

constexpr int64_t kSampled = 64;

KernelBench forward(Device& device, Dtype dtype, int64_t n, int64_t k, int64_t m) {
    const auto p = std::make_shared<Product>(device, dtype, n, k, m);
    const auto run = [p] {
        p->device.device_.linear_forward(p->dtype, p->n, p->k, p->m, p->x_rows.data(), p->k, p->w_matrix.data(),
                nullptr, Epilogue::Store, p->y.data(), p->m);
    };
    return {p->flops(), p->bytes(static_cast<double>(dtype_bytes(dtype))), run, [p, run](BenchValues& values) {
                run();
                const std::vector<float> y = p->device.fetch(p->dtype, p->y.data(), p->n * p->m);
                for (const int64_t at : bench_sample(p->n * p->m, kSampled)) {
                    const float *x = p->x.data() + at / p->m * p->k, *w = p->w.data() + at % p->m * p->k;
                    values.add("y", bench_tolerance(p->dtype), y[static_cast<size_t>(at)], dot(x, 1, w, 1, p->k));
                }
            }};
}

KernelBench input_gradient(Device& device, Dtype dtype, int64_t n, int64_t k, int64_t m) {
    const auto p = std::make_shared<Product>(device, dtype, n, k, m);
    const auto run = [p] {
        p->device.device_.linear_backward_input(p->dtype, p->n, p->k, p->m, p->dy_rows.data(), p->m, p->w_matrix.data(),
                Epilogue::Store, p->dx.data(), p->k);
    };
    return {p->flops(), p->bytes(static_cast<double>(dtype_bytes(dtype))), run, [p, run](BenchValues& values) {
                run();
                const std::vector<float> dx = p->device.fetch(p->dtype, p->dx.data(), p->n * p->k);
                for (const int64_t at : bench_sample(p->n * p->k, kSampled)) {
                    const float *dy = p->dy.data() + at / p->k * p->m, *w = p->w.data() + at % p->k;
                    values.add("dx", bench_tolerance(p->dtype), dx[static_cast<size_t>(at)], dot(dy, 1, w, p->k, p->m));
                }
            }};
}

KernelBench weight_gradient(Device& device, Dtype dtype, int64_t n, int64_t k, int64_t m) {
    const auto p = std::make_shared<Product>(device, dtype, n, k, m);
    const auto run = [p] {
        p->device.device_.linear_backward_weight(
                p->dtype, p->n, p->k, p->m, p->dy_rows.data(), p->m, p->x_rows.data(), p->k, p->dw.data(), nullptr);
    };
    return {p->flops(), p->bytes(8), run, [p, run](BenchValues& values) {
                p->device.device_.zero(p->dw.data(), p->dw.size() * 4);
                run();
                const std::vector<float> dw = p->device.fetch_matrix(p->dw.data(), p->m, p->k);
                for (const int64_t at : bench_sample(p->m * p->k, kSampled)) {
                    const float *dy = p->dy.data() + at / p->k, *x = p->x.data() + at % p->k;
                    values.add("dw", kBenchF32, dw[static_cast<size_t>(at)], dot(dy, p->m, x, p->k, p->n));
                }
            }};
}

}  // namespace

void add_product_benches(std::vector<KernelBenchSpec>& list) {
    const auto add = [&](const char* name, Dtype dtype, int64_t n, int64_t k, int64_t m,
                             KernelBench (*make)(Device&, Dtype, int64_t, int64_t, int64_t)) {
        list.push_back({name,
                format("%lld rows %lld -> %lld", static_cast<long long>(n), static_cast<long long>(k),
                        static_cast<long long>(m)),
                dtype, [=](Device& device) { return make(device, dtype, n, k, m); }});
    };
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        add("linear_forward", dtype, 256, 896, 4864, forward);
        add("linear_backward_input", dtype, 256, 896, 4864, input_gradient);
        add("linear_backward_weight", dtype, 256, 896, 4864, weight_gradient);
        add("linear_forward_row", dtype, 1, 896, 32768, forward);
    }
}

}  // namespace tbrm
