// checkpoint_bench.cpp - saving and loading weights, one JSON object per line:
//     {"bench":"checkpoint","pass","dtype","trainable","bytes","seconds","cpu_seconds","gbytes_per_s"}
// The file is read back from the page cache: what is measured is the conversion into the weight layout, not the disk. Saving includes
// the sync. Arguments: bench_checkpoint FOLDER [bf16|f32 [trainable]].
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/peak.hpp"
#include "checkpoint/checkpoint.hpp"
#include "core/context.hpp"
#include "model/model.hpp"

using namespace tbrm;

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: bench_checkpoint FOLDER [bf16|f32 [trainable]]\n");
        return 2;
    }
    const bool wide = argc > 2 && std::strcmp(argv[2], "f32") == 0, trainable = argc > 3;
    // Qwen2.5-0.5B with a quarter of its layers and vocabulary.
    tbrm_model_config_t shape{};
    shape.struct_size = static_cast<int32_t>(sizeof shape);
    shape.dtype = wide ? TBRM_DTYPE_F32 : TBRM_DTYPE_BF16;
    shape.vocab_size = 37984;
    shape.hidden_size = 896;
    shape.intermediate_size = 4864;
    shape.n_layers = 6;
    shape.n_heads = 14;
    shape.n_kv_heads = 2;
    shape.head_dim = 64;
    shape.max_positions = 64;
    shape.tie_word_embeddings = 1;
    shape.architecture = "qkv_bias=1";
    shape.trainable = trainable ? 1 : 0;
    shape.rms_norm_eps = 1e-6f;
    shape.rope_attention_factor = 1;
    const std::vector<float> inv_freq(32, 0.5f);
    auto context = std::make_shared<Context>();
    context->device = make_cpu_device(0);
    context->device->enter();
    Model model(context, check_model_config(&shape, 32, inv_freq.data()));
    model.init_random(1, 0.02f);

    const std::string path = std::string(argv[1]) + "/bench_checkpoint.safetensors";
    const auto measure = [&](const char* pass, auto&& body) {
        double best = 1e30, best_cpu = 1e30;
        for (int round = 0; round < 4; ++round) {
            const double start = bench::seconds();
            const std::clock_t cpu_start = std::clock();
            body();
            best_cpu = std::min(best_cpu, static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
            best = std::min(best, bench::seconds() - start);
        }
        const auto bytes = static_cast<double>(std::filesystem::file_size(path));
        std::printf(
                "{\"bench\":\"checkpoint\",\"pass\":\"%s\",\"dtype\":\"%s\",\"trainable\":%d,\"bytes\":%.0f,"
                "\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"gbytes_per_s\":%.2f}\n",
                pass, wide ? "f32" : "bf16", shape.trainable, bytes, best, best_cpu, bytes / best * 1e-9);
    };
    measure("save", [&] { save_weights(model, path, 0, static_cast<int64_t>(model.tensors().size())); });
    measure("load", [&] { load_weights(model, path); });
    std::filesystem::remove(path);
    return 0;
}
