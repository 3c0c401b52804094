// decode_bench.cpp - generation at the shape of Qwen2.5-0.5B with random bf16 weights: prompts of 128 tokens, 64 new tokens each, one
// sample per prompt. One JSON object per line:
//     {"bench":"decode","dtype","isa","threads","batch","prefill_tokens_per_s","decode_tokens_per_s","step_ms","step_ms_min","floor_ms",
//      "of_floor","gbytes_per_step","peak_gbytes_per_s","gflop_per_step","peak_gflops","sampler","lora_rank"}
// step_ms is the median decode iteration. floor_ms is what the slower of the two takes alone at the rates measured between the
// repetitions: reading every weight and every cached key and value once, or the multiply-adds. of_floor = floor_ms / step_ms_min, since
// both are best cases of one run on a machine that may be shared.
// Arguments: bench_decode [batch [layers [sampler [threads [wall|cpu [lora_rank]]]]]], empty or 0 = all batches, 24 layers, all cores;
// sampler: plain, top_p, top_k or greedy; cpu reads this process's processor time, for one thread on a machine that others use too. With a
// rank every measurement is made twice, with an adapter of all projections ("lora_rank") and with it off (0); the floor is the base's.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/peak.hpp"
#include "gemm/panels.hpp"
#include "model/model.hpp"
#include "rollout/rollout.hpp"

using namespace tbrm;

namespace {

constexpr int32_t kPromptTokens = 128, kNewTokens = 64;

tbrm_model_config_t qwen_config(int32_t layers) {
    tbrm_model_config_t c{};
    c.struct_size = static_cast<int32_t>(sizeof c);
    c.dtype = TBRM_DTYPE_BF16;
    c.vocab_size = 151936;
    c.hidden_size = 896;
    c.intermediate_size = 4864;
    c.n_layers = layers;
    c.n_heads = 14;
    c.n_kv_heads = 2;
    c.head_dim = 64;
    c.max_positions = 4096;
    c.tie_word_embeddings = 1;
    c.architecture = "qkv_bias=1";
    c.rms_norm_eps = 1e-6f;
    c.rope_attention_factor = 1;
    return c;
}

// Uniform in (-scale, scale) by a linear congruence: the values do not matter, but drawing 494M normal numbers would take a while.
void fill_weights(Model& model, float scale) {
    uint32_t state = 12345;
    for (const std::unique_ptr<Parameter>& parameter : model.parameters()) {
        if (!parameter->is_matrix()) continue;
        bf16* w = static_cast<bf16*>(const_cast<void*>(parameter->weight()));
        const int64_t n = panel_elements(Dtype::Bf16, parameter->rows(), parameter->cols());
        for (int64_t i = 0; i < n; ++i) {
            state = state * 1664525u + 1013904223u;
            w[i] = to_bf16(static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f * scale);
        }
    }
}

std::shared_ptr<Model> make_model(int32_t layers, int32_t threads) {
    std::vector<float> inv_freq;
    for (int i = 0; i < 32; ++i)
        inv_freq.push_back(static_cast<float>(std::pow(1e6, -i / 32.0)));
    std::shared_ptr<Context> context = std::make_shared<Context>();
    context->device = make_cpu_device(threads);
    context->device->enter();
    const tbrm_model_config_t config = qwen_config(layers);
    std::shared_ptr<Model> model = std::make_shared<Model>(context, check_model_config(&config, 32, inv_freq.data()));
    fill_weights(*model, 0.05f);
    return model;
}

void attach_adapter(Model& model, int32_t rank) {
    const tbrm_adapter_config_t config{static_cast<int32_t>(sizeof(tbrm_adapter_config_t)), rank,
            (1 << kProjections) - 1, 0, 2.0f, 0, 1, nullptr, nullptr};
    model.attach_adapter(check_adapter_config(&config, model.config().n_layers));
}

tbrm_sampling_t make_sampling(const std::string& sampler) {
    tbrm_sampling_t s{};
    s.struct_size = static_cast<int32_t>(sizeof s);
    s.max_new_tokens = kNewTokens;
    s.temperature = sampler == "greedy" ? 0.0f : 1.0f;
    s.top_p = sampler == "top_p" ? 0.95f : 1.0f;
    s.top_k = sampler == "top_k" ? 50 : 0;
    s.repetition_penalty = 1;
    s.seed = 1;
    return s;
}

// Multiply-adds and bytes of one decode iteration in the middle of the run.
struct Work {
    double gflop, gbytes;
};

Work decode_work(const ModelView& view, int64_t batch) {
    const double d = static_cast<double>(view.hidden), layers = static_cast<double>(view.layers.size());
    const double weights =
            layers * d * static_cast<double>(view.qkv_width() + view.attention_width() + 3 * view.intermediate) +
            d * static_cast<double>(view.vocab);
    const double keys = kPromptTokens + kNewTokens / 2.0;
    const double kv = layers * 2 * keys * static_cast<double>(view.attention.n_kv_heads * view.attention.head_dim);
    const double attention = layers * 4 * keys * static_cast<double>(view.attention_width());
    const double b = static_cast<double>(batch);
    return {b * (2 * weights + attention) * 1e-9, (2 * weights + b * 2 * kv) * 1e-9};
}

void measure(Model& model, int64_t batch, const std::string& sampler) {
    const ModelView& view = model.view();
    const RolloutLimits limits = {
            batch, 512, batch * 4 * KvCache::page_bytes(view) + 64 * KvCache::page_bytes(view), int64_t{256} << 20};
    Rollout rollout(model.device(), view, limits);
    const tbrm_sampling_t sampling = make_sampling(sampler);
    for (int64_t id = 0; id < batch; ++id) {
        std::vector<int32_t> prompt;
        for (int32_t i = 0; i < kPromptTokens; ++i)
            prompt.push_back(static_cast<int32_t>((id * 7919 + i * 104729) % view.vocab));
        rollout.submit(kPromptTokens, prompt.data(), 1, &id, sampling);
    }
    const double start = bench::seconds();
    while (rollout.status().n_prefill_tokens < batch * kPromptTokens)
        rollout.step(1);
    const double prefill = bench::seconds() - start;
    double peak_gbytes = bench::peak_gbytes(), peak_gflops = bench::peak_gflops(view.dtype);
    std::vector<double> steps;
    while (rollout.status().n_running == batch) {
        const double before = bench::seconds();
        rollout.step(1);
        steps.push_back(bench::seconds() - before);
        if (steps.size() % 16 == 0) {
            peak_gbytes = std::max(peak_gbytes, bench::peak_gbytes());
            peak_gflops = std::max(peak_gflops, bench::peak_gflops(view.dtype));
        }
    }
    std::sort(steps.begin(), steps.end());
    const double median = steps[steps.size() / 2];
    const Work work = decode_work(view, batch);
    const double floor = std::max(work.gbytes / peak_gbytes, peak_gflops > 0 ? work.gflop / peak_gflops : 0);
    std::printf(
            "{\"bench\":\"decode\",\"dtype\":\"bf16\",\"isa\":\"%s\",\"threads\":%d,\"layers\":%zu,\"batch\":%d,"
            "\"prefill_tokens_per_s\":%.1f,\"decode_tokens_per_s\":%.1f,\"step_ms\":%.2f,\"step_ms_min\":%.2f,"
            "\"floor_ms\":%.2f,\"of_floor\":%.3f,\"gbytes_per_step\":%.3f,\"peak_gbytes_per_s\":%.1f,"
            "\"gflop_per_step\":%.2f,\"peak_gflops\":%.0f,\"sampler\":\"%s\",\"lora_rank\":%d}\n",
            isa_name(active_isa()), max_threads(), view.layers.size(), static_cast<int>(batch),
            static_cast<double>(batch * kPromptTokens) / prefill, static_cast<double>(batch) / median, 1e3 * median,
            1e3 * steps[0], 1e3 * floor, floor / steps[0], work.gbytes, peak_gbytes, work.gflop, peak_gflops,
            sampler.c_str(), static_cast<int>(view.adapter.on ? view.adapter.layers[0][0].parts[0].rank : 0));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const int64_t only = argc > 1 ? std::atoll(argv[1]) : 0;
        const int32_t layers = argc > 2 && std::atoi(argv[2]) > 0 ? std::atoi(argv[2]) : 24;
        const std::string sampler = argc > 3 ? argv[3] : "plain";
        const int32_t threads = argc > 4 ? std::atoi(argv[4]) : 0;
        if (argc > 5 && std::string(argv[5]) == "cpu") bench::active_clock() = bench::Clock::Cpu;
        const std::shared_ptr<Model> model = make_model(layers, threads);
        if (argc > 6 && std::atoi(argv[6]) > 0) attach_adapter(*model, std::atoi(argv[6]));
        for (const int64_t batch : {1, 8, 32}) {
            if (only != 0 && only != batch) continue;
            for (const bool on : {true, false}) {
                if (model->adapter()) model->enable_adapter(on);
                if (on || model->adapter()) measure(*model, batch, sampler);
            }
        }
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "bench_decode: %s\n", e.what());
        return 1;
    }
}
