// update_bench.cpp - what is done once per token or once per parameter: sampler, residual, AdamW. Bound by memory.
#include <cmath>
#include <limits>
#include <memory>

#include "bench/kernel_bench.hpp"
#include "core/guard.hpp"

namespace tbrm {
namespace {

struct Sampler {
    int64_t vocab, n;
    DeviceNumbers device;
    std::vector<float> logits, v;
    std::vector<SampleRow> rows;
    DeviceBuffer<float> device_logits, device_v;
    DeviceBuffer<SampleRow> device_rows;
    DeviceBuffer<int32_t> ids;
    DeviceBuffer<char> workspace;
    DeviceBuffer<SampleResult> out;

    Sampler(Device& on, int64_t n_vocab, int64_t n_rows, int32_t top_k, float top_p, float temperature)
        : vocab(n_vocab), n(n_rows), device(on), logits(device.numbers(n * vocab, 8)), out(on, n) {
        for (int64_t r = 0; r < n; ++r) {
            double sum = 0;
            for (int64_t i = 0; i < vocab; ++i)
                sum += std::exp(static_cast<double>(logits[static_cast<size_t>(r * vocab + i)]));
            v.push_back(static_cast<float>(std::log(sum)));
            SampleRow row{};
            row.seed = 11;
            row.trajectory_id = r;
            row.logits_row = static_cast<int32_t>(r);
            row.n_vocab = static_cast<int32_t>(vocab);
            row.top_k = top_k;
            row.temperature = temperature;
            row.top_p = top_p;
            row.log_min_p = -std::numeric_limits<float>::infinity();
            row.repetition_penalty = 1;
            rows.push_back(row);
        }
        device_logits = device.buffer_of(logits);
        device_v = device.buffer_of(v);
        device_rows = device.buffer_of(rows);
        ids.resize(on, 1);
        workspace.resize(on, on.sample_workspace_bytes(vocab));
    }
    void run() {
        device.device_.sample(vocab, device_logits.data(), vocab, device_v.data(), n, device_rows.data(), ids.data(),
                workspace.data(), out.data());
    }
    // How many logits of the row are larger than that of `token`; the mass of these, as a share of all.
    std::pair<int64_t, double> above(int64_t row, int32_t token) const {
        const float* const z = logits.data() + row * vocab;
        int64_t count = 0;
        double mass = 0;
        for (int64_t i = 0; i < vocab; ++i) {
            if (!(z[i] > z[token])) continue;
            ++count;
            mass += std::exp(static_cast<double>(z[i]) - static_cast<double>(v[static_cast<size_t>(row)]));
        }
        return {count, mass};
    }
};

// The log-prob of what was drawn in fp64, and that it is among what the filters keep.
void check_tokens(Sampler& s, BenchValues& values) {
    s.run();
    std::vector<SampleResult> results(static_cast<size_t>(s.n));
    s.device.device_.download(results.data(), s.out.data(), s.n * static_cast<int64_t>(sizeof(SampleResult)));
    for (int64_t r = 0; r < s.n; ++r) {
        const SampleResult& result = results[static_cast<size_t>(r)];
        const SampleRow& row = s.rows[static_cast<size_t>(r)];
        const bool is_id = result.token >= 0 && result.token < s.vocab;
        bool kept = is_id;
        if (is_id) {
            const auto [count, mass] = s.above(r, result.token);
            kept = (row.top_k == 0 || count < row.top_k) && (row.top_p >= 1 || mass < static_cast<double>(row.top_p)) &&
                   (row.temperature > 0 || count == 0);
        }
        values.add("kept", 0, kept ? 1.0f : 0.0f, 1);
        const double z = is_id ? static_cast<double>(s.logits[static_cast<size_t>(r * s.vocab + result.token)]) : NAN;
        values.add("logp", kBenchF32, result.logp, z - static_cast<double>(s.v[static_cast<size_t>(r)]));
    }
}

KernelBenchSpec sampler(const char* name, int32_t top_k, float top_p, float temperature) {
    constexpr int64_t kVocab = 151936, kRows = 8;
    return {name, format("%lld rows, V %lld", static_cast<long long>(kRows), static_cast<long long>(kVocab)),
            Dtype::F32, [=](Device& device) {
                const auto s = std::make_shared<Sampler>(device, kVocab, kRows, top_k, top_p, temperature);
                return KernelBench{0, 4.0 * kVocab * kRows, [s] { s->run(); },
                        [s](BenchValues& values) { check_tokens(*s, values); }};
            }};
}

KernelBench residual(Device& on, int64_t n_seqs, int64_t length) {
    struct Residual {
        DeviceNumbers device;
        int64_t n_seqs, length;
        std::vector<float> q, v, ref;
        std::vector<double> reward, weight;
        DeviceBuffer<float> device_q, device_v, device_ref, f, dq, dv;
        DeviceBuffer<double> device_reward, device_weight, loss;
        DeviceBuffer<int64_t> offsets;
        tbrm_residual_args_t args;
    };
    const int64_t n = n_seqs * length;
    const auto s = std::make_shared<Residual>(Residual{
            DeviceNumbers(on), n_seqs, length, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}});
    s->q = s->device.numbers(n, 2);
    s->v = s->device.numbers(n, 2);
    s->ref = s->device.numbers(n, 1);
    std::vector<int64_t> offsets;
    for (int64_t b = 0; b <= n_seqs; ++b) {
        offsets.push_back(b * length);
        if (b == n_seqs) break;
        s->reward.push_back(static_cast<double>(b % 2));
        s->weight.push_back(1.0 / static_cast<double>(n_seqs));
    }
    s->device_q = s->device.buffer_of(s->q);
    s->device_v = s->device.buffer_of(s->v);
    s->device_ref = s->device.buffer_of(s->ref);
    s->device_reward = s->device.buffer_of(s->reward);
    s->device_weight = s->device.buffer_of(s->weight);
    s->offsets = s->device.buffer_of(offsets);
    s->f.resize(on, n_seqs);
    s->dq.resize(on, n);
    s->dv.resize(on, n);
    s->loss.resize(on, 1);
    s->args.struct_size = static_cast<int32_t>(sizeof s->args);
    s->args.kind = TBRM_RESIDUAL_KIND_TBRM;
    s->args.beta = 0.1;
    s->args.loss_scale = 1;
    s->args.n_seqs = n_seqs;
    s->args.n_rows = n;
    s->args.row_offsets = s->offsets.data();
    s->args.ref_logp = s->device_ref.data();
    s->args.reward = s->device_reward.data();
    s->args.weight = s->device_weight.data();
    const auto run = [s] {
        s->device.device_.residual_forward(s->args, s->device_q.data(), s->device_v.data(), s->f.data(), s->loss.data(),
                s->dq.data(), s->dv.data());
    };
    return {0, 20.0 * static_cast<double>(n), run, [s, run](BenchValues& values) {
                run();
                const int64_t all = s->n_seqs * s->length;
                const std::vector<float> f = s->device.fetch(Dtype::F32, s->f.data(), s->n_seqs),
                                         dq = s->device.fetch(Dtype::F32, s->dq.data(), all);
                for (const int64_t b : bench_sample(s->n_seqs, 16)) {
                    const size_t seq = static_cast<size_t>(b), first = static_cast<size_t>(b * s->length);
                    double sum = static_cast<double>(s->v[first]) - s->reward[seq] / s->args.beta;
                    for (size_t h = first; h < first + static_cast<size_t>(s->length); ++h)
                        sum += static_cast<double>(s->q[h]) - static_cast<double>(s->v[h]) -
                               static_cast<double>(s->ref[h]);
                    values.add("f", kBenchF32, f[seq], sum);
                    values.add("dq", kBenchF32, dq[first + 1], 2 * s->weight[seq] * sum);
                }
            }};
}

KernelBench adamw(Device& on, int64_t n) {
    struct Weights {
        DeviceNumbers device;
        std::vector<float> w, m, v, grad;
        DeviceBuffer<float> device_w, device_m, device_v, device_grad;
        AdamWStep step;
    };
    const auto s = std::make_shared<Weights>(Weights{
            DeviceNumbers(on), {}, {}, {}, {}, {}, {}, {}, {}, {1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.7, 0.19, 0.0975}});
    s->w = s->device.numbers(n, 1);
    s->m = s->device.numbers(n, 0.1f);
    s->v = s->device.numbers(n, 0.1f);
    for (float& x : s->v)
        x *= x;
    s->grad = s->device.numbers(n, 1);
    s->device_grad = s->device.buffer_of(s->grad);
    const auto lay = [s] {
        s->device_w = s->device.buffer_of(s->w);
        s->device_m = s->device.buffer_of(s->m);
        s->device_v = s->device.buffer_of(s->v);
    };
    lay();
    const auto run = [s, n] {
        s->device.device_.adamw_step(
                s->step, n, s->device_w.data(), s->device_m.data(), s->device_v.data(), s->device_grad.data());
    };
    return {0, 28.0 * static_cast<double>(n), run, [s, run, lay, n](BenchValues& values) {
                lay();
                run();
                const std::vector<float> w = s->device.fetch(Dtype::F32, s->device_w.data(), n);
                for (const int64_t i : bench_sample(n, 64)) {
                    const size_t at = static_cast<size_t>(i);
                    const double b1 = static_cast<double>(s->step.beta1), b2 = static_cast<double>(s->step.beta2);
                    const double rate = static_cast<double>(s->step.learning_rate),
                                 g = static_cast<double>(s->grad[at]) * s->step.grad_scale;
                    const double m = (b1 * static_cast<double>(s->m[at]) + (1 - b1) * g) / s->step.bias_correction1,
                                 v = (b2 * static_cast<double>(s->v[at]) + (1 - b2) * g * g) / s->step.bias_correction2;
                    values.add("w", kBenchF32, w[at],
                            static_cast<double>(s->w[at]) * (1 - rate * static_cast<double>(s->step.weight_decay)) -
                                    rate * m / (std::sqrt(v) + static_cast<double>(s->step.eps)));
                }
            }};
}

}  // namespace

void add_update_benches(std::vector<KernelBenchSpec>& list) {
    list.push_back(sampler("sample", 0, 1, 1));
    list.push_back(sampler("sample_top_k_top_p", 50, 0.95f, 1));
    list.push_back(sampler("sample_greedy", 0, 1, 0));
    list.push_back({"residual", "4096 trajectories of 256", Dtype::F32,
            [](Device& device) { return residual(device, 4096, 256); }});
    list.push_back(
            {"adamw", "4194304 weights", Dtype::F32, [](Device& device) { return adamw(device, int64_t{1} << 22); }});
}

}  // namespace tbrm
