// share_test.cpp - ranks that share a model's training state (ZeRO): the bits of an update are those of ranks that have all of it, a checkpoint is one
// file for any number of ranks, and what a rank holds is its share.
#include <cmath>
#include <fstream>
#include <iterator>

#include "core/memory.hpp"
#include "gradient_cases.hpp"
#include "group_ranks.hpp"
#include "model/model.hpp"
#include "plan/memory_plan.hpp"
#include "refusal.hpp"
#include "temporary_folder.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// Several panels, and a matrix of 15 columns, whose bf16 panels are padded.
tbrm_model_config_t config_of(tbrm_dtype_t dtype, int32_t stage, int32_t n_ranks, bool tied = true) {
    tbrm_model_config_t config = tiny_config(dtype);
    config.vocab_size = 200;
    config.intermediate_size = 15;
    config.tie_word_embeddings = tied ? 1 : 0;
    config.zero_stage = stage;
    config.n_ranks = n_ranks;
    return config;
}

// n ranks that share a model of a configuration.
struct Sharers {
    Ranks ranks;
    std::vector<GroupHandle> groups;
    int32_t stage;
    bool are_processes;

    Sharers(int32_t n, const tbrm_model_config_t& config, bool as_processes, bool has_adapter = false)
        : ranks(n, config),
          groups(make_ranks(as_processes, n)),
          stage(config.zero_stage),
          are_processes(as_processes && n > 1) {
        if (has_adapter) {
            for (const ModelHandle& model : ranks.models)
                attach(model.get());
        }
        if (n > 1 && stage > 0) {
            CHECK(all_ok(on_ranks(n, [&](int32_t rank, tbrm_error_t* err) {
                return tbrm_model_share(ranks.model(rank), groups[static_cast<size_t>(rank)].get(), err);
            })));
        }
        for (const ModelHandle& model : ranks.models)
            ranks.optimizers.push_back(make_optimizer(model.get(), 0.1f));
    }

    static void attach(tbrm_model_t* model) {
        tbrm_adapter_config_t adapter{};
        adapter.struct_size = static_cast<int32_t>(sizeof adapter);
        adapter.rank = 3;
        adapter.targets = (1 << 7) - 1;
        adapter.scale = 2;
        adapter.trainable = 1;
        adapter.seed = 5;
        tbrm_error_t err{};
        expect_ok(tbrm_model_attach_adapter(model, &adapter, &err), err, "tbrm_model_attach_adapter");
    }

    // Processes wait for each other's leave, and for nothing else then.
    ~Sharers() {
        on_ranks(size(), [&](int32_t rank, tbrm_error_t* err) {
            GroupHandle& group = groups[static_cast<size_t>(rank)];
            const tbrm_status_t status = are_processes ? tbrm_group_leave(group.get(), 0, err) : TBRM_STATUS_OK;
            group.reset();
            return status;
        });
    }

    int32_t size() const { return static_cast<int32_t>(groups.size()); }

    // One update from eight sequences, `times` over; of more than `with_rows` ranks the others have none.
    double step(const Batch& batch, int32_t with_rows, float learning_rate = 0.01f, int times = 1) {
        std::vector<double> norms(static_cast<size_t>(size()));
        CHECK(all_ok(on_ranks(size(), [&](int32_t rank, tbrm_error_t* err) {
            tbrm_model_t* model = ranks.model(rank);
            tbrm_status_t status = TBRM_STATUS_OK;
            for (int time = 1; time < times; ++time)
                accumulate(model, batch, 8 * rank / with_rows, 8 * (rank + 1) / with_rows);
            if (rank < with_rows) {
                accumulate(model, batch, 8 * rank / with_rows, 8 * (rank + 1) / with_rows);
            } else {
                status = tbrm_gradient_share(model, err);
            }
            double& norm = norms[static_cast<size_t>(rank)];
            tbrm_step_result_t result{};
            if (status == TBRM_STATUS_OK)
                status = tbrm_gradient_reduce(model, groups[static_cast<size_t>(rank)].get(), err);
            if (status == TBRM_STATUS_OK) status = tbrm_gradient_norm(model, &norm, err);
            if (status == TBRM_STATUS_OK)
                status = tbrm_optimizer_update(ranks.optimizer(rank), learning_rate, norm, 0.5f, &result, err);
            return status;
        })));
        for (const double norm : norms)
            CHECK(norm == norms[0] && std::isfinite(norm) && norm > 0);
        return norms[0];
    }

    void checkpoint(const std::string& path, bool load) {
        CHECK(all_ok(on_ranks(size(), [&](int32_t rank, tbrm_error_t* err) {
            tbrm_optimizer_t* optimizer = ranks.optimizer(rank);
            if (stage == 0 && rank > 0 && !load) return static_cast<tbrm_status_t>(TBRM_STATUS_OK);
            return load ? tbrm_checkpoint_load_optimizer(optimizer, path.c_str(), err)
                        : tbrm_checkpoint_save_optimizer(optimizer, path.c_str(), err);
        })));
    }

    void check_weights(const std::vector<float>& expected) const {
        for (int32_t r = 0; r < size(); ++r)
            CHECK_MSG(flat(ranks.model(r), TBRM_TENSOR_KIND_WEIGHT) == expected, "stage %d, rank %d of %d", stage, r,
                    size());
    }
};

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Two updates, the first of which one rank has no rows for, a checkpoint, and a third update after it.
struct Run {
    std::vector<double> norms;
    std::string file;
    std::vector<float> weights;
};
Run run_of(Sharers& sharers, const Batch& batch, const TemporaryFolder& folder) {
    const int32_t n = sharers.size();
    Run run;
    run.norms = {sharers.step(batch, std::max(n - 1, 1)), sharers.step(batch, n)};
    sharers.checkpoint(folder / "optim", false);
    run.file = bytes_of(folder / "optim");
    run.norms.push_back(sharers.step(batch, n));
    run.weights = flat(sharers.ranks.model(0), TBRM_TENSOR_KIND_WEIGHT);
    sharers.check_weights(run.weights);
    return run;
}

void check_same(const Run& run, const Run& whole, const char* what, int32_t n, int32_t stage) {
    CHECK_MSG(run.norms == whole.norms, "%s, %d ranks, stage %d: norms", what, n, stage);
    CHECK_MSG(run.file == whole.file && !run.file.empty(), "%s, %d ranks, stage %d: checkpoint", what, n, stage);
    CHECK_MSG(run.weights == whole.weights, "%s, %d ranks, stage %d: weights", what, n, stage);
}

}  // namespace

TBRM_TEST(updates_of_shares_have_the_bits_of_updates_of_the_whole) {
    struct Case {
        const char* name;
        tbrm_dtype_t dtype;
        bool tied, has_adapter;
    };
    const TemporaryFolder folder;
    const Batch batch = eight_sequences();
    for (const Case& c : {Case{"fp32", TBRM_DTYPE_F32, true, false}, Case{"bf16", TBRM_DTYPE_BF16, false, false},
                 Case{"bf16, tied", TBRM_DTYPE_BF16, true, false}, Case{"adapter", TBRM_DTYPE_BF16, true, true}}) {
        for (const int32_t n : {3, 4}) {
            Sharers all(n, config_of(c.dtype, 0, n, c.tied), false, c.has_adapter);
            const Run whole = run_of(all, batch, folder);
            for (const int32_t stage : {1, 2}) {
                for (const bool are_processes : {false, true}) {
                    Sharers sharers(n, config_of(c.dtype, stage, n, c.tied), are_processes, c.has_adapter);
                    check_same(run_of(sharers, batch, folder), whole, c.name, n, stage);
                }
            }
        }
    }
}

TBRM_TEST(a_checkpoint_goes_on_with_any_number_of_ranks_and_any_stage) {
    const TemporaryFolder folder;
    const Batch batch = eight_sequences();
    Sharers first(3, config_of(TBRM_DTYPE_BF16, 2, 3), true);
    first.step(batch, 3);
    first.checkpoint(folder / "optim", false);
    const std::string file = bytes_of(folder / "optim");
    const std::vector<float> saved = flat(first.ranks.model(0), TBRM_TENSOR_KIND_WEIGHT);
    first.step(batch, 3);
    for (const int32_t stage : {0, 1, 2}) {
        for (const int32_t n : {1, 2, 3}) {
            for (const bool are_processes : {false, true}) {
                // Whoever is stage 0 has the file copied by tbrm_group_copy_optimizer, which group_test.cpp tests.
                if (stage == 0 && are_processes) continue;
                Sharers next(n, config_of(TBRM_DTYPE_BF16, n == 1 ? 0 : stage, n), are_processes);
                next.checkpoint(folder / "optim", true);
                next.check_weights(saved);
                next.checkpoint(folder / "again", false);
                CHECK_MSG(bytes_of(folder / "again") == file, "%d ranks, stage %d", n, stage);
                next.step(batch, n);
                if (n == 3) next.check_weights(flat(first.ranks.model(0), TBRM_TENSOR_KIND_WEIGHT));
            }
        }
    }
}

TBRM_TEST(several_backwards_of_an_update_add_up) {
    const Batch batch = eight_sequences();
    Sharers all(3, config_of(TBRM_DTYPE_F32, 0, 3), false), one(3, config_of(TBRM_DTYPE_F32, 1, 3), false),
            two(3, config_of(TBRM_DTYPE_F32, 2, 3), true);
    const double norm = all.step(batch, 3, 0.01f, 3);
    CHECK(one.step(batch, 3, 0.01f, 3) == norm);
    one.check_weights(flat(all.ranks.model(0), TBRM_TENSOR_KIND_WEIGHT));
    // Nine terms in another order: a few roundings of the largest.
    CHECK_MSG(close(two.step(batch, 3, 0.01f, 3), norm, 1e-6 * norm), "%.9g", norm);
}

TBRM_TEST(a_learning_rate_of_zero_moves_moments_alone) {
    const TemporaryFolder folder;
    const Batch batch = eight_sequences();
    Sharers all(2, config_of(TBRM_DTYPE_BF16, 0, 2), false), sharers(2, config_of(TBRM_DTYPE_BF16, 2, 2), false);
    const std::vector<float> before = flat(all.ranks.model(0), TBRM_TENSOR_KIND_WEIGHT);
    CHECK(all.step(batch, 2, 0.0f) == sharers.step(batch, 2, 0.0f));
    sharers.check_weights(before);
    all.checkpoint(folder / "all", false);
    sharers.checkpoint(folder / "shared", false);
    CHECK(bytes_of(folder / "all") == bytes_of(folder / "shared"));
}

TBRM_TEST(a_rank_holds_its_share_and_the_plan_says_so) {
    if (std::getenv("TBRM_TEST_DEVICE") != nullptr) return;  // the host's counter
    tbrm_memory_load_t load{};
    load.struct_size = static_cast<int32_t>(sizeof load);
    load.n_threads = 1;
    tbrm_model_config_t config = config_of(TBRM_DTYPE_BF16, 2, 1, false);
    config.vocab_size = 3000;
    config.hidden_size = 96;
    config.intermediate_size = 256;
    config.head_dim = 24;
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    const auto plan_of = [&](int32_t stage, int32_t n) {
        config.zero_stage = stage;
        config.n_ranks = n;
        const ModelConfig checked = check_model_config(&config, static_cast<int32_t>(inv_freq.size()), inv_freq.data());
        return plan_memory(checked, nullptr, load);
    };
    const tbrm_memory_bytes_t whole = plan_of(2, 1);
    CHECK(whole.masters > 0 && whole.moments == 2 * whole.gradients && whole.start == 0 && whole.update_gradients == 0);
    // A vector of 96 numbers is 6 pieces of 16; of a weight a share is off by a piece of 1/1024 at most, and the ranks take turns.
    const auto is_share = [](int64_t part, int64_t all, int32_t n) {
        return part * n >= all && static_cast<double>(part) * n <= 1.02 * static_cast<double>(all);
    };
    for (const int32_t n : {2, 4}) {
        const tbrm_memory_bytes_t one = plan_of(1, n), two = plan_of(2, n);
        CHECK(is_share(one.moments, whole.moments, n) && one.gradients == whole.gradients &&
                one.start == whole.masters);
        CHECK(is_share(two.gradients, whole.gradients, n) && two.moments == one.moments && two.update_gradients > 0);
        CHECK(one.masters < whole.masters && is_share(one.masters, whole.masters, n));
        for (const int32_t stage : {1, 2}) {
            const tbrm_memory_bytes_t plan = stage == 1 ? one : two;
            config.zero_stage = stage;
            config.n_ranks = n;
            const auto held = [](MemoryUse use) {
                return host_memory().parts()[static_cast<size_t>(MemoryTag{MemoryOwner::Policy, use}.index())];
            };
            const int64_t masters = held(MemoryUse::Masters), gradients = held(MemoryUse::Gradients);
            Ranks ranks(n, config);
            CHECK(held(MemoryUse::Masters) - masters == n * whole.masters && held(MemoryUse::Gradients) == gradients);
            const auto groups = make_groups(n);
            CHECK(all_ok(on_ranks(n, [&](int32_t rank, tbrm_error_t* err) {
                return tbrm_model_share(ranks.model(rank), groups[static_cast<size_t>(rank)].get(), err);
            })));
            // All shares together are the whole once, but for what every rank has whole.
            const int64_t of_all = held(MemoryUse::Masters) - masters, of_vectors = n * plan.masters - of_all;
            CHECK(of_all >= whole.masters && of_vectors >= 0 && of_all <= n * plan.masters);
            CHECK(held(MemoryUse::Gradients) - gradients == (stage == 1 ? n : 1) * whole.gradients);
            int64_t most = 0, sum = 0;
            for (const ModelHandle& model : ranks.models) {
                const int64_t before = held(MemoryUse::Moments);
                ranks.optimizers.push_back(make_optimizer(model.get(), 0));
                const int64_t own = held(MemoryUse::Moments) - before;
                CHECK(is_share(plan.moments, whole.moments, n) && own <= plan.moments);
                most = std::max(most, own);
                sum += own;
            }
            CHECK(most == plan.moments && sum == whole.moments);
        }
    }
}

TBRM_TEST(what_no_rank_has_whole_is_refused) {
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), config_of(TBRM_DTYPE_BF16, 2, 2), 1);
    const auto groups = make_groups(3);
    const tbrm_optimizer_config_t adamw{
            static_cast<int32_t>(sizeof(tbrm_optimizer_config_t)), 0.9f, 0.95f, 1e-8f, 0.0f};
    tbrm_optimizer_t* optimizer = nullptr;
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_optimizer_create(model.get(), &adamw, &optimizer, err),
            "tbrm_model_share comes first");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_share(model.get(), groups[0].get(), err),
            "created for n_ranks = 2, the group has 3");
    const ModelHandle alone = make_model(context.get(), config_of(TBRM_DTYPE_BF16, 1, 1), 1);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_share(alone.get(), groups[0].get(), err), "share nothing");
    tbrm_model_config_t config = config_of(TBRM_DTYPE_BF16, 3, 2);
    tbrm_model_t* made = nullptr;
    const std::vector<float> inv_freq = tiny_inv_freq(config);
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
            tbrm_model_create(
                    context.get(), &config, static_cast<int32_t>(inv_freq.size()), inv_freq.data(), &made, err),
            "zero_stage is 3, expected 0 to 2");

    Sharers sharers(2, config_of(TBRM_DTYPE_BF16, 2, 2), true);
    tbrm_model_t* shared = sharers.ranks.model(0);
    std::vector<float> values(200 * 18);
    const int64_t n = static_cast<int64_t>(values.size());
    for (const tbrm_tensor_kind_t kind : {TBRM_TENSOR_KIND_MASTER, TBRM_TENSOR_KIND_GRADIENT})
        CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
                tbrm_model_tensor_read(shared, "model.embed_tokens.weight", kind, n, values.data(), err),
                "ranks share it");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT,
            tbrm_optimizer_moment_read(
                    sharers.ranks.optimizer(0), "model.norm.weight", TBRM_MOMENT_FIRST, 18, values.data(), err),
            "no rank has all of them");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_model_copy_weights(shared, sharers.ranks.model(1), err),
            "no rank has all of its masters");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_group_copy_model(sharers.groups[0].get(), shared, err),
            "no rank has all of its masters");
    // A frozen copy has weights alone, which every rank has.
    tbrm_model_t* copy = nullptr;
    tbrm_error_t err{};
    expect_ok(tbrm_model_clone_frozen(shared, &copy, &err), err, "tbrm_model_clone_frozen");
    const ModelHandle frozen(copy);
    expect_ok(tbrm_model_copy_weights(copy, shared, &err), err, "tbrm_model_copy_weights");
    CHECK(flat(copy, TBRM_TENSOR_KIND_WEIGHT) == flat(shared, TBRM_TENSOR_KIND_WEIGHT));
}
