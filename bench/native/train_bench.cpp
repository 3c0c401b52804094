// train_bench.cpp - one training step (forward, backward, AdamW) of a model with random weights, Qwen2.5-0.5B's shape unless told otherwise.
// One JSON object per line and phase:
//     {"bench":"train","phase","dtype","isa","threads","tokens","rows","recompute","seconds","cpu_seconds","tokens_per_s","model_gflops",
//      "peak_gflops","of_peak","of_peak_cpu","peak_bytes","lora_rank"}
// Model FLOPs: 2 per weight and token of every matrix that a token meets (the head: per scored row) and of causal attention; backward
// counts twice that; recomputation counts nothing. of_peak: their rate in the multiply-add peak measured between the steps, wall time.
// of_peak_cpu: the same per processor second, for machines that others use too (run with OMP_WAIT_POLICY=passive).
// With lora_rank, an adapter of all projections is trained and the weights are frozen: backward then counts the input gradients alone.
// Arguments: name=number, with layers hidden inner heads kv_heads head_dim vocab tied bf16 recompute seqs length response threads steps
// lora_rank.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "bench/peak.hpp"
#include "core/context.hpp"
#include "core/isa.hpp"
#include "gradient/training_pass.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

using namespace tbrm;

namespace {

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

int64_t argument(int argc, char** argv, const char* name, int64_t otherwise) {
    const size_t length = std::strlen(name);
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') return std::atoll(argv[i] + length + 1);
    }
    return otherwise;
}

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

struct Batch {
    std::vector<int32_t> ids, labels;
    std::vector<int64_t> offsets{0}, rows;

    Batch(int64_t n_seqs, int64_t length, int64_t response, int32_t vocab) {
        for (int64_t b = 0; b < n_seqs; ++b) {
            for (int64_t i = 0; i < length; ++i)
                ids.push_back(static_cast<int32_t>((b * 7919 + i * 104729 + i * i) % vocab));
            for (int64_t i = length - response; i < length; ++i) {
                rows.push_back(b * length + i - 1);
                labels.push_back(ids[static_cast<size_t>(b * length + i)]);
            }
            offsets.push_back((b + 1) * length);
        }
    }

    tbrm_batch_t view() const {
        return {static_cast<int32_t>(sizeof(tbrm_batch_t)), 1.0f, static_cast<int64_t>(offsets.size()) - 1,
                offsets.back(), static_cast<int64_t>(rows.size()), ids.data(), offsets.data(), rows.data(),
                labels.data()};
    }
};

// FLOPs of one forward.
double forward_flops(const ModelConfig& c, const Batch& batch) {
    const double d = c.hidden_size, q = static_cast<double>(c.attention_width());
    const double layer = d * static_cast<double>(c.qkv_width()) + q * d + 3.0 * d * c.intermediate_size;
    const auto n = static_cast<double>(batch.ids.size()), r = static_cast<double>(batch.rows.size());
    double pairs = 0;
    for (size_t b = 0; b + 1 < batch.offsets.size(); ++b) {
        const auto length = static_cast<double>(batch.offsets[b + 1] - batch.offsets[b]);
        pairs += length * (length + 1) / 2;
    }
    return 2 * (c.n_layers * (layer * n + 2 * q * pairs) + d * c.vocab_size * r);
}

struct Phase {
    const char* name;
    double flops;
    std::vector<double> wall, cpu;

    template <class Body>
    void time(bool counted, Body&& body) {
        const double start = bench::seconds(), cpu_start = cpu_seconds();
        body();
        if (!counted) return;
        wall.push_back(bench::seconds() - start);
        cpu.push_back(cpu_seconds() - cpu_start);
    }
};

// Floating-point operations per second of wall time, and per second of processor time of one thread.
struct Peak {
    double wall = 0, cpu = 0;

    void measure(Dtype dtype) {
        bench::active_clock() = bench::Clock::Wall;
        wall = std::max(wall, bench::peak_gflops(dtype));
        bench::active_clock() = bench::Clock::Cpu;
        cpu = std::max(cpu, bench::peak_gflops(dtype) / max_threads());
        bench::active_clock() = bench::Clock::Wall;
    }
};

void print(
        const Phase& phase, const ModelConfig& c, const Batch& batch, const Peak& peak, int64_t bytes, int32_t rank) {
    const double wall = median(phase.wall), cpu = median(phase.cpu);
    const double rate = phase.flops / wall * 1e-9, cpu_rate = phase.flops / cpu * 1e-9;
    std::printf(
            "{\"bench\":\"train\",\"phase\":\"%s\",\"dtype\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"tokens\":%zu,"
            "\"rows\":%zu,\"recompute\":%d,\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"tokens_per_s\":%.1f,"
            "\"model_gflops\":%.1f,\"peak_gflops\":%.1f,\"of_peak\":%.3f,\"of_peak_cpu\":%.3f,\"peak_bytes\":%lld,"
            "\"lora_rank\":%d}\n",
            phase.name, c.element() == Dtype::F32 ? "f32" : "bf16", isa_name(active_isa()), max_threads(),
            batch.ids.size(), batch.rows.size(), c.recompute, wall, cpu, static_cast<double>(batch.ids.size()) / wall,
            rate, peak.wall, peak.wall > 0 ? rate / peak.wall : 0.0, peak.cpu > 0 ? cpu_rate / peak.cpu : 0.0,
            static_cast<long long>(bytes), rank);
    std::fflush(stdout);
}

ModelConfig shape_from(int argc, char** argv) {
    const auto number = [&](const char* name, int64_t otherwise) {
        return static_cast<int32_t>(argument(argc, argv, name, otherwise));
    };
    ModelConfig c{};
    c.struct_size = static_cast<int32_t>(sizeof(tbrm_model_config_t));
    c.dtype = number("bf16", 1) != 0 ? TBRM_DTYPE_BF16 : TBRM_DTYPE_F32;
    c.vocab_size = number("vocab", 151936);
    c.hidden_size = number("hidden", 896);
    c.intermediate_size = number("inner", 4864);
    c.n_layers = number("layers", 24);
    c.n_heads = number("heads", 14);
    c.n_kv_heads = number("kv_heads", 2);
    c.head_dim = number("head_dim", 64);
    c.max_positions = number("length", 512);
    c.tie_word_embeddings = number("tied", 1);
    c.architecture = "qkv_bias=1";
    c.trainable = 1;
    c.recompute = number("recompute", 0);
    c.rms_norm_eps = 1e-6f;
    c.rope_attention_factor = 1;
    std::vector<float> inv_freq;
    for (int32_t i = 0; i < c.head_dim / 2; ++i)
        inv_freq.push_back(static_cast<float>(std::pow(1e6, -2.0 * i / c.head_dim)));
    return check_model_config(&c, c.head_dim / 2, inv_freq.data());
}

}  // namespace

int main(int argc, char** argv) {
    const ModelConfig config = shape_from(argc, argv);
    auto context = std::make_shared<Context>();
    context->device = make_cpu_device(static_cast<int32_t>(argument(argc, argv, "threads", 0)));
    Device& device = *context->device;
    device.enter();
    const auto model = std::make_shared<Model>(context, config);
    model->init_random(1, 0.02f);
    const tbrm_optimizer_config_t adamw{
            static_cast<int32_t>(sizeof(tbrm_optimizer_config_t)), 0.9f, 0.95f, 1e-8f, 0.1f};
    const int32_t rank = static_cast<int32_t>(argument(argc, argv, "lora_rank", 0));
    if (rank > 0) {
        const tbrm_adapter_config_t adapter{static_cast<int32_t>(sizeof(tbrm_adapter_config_t)), rank,
                (1 << kProjections) - 1, 1, 2.0f, 0, 1, nullptr, nullptr};
        model->attach_adapter(check_adapter_config(&adapter, model->config().n_layers));
    }
    Optimizer optimizer(model, &adamw);
    const int64_t length = config.max_positions, response = argument(argc, argv, "response", length / 2);
    const Batch batch(argument(argc, argv, "seqs", 2), length, response, config.vocab_size);
    const tbrm_batch_t view = batch.view();
    const size_t n_rows = batch.rows.size();
    std::vector<float> q(n_rows), v(n_rows), dq(n_rows, 1e-3f), dv(n_rows, -1e-3f);

    const double flops = forward_flops(config, batch), back = rank > 0 ? 1 : 2;
    Phase forward{"forward", flops, {}, {}}, backward{"backward", back * flops, {}, {}}, update{"optimizer", 0, {}, {}},
            step{"step", (1 + back) * flops, {}, {}};
    Peak peak;
    device.memory().reset_peak();
    const int64_t n_steps = argument(argc, argv, "steps", 3);
    for (int64_t i = -1; i < n_steps; ++i) {  // the first warms up
        peak.measure(config.element());
        step.time(i >= 0, [&] {
            TrainingPass& pass = model->training_pass();
            forward.time(i >= 0, [&] { pass.forward(&view, true, {q.data(), v.data(), nullptr}); });
            backward.time(i >= 0, [&] { pass.backward(view.n_rows, dq.data(), dv.data(), nullptr); });
            update.time(i >= 0, [&] { optimizer.step(1e-6f, 1.0f); });
        });
    }
    for (const Phase* phase : {&forward, &backward, &update, &step})
        print(*phase, config, batch, peak, device.memory().peak(), rank);
    return 0;
}
