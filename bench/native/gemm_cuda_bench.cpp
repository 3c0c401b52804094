// gemm_cuda_bench.cpp - the three products of a linear layer on a GPU: our row-invariant kernels against cuBLASLt, same inputs, taking turns;
// what trainer.batch_invariant costs.
//     bench_gemm_cuda [rounds=20] [dtype=bf16|fp32 as 1|0, both when absent]
// One JSON object per measurement; times by events on the stream, medians. Both results are compared before anything is timed.
#include <cmath>
#include <functional>
#include <vector>

#include "core/cuda.hpp"
#include "device/cuda_handles.hpp"
#include "gemm/linear.hpp"
#include "measure.hpp"

using namespace tbrm;
using namespace tbrm::bench;

namespace {

// Linear layers of Qwen2.5-1.5B (qkv, o, gate_up, down) in decoding and in training, and its head.
struct Shape {
    const char* name;
    int64_t n, k, m;
};
constexpr Shape kShapes[] = {{"decode qkv", 1, 1536, 2048}, {"decode qkv", 16, 1536, 2048},
        {"decode down", 128, 8960, 1536}, {"decode gate_up", 256, 1536, 17920}, {"train qkv", 8192, 1536, 2048},
        {"train o", 8192, 1536, 1536}, {"train gate_up", 8192, 1536, 17920}, {"train down", 8192, 8960, 1536},
        {"head", 4096, 1536, 151936}};

CudaArray<char> random_on_device(const CudaQueue& queue, Dtype dtype, int64_t n, uint32_t seed) {
    std::vector<char> host(static_cast<size_t>(n * dtype_bytes(dtype)));
    uint32_t state = seed * 2654435761u + 1;
    for (int64_t i = 0; i < n; ++i) {
        state = state * 1664525u + 1013904223u;
        const float value = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
        if (dtype == Dtype::F32)
            reinterpret_cast<float*>(host.data())[i] = value;
        else
            reinterpret_cast<bf16*>(host.data())[i] = to_bf16(value);
    }
    CudaArray<char> array(queue, static_cast<int64_t>(host.size()));
    TBRM_CUDA_CHECK(cudaMemcpyAsync(array.data(), host.data(), host.size(), cudaMemcpyHostToDevice, queue.stream));
    TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
    return array;
}

std::vector<float> download(const CudaQueue& queue, Dtype dtype, const CudaArray<char>& array) {
    std::vector<char> bytes(static_cast<size_t>(array.size()));
    TBRM_CUDA_CHECK(cudaMemcpyAsync(bytes.data(), array.data(), bytes.size(), cudaMemcpyDeviceToHost, queue.stream));
    TBRM_CUDA_CHECK(cudaStreamSynchronize(queue.stream));
    std::vector<float> values(bytes.size() / static_cast<size_t>(dtype_bytes(dtype)));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = dtype == Dtype::F32 ? reinterpret_cast<const float*>(bytes.data())[i]
                                        : to_float(reinterpret_cast<const bf16*>(bytes.data())[i]);
    return values;
}

double milliseconds(const CudaQueue& queue, const std::function<void()>& run) {
    cudaEvent_t start, stop;
    TBRM_CUDA_CHECK(cudaEventCreate(&start));
    TBRM_CUDA_CHECK(cudaEventCreate(&stop));
    TBRM_CUDA_CHECK(cudaEventRecord(start, queue.stream));
    run();
    TBRM_CUDA_CHECK(cudaEventRecord(stop, queue.stream));
    TBRM_CUDA_CHECK(cudaEventSynchronize(stop));
    float elapsed = 0.0f;
    TBRM_CUDA_CHECK(cudaEventElapsedTime(&elapsed, start, stop));
    TBRM_CUDA_CHECK(cudaEventDestroy(start));
    TBRM_CUDA_CHECK(cudaEventDestroy(stop));
    return static_cast<double>(elapsed);
}

struct Product {
    const char* name;
    std::function<void()> run;
};

// Two ways of adding K products of numbers up to 1, in fp32: far less than sqrt(K) * 2^-12 apart; stored as bf16, one step of 2^-7 more.
bool agree(Dtype dtype, const std::vector<float>& a, const std::vector<float>& b, int64_t depth) {
    const double sums = std::sqrt(static_cast<double>(depth)) * 0x1p-12, step = dtype == Dtype::Bf16 ? 0x1p-7 : 0.0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double one = a[i], other = b[i];
        if (!(std::fabs(one - other) <= sums + step * std::fabs(one))) return false;
    }
    return true;
}

bool run_shape(CudaQueue& queue, Dtype dtype, const Shape& s, int rounds) {
    const CudaArray<char> x = random_on_device(queue, dtype, s.n * s.k, 1),
                          w = random_on_device(queue, dtype, s.m * s.k, 2),
                          dy = random_on_device(queue, dtype, s.n * s.m, 3);
    const CudaArray<char> y(queue, s.n * s.m * dtype_bytes(dtype)), dx(queue, s.n * s.k * dtype_bytes(dtype));
    const CudaArray<float> dw(queue, s.m * s.k);
    TBRM_CUDA_CHECK(cudaMemsetAsync(dw.data(), 0, static_cast<size_t>(dw.bytes()), queue.stream));
    const auto forward = [&] {
        cuda::linear_forward(
                queue, dtype, s.n, s.k, s.m, x.data(), s.k, w.data(), nullptr, Epilogue::Store, y.data(), s.m);
    };
    std::vector<float> results[2];
    for (const bool invariant : {true, false}) {
        queue.batch_invariant = invariant;
        forward();
        results[invariant ? 0 : 1] = download(queue, dtype, y);
    }
    if (!agree(dtype, results[0], results[1], s.k)) {
        std::fprintf(stderr, "bench_gemm_cuda: %s: the two products differ\n", s.name);
        return false;
    }
    const Product products[] = {{"forward", forward},
            {"backward_input",
                    [&] {
                        cuda::linear_backward_input(
                                queue, dtype, s.n, s.k, s.m, dy.data(), s.m, w.data(), Epilogue::Store, dx.data(), s.k);
                    }},
            {"backward_weight", [&] {
                 cuda::linear_backward_weight(
                         queue, dtype, s.n, s.k, s.m, dy.data(), s.m, x.data(), s.k, dw.data(), nullptr);
             }}};
    for (const Product& product : products) {
        std::vector<double> times[2];
        for (int round = -2; round < rounds; ++round) {
            for (const bool invariant : {true, false}) {
                queue.batch_invariant = invariant;
                const double time = milliseconds(queue, product.run);
                if (round >= 0) times[invariant ? 0 : 1].push_back(time);
            }
        }
        const double own = median_of(times[0]), library = median_of(times[1]);
        const double flops = 2.0 * static_cast<double>(s.n) * static_cast<double>(s.k) * static_cast<double>(s.m);
        std::printf(
                "{\"bench\":\"gemm_cuda\",\"product\":\"%s\",\"layer\":\"%s\",\"dtype\":\"%s\",\"n\":%lld,\"k\":%lld,"
                "\"m\":%lld,\"own_ms\":%.4f,\"cublaslt_ms\":%.4f,\"own_tflops\":%.1f,\"cublaslt_tflops\":%.1f,"
                "\"own_over_cublaslt\":%.2f}\n",
                product.name, s.name, dtype == Dtype::F32 ? "fp32" : "bf16", static_cast<long long>(s.n),
                static_cast<long long>(s.k), static_cast<long long>(s.m), own, library, flops / own * 1e-9,
                flops / library * 1e-9, own / library);
    }
    std::fflush(stdout);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::fprintf(stderr, "bench_gemm_cuda: no CUDA device\n");
        return 77;
    }
    CudaHandles handles(0);
    const int rounds = static_cast<int>(integer_argument(argc, argv, "rounds", 20));
    const int64_t only = integer_argument(argc, argv, "dtype", -1);
    bool good = true;
    for (const Dtype dtype : {Dtype::Bf16, Dtype::F32}) {
        if (only >= 0 && only != static_cast<int64_t>(dtype)) continue;
        for (const Shape& shape : kShapes)
            good = run_shape(handles.queue(), dtype, shape, rounds) && good;
    }
    return good ? 0 : 1;
}
