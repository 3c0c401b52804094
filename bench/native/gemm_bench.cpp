// gemm_bench.cpp - linear layers at Qwen2.5-0.5B shapes. One JSON object per line:
//     {"bench":"gemm","pass","dtype","isa","threads","n","k","m","ms","gflops","gbytes_per_s","peak_gflops","peak_gbytes_per_s","of_peak",
//      "of_bandwidth"}
// gbytes_per_s counts the weights once: the floor of a narrow batch. Weights rotate through 96 MiB of copies, so they come from memory
// as they do in a model. Arguments: bench_gemm [pass [dtype [n [wall|cpu]]]], empty = all.
#include <cstdio>
#include <cstring>
#include <string>

#include "bench/peak.hpp"
#include "gemm/linear.hpp"
#include "gemm/panels.hpp"

using namespace tbrm;

namespace {

struct Shape {
    int64_t k, m;
};

constexpr Shape kShapes[] = {{896, 1152}, {896, 896}, {896, 9728}, {4864, 896}};
constexpr int64_t kRows[] = {1, 8, 32, 256, 1024};

// Small numbers of both signs, cheaply.
void fill(Dtype dtype, void* data, int64_t n) {
    uint32_t state = 1;
    for (int64_t i = 0; i < n; ++i) {
        state = state * 1664525u + 1013904223u;
        const float value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
        if (dtype == Dtype::F32) {
            static_cast<float*>(data)[i] = value;
        } else {
            static_cast<bf16*>(data)[i] = to_bf16(value);
        }
    }
}

struct Operands {
    Dtype dtype;
    int64_t n;
    Shape s;
    int64_t copies;
    HostBuffer<char> x, y, w;
    HostBuffer<float> dw;

    Operands(Dtype type, int64_t rows, Shape shape) : dtype(type), n(rows), s(shape) {
        const int64_t size = dtype_bytes(type), weight = panel_elements(type, s.m, s.k);
        copies = std::max<int64_t>(1, (int64_t{96} << 20) / (weight * size));
        x.resize(n * s.k * size);
        y.resize(n * s.m * size);
        w.resize(copies * weight * size);
        dw.resize(panel_elements(Dtype::F32, s.m, s.k));
        fill(type, x.data(), n * s.k);
        fill(type, y.data(), n * s.m);
        fill(type, w.data(), copies * weight);
        std::fill(dw.begin(), dw.end(), 0.0f);
    }
    void run(const std::string& pass, int64_t turn) {
        const char* weights = w.data() + turn % copies * panel_elements(dtype, s.m, s.k) * dtype_bytes(dtype);
        if (pass == "forward") {
            cpu::linear_forward(dtype, n, s.k, s.m, x.data(), s.k, weights, nullptr, Epilogue::Store, y.data(), s.m);
        } else if (pass == "backward_input") {
            cpu::linear_backward_input(dtype, n, s.k, s.m, y.data(), s.m, weights, Epilogue::Store, x.data(), s.k);
        } else {
            cpu::linear_backward_weight(dtype, n, s.k, s.m, y.data(), s.m, x.data(), s.k, dw.data(), nullptr);
        }
    }
};

void measure(const std::string& pass, Dtype dtype, int64_t n, Shape shape) {
    Operands operands(dtype, n, shape);
    const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(shape.k) * static_cast<double>(shape.m);
    const bool gradient = pass == "backward_weight";
    const double bytes = static_cast<double>(gradient ? operands.dw.bytes() * 2 : operands.w.bytes() / operands.copies);
    double best = 1e30, peak = 0, bandwidth = 0;
    int64_t turn = 0;
    for (int round = 0; round < 6; ++round) {
        peak = std::max(peak, bench::peak_gflops(dtype));
        if (round < 2) bandwidth = std::max(bandwidth, bench::peak_gbytes());
        const int repeats = static_cast<int>(std::min(200.0, std::max(3.0, 1e10 / flops)));
        best = std::min(best, bench::best_seconds(repeats, [&] { operands.run(pass, turn++); }));
    }
    const double gflops = flops / best * 1e-9, gbytes = bytes / best * 1e-9;
    std::printf(
            "{\"bench\":\"gemm\",\"pass\":\"%s\",\"dtype\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"n\":%lld,\"k\":%lld,"
            "\"m\":%lld,"
            "\"ms\":%.4f,\"gflops\":%.1f,\"gbytes_per_s\":%.2f,\"peak_gflops\":%.1f,\"peak_gbytes_per_s\":%.2f,"
            "\"of_peak\":%.3f,\"of_bandwidth\":%.3f}\n",
            pass.c_str(), dtype == Dtype::F32 ? "f32" : "bf16", isa_name(active_isa()), max_threads(),
            static_cast<long long>(n), static_cast<long long>(shape.k), static_cast<long long>(shape.m), best * 1e3,
            gflops, gbytes, peak, bandwidth, peak > 0 ? gflops / peak : 0.0, gbytes / bandwidth);
    std::fflush(stdout);
}

bool chosen(int argc, char** argv, int index, const char* value) {
    return argc <= index || argv[index][0] == '\0' || std::strcmp(argv[index], value) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 4 && std::strcmp(argv[4], "cpu") == 0) bench::active_clock() = bench::Clock::Cpu;
    for (const char* pass : {"forward", "backward_input", "backward_weight"}) {
        if (!chosen(argc, argv, 1, pass)) continue;
        for (const Dtype dtype : {Dtype::Bf16, Dtype::F32}) {
            if (!chosen(argc, argv, 2, dtype == Dtype::F32 ? "f32" : "bf16")) continue;
            for (const Shape& shape : kShapes) {
                for (const int64_t n : kRows) {
                    if (!chosen(argc, argv, 3, std::to_string(n).c_str())) continue;
                    if (n < 256 && std::strcmp(pass, "forward") != 0) continue;
                    measure(pass, dtype, n, shape);
                }
            }
        }
    }
    return 0;
}
