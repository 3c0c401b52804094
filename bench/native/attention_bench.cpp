// attention_bench.cpp - attention at Qwen2.5 head shapes. One JSON object per line:
//     {"bench":"attention","pass","dtype","isa","threads","heads","kv_heads","head_dim","n","keys","ms","gflops","gbytes_per_s",
//      "peak_gflops","peak_gbytes_per_s","of_peak","of_bandwidth"}
// forward, backward: n tokens of packed sequences of length keys; causal, so a query counts half of the keys. decode: n sequences of
// keys tokens each, one query row each; gbytes_per_s counts the keys and values once. Arguments: bench_attention [pass [dtype [wall|cpu]]].
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "bench/peak.hpp"
#include "ops/attention.hpp"

using namespace tbrm;

namespace {

struct Shape {
    int64_t heads, kv_heads, head_dim;
};

constexpr Shape kShapes[] = {{14, 2, 64}, {12, 2, 128}};

AttentionShape attention_shape(const Shape& s) {
    return {s.heads, s.kv_heads, s.head_dim, static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.head_dim)))};
}

HostBuffer<char> numbers(Dtype dtype, int64_t n) {
    HostBuffer<char> data(n * dtype_bytes(dtype));
    uint32_t state = 1;
    for (int64_t i = 0; i < n; ++i) {
        state = state * 1664525u + 1013904223u;
        const float value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-30f;
        if (dtype == Dtype::F32) {
            reinterpret_cast<float*>(data.data())[i] = value;
        } else {
            reinterpret_cast<bf16*>(data.data())[i] = to_bf16(value);
        }
    }
    return data;
}

template <class Body>
void measure(const char* pass, Dtype dtype, const Shape& s, int64_t n, int64_t keys, double flops, double bytes,
        Body&& body) {
    double best = 1e30, peak = 0, bandwidth = 0;
    for (int round = 0; round < 6; ++round) {
        peak = std::max(peak, bench::peak_gflops(dtype));
        if (round < 2) bandwidth = std::max(bandwidth, bench::peak_gbytes());
        best = std::min(best, bench::best_seconds(static_cast<int>(std::min(100.0, std::max(2.0, 2e9 / flops))), body));
    }
    const double gflops = flops / best * 1e-9, gbytes = bytes / best * 1e-9;
    std::printf(
            "{\"bench\":\"attention\",\"pass\":\"%s\",\"dtype\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"heads\":%lld,"
            "\"kv_heads\":%lld,\"head_dim\":%lld,\"n\":%lld,\"keys\":%lld,\"ms\":%.4f,\"gflops\":%.1f,\"gbytes_per_s\":"
            "%.2f,"
            "\"peak_gflops\":%.1f,\"peak_gbytes_per_s\":%.2f,\"of_peak\":%.3f,\"of_bandwidth\":%.3f}\n",
            pass, dtype == Dtype::F32 ? "f32" : "bf16", isa_name(active_isa()), max_threads(),
            static_cast<long long>(s.heads), static_cast<long long>(s.kv_heads), static_cast<long long>(s.head_dim),
            static_cast<long long>(n), static_cast<long long>(keys), best * 1e3, gflops, gbytes, peak, bandwidth,
            peak > 0 ? gflops / peak : 0.0, gbytes / bandwidth);
    std::fflush(stdout);
}

void packed(const std::string& pass, Dtype dtype, const Shape& s, int64_t n_seqs, int64_t length) {
    const AttentionShape shape = attention_shape(s);
    const int64_t n = n_seqs * length, width = (s.heads + 2 * s.kv_heads) * s.head_dim,
                  out_width = s.heads * s.head_dim;
    std::vector<int64_t> offsets;
    for (int64_t b = 0; b <= n_seqs; ++b)
        offsets.push_back(b * length);
    HostBuffer<char> qkv = numbers(dtype, n * width), dqkv = numbers(dtype, n * width);
    HostBuffer<char> out = numbers(dtype, n * out_width), dout = numbers(dtype, n * out_width);
    HostBuffer<float> lse(n * s.heads);
    const auto forward = [&] {
        cpu::packed_attention_forward(
                dtype, shape, n_seqs, offsets.data(), qkv.data(), width, out.data(), out_width, lse.data());
    };
    const auto backward = [&] {
        cpu::packed_attention_backward(dtype, shape, n_seqs, offsets.data(), qkv.data(), width, out.data(), out_width,
                lse.data(), dout.data(), out_width, dqkv.data(), width);
    };
    // Two products of the forward, five of the backward, over length (length + 1) / 2 pairs.
    const double pairs = static_cast<double>(n) * static_cast<double>(length + 1) / 2;
    const double product = 2.0 * pairs * static_cast<double>(s.heads * s.head_dim);
    forward();
    if (pass == "forward") {
        measure("forward", dtype, s, n, length, 2 * product, 0, forward);
    } else {
        measure("backward", dtype, s, n, length, 5 * product, 0, backward);
    }
}

void decode(Dtype dtype, const Shape& s, int64_t n_seqs, int64_t keys) {
    const AttentionShape shape = attention_shape(s);
    const int64_t pages = ceil_div(keys, kPageTokens), out_width = s.heads * s.head_dim;
    HostBuffer<char> pool = numbers(dtype, n_seqs * pages * page_elements(shape)),
                     q = numbers(dtype, n_seqs * out_width);
    HostBuffer<char> out(n_seqs * out_width * dtype_bytes(dtype));
    std::vector<int64_t> table, offsets;
    for (int64_t i = 0; i < n_seqs * pages; ++i)
        table.push_back(i);
    for (int64_t b = 0; b < n_seqs; ++b)
        offsets.push_back(b * pages);
    const std::vector<int32_t> n_keys(static_cast<size_t>(n_seqs), static_cast<int32_t>(keys));
    const double flops = 4.0 * static_cast<double>(n_seqs * keys * out_width);
    const double bytes = static_cast<double>(n_seqs * keys * 2 * s.kv_heads * s.head_dim * dtype_bytes(dtype));
    measure("decode", dtype, s, n_seqs, keys, flops, bytes, [&] {
        cpu::paged_attention(dtype, shape, n_seqs, q.data(), out_width, pool.data(), table.data(), offsets.data(),
                n_keys.data(), out.data(), out_width, nullptr);
    });
}

bool chosen(int argc, char** argv, int index, const char* value) {
    return argc <= index || argv[index][0] == '\0' || std::strcmp(argv[index], value) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 3 && std::strcmp(argv[3], "cpu") == 0) bench::active_clock() = bench::Clock::Cpu;
    for (const Dtype dtype : {Dtype::Bf16, Dtype::F32}) {
        if (!chosen(argc, argv, 2, dtype == Dtype::F32 ? "f32" : "bf16")) continue;
        for (const Shape& shape : kShapes) {
            for (const char* pass : {"forward", "backward"}) {
                if (!chosen(argc, argv, 1, pass)) continue;
                packed(pass, dtype, shape, 16, 128);
                packed(pass, dtype, shape, 4, 512);
                packed(pass, dtype, shape, 1, 2048);
            }
            if (!chosen(argc, argv, 1, "decode")) continue;
            decode(dtype, shape, 1, 1024);
            decode(dtype, shape, 32, 1024);
            decode(dtype, shape, 8, 4096);
        }
    }
    return 0;
}
