// attention_cuda_bench.cpp - attention and the sampler on a GPU, at Qwen2.5-1.5B's shape (12 query heads, 2 kv heads, width 128), bf16.
// Decode is measured against the rate of a copy, since it reads every key and value once; training in multiply-adds per second.
//     bench_attention_cuda [rounds=20]
// One JSON object per measurement; times by events on the stream.
#include <cmath>

#include "core/cuda_staging.hpp"
#include "device/cuda_handles.hpp"
#include "measure.hpp"
#include "ops/attention.hpp"
#include "rollout/sampler.hpp"

using namespace tbrm;
using namespace tbrm::bench;

namespace {

constexpr AttentionShape kShape{12, 2, 128, 0.08838834764831845f};
constexpr int64_t kVocab = 151936;

double milliseconds(const CudaQueue& queue, int rounds, const std::function<void()>& run) {
    cudaEvent_t start, stop;
    TBRM_CUDA_CHECK(cudaEventCreate(&start));
    TBRM_CUDA_CHECK(cudaEventCreate(&stop));
    std::vector<double> times;
    for (int round = -2; round < rounds; ++round) {
        TBRM_CUDA_CHECK(cudaEventRecord(start, queue.stream));
        run();
        TBRM_CUDA_CHECK(cudaEventRecord(stop, queue.stream));
        TBRM_CUDA_CHECK(cudaEventSynchronize(stop));
        float elapsed = 0.0f;
        TBRM_CUDA_CHECK(cudaEventElapsedTime(&elapsed, start, stop));
        if (round >= 0) times.push_back(static_cast<double>(elapsed));
    }
    TBRM_CUDA_CHECK(cudaEventDestroy(start));
    TBRM_CUDA_CHECK(cudaEventDestroy(stop));
    return median_of(times);
}

// Small numbers of both signs: 0x3c00 is 1/128 in bf16.
std::vector<bf16> numbers(int64_t n) {
    std::vector<bf16> values(static_cast<size_t>(n));
    uint32_t state = 1;
    for (bf16& value : values) {
        state = state * 1664525u + 1013904223u;
        value.bits = static_cast<uint16_t>((state >> 31 << 15) | (0x3c00u + (state >> 24 & 0x7fu)));
    }
    return values;
}

// Bytes per second of a copy on the device, reads and writes counted.
double copy_rate(const CudaQueue& queue, int rounds) {
    const int64_t bytes = int64_t{1} << 30;
    const CudaArray<char> from(queue, bytes), to(queue, bytes);
    const double time = milliseconds(queue, rounds, [&] {
        TBRM_CUDA_CHECK(cudaMemcpyAsync(
                to.data(), from.data(), static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, queue.stream));
    });
    return 2.0 * static_cast<double>(bytes) / time * 1e3;
}

void decode(const CudaQueue& queue, int rounds, int64_t n_seqs, int64_t n_keys, double rate) {
    const int64_t pages = (n_keys + kPageTokens - 1) / kPageTokens, elements = page_elements(kShape);
    const CudaArray<bf16> q = to_device(queue, numbers(n_seqs * kShape.n_heads * kShape.head_dim));
    const CudaArray<bf16> page = to_device(queue, numbers(elements));
    const CudaArray<bf16> pool(queue, n_seqs * pages * elements), out(queue, q.size());
    for (int64_t p = 0; p < n_seqs * pages; ++p)
        TBRM_CUDA_CHECK(cudaMemcpyAsync(pool.data() + p * elements, page.data(), static_cast<size_t>(page.bytes()),
                cudaMemcpyDeviceToDevice, queue.stream));
    std::vector<int64_t> table, offsets;
    for (int64_t b = 0; b < n_seqs; ++b) {
        offsets.push_back(b * pages);
        for (int64_t p = 0; p < pages; ++p)
            table.push_back((b * pages + p) * 7919 % (n_seqs * pages));
    }
    const CudaArray<int64_t> device_table = to_device(queue, table), device_offsets = to_device(queue, offsets);
    const CudaArray<int32_t> keys =
            to_device(queue, std::vector<int32_t>(static_cast<size_t>(n_seqs), static_cast<int32_t>(n_keys)));
    const double time = milliseconds(queue, rounds, [&] {
        cuda::paged_attention(queue, Dtype::Bf16, kShape, n_seqs, q.data(), kShape.n_heads * kShape.head_dim,
                pool.data(), device_table.data(), device_offsets.data(), keys.data(), out.data(),
                kShape.n_heads * kShape.head_dim, nullptr);
    });
    const double bytes = static_cast<double>(n_seqs * n_keys * kShape.n_kv_heads * 2 * kShape.head_dim * 2);
    std::printf(
            "{\"bench\":\"attention_cuda\",\"what\":\"decode\",\"sequences\":%lld,\"keys\":%lld,\"median_ms\":%.4f,"
            "\"gigabytes_per_s\":%.0f,\"of_copy_rate\":%.3f}\n",
            static_cast<long long>(n_seqs), static_cast<long long>(n_keys), time, bytes / time * 1e-6,
            bytes / time * 1e3 / rate);
}

void training(const CudaQueue& queue, int rounds, int64_t n_seqs, int64_t length) {
    const int64_t n = n_seqs * length, width = (kShape.n_heads + 2 * kShape.n_kv_heads) * kShape.head_dim;
    const int64_t out_width = kShape.n_heads * kShape.head_dim;
    const CudaArray<bf16> qkv = to_device(queue, numbers(n * width)), dout = to_device(queue, numbers(n * out_width));
    const CudaArray<bf16> out(queue, n * out_width), dqkv(queue, n * width);
    const CudaArray<float> lse(queue, n * kShape.n_heads);
    std::vector<int64_t> offsets;
    for (int64_t b = 0; b <= n_seqs; ++b)
        offsets.push_back(b * length);
    const double forward = milliseconds(queue, rounds, [&] {
        cuda::packed_attention_forward(queue, Dtype::Bf16, kShape, n_seqs, offsets.data(), qkv.data(), width,
                out.data(), out_width, lse.data());
    });
    const double backward = milliseconds(queue, rounds, [&] {
        cuda::packed_attention_backward(queue, Dtype::Bf16, kShape, n_seqs, offsets.data(), qkv.data(), width,
                out.data(), out_width, lse.data(), dout.data(), out_width, dqkv.data(), width);
    });
    // Two products over the half of the square that a causal mask leaves; the gradient has five.
    const double flops = 2.0 * 2.0 * static_cast<double>(n_seqs * kShape.n_heads * kShape.head_dim) *
                         static_cast<double>(length) * static_cast<double>(length) / 2.0;
    std::printf(
            "{\"bench\":\"attention_cuda\",\"what\":\"training\",\"sequences\":%lld,\"length\":%lld,\"forward_ms\":%."
            "3f,"
            "\"forward_tflops\":%.1f,\"backward_ms\":%.3f,\"backward_tflops\":%.1f}\n",
            static_cast<long long>(n_seqs), static_cast<long long>(length), forward, flops / forward * 1e-9, backward,
            2.5 * flops / backward * 1e-9);
}

void sampler(const CudaQueue& queue, int rounds, int64_t n, float top_p, double rate) {
    std::vector<float> logits(static_cast<size_t>(n * kVocab));
    uint32_t state = 7;
    for (float& x : logits) {
        state = state * 1664525u + 1013904223u;
        x = static_cast<float>(state >> 8) * 0x1p-21f;  // 0 .. 8
    }
    SampleRow row{};
    row.seed = 1;
    row.n_vocab = static_cast<int32_t>(kVocab);
    row.temperature = 1.0f;
    row.top_p = top_p;
    row.log_min_p = -INFINITY;
    row.repetition_penalty = 1.0f;
    std::vector<SampleRow> rows(static_cast<size_t>(n), row);
    for (size_t i = 0; i < rows.size(); ++i) {
        rows[i].trajectory_id = static_cast<int64_t>(i);
        rows[i].logits_row = static_cast<int32_t>(i);
    }
    const CudaArray<float> z = to_device(queue, logits), v = to_device(queue, std::vector<float>(rows.size(), 12.0f));
    const CudaArray<SampleRow> device_rows = to_device(queue, rows);
    const CudaArray<char> workspace(queue, cuda::sample_workspace_bytes(kVocab));
    const CudaArray<SampleResult> out(queue, n);
    const double time = milliseconds(queue, rounds, [&] {
        cuda::sample(queue, kVocab, z.data(), kVocab, v.data(), n, device_rows.data(), nullptr, workspace.data(),
                out.data());
    });
    std::printf(
            "{\"bench\":\"sampler_cuda\",\"rows\":%lld,\"top_p\":%.2f,\"median_ms\":%.4f,\"of_one_pass_over_logits\":%."
            "2f}\n",
            static_cast<long long>(n), static_cast<double>(top_p), time,
            time * 1e-3 * rate / (static_cast<double>(n * kVocab) * 4.0));
}

}  // namespace

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::fprintf(stderr, "bench_attention_cuda: no CUDA device\n");
        return 77;
    }
    const int rounds = static_cast<int>(integer_argument(argc, argv, "rounds", 20));
    CudaHandles handles(0);
    const CudaQueue& queue = handles.queue();
    const double rate = copy_rate(queue, rounds);
    std::printf("{\"bench\":\"attention_cuda\",\"what\":\"copy\",\"gigabytes_per_s\":%.0f}\n", rate * 1e-9);
    for (const auto& [n_seqs, n_keys] : {std::pair<int64_t, int64_t>{1, 4096}, {128, 1024}, {256, 4096}})
        decode(queue, rounds, n_seqs, n_keys, rate);
    for (const auto& [n_seqs, length] : {std::pair<int64_t, int64_t>{32, 512}, {8, 2048}})
        training(queue, rounds, n_seqs, length);
    for (const float top_p : {1.0f, 0.95f})
        sampler(queue, rounds, 256, top_p, rate);
    return 0;
}
