// adapter_file_test.cpp - what becomes of a low-rank adapter: merged, copied, saved, read again, gone on with; and what is refused.
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "adapter_cases.hpp"
#include "checkpoint/safetensors.hpp"
#include "core/guard.hpp"
#include "refusal.hpp"
#include "temporary_folder.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

std::string file_content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void save_adapter(tbrm_model_t* model, const std::string& path) {
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_save_adapter(model, path.c_str(), &err), err, "tbrm_checkpoint_save_adapter");
}

}  // namespace
TBRM_TEST(a_merged_model_is_the_adapted_one) {
    const ContextHandle context = make_context(2);
    for (const Variant& architecture : kVariants) {
        for (const tbrm_dtype_t dtype : kBoth) {
            const tbrm_model_config_t config = config_of(architecture, dtype);
            const ModelHandle model = adapted_model(context.get(), config);
            const Batch batch = eight_sequences(config.vocab_size);
            const Scores adapted = forward(model.get(), batch, false);
            ReferenceDecoder reference = adapted_reference(model.get(), config);
            for (const TensorValues& tensor : read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true))
                reference.weights[tensor.name].assign(tensor.values.begin(), tensor.values.end());
            tbrm_error_t err{};
            expect_ok(tbrm_model_merge_adapter(model.get(), &err), err, "merge");

            size_t n_merged = 0;
            for (const TensorValues& merged : read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT)) {
                CHECK(!is_adapter(merged.name));
                const std::string stem =
                        "base_model.model." + merged.name.substr(0, merged.name.size() - std::strlen(".weight"));
                const Vector& before = reference.weights.at(merged.name);
                const auto a = reference.weights.find(stem + ".lora_A.weight");
                if (a == reference.weights.end()) {
                    CHECK(Vector(merged.values.begin(), merged.values.end()) == before);
                    continue;
                }
                ++n_merged;
                const Vector& b = reference.weights.at(stem + ".lora_B.weight");
                for (size_t i = 0; i < before.size(); ++i) {
                    const size_t row = i / static_cast<size_t>(merged.cols), col = i % static_cast<size_t>(merged.cols);
                    double delta = 0, magnitude = 0;
                    for (size_t r = 0; r < kRank; ++r) {
                        const double term = b[row * kRank + r] * a->second[r * static_cast<size_t>(merged.cols) + col];
                        delta += term;
                        magnitude += std::fabs(term);
                    }
                    const double exact = before[i] + static_cast<double>(kScale) * delta;
                    // 2 rank + 2 fp32 roundings of the sum, then the store's.
                    const double sum = (2 * kRank + 2) * 0x1p-24 *
                                       (std::fabs(before[i]) + static_cast<double>(kScale) * magnitude);
                    const double store = dtype == TBRM_DTYPE_BF16 ? 0x1p-8 * (std::fabs(exact) + sum) : 0;
                    CHECK_MSG(close(merged.values[i], exact, sum + store), "%s %zu", merged.name.c_str(), i);
                }
            }
            CHECK(n_merged == 14);
            if (dtype != TBRM_DTYPE_F32) continue;
            // Each within 2e-5 of the decoder in double (gradient_test.cpp), so within twice that of each other.
            const Scores scores = forward(model.get(), batch, false);
            const auto n = static_cast<int64_t>(batch.n_rows());
            CHECK(relative_error(scores.q, adapted.q, n) <= 4e-5 && relative_error(scores.v, adapted.v, n) <= 4e-5);
        }
    }
}

// Merged, saved, read, copied and trained on: a mixture is a model like any other.
TBRM_TEST(a_mixture_is_merged_saved_copied_and_trained_as_any_adapter) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const Batch batch = mixed_batch(config.vocab_size);
    const Mixture mixture;
    const auto adapted = [&](uint64_t seed) {
        ModelHandle model = make_model(context.get(), config, 100);
        attach(model.get(), mixture.config());
        randomize(model.get(), seed);
        return model;
    };
    const ModelHandle model = adapted(500), other = adapted(900);
    const std::string path = folder / "adapter.safetensors", state = folder / "optim.safetensors";
    save_adapter(model.get(), path);
    tbrm_error_t err{};
    expect_ok(tbrm_checkpoint_load_adapter(other.get(), path.c_str(), &err), err, "load");
    CHECK(same_scores(forward(model.get(), batch, false), forward(other.get(), batch, false)));
    tbrm_model_t* raw = nullptr;
    expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &err), err, "clone");
    CHECK(same_scores(forward(model.get(), batch, false), forward(ModelHandle(raw).get(), batch, false)));

    // A step, saved; both go on from there alike.
    const Coefficients c(batch.n_rows());
    {
        const OptimizerHandle first = make_optimizer(model.get(), 0.1f), second = make_optimizer(other.get(), 0.1f);
        const auto step = [&](tbrm_model_t* of, tbrm_optimizer_t* optimizer) {
            run_adapter(of, batch, c);
            tbrm_step_result_t result{};
            expect_ok(tbrm_optimizer_step(optimizer, 0.01f, 1.0f, &result, &err), err, "step");
        };
        step(model.get(), first.get());
        expect_ok(tbrm_checkpoint_save_optimizer(first.get(), state.c_str(), &err), err, "save");
        expect_ok(tbrm_checkpoint_load_optimizer(second.get(), state.c_str(), &err), err, "load");
        step(model.get(), first.get());
        step(other.get(), second.get());
    }
    CHECK(same_bits(read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true),
            read_part(other.get(), TBRM_TENSOR_KIND_MASTER, true)));

    // The merged weights' scores are those of the adapter in double: 2e-5 as gradient_test.cpp derives it.
    const ReferenceDecoder::Scores expected = mixture.reference(model.get(), config).forward(batch.view());
    expect_ok(tbrm_model_merge_adapter(model.get(), &err), err, "merge");
    const Scores merged = forward(model.get(), batch, false);
    const ReferenceDecoder::Scores of_merged = reference_of(model.get(), config).forward(batch.view());
    const auto n = static_cast<int64_t>(batch.n_rows());
    CHECK(relative_error(merged.q, expected.q, n) <= 2e-5 && relative_error(merged.v, expected.v, n) <= 2e-5);
    CHECK(relative_error(of_merged.q, expected.q, n) <= 2e-6 && relative_error(of_merged.v, expected.v, n) <= 2e-6);
}

TBRM_TEST(a_file_holds_the_master_weights_under_pefts_names_and_gives_them_back) {
    const TemporaryFolder folder;
    for (const tbrm_dtype_t dtype : kBoth) {
        const ContextHandle context = make_context(2);
        const tbrm_model_config_t config = tiny_config(dtype);
        const ModelHandle model = adapted_model(context.get(), config);
        // Values that bf16 does not have: the file keeps the master's.
        for (const TensorValues& tensor : read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true)) {
            const std::vector<float> fine = normals(static_cast<int64_t>(tensor.values.size()), 77);
            tbrm_error_t err{};
            expect_ok(tbrm_model_tensor_write(model.get(), tensor.name.c_str(), TBRM_TENSOR_KIND_MASTER,
                              static_cast<int64_t>(fine.size()), fine.data(), &err),
                    err, "write");
        }
        const std::string path = folder / "adapter_model.safetensors", again = folder / "again.safetensors";
        save_adapter(model.get(), path);
        {
            const SafetensorsFile file(path);
            CHECK(file.header().tensors.size() == 28 && file.header().metadata.at("format") == "pt");
            const FileTensor* a = file.header().find("base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight");
            const FileTensor* b = file.header().find("base_model.model.model.layers.1.mlp.gate_proj.lora_B.weight");
            CHECK(a != nullptr && a->dtype == FileDtype::F32 && a->shape == std::vector<int64_t>({kRank, 18}));
            CHECK(b != nullptr && b->dtype == FileDtype::F32 && b->shape == std::vector<int64_t>({14, kRank}));
        }
        const ModelHandle other = make_model(context.get(), config, 100);
        attach(other.get(), adapter_config());
        tbrm_error_t err{};
        expect_ok(tbrm_checkpoint_load_adapter(other.get(), path.c_str(), &err), err, "load_adapter");
        CHECK(same_bits(read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true),
                read_part(other.get(), TBRM_TENSOR_KIND_MASTER, true)));
        CHECK(same_bits(read_part(model.get(), TBRM_TENSOR_KIND_WEIGHT, true),
                read_part(other.get(), TBRM_TENSOR_KIND_WEIGHT, true)));
        save_adapter(other.get(), again);
        CHECK(file_content(path) == file_content(again) && !file_content(path).empty());
    }
}

TBRM_TEST(an_optimizer_state_of_an_adapter_goes_on_bit_for_bit) {
    const TemporaryFolder folder;
    const std::string path = folder / "optim.safetensors";
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_BF16);
    const Batch batch = mixed_batch(config.vocab_size);
    const Coefficients c(batch.n_rows());
    const auto step = [&](tbrm_model_t* model, tbrm_optimizer_t* optimizer) {
        run_adapter(model, batch, c);
        tbrm_step_result_t result{};
        tbrm_error_t err{};
        expect_ok(tbrm_optimizer_step(optimizer, 0.01f, 1, &result, &err), err, "step");
        return result.step;
    };
    const ModelHandle whole = adapted_model(context.get(), config), resumed = adapted_model(context.get(), config);
    const OptimizerHandle of_whole = make_optimizer(whole.get(), 0.1f),
                          of_resumed = make_optimizer(resumed.get(), 0.1f);
    tbrm_error_t err{};
    step(whole.get(), of_whole.get());
    expect_ok(tbrm_checkpoint_save_optimizer(of_whole.get(), path.c_str(), &err), err, "save_optimizer");
    CHECK(SafetensorsFile(path).header().tensors.size() == 3 * 28);
    expect_ok(tbrm_checkpoint_load_optimizer(of_resumed.get(), path.c_str(), &err), err, "load_optimizer");
    CHECK(step(whole.get(), of_whole.get()) == 2 && step(resumed.get(), of_resumed.get()) == 2);
    CHECK(same_bits(read_part(whole.get(), TBRM_TENSOR_KIND_MASTER, true),
            read_part(resumed.get(), TBRM_TENSOR_KIND_MASTER, true)));
    for (const tbrm_moment_t moment : {TBRM_MOMENT_FIRST, TBRM_MOMENT_SECOND}) {
        const std::vector<TensorValues> moments = read_moments(whole.get(), of_whole.get(), moment);
        CHECK(moments.size() == 28 && same_bits(moments, read_moments(resumed.get(), of_resumed.get(), moment)));
    }
}

TBRM_TEST(a_frozen_copy_has_the_adapter) {
    const ContextHandle context = make_context(2);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_BF16);
    const ModelHandle model = adapted_model(context.get(), config);
    const Batch batch = eight_sequences(config.vocab_size);
    tbrm_model_t* raw = nullptr;
    tbrm_error_t ignored{};
    expect_ok(tbrm_model_clone_frozen(model.get(), &raw, &ignored), ignored, "clone");
    const ModelHandle copy(raw);
    CHECK(same_scores(forward(copy.get(), batch, false), forward(model.get(), batch, false)));
    randomize(model.get(), 900);
    const Scores moved = forward(model.get(), batch, false);
    CHECK(!same_scores(forward(copy.get(), batch, false), moved));
    expect_ok(tbrm_model_copy_weights(copy.get(), model.get(), &ignored), ignored, "copy");
    CHECK(same_scores(forward(copy.get(), batch, false), moved));
    const ModelHandle bare = make_model(context.get(), config, 100);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_copy_weights(bare.get(), model.get(), err), "adapters");
}

TBRM_TEST(what_does_not_fit_together_is_refused) {
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 100);
    const auto refused = [&](const std::function<void(tbrm_adapter_config_t&)>& spoil, const char* says) {
        tbrm_adapter_config_t bad = adapter_config();
        spoil(bad);
        CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_attach_adapter(model.get(), &bad, err), says);
    };
    refused([](auto& c) { c.struct_size = 4; }, "struct_size is 4");
    refused([](auto& c) { c.rank = 0; }, "rank is 0");
    refused([](auto& c) { c.targets = 0; }, "targets is 0");
    refused([](auto& c) { c.targets = 128; }, "targets is 128");
    refused([](auto& c) { c.trainable = 2; }, "trainable is 2");
    refused([](auto& c) { c.scale = 0; }, "scale is 0");
    refused([](auto& c) { c.scale = NAN; }, "scale is");
    Mixture mixture;
    const auto refused_mixture = [&](const std::function<void(Mixture&)>& spoil, const char* says) {
        mixture = Mixture();
        spoil(mixture);
        refused([&](auto& c) { c = mixture.config(); }, says);
    };
    refused_mixture([](Mixture& m) { m.ranks.resize(7); }, "n_modules is 7");
    refused_mixture([](Mixture& m) { m.ranks[2] = -1; }, "ranks[2] is -1");
    refused_mixture([](Mixture& m) { m.scales[3] = 0; }, "scales[3] is 0");
    refused_mixture([](Mixture& m) { m.ranks.assign(14, 0); }, "no projection is adapted");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_attach_adapter(model.get(), nullptr, err), "config is null");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_enable_adapter(model.get(), 0, err), "no adapter");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_merge_adapter(model.get(), err), "no adapter");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_checkpoint_save_adapter(model.get(), "x", err), "no adapter");
    const tbrm_adapter_config_t good = adapter_config();
    {
        const OptimizerHandle optimizer = make_optimizer(model.get(), 0);
        CHECK_REFUSED(
                TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_attach_adapter(model.get(), &good, err), "has an optimizer");
    }
    attach(model.get(), good);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_attach_adapter(model.get(), &good, err), "already");
    float value[18] = {};
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
            tbrm_model_tensor_read(model.get(), "model.norm.weight", TBRM_TENSOR_KIND_GRADIENT, 18, value, err),
            "only the adapter is trained");
    const Batch batch = mixed_batch(config.vocab_size);
    const tbrm_batch_t view = batch.view();
    std::vector<float> q(batch.n_rows()), v(batch.n_rows());
    enable(model.get(), false);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
            tbrm_logprob_forward(model.get(), &view, 1, q.data(), v.data(), nullptr, err), "switched off");
    enable(model.get(), true);
    forward(model.get(), batch, true);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_enable_adapter(model.get(), 0, err), "a forward was kept");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_merge_adapter(model.get(), err), "a forward was kept");
}

TBRM_TEST(a_file_that_is_not_this_adapters_is_refused_and_changes_nothing) {
    const TemporaryFolder folder;
    const ContextHandle context = make_context(1);
    const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = adapted_model(context.get(), config);
    const std::vector<TensorValues> before = read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true);
    const auto refused = [&](int32_t targets, int32_t rank, const char* says) {
        const ModelHandle other = make_model(context.get(), config, 100);
        attach(other.get(), adapter_config(targets, 1, rank));
        const std::string path = folder / "other.safetensors";
        save_adapter(other.get(), path);
        CHECK_REFUSED(TBRM_STATUS_BAD_FILE, tbrm_checkpoint_load_adapter(model.get(), path.c_str(), err), says);
    };
    refused(kAll - TBRM_ADAPTER_TARGET_DOWN_PROJ, kRank,
            "the file has no tensor 'base_model.model.model.layers.0.mlp.down_proj");
    refused(kAll, 4, "has shape [4, 18], the model's is [3, 18]");
    const std::string base = folder / "base.safetensors";
    tbrm_error_t ignored{};
    expect_ok(tbrm_checkpoint_save_weights(model.get(), base.c_str(), 0, 5, &ignored), ignored, "save");
    CHECK_REFUSED(TBRM_STATUS_BAD_FILE, tbrm_checkpoint_load_adapter(model.get(), base.c_str(), err), "has no tensor");
    CHECK_REFUSED(TBRM_STATUS_IO, tbrm_checkpoint_load_adapter(model.get(), (folder / "none").c_str(), err), "none");
    const std::string whole = folder / "whole.safetensors", cut = folder / "cut.safetensors";
    save_adapter(model.get(), whole);
    std::ofstream(cut, std::ios::binary) << file_content(whole).substr(0, 3000);
    CHECK_REFUSED(TBRM_STATUS_BAD_FILE, tbrm_checkpoint_load_adapter(model.get(), cut.c_str(), err), "");

    const ModelHandle fewer = make_model(context.get(), config, 100);
    attach(fewer.get(), adapter_config(TBRM_ADAPTER_TARGET_Q_PROJ));
    CHECK_REFUSED(TBRM_STATUS_BAD_FILE, tbrm_checkpoint_load_adapter(fewer.get(), whole.c_str(), err),
            "belongs to none of the adapter's targets");
    CHECK(same_bits(before, read_part(model.get(), TBRM_TENSOR_KIND_MASTER, true)));
}
