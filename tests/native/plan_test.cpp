// plan_test.cpp - the memory plan against the counter of what the library allocates, while it does what the plan describes.
#include "plan/memory_plan.hpp"

#include <functional>
#include <thread>

#include "adapter_cases.hpp"
#include "core/memory.hpp"
#include "refusal.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// One: threads of a team end when they like, and what they hold goes with them.
constexpr int32_t kThreads = 1;

struct Shape {
    const char* name;
    tbrm_dtype_t dtype;
    int32_t vocab, hidden, inner, layers, heads, kv_heads, head_dim, tied;
    const char* architecture;
    int32_t recompute;
    tbrm_head_kind_t head;
    int32_t rank;  // of an adapter; 0: none
    int64_t sequences, length, response;
    int64_t head_budget;
    int32_t entropy;
};

constexpr tbrm_dtype_t F32 = TBRM_DTYPE_F32, Bf16 = TBRM_DTYPE_BF16;
constexpr const char *Qwen2 = kQwen2, *Qwen3 = kQwen3,
                     *Gemma3 = TBRM_TEST_GEMMA3 " sliding_window=40 sliding_layers=0-1";
constexpr tbrm_head_kind_t Lm = TBRM_HEAD_KIND_LM, Value = TBRM_HEAD_KIND_VALUE_BIAS, Both = TBRM_HEAD_KIND_LM_VALUE;

// Small and wide, shallow and deep, every kind of head, heads that fit their budget and that do not, widths off any panel.
constexpr Shape kShapes[] = {
        {"default run", F32, 64, 96, 256, 2, 4, 2, 24, 1, Qwen2, 0, Lm, 0, 32, 40, 24, 0, 0},
        {"large vocabulary", Bf16, 20001, 128, 320, 2, 4, 2, 32, 1, Qwen2, 0, Lm, 0, 4, 100, 60, 4 << 20, 0},
        {"large vocabulary, entropy", F32, 9001, 96, 200, 2, 4, 1, 24, 0, Qwen2, 0, Lm, 0, 6, 90, 70, 2 << 20, 1},
        {"deep, kept", Bf16, 500, 160, 424, 8, 5, 1, 32, 1, Qwen3, 0, Lm, 0, 8, 128, 96, 0, 0},
        {"deep, recomputed", F32, 500, 160, 424, 8, 5, 1, 32, 0, Qwen3, 1, Lm, 0, 8, 128, 96, 0, 0},
        {"long sequences", Bf16, 300, 64, 160, 3, 4, 4, 16, 1, Qwen2, 0, Lm, 0, 2, 900, 800, 0, 0},
        {"critic", Bf16, 3000, 128, 320, 4, 4, 2, 32, 1, Qwen2, 0, Value, 0, 8, 100, 60, 0, 0},
        {"its own critic", Bf16, 3000, 128, 320, 4, 4, 2, 32, 1, Qwen2, 0, Both, 0, 8, 100, 60, 0, 0},
        {"gemma", Bf16, 600, 96, 256, 4, 4, 1, 48, 1, Gemma3, 0, Lm, 0, 6, 150, 90, 0, 0},
        {"gemma, recomputed", F32, 300, 64, 160, 3, 4, 2, 16, 1, Gemma3, 1, Lm, 0, 6, 150, 90, 0, 0},
        {"gemma with an adapter", Bf16, 600, 96, 256, 4, 4, 1, 48, 1, Gemma3, 0, Lm, 4, 6, 150, 90, 0, 0},
        {"granite, recomputed", F32, 300, 64, 160, 3, 4, 2, 16, 1, kGranite, 1, Lm, 0, 6, 150, 90, 0, 0},
        {"critic, recomputed", F32, 1000, 100, 236, 4, 4, 2, 26, 0, Qwen3, 1, Value, 0, 8, 100, 60, 0, 0},
        {"adapter", Bf16, 4000, 128, 320, 4, 4, 2, 32, 1, Qwen2, 0, Lm, 8, 8, 100, 60, 0, 0},
        {"critic with an adapter", F32, 1000, 128, 320, 4, 4, 2, 32, 1, Qwen2, 1, Value, 5, 8, 100, 60, 0, 0},
};

tbrm_model_config_t config_of(const Shape& s) {
    tbrm_model_config_t config = tiny_config(s.dtype);
    config.vocab_size = s.vocab;
    config.hidden_size = s.hidden;
    config.intermediate_size = s.inner;
    config.n_layers = s.layers;
    config.n_heads = s.heads;
    config.n_kv_heads = s.kv_heads;
    config.head_dim = s.head_dim;
    config.max_positions = static_cast<int32_t>(s.length);
    config.tie_word_embeddings = s.tied;
    config.architecture = s.architecture;
    config.recompute = s.recompute;
    config.head_kind = s.head;
    config.head_budget_bytes = s.head_budget;
    config.trainable = s.rank == 0 ? 1 : 0;
    return config;
}

tbrm_memory_load_t load_of(const Shape& s) {
    tbrm_memory_load_t load{};
    load.struct_size = static_cast<int32_t>(sizeof load);
    load.device_kind = TBRM_DEVICE_KIND_CPU;
    load.n_threads = kThreads;
    load.entropy = s.entropy;
    load.update_sequences = load.score_sequences = s.sequences;
    load.update_tokens = load.score_tokens = s.sequences * s.length;
    load.update_rows = load.score_rows = s.sequences * s.response;
    return load;
}

tbrm_memory_bytes_t plan_of(
        const tbrm_model_config_t& config, const tbrm_adapter_config_t* adapter, const tbrm_memory_load_t& load) {
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    tbrm_memory_bytes_t plan{};
    plan.struct_size = static_cast<int32_t>(sizeof plan);
    tbrm_error_t err{};
    expect_ok(tbrm_memory_plan(
                      &config, static_cast<int32_t>(inv_freq.size()), inv_freq.data(), adapter, &load, &plan, &err),
            err, "plan");
    return plan;
}

// In a thread of its own: the kernels' working memory belongs to the threads, and goes with them.
void apart(const std::function<void()>& body) {
    std::exception_ptr failure;
    std::thread thread([&] {
        try {
            body();
        } catch (...) {
            failure = std::current_exception();
        }
    });
    thread.join();
    if (failure) std::rethrow_exception(failure);
}

// Bytes above `before` at the peak since the last look.
int64_t peak_above(int64_t before) {
    const int64_t peak = host_memory().peak() - before;
    host_memory().reset_peak();
    return peak;
}

void check_within(const char* shape, const char* what, int64_t measured, int64_t planned) {
    const double ratio = static_cast<double>(measured) / static_cast<double>(planned);
    std::printf("    %-28s %-10s %10lld of %10lld  %.3f\n", shape, what, static_cast<long long>(measured),
            static_cast<long long>(planned), ratio);
    CHECK_MSG(close(ratio, 1, 0.05), "%s, %s: %lld measured, %lld planned", shape, what,
            static_cast<long long>(measured), static_cast<long long>(planned));
}

void one_update(tbrm_model_t* model, const Shape& s, const Batch& batch) {
    const std::vector<float> ones(batch.n_rows(), 1.0f);
    tbrm_batch_t view = batch.view();
    tbrm_error_t err{};
    std::vector<float> q(batch.n_rows()), v(batch.n_rows()), h(batch.n_rows());
    if (s.head == Value) {
        expect_ok(tbrm_value_forward(model, &view, 1, v.data(), &err), err, "values");
        expect_ok(tbrm_value_backward(model, view.n_rows, ones.data(), &err), err, "values backward");
        return;
    }
    float* entropy = s.entropy != 0 ? h.data() : nullptr;
    expect_ok(tbrm_logprob_forward(model, &view, 1, q.data(), v.data(), entropy, &err), err, "forward");
    if (s.head == Both) {
        expect_ok(tbrm_value_of_kept(model, view.n_rows, v.data(), &err), err, "values");
        expect_ok(tbrm_value_add_gradient(model, view.n_rows, ones.data(), &err), err, "values' gradient");
    }
    backward(model, ones, ones, s.entropy != 0 ? ones : std::vector<float>{});
}

void one_score(tbrm_model_t* model, const Shape& s, const Batch& batch) {
    const tbrm_batch_t view = batch.view();
    std::vector<float> q(batch.n_rows()), v(batch.n_rows()), h(batch.n_rows());
    tbrm_error_t err{};
    if (s.head == Value) {
        expect_ok(tbrm_value_forward(model, &view, 0, v.data(), &err), err, "values");
        return;
    }
    expect_ok(tbrm_logprob_forward(model, &view, 0, q.data(), v.data(), s.entropy != 0 ? h.data() : nullptr, &err), err,
            "forward");
}

void check_shape(const Shape& s) {
    const tbrm_model_config_t config = config_of(s);
    const tbrm_adapter_config_t adapter = adapter_config(kAll, 1, s.rank);
    const tbrm_memory_bytes_t plan = plan_of(config, s.rank > 0 ? &adapter : nullptr, load_of(s));
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    const ContextHandle context = make_context(kThreads);
    MemoryCounter& memory = host_memory();
    const int64_t start = memory.in_use();
    memory.reset_peak();

    tbrm_model_t* raw = nullptr;
    tbrm_error_t err{};
    expect_ok(tbrm_model_create(
                      context.get(), &config, static_cast<int32_t>(inv_freq.size()), inv_freq.data(), &raw, &err),
            err, "create");
    ModelHandle model(raw);
    if (s.rank > 0) attach(raw, adapter);
    const int64_t held = memory.in_use() - start;
    CHECK_MSG(held == plan.weights + plan.adapter + plan.masters + plan.gradients, "%s: %lld held", s.name,
            static_cast<long long>(held));
    int64_t before = memory.in_use();
    OptimizerHandle optimizer = make_optimizer(raw, 0);
    CHECK(memory.in_use() - before == plan.moments);
    before = memory.in_use();
    tbrm_model_t* raw_copy = nullptr;
    expect_ok(tbrm_model_clone_frozen(raw, &raw_copy, &err), err, "clone");
    ModelHandle copy(raw_copy);
    CHECK(memory.in_use() - before == plan.frozen_copy);
    copy.reset();
    int64_t elements = 0;
    for (const TensorValues& tensor : read_tensors(raw, TBRM_TENSOR_KIND_WEIGHT))
        elements += static_cast<int64_t>(tensor.values.size());
    CHECK(elements == plan.n_parameters && plan.n_trained > 0 && plan.n_trained <= elements);

    Batch batch;
    for (int64_t b = 0; b < s.sequences; ++b)
        batch.add_sequence(s.length, s.response, s.vocab, static_cast<uint64_t>(b));
    before = memory.in_use();
    memory.reset_peak();
    one_update(raw, s, batch);
    one_update(raw, s, batch);
    check_within(s.name, "update", peak_above(before), plan.update + plan.kernels);
    expect_ok(tbrm_model_release_activations(raw, &err), err, "release");
    const int64_t kernels = memory.in_use() - before;
    CHECK_MSG(kernels > 0 && kernels <= plan.kernels, "%lld bytes of threads, %lld planned",
            static_cast<long long>(kernels), static_cast<long long>(plan.kernels));
    before = memory.in_use();
    memory.reset_peak();
    one_score(raw, s, batch);
    check_within(s.name, "score", peak_above(before), plan.score_batch);
    check_within(s.name, "whole", memory.in_use() - start + plan.update, plan.always + plan.update);
}

}  // namespace

TBRM_TEST(plans_are_within_five_percent_of_what_is_allocated) {
    for (const Shape& shape : kShapes)
        apart([&] { check_shape(shape); });
}

TBRM_TEST(a_rollout_takes_what_is_planned) {
    for (const Shape& s : {kShapes[0], kShapes[1], kShapes[5]}) {
        apart([&] {
            tbrm_model_config_t config = config_of(s);
            config.trainable = 0;
            tbrm_memory_load_t load = load_of(s);
            load.update_sequences = load.update_tokens = load.update_rows = 0;
            load.score_sequences = load.score_tokens = load.score_rows = 0;
            load.max_seqs = static_cast<int32_t>(s.sequences);
            load.max_batched_tokens = 64;
            load.kv_budget_bytes = 1;
            tbrm_memory_bytes_t plan{};
            plan.struct_size = static_cast<int32_t>(sizeof plan);
            const std::vector<float> inv_freq = tiny_inv_freq(config);
            CHECK_REFUSED(TBRM_STATUS_OUT_OF_MEMORY,
                    tbrm_memory_plan(&config, static_cast<int32_t>(inv_freq.size()), inv_freq.data(), nullptr, &load,
                            &plan, err),
                    "one sequence of max_positions");
            load.kv_budget_bytes = 0;
            const int64_t page = plan_of(config, nullptr, load).kv_page;
            load.kv_budget_bytes = page * s.sequences * ((s.length + 63) / 64) + page / 2;
            plan = plan_of(config, nullptr, load);
            CHECK(plan.kv_pages == load.kv_budget_bytes - page / 2 && plan.update == 0 && plan.score_batch == 0);

            const ContextHandle context = make_context(kThreads);
            const ModelHandle model = make_model(context.get(), config, 1);
            host_memory().reset_peak();
            const int64_t before = host_memory().in_use();
            const tbrm_rollout_config_t limits{static_cast<int32_t>(sizeof(tbrm_rollout_config_t)), load.max_seqs,
                    load.max_batched_tokens, 0, load.kv_budget_bytes};
            tbrm_rollout_t* rollout = nullptr;
            tbrm_error_t error{};
            expect_ok(tbrm_rollout_create(model.get(), &limits, &rollout, &error), error, "rollout");
            tbrm_sampling_t sampling{};
            sampling.struct_size = static_cast<int32_t>(sizeof sampling);
            sampling.max_new_tokens = static_cast<int32_t>(s.length) - 20;
            sampling.top_p = 0.9f;
            sampling.temperature = 1;
            sampling.repetition_penalty = 1;
            const std::vector<int32_t> prompt(20, 3);
            for (int64_t i = 0; i < s.sequences; ++i)
                expect_ok(tbrm_rollout_submit(rollout, 20, prompt.data(), 1, &i, &sampling, &error), error, "submit");
            tbrm_rollout_status_t status{};
            expect_ok(tbrm_rollout_step(rollout, 60, &status, &error), error, "step");
            const int64_t measured = peak_above(before), planned = plan.rollout + plan.kernels;
            // The largest iteration that the limits allow need not come: prompts are short here.
            std::printf("    %-28s rollout    %10lld of %10lld\n", s.name, static_cast<long long>(measured),
                    static_cast<long long>(planned));
            CHECK_MSG(measured <= planned + planned / 20 && measured >= planned - planned / 5,
                    "%s: %lld measured, %lld planned", s.name, static_cast<long long>(measured),
                    static_cast<long long>(planned));
            tbrm_rollout_destroy(rollout);
        });
    }
}

// The counter knows whose memory it is and what for: the sum is the whole, now and at the peak.
TBRM_TEST(memory_is_counted_by_owner_and_use) {
    apart([] {
        const Shape& s = kShapes[1];
        const ContextHandle context = make_context(kThreads);
        const auto parts = [](int owner, int use, bool at_peak) {
            const MemoryCounter::Parts all = at_peak ? host_memory().parts_at_peak() : host_memory().parts();
            return all[static_cast<size_t>(owner * TBRM_MEMORY_USES + use)];
        };
        const tbrm_memory_bytes_t plan = plan_of(config_of(s), nullptr, load_of(s));
        const ModelHandle model = make_model(context.get(), config_of(s), 1);
        CHECK(parts(TBRM_MEMORY_OWNER_POLICY, TBRM_MEMORY_USE_WEIGHTS, false) == plan.weights);
        CHECK(parts(TBRM_MEMORY_OWNER_POLICY, TBRM_MEMORY_USE_MASTERS, false) == plan.masters);
        CHECK(parts(TBRM_MEMORY_OWNER_POLICY, TBRM_MEMORY_USE_GRADIENTS, false) == plan.gradients);
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0);
        CHECK(parts(TBRM_MEMORY_OWNER_POLICY, TBRM_MEMORY_USE_MOMENTS, false) == plan.moments);
        tbrm_model_t* raw = nullptr;
        tbrm_error_t err{};
        expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &err), err, "clone");
        ModelHandle copy(raw);
        CHECK(parts(TBRM_MEMORY_OWNER_COPY, TBRM_MEMORY_USE_WEIGHTS, false) == plan.frozen_copy);
        tbrm_model_config_t value = config_of(s);
        value.head_kind = Value;
        const ModelHandle critic = make_model(context.get(), value, 1);
        CHECK(parts(TBRM_MEMORY_OWNER_CRITIC, TBRM_MEMORY_USE_GRADIENTS, false) > 0);

        Batch batch;
        for (int64_t b = 0; b < s.sequences; ++b)
            batch.add_sequence(s.length, s.response, s.vocab, static_cast<uint64_t>(b));
        host_memory().reset_peak();
        one_update(model.get(), s, batch);
        int64_t sum = 0;
        for (int owner = 0; owner <= TBRM_MEMORY_OWNER_CRITIC; ++owner) {
            for (int use = 0; use < TBRM_MEMORY_USES; ++use)
                sum += parts(owner, use, true);
        }
        CHECK(sum == host_memory().peak());
        CHECK(parts(TBRM_MEMORY_OWNER_POLICY, TBRM_MEMORY_USE_ACTIVATIONS, true) > plan.update_tape);
        CHECK(parts(TBRM_MEMORY_OWNER_LIBRARY, TBRM_MEMORY_USE_SCRATCH, false) > 0);
        copy.reset();
        CHECK(parts(TBRM_MEMORY_OWNER_COPY, TBRM_MEMORY_USE_WEIGHTS, false) == 0);
    });
}

// Rows instead of panels, and nothing that threads keep.
TBRM_TEST(a_gpu_is_planned_for_on_a_machine_without_one) {
    const Shape& s = kShapes[1];
    tbrm_memory_load_t load = load_of(s);
    const tbrm_memory_bytes_t on_cpu = plan_of(config_of(s), nullptr, load);
    load.device_kind = TBRM_DEVICE_KIND_CUDA;
    const tbrm_memory_bytes_t on_gpu = plan_of(config_of(s), nullptr, load);
    const int64_t vectors = s.hidden * (2 * s.layers + 1) + (s.heads + 2 * s.kv_heads) * s.head_dim * s.layers;
    CHECK(on_gpu.gradients == on_gpu.n_parameters * 4 && on_gpu.kernels == 0);
    CHECK(on_gpu.weights == (on_gpu.n_parameters - vectors) * 2 + vectors * 4 + s.length * s.head_dim * 4);
    CHECK(on_gpu.weights < on_cpu.weights && on_gpu.update_tape == on_cpu.update_tape);
    CHECK(on_gpu.update_head > s.head_budget / 2);
}

TBRM_TEST(a_load_that_cannot_be_is_refused_by_name) {
    const tbrm_model_config_t config = config_of(kShapes[0]);
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    const auto refused = [&](const auto& change, const char* says) {
        tbrm_memory_load_t load = load_of(kShapes[0]);
        change(load);
        tbrm_memory_bytes_t plan{};
        plan.struct_size = static_cast<int32_t>(sizeof plan);
        CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
                tbrm_memory_plan(
                        &config, static_cast<int32_t>(inv_freq.size()), inv_freq.data(), nullptr, &load, &plan, err),
                says);
    };
    refused([](auto& l) { l.struct_size = 1; }, "struct_size");
    refused([](auto& l) { l.device_kind = 7; }, "device_kind is 7");
    refused([](auto& l) { l.update_rows = -1; }, "update_rows is -1");
    refused([](auto& l) { l.score_sequences = 0; }, "score: 0 sequences");
    refused([](auto& l) { l.kv_budget_bytes = 5; }, "max_seqs is 0");
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
