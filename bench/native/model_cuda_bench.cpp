// model_cuda_bench.cpp - one part of a decode or training step of Qwen2.5-1.5B, run once, and the bytes and operations that it cannot do without.
// Made for the emulator, whose counters say what the kernels ask for (bench/gpu/model.sh); nothing is timed.
//     bench_model_cuda              the names of the parts
//     bench_model_cuda PART [rows=128] [context=1024]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "device/device.hpp"

using namespace tbrm;

namespace {

constexpr int64_t kHidden = 1536, kInner = 8960, kHeads = 12, kKvHeads = 2, kHeadDim = 128, kVocab = 151936,
                  kLayers = 28;
constexpr int64_t kQkv = (kHeads + 2 * kKvHeads) * kHeadDim, kOut = kHeads * kHeadDim;
constexpr int64_t kParameters = 1543714304;
const AttentionShape kAttention{kHeads, kKvHeads, kHeadDim, 0.0883883f};

struct Step {
    Device& device;
    int64_t rows, context;
    std::vector<DeviceBuffer<char>> buffers;

    // Memory that nobody writes: what the kernels ask for does not depend on what is there.
    char* memory(int64_t bytes) { return buffers.emplace_back(device, bytes).data(); }
    template <class T>
    T* uploaded(const std::vector<T>& host) {
        char* const to = memory(static_cast<int64_t>(host.size() * sizeof(T)));
        device.upload(to, host.data(), static_cast<int64_t>(host.size() * sizeof(T)));
        return reinterpret_cast<T*>(to);
    }
};

// What a part reads, writes and multiplies at least.
struct Floor {
    double bytes, flops;
};

struct Part {
    const char* name;
    int64_t per_step;
    std::function<Floor(Step&)> run;
};

Floor product_floor(int64_t n, int64_t k, int64_t m, bool adds) {
    const double a = static_cast<double>(n), b = static_cast<double>(k), c = static_cast<double>(m);
    return {2 * (a * b + b * c + (adds ? 2 : 1) * a * c), 2 * a * b * c};
}

Floor forward(Step& s, int64_t k, int64_t m, bool adds) {
    s.device.linear_forward(Dtype::Bf16, s.rows, k, m, s.memory(s.rows * k * 2), k, s.memory(k * m * 2), nullptr,
            adds ? Epilogue::AddTo : Epilogue::Store, s.memory(s.rows * m * 2), m);
    return product_floor(s.rows, k, m, adds);
}

// The projection of q, k and v with all that comes before attention.
Floor decode_qkv(Step& s) {
    const int64_t positions = 4096;
    const auto floats = [&](int64_t n) { return reinterpret_cast<float*>(s.memory(n * 4)); };
    std::vector<int64_t> pages;
    std::vector<int32_t> slots, at;
    for (int64_t row = 0; row < s.rows; ++row) {
        pages.push_back(row);
        slots.push_back(static_cast<int32_t>(row * 7 % kPageTokens));
        at.push_back(static_cast<int32_t>(s.context - 1));
    }
    const LinearCall call{kHidden, kQkv, s.memory(s.rows * kHidden * 2), s.memory(kHidden * kQkv * 2), floats(kQkv)};
    s.device.qkv_to_pages(
            &call, {Dtype::Bf16, kAttention, s.rows, s.memory(s.rows * kQkv * 2), kQkv, nullptr, nullptr, 1e-6f,
                           s.uploaded(at), floats(positions * kHeadDim / 2), floats(positions * kHeadDim / 2),
                           s.uploaded(pages), s.uploaded(slots), s.memory(s.rows * page_elements(kAttention) * 2)});
    return product_floor(s.rows, kHidden, kQkv, false);
}

// The product that ends a block, the residual stream, and the norm behind it.
Floor decode_branch(Step& s, int64_t inputs) {
    const LinearCall call{inputs, kHidden, s.memory(s.rows * inputs * 2), s.memory(inputs * kHidden * 2), nullptr};
    s.device.add_branch_norm(call,
            {Dtype::Bf16, s.rows, kHidden, nullptr, nullptr, nullptr, 1.0f, s.memory(s.rows * kHidden * 2),
                    reinterpret_cast<float*>(s.memory(kHidden * 4)), s.memory(s.rows * kHidden * 2), nullptr, 1e-6f});
    Floor floor = product_floor(s.rows, inputs, kHidden, true);
    floor.bytes += static_cast<double>(s.rows * kHidden) * 2;
    return floor;
}

Floor backward(Step& s, int64_t k, int64_t m) {
    char* const dy = s.memory(s.rows * m * 2);
    s.device.linear_backward_input(
            Dtype::Bf16, s.rows, k, m, dy, m, s.memory(k * m * 2), Epilogue::Store, s.memory(s.rows * k * 2), k);
    s.device.linear_backward_weight(Dtype::Bf16, s.rows, k, m, dy, m, s.memory(s.rows * k * 2), k,
            reinterpret_cast<float*>(s.memory(k * m * 4)), nullptr);
    const Floor dx = product_floor(s.rows, m, k, false), dw = product_floor(m, s.rows, k, false);
    return {dx.bytes + dw.bytes + 6.0 * static_cast<double>(k * m), dx.flops + dw.flops};
}

Floor decode_attention(Step& s) {
    const int64_t pages = (s.context + kPageTokens - 1) / kPageTokens;
    std::vector<int64_t> table, offsets;
    for (int64_t row = 0; row < s.rows; ++row) {
        offsets.push_back(static_cast<int64_t>(table.size()));
        for (int64_t p = 0; p < pages; ++p)
            table.push_back(static_cast<int64_t>(table.size()));
    }
    const std::vector<int32_t> n_keys(static_cast<size_t>(s.rows), static_cast<int32_t>(s.context));
    char* const pool = s.memory(static_cast<int64_t>(table.size()) * page_elements(kAttention) * 2);
    s.device.paged_attention(Dtype::Bf16, kAttention, s.rows, s.memory(s.rows * kQkv * 2), kQkv, pool,
            s.uploaded(table), s.uploaded(offsets), s.uploaded(n_keys), s.memory(s.rows * kOut * 2), kOut, nullptr);
    const double keys = static_cast<double>(s.rows * s.context);
    return {keys * 2 * kKvHeads * kHeadDim * 2, keys * kHeads * kHeadDim * 4};
}

// Packed sequences of `context` tokens, `rows` tokens in all.
Floor training_attention(Step& s, bool gradient) {
    std::vector<int64_t> offsets{0};
    while (offsets.back() < s.rows)
        offsets.push_back(std::min(s.rows, offsets.back() + s.context));
    const int64_t n_seqs = static_cast<int64_t>(offsets.size()) - 1;
    char* const qkv = s.memory(s.rows * kQkv * 2);
    char* const out = s.memory(s.rows * kOut * 2);
    float* const lse = reinterpret_cast<float*>(s.memory(s.rows * kHeads * 4));
    if (gradient)
        s.device.packed_attention_backward(Dtype::Bf16, kAttention, n_seqs, offsets.data(), qkv, kQkv, out, kOut, lse,
                s.memory(s.rows * kOut * 2), kOut, s.memory(s.rows * kQkv * 2), kQkv);
    else
        s.device.packed_attention_forward(Dtype::Bf16, kAttention, n_seqs, offsets.data(), qkv, kQkv, out, kOut, lse);
    const double pairs = static_cast<double>(s.rows) * static_cast<double>(s.context + 1) / 2;
    const double row_bytes = static_cast<double>(s.rows) * 2 * (kQkv + kOut);
    return {gradient ? 2 * row_bytes : row_bytes, pairs * kHeads * kHeadDim * (gradient ? 10 : 4)};
}

Floor head(Step& s) {
    const HeadShape shape{Dtype::Bf16, kHidden, kVocab, 1.0f, 0};
    const std::vector<float> ones(static_cast<size_t>(s.rows), 1.0f);
    std::vector<int32_t> labels(static_cast<size_t>(s.rows));
    for (size_t r = 0; r < labels.size(); ++r)
        labels[r] = static_cast<int32_t>(r * 7919 % static_cast<size_t>(kVocab));
    char* const w = s.memory(kVocab * kHidden * 2);
    const auto floats = [&] { return reinterpret_cast<float*>(s.memory(s.rows * 4)); };
    const std::unique_ptr<DeviceHeadTape> tape = s.device.make_head_tape();
    tape->forward(shape, s.rows, s.memory(s.rows * kHidden * 2), w, s.uploaded(labels), floats(), floats(), nullptr);
    tape->backward(w, s.uploaded(ones), s.uploaded(ones), nullptr, s.memory(s.rows * kHidden * 2),
            reinterpret_cast<float*>(s.memory(kVocab * kHidden * 4)));
    const double n = static_cast<double>(s.rows);
    // W twice, its gradient once read and once written, E once written and twice read.
    return {static_cast<double>(kVocab * kHidden) * (2 * 2 + 8) + n * kVocab * 2 * 3, 6 * n * kVocab * kHidden};
}

SampleRow draw_of(float top_p) {
    SampleRow one{};
    one.n_vocab = static_cast<int32_t>(kVocab);
    one.temperature = 1.0f;
    one.top_p = top_p;
    one.log_min_p = -INFINITY;
    one.repetition_penalty = 1.0f;
    return one;
}

SampleResult* results(Step& s) {
    return reinterpret_cast<SampleResult*>(s.memory(s.rows * static_cast<int64_t>(sizeof(SampleResult))));
}

// Logits and what is drawn from them without filters; the floor reads the logits once.
Floor logits_and_sample(Step& s) {
    const HeadShape shape{Dtype::Bf16, kHidden, kVocab, 1.0f, 0};
    std::vector<SampleRow> rows(static_cast<size_t>(s.rows), draw_of(1.0f));
    for (size_t r = 0; r < rows.size(); ++r)
        rows[r].logits_row = static_cast<int32_t>(r);
    s.device.sample_from_head(shape, s.rows, s.memory(s.rows * kHidden * 2), s.memory(kVocab * kHidden * 2),
            reinterpret_cast<float*>(s.memory(s.rows * kVocab * 4)), kVocab,
            s.uploaded(std::vector<float>(static_cast<size_t>(s.rows), 14.0f)),
            {s.rows, s.uploaded(rows), s.uploaded(std::vector<int32_t>{0}),
                    s.memory(s.device.sample_workspace_bytes(kVocab)), results(s)});
    return {static_cast<double>(kVocab * kHidden) * 2 + static_cast<double>(s.rows * kVocab) * 8,
            2.0 * static_cast<double>(s.rows * kVocab) * kHidden};
}

Floor sampler(Step& s, float top_p) {
    std::vector<float> row(static_cast<size_t>(kVocab));
    for (size_t i = 0; i < row.size(); ++i)
        row[i] = static_cast<float>(i * 2654435761u % 4096u) / 400.0f;
    // Every row draws from the same logits here: the traffic of a row is what counts.
    s.device.sample(kVocab, s.uploaded(row), kVocab, s.uploaded(std::vector<float>{14.0f}), s.rows,
            s.uploaded(std::vector<SampleRow>(static_cast<size_t>(s.rows), draw_of(top_p))),
            s.uploaded(std::vector<int32_t>{0}), s.memory(s.device.sample_workspace_bytes(kVocab)), results(s));
    return {static_cast<double>(s.rows * kVocab) * 4, 0};
}

Floor norm(Step& s) {
    s.device.rms_norm_forward(Dtype::Bf16, s.rows, kHidden, s.memory(s.rows * kHidden * 2), kHidden,
            reinterpret_cast<float*>(s.memory(kHidden * 4)), 1e-6f, s.memory(s.rows * kHidden * 2), kHidden, nullptr);
    return {static_cast<double>(s.rows * kHidden) * 4, 0};
}

// The MLP's input projection and its gate.
Floor decode_gated(Step& s) {
    const LinearCall call{
            kHidden, 2 * kInner, s.memory(s.rows * kHidden * 2), s.memory(kHidden * 2 * kInner * 2), nullptr};
    s.device.gated_linear(
            Activation::Silu, Dtype::Bf16, s.rows, call, s.memory(s.rows * kInner * 4), s.memory(s.rows * kInner * 2));
    Floor floor = product_floor(s.rows, kHidden, 2 * kInner, false);
    floor.bytes -= static_cast<double>(s.rows * kInner) * 2;
    return floor;
}

Floor adamw(Step& s) {
    const auto floats = [&] { return reinterpret_cast<float*>(s.memory(kParameters / kLayers * 4)); };
    const AdamWStep step{1e-3f, 0.9f, 0.95f, 1e-8f, 0.0f, 1.0, 0.1, 0.05};
    const int64_t n = kParameters / kLayers;
    s.device.adamw_step_narrow(
            step, n, 1, floats(), floats(), floats(), floats(), reinterpret_cast<bf16*>(s.memory(n * 2)));
    return {static_cast<double>(n) * 30, 0};
}

const Part kParts[] = {
        {"decode_qkv", kLayers, decode_qkv},
        {"decode_o", kLayers, [](Step& s) { return decode_branch(s, kOut); }},
        {"decode_gated", kLayers, decode_gated},
        {"decode_down", kLayers, [](Step& s) { return decode_branch(s, kInner); }},
        {"decode_attention", kLayers, decode_attention},
        {"decode_norm", 2, norm},
        {"decode_logits_sample", 1, logits_and_sample},
        {"decode_sample_top_p", 1, [](Step& s) { return sampler(s, 0.95f); }},
        {"train_gate_up", kLayers, [](Step& s) { return forward(s, kHidden, 2 * kInner, false); }},
        {"train_down", kLayers, [](Step& s) { return forward(s, kInner, kHidden, true); }},
        {"train_gate_up_backward", kLayers, [](Step& s) { return backward(s, kHidden, 2 * kInner); }},
        {"train_attention", kLayers, [](Step& s) { return training_attention(s, false); }},
        {"train_attention_backward", kLayers, [](Step& s) { return training_attention(s, true); }},
        {"train_head", 1, head},
        {"train_adamw", kLayers, adamw},
};

int64_t argument(int argc, char** argv, const char* name, int64_t otherwise) {
    const size_t n = std::strlen(name);
    for (int i = 2; i < argc; ++i)
        if (std::strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') return std::atoll(argv[i] + n + 1);
    return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    for (const Part& part : kParts) {
        if (argc < 2) std::printf("%s\n", part.name);
        if (argc < 2 || std::strcmp(argv[1], part.name) != 0) continue;
        const std::unique_ptr<Device> device = make_cuda_device(0);
        device->enter();
        Step step{*device, argument(argc, argv, "rows", 128), argument(argc, argv, "context", 1024), {}};
        const Floor floor = part.run(step);
        device->synchronize();
        std::printf(
                "{\"part\":\"%s\",\"rows\":%lld,\"context\":%lld,\"per_step\":%lld,\"floor_bytes\":%.0f,\"floor_"
                "flops\":%.0f}\n",
                part.name, static_cast<long long>(step.rows), static_cast<long long>(step.context),
                static_cast<long long>(part.per_step), floor.bytes, floor.flops);
        return 0;
    }
    return argc < 2 ? 0 : 2;
}
