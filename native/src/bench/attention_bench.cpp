// attention_bench.cpp - packed attention and its gradient at Qwen2.5-0.5B's heads, and a decode step over pages.
#include <cmath>
#include <memory>

#include "bench/kernel_bench.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

constexpr AttentionShape kHeads{14, 2, 64, 0.125f};
constexpr int64_t kGroup = kHeads.n_heads / kHeads.n_kv_heads, kOut = kHeads.n_heads * kHeads.head_dim,
                  kWidth = kOut + 2 * kHeads.n_kv_heads * kHeads.head_dim;

struct Packed {
    Dtype dtype;
    int64_t n_seqs, length, n;
    DeviceNumbers device;
    std::vector<int64_t> offsets;
    std::vector<float> qkv, dout;
    DeviceBuffer<char> qkv_rows, dout_rows, out, dqkv;
    DeviceBuffer<float> lse;

    Packed(Device& on, Dtype type, int64_t seqs, int64_t tokens)
        : dtype(type),
          n_seqs(seqs),
          length(tokens),
          n(seqs * tokens),
          device(on),
          qkv(device.numbers(n * kWidth, 2, dtype)),
          dout(device.numbers(n * kOut, 1, dtype)),
          qkv_rows(device.rows_of(dtype, qkv)),
          dout_rows(device.rows_of(dtype, dout)),
          out(on, n * kOut * dtype_bytes(dtype)),
          dqkv(on, n * kWidth * dtype_bytes(dtype)),
          lse(on, n * kHeads.n_heads) {
        for (int64_t s = 0; s <= n_seqs; ++s)
            offsets.push_back(s * length);
    }

    void forward() {
        device.device_.packed_attention_forward(
                dtype, kHeads, n_seqs, offsets.data(), qkv_rows.data(), kWidth, out.data(), kOut, lse.data());
    }
    void backward() {
        device.device_.packed_attention_backward(dtype, kHeads, n_seqs, offsets.data(), qkv_rows.data(), kWidth,
                out.data(), kOut, lse.data(), dout_rows.data(), kOut, dqkv.data(), kWidth);
    }
    const float* q(int64_t token, int64_t head) const { return qkv.data() + token * kWidth + head * kHeads.head_dim; }
    const float* k(int64_t token, int64_t head) const { return q(token, kHeads.n_heads + head / kGroup); }
    const float* v(int64_t token, int64_t head) const { return k(token, head) + kHeads.n_kv_heads * kHeads.head_dim; }
    double pairs() const { return 0.5 * static_cast<double>(n * (length + 1) * kHeads.n_heads); }

    // Probabilities of the keys from the sequence's first on.
    std::vector<double> probabilities(int64_t token, int64_t head) const {
        const int64_t first = token / length * length;
        std::vector<double> p;
        double most = -INFINITY, sum = 0;
        for (int64_t t = first; t <= token; ++t) {
            p.push_back(static_cast<double>(kHeads.scale) * dot(q(token, head), k(t, head)));
            most = std::max(most, p.back());
        }
        for (double& x : p)
            sum += x = std::exp(x - most);
        for (double& x : p)
            x /= sum;
        return p;
    }
    static double dot(const float* a, const float* b) {
        double sum = 0;
        for (int64_t i = 0; i < kHeads.head_dim; ++i)
            sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        return sum;
    }
    // dL/dscore of every key of a query.
    std::vector<double> score_slopes(int64_t token, int64_t head, const std::vector<double>& p) const {
        const float* const d = dout.data() + token * kOut + head * kHeads.head_dim;
        std::vector<double> slopes;
        double mean = 0;
        for (size_t i = 0; i < p.size(); ++i) {
            slopes.push_back(dot(d, v(token / length * length + static_cast<int64_t>(i), head)));
            mean += p[i] * slopes.back();
        }
        for (size_t i = 0; i < p.size(); ++i)
            slopes[i] = p[i] * (slopes[i] - mean) * static_cast<double>(kHeads.scale);
        return slopes;
    }
};

// Probabilities are rounded to bf16 before they meet the values.
double tolerance_of(Dtype dtype) {
    return dtype == Dtype::F32 ? kBenchF32 : 4 * kBenchBf16;
}

void check_output(const Packed& s, const std::vector<float>& out, int64_t row, int64_t token, BenchValues& values) {
    for (const int64_t head : {int64_t{0}, kHeads.n_heads - 1}) {
        const std::vector<double> p = s.probabilities(token, head);
        for (const int64_t i : {int64_t{0}, kHeads.head_dim - 1}) {
            double sum = 0;
            for (size_t t = 0; t < p.size(); ++t)
                sum += p[t] * static_cast<double>(s.v(token / s.length * s.length + static_cast<int64_t>(t), head)[i]);
            values.add("out", tolerance_of(s.dtype), out[static_cast<size_t>(row * kOut + head * kHeads.head_dim + i)],
                    sum);
        }
    }
}

KernelBench forward(Device& device, Dtype dtype, int64_t n_seqs, int64_t length) {
    const auto s = std::make_shared<Packed>(device, dtype, n_seqs, length);
    const double bytes = static_cast<double>(s->n * (kWidth + kOut) * dtype_bytes(dtype));
    return {s->pairs() * 4 * kHeads.head_dim, bytes, [s] { s->forward(); },
            [s](BenchValues& values) {
                s->forward();
                const std::vector<float> out = s->device.fetch(s->dtype, s->out.data(), s->n * kOut);
                for (const int64_t token : bench_sample(s->n, 8))
                    check_output(*s, out, token, token, values);
            }};
}

KernelBench backward(Device& device, Dtype dtype, int64_t n_seqs, int64_t length) {
    const auto s = std::make_shared<Packed>(device, dtype, n_seqs, length);
    s->forward();
    const double bytes = static_cast<double>(s->n * (2 * kWidth + 2 * kOut) * dtype_bytes(dtype));
    return {s->pairs() * 10 * kHeads.head_dim, bytes, [s] { s->backward(); },
            [s](BenchValues& values) {
                s->backward();
                const std::vector<float> dqkv = s->device.fetch(s->dtype, s->dqkv.data(), s->n * kWidth);
                const double tolerance = 2 * tolerance_of(s->dtype);
                for (const int64_t token : bench_sample(s->n, 6)) {
                    const std::vector<double> slopes = s->score_slopes(token, 3, s->probabilities(token, 3));
                    double sum = 0;
                    for (size_t t = 0; t < slopes.size(); ++t)
                        sum += slopes[t] *
                               static_cast<double>(s->k(token / s->length * s->length + static_cast<int64_t>(t), 3)[5]);
                    values.add(
                            "dq", tolerance, dqkv[static_cast<size_t>(token * kWidth + 3 * kHeads.head_dim + 5)], sum);
                }
                // One key near the end of the last sequence, so that few queries see it; the second kv head's group of queries.
                const int64_t key = s->n - 9;
                double dk = 0, dv = 0;
                for (int64_t token = key; token < s->n; ++token) {
                    for (int64_t head = kGroup; head < 2 * kGroup; ++head) {
                        const std::vector<double> p = s->probabilities(token, head);
                        const size_t at = static_cast<size_t>(key % s->length);
                        dk += s->score_slopes(token, head, p)[at] * static_cast<double>(s->q(token, head)[7]);
                        dv += p[at] * static_cast<double>(
                                              s->dout[static_cast<size_t>(token * kOut + head * kHeads.head_dim + 7)]);
                    }
                }
                const size_t at = static_cast<size_t>(key * kWidth + kOut + kHeads.head_dim + 7);
                values.add("dk", tolerance, dqkv[at], dk);
                values.add("dv", tolerance, dqkv[at + kHeads.n_kv_heads * kHeads.head_dim], dv);
            }};
}

// Last queries of n_seqs sequences over their pages.
KernelBench decode(Device& device, Dtype dtype, int64_t n_seqs, int64_t length) {
    struct Pages {
        DeviceBuffer<char> pool, q;
        DeviceBuffer<int64_t> table, table_at;
        DeviceBuffer<int32_t> n_keys;
    };
    const auto s = std::make_shared<Packed>(device, dtype, n_seqs, length);
    const auto pages = std::make_shared<Pages>();
    const int64_t per_seq = (length + kPageTokens - 1) / kPageTokens, row_bytes = kWidth * dtype_bytes(dtype);
    std::vector<int64_t> table, table_at, page_of;
    std::vector<int32_t> slots, n_keys;
    pages->q.resize(device, n_seqs * row_bytes);
    for (int64_t b = 0; b < n_seqs; ++b) {
        table_at.push_back(static_cast<int64_t>(table.size()));
        n_keys.push_back(static_cast<int32_t>(length));
        for (int64_t p = 0; p < per_seq; ++p)
            table.push_back(p * n_seqs + b);  // pages of a sequence lie apart
        for (int64_t t = 0; t < length; ++t) {
            page_of.push_back(t / kPageTokens * n_seqs + b);
            slots.push_back(static_cast<int32_t>(t % kPageTokens));
        }
        device.copy(
                pages->q.data() + b * row_bytes, s->qkv_rows.data() + ((b + 1) * length - 1) * row_bytes, row_bytes);
    }
    pages->pool.resize(device, n_seqs * per_seq * page_elements(kHeads) * dtype_bytes(dtype));
    device.zero(pages->pool.data(), pages->pool.size());
    pages->table = s->device.buffer_of(table);
    pages->table_at = s->device.buffer_of(table_at);
    pages->n_keys = s->device.buffer_of(n_keys);
    const DeviceBuffer<int64_t> device_pages = s->device.buffer_of(page_of);
    const DeviceBuffer<int32_t> device_slots = s->device.buffer_of(slots);
    const char* const k = s->qkv_rows.data() + kOut * dtype_bytes(dtype);
    device.kv_write(dtype, kHeads, s->n, k, k + kHeads.n_kv_heads * kHeads.head_dim * dtype_bytes(dtype), kWidth,
            device_pages.data(), device_slots.data(), pages->pool.data());
    device.synchronize();
    const auto run = [s, pages] {
        s->device.device_.paged_attention(s->dtype, kHeads, s->n_seqs, pages->q.data(), kWidth, pages->pool.data(),
                pages->table.data(), pages->table_at.data(), pages->n_keys.data(), s->out.data(), kOut, s->lse.data());
    };
    const double keys = static_cast<double>(n_seqs * length);
    const double bytes = keys * static_cast<double>(2 * kHeads.n_kv_heads * kHeads.head_dim * dtype_bytes(dtype));
    return {keys * kHeads.n_heads * 4 * kHeads.head_dim, bytes, run, [s, run](BenchValues& values) {
                run();
                const std::vector<float> out = s->device.fetch(s->dtype, s->out.data(), s->n_seqs * kOut);
                for (const int64_t b : bench_sample(s->n_seqs, 4))
                    check_output(*s, out, b, (b + 1) * s->length - 1, values);
            }};
}

}  // namespace

void add_attention_benches(std::vector<KernelBenchSpec>& list) {
    const auto add = [&](const char* name, Dtype dtype, int64_t n_seqs, int64_t length,
                             KernelBench (*make)(Device&, Dtype, int64_t, int64_t)) {
        list.push_back(
                {name, format("%lld sequences of %lld", static_cast<long long>(n_seqs), static_cast<long long>(length)),
                        dtype, [=](Device& device) { return make(device, dtype, n_seqs, length); }});
    };
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        add("attention_forward", dtype, 4, 512, forward);
        add("attention_backward", dtype, 4, 512, backward);
        add("attention_decode", dtype, 32, 512, decode);
    }
}

}  // namespace tbrm
