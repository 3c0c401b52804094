// allocation_test.cpp - every allocation of every call fails once, over a whole life: model, rollout, training step, files, adapter. The call
// says so and leaves its handles usable: made again it gives the bits of a life that nothing happened to, and at the end nothing is left over.
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "allocation_faults.hpp"
#include "core/context.hpp"
#include "core/memory.hpp"
#include "temporary_folder.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

using Call = std::function<tbrm_status_t(tbrm_error_t*)>;

struct RolloutDeleter {
    void operator()(tbrm_rollout_t* p) const { tbrm_rollout_destroy(p); }
};
using RolloutHandle = std::unique_ptr<tbrm_rollout_t, RolloutDeleter>;

// Which allocation of each call fails; 0: none. Whether a call came to it.
int64_t g_nth = 0;
bool g_reached = false;

tbrm_status_t counted(const Call& body, int64_t nth, tbrm_error_t* err) {
    fail_allocation(nth);
    const CountedAllocations counts;
    return body(err);
}

// Makes a call. When an allocation of it fails, it has to say so, to leave as many handles as there were, and to succeed when made again.
void call(const char* name, const Call& body) {
    const int64_t handles = LiveObject::count();
    tbrm_error_t err{};
    tbrm_status_t status = counted(body, g_nth, &err);
    g_reached = g_reached || allocation_failed();
    if (status == TBRM_STATUS_OK) return;
    CHECK_MSG(allocation_failed() && status == TBRM_STATUS_OUT_OF_MEMORY, "%s, allocation %lld: status %d: %s", name,
            static_cast<long long>(g_nth), status, err.message);
    CHECK_MSG(std::strstr(err.message, "memory") != nullptr || std::strstr(err.message, "bytes") != nullptr,
            "%s: '%s' says nothing of memory", name, err.message);
    CHECK_MSG(LiveObject::count() == handles, "%s, allocation %lld: %lld handles are left over", name,
            static_cast<long long>(g_nth), static_cast<long long>(LiveObject::count() - handles));
    err = {};
    status = counted(body, 0, &err);
    if (status == TBRM_STATUS_OK) return;
    throw std::runtime_error(format("%s, made again: status %d: %s", name, status, err.message));
}

struct Kind {
    tbrm_dtype_t dtype;
    int32_t n_threads;
    int32_t recompute;
    int32_t untied;
    int32_t hidden;  // 0: tiny_config's
};

enum class Part { Create, Generate, Train, Files, Adapt };

// One life of all handles; run() returns what it computed.
class Life {
public:
    Life(const Kind& kind, std::string folder) : kind_(kind), folder_(std::move(folder)) {}

    // A model and one part more, whose calls fail at their n-th allocation.
    std::vector<float> run(Part part, int64_t nth) {
        g_nth = part == Part::Create ? nth : 0;
        create();
        g_nth = nth;
        if (part == Part::Generate) generate(4);
        if (part == Part::Train) train();
        if (part == Part::Files) files();
        if (part == Part::Adapt) adapt();
        return std::move(result_);
    }

private:
    void create();
    void generate(int64_t first_id);
    void submit(tbrm_rollout_t* rollout, int64_t first_id);
    void read(tbrm_rollout_t* rollout, std::map<int64_t, std::vector<float>>& found);
    void train();
    void files();
    void adapt();
    void update(tbrm_optimizer_t* optimizer);
    void scores(tbrm_model_t* model);
    void add(const std::vector<float>& values) { result_.insert(result_.end(), values.begin(), values.end()); }
    void add_weights(tbrm_model_t* model) {
        for (const TensorValues& tensor : read_tensors(model, TBRM_TENSOR_KIND_WEIGHT))
            add(tensor.values);
    }
    ModelHandle create_model(const tbrm_model_config_t& config);
    OptimizerHandle create_optimizer();

    Kind kind_;
    std::string folder_;
    tbrm_model_config_t config_{};
    ContextHandle context_;
    ModelHandle model_;
    std::vector<float> result_;
};

ModelHandle Life::create_model(const tbrm_model_config_t& config) {
    const std::vector<float> inv_freq = tiny_inv_freq(config.head_dim);
    tbrm_model_t* model = nullptr;
    call("tbrm_model_create", [&](tbrm_error_t* err) {
        return tbrm_model_create(context_.get(), &config, config.head_dim / 2, inv_freq.data(), &model, err);
    });
    return ModelHandle(model);
}

void Life::create() {
    context_ = make_context(kind_.n_threads);
    config_ = tiny_config(kind_.dtype);
    config_.recompute = kind_.recompute;
    config_.tie_word_embeddings = 1 - kind_.untied;
    if (kind_.untied != 0) config_.architecture = kQwen3;
    if (kind_.hidden != 0) config_.hidden_size = config_.intermediate_size = kind_.hidden;
    model_ = create_model(config_);
    call("tbrm_model_init_random",
            [&](tbrm_error_t* err) { return tbrm_model_init_random(model_.get(), 5, 0.3f, err); });
    std::vector<float> norm(static_cast<size_t>(config_.hidden_size), 1.25f);
    call("tbrm_model_tensor_write", [&](tbrm_error_t* err) {
        return tbrm_model_tensor_write(model_.get(), "model.norm.weight", TBRM_TENSOR_KIND_WEIGHT,
                static_cast<int64_t>(norm.size()), norm.data(), err);
    });
    scores(model_.get());
}

void Life::scores(tbrm_model_t* model) {
    Batch batch;
    batch.add_sequence(16, 12, config_.vocab_size, 11);
    batch.add_sequence(5, 3, config_.vocab_size, 12);
    const tbrm_batch_t view = batch.view();
    std::vector<float> q(batch.n_rows()), v(batch.n_rows()), h(batch.n_rows());
    call("tbrm_logprob_forward", [&](tbrm_error_t* err) {
        return tbrm_logprob_forward(model, &view, 0, q.data(), v.data(), h.data(), err);
    });
    add(q);
    add(v);
    add(h);
}

void Life::submit(tbrm_rollout_t* rollout, int64_t first_id) {
    std::vector<int32_t> prompt;
    for (int32_t i = 0; i < 126; ++i)
        prompt.push_back(i * 7 % config_.vocab_size);
    tbrm_sampling_t sampling{};
    sampling.struct_size = static_cast<int32_t>(sizeof sampling);
    sampling.max_new_tokens = 5;
    sampling.top_p = 0.9f;
    sampling.temperature = 1.2f;
    sampling.repetition_penalty = 1.1f;
    sampling.min_new_tokens = 3;
    sampling.seed = 77;
    const int32_t stop_id = 3;
    sampling.n_stop_ids = 1;
    sampling.stop_ids = &stop_id;
    const int64_t stop_offsets[] = {0, 2};
    const uint8_t stop_bytes[] = {'a', 'b'};
    sampling.n_stop_strings = 1;
    sampling.stop_string_offsets = stop_offsets;
    sampling.stop_string_bytes = stop_bytes;
    const int32_t lengths[] = {126, 9};
    const std::vector<int64_t> ids = {first_id, first_id + 1, first_id + 2, first_id + 3};
    for (int32_t p = 0; p < 2; ++p) {
        call("tbrm_rollout_submit", [&](tbrm_error_t* err) {
            return tbrm_rollout_submit(rollout, lengths[p], prompt.data(), 2, ids.data() + 2 * p, &sampling, err);
        });
    }
}

void Life::read(tbrm_rollout_t* rollout, std::map<int64_t, std::vector<float>>& found) {
    for (;;) {
        tbrm_finished_t finished{};
        call("tbrm_rollout_peek", [&](tbrm_error_t* err) { return tbrm_rollout_peek(rollout, &finished, err); });
        if (finished.trajectory_id < 0) return;
        const size_t n = static_cast<size_t>(finished.n_tokens);
        std::vector<int32_t> ids(n);
        std::vector<float> logp(n), processed(n);
        call("tbrm_rollout_read", [&](tbrm_error_t* err) {
            return tbrm_rollout_read(rollout, finished.n_tokens, ids.data(), logp.data(), processed.data(), err);
        });
        std::vector<float>& values = found[finished.trajectory_id];
        CHECK_MSG(values.empty(), "trajectory %lld came twice", static_cast<long long>(finished.trajectory_id));
        values = {static_cast<float>(finished.reason)};
        values.insert(values.end(), ids.begin(), ids.end());
        values.insert(values.end(), logp.begin(), logp.end());
        values.insert(values.end(), processed.begin(), processed.end());
    }
}

// Four samples over pages for one and a half, so that prompts are shared and samples preempted. When they come differs; what they are does not.
void Life::generate(int64_t first_id) {
    tbrm_rollout_config_t config{};
    config.struct_size = static_cast<int32_t>(sizeof config);
    config.max_seqs = 4;
    config.max_batched_tokens = 48;
    const int64_t page_bytes = int64_t{64} * 2 * config_.n_kv_heads * config_.head_dim * config_.n_layers *
                               (kind_.dtype == TBRM_DTYPE_BF16 ? 2 : 4);
    config.kv_budget_bytes = 4 * page_bytes;
    tbrm_rollout_t* raw = nullptr;
    call("tbrm_rollout_create",
            [&](tbrm_error_t* err) { return tbrm_rollout_create(model_.get(), &config, &raw, err); });
    const RolloutHandle rollout(raw);
    std::vector<int64_t> offsets(static_cast<size_t>(config_.vocab_size) + 1);
    std::vector<uint8_t> bytes;
    for (int32_t id = 0; id < config_.vocab_size; ++id) {
        bytes.push_back(static_cast<uint8_t>('a' + id % 3));
        offsets[static_cast<size_t>(id) + 1] = id + 1;
    }
    call("tbrm_rollout_set_token_bytes", [&](tbrm_error_t* err) {
        return tbrm_rollout_set_token_bytes(raw, config_.vocab_size, offsets.data(), bytes.data(), err);
    });
    // Mixed with itself: the same distributions, twice the pages.
    call("tbrm_rollout_set_guide",
            [&](tbrm_error_t* err) { return tbrm_rollout_set_guide(raw, model_.get(), 0.5f, err); });
    std::map<int64_t, std::vector<float>> found;
    int64_t preemptions = 0;
    for (int round = 0; round < 2; ++round) {
        submit(raw, first_id + 4 * round);
        for (;;) {
            tbrm_rollout_status_t status{};
            call("tbrm_rollout_step", [&](tbrm_error_t* err) { return tbrm_rollout_step(raw, 3, &status, err); });
            read(raw, found);
            preemptions = status.n_preemptions;
            if (status.n_running + status.n_waiting == 0) break;
        }
        call("tbrm_rollout_release_pages", [&](tbrm_error_t* err) { return tbrm_rollout_release_pages(raw, err); });
    }
    CHECK(preemptions > 0);
    submit(raw, first_id);
    call("tbrm_rollout_cancel", [&](tbrm_error_t* err) { return tbrm_rollout_cancel(raw, err); });
    CHECK_MSG(found.size() == 8, "%zu of 8 trajectories", found.size());
    for (const auto& [id, values] : found)
        add(values);
}

OptimizerHandle Life::create_optimizer() {
    const tbrm_optimizer_config_t config{
            static_cast<int32_t>(sizeof(tbrm_optimizer_config_t)), 0.9f, 0.95f, 1e-8f, 0.01f};
    tbrm_optimizer_t* optimizer = nullptr;
    call("tbrm_optimizer_create",
            [&](tbrm_error_t* err) { return tbrm_optimizer_create(model_.get(), &config, &optimizer, err); });
    return OptimizerHandle(optimizer);
}

// Gradients after an error are not to be relied on (tbrm.h), so the unit that is made again begins with none.
void Life::update(tbrm_optimizer_t* optimizer) {
    Batch batch;
    batch.add_sequence(12, 10, config_.vocab_size, 21);
    batch.add_sequence(8, 4, config_.vocab_size, 22);
    const tbrm_batch_t view = batch.view();
    const size_t n = batch.n_rows();
    const std::vector<float> dq = normals(14, 1), dv = normals(14, 2), dh = normals(14, 3);
    std::vector<float> q(n), v(n), h(n), residual(2);
    const int64_t row_offsets[] = {0, 10, 14};
    const std::vector<float> ref_logp = normals(14, 5);
    const std::vector<double> reward = {1, 0}, weight = {0.5, 0.5};
    tbrm_residual_args_t args{};
    args.struct_size = static_cast<int32_t>(sizeof args);
    args.kind = TBRM_RESIDUAL_KIND_TBRM;
    args.beta = 0.1;
    args.loss_scale = 0.01;
    args.n_seqs = 2;
    args.n_rows = 14;
    args.row_offsets = row_offsets;
    args.ref_logp = ref_logp.data();
    args.reward = reward.data();
    args.weight = weight.data();
    double loss = 0;
    call("a micro-batch", [&](tbrm_error_t* err) {
        tbrm_status_t status = tbrm_gradient_discard(model_.get(), err);
        if (status == TBRM_STATUS_OK) status = tbrm_gradient_zero(model_.get(), err);
        if (status == TBRM_STATUS_OK)
            status = tbrm_logprob_forward(model_.get(), &view, 1, q.data(), v.data(), h.data(), err);
        if (status == TBRM_STATUS_OK)
            status = tbrm_gradient_backward(model_.get(), 14, dq.data(), dv.data(), dh.data(), err);
        if (status == TBRM_STATUS_OK)
            status =
                    tbrm_gradient_residual(model_.get(), &view, &args, q.data(), v.data(), residual.data(), &loss, err);
        return status;
    });
    add(q);
    add(h);
    add(residual);
    tbrm_step_result_t step{};
    call("tbrm_optimizer_step",
            [&](tbrm_error_t* err) { return tbrm_optimizer_step(optimizer, 0.01f, 1.0f, &step, err); });
    add({static_cast<float>(step.step), static_cast<float>(step.grad_norm)});
    // Moments alone move.
    call("tbrm_optimizer_update",
            [&](tbrm_error_t* err) { return tbrm_optimizer_update(optimizer, 0, 1, 1.0f, &step, err); });
    add({static_cast<float>(step.step)});
}

void Life::train() {
    const OptimizerHandle optimizer = create_optimizer();
    update(optimizer.get());
    call("tbrm_model_release_activations",
            [&](tbrm_error_t* err) { return tbrm_model_release_activations(model_.get(), err); });
    const std::string path = folder_ + "/optim.safetensors";
    call("tbrm_checkpoint_save_optimizer",
            [&](tbrm_error_t* err) { return tbrm_checkpoint_save_optimizer(optimizer.get(), path.c_str(), err); });
    update(optimizer.get());
    call("tbrm_checkpoint_load_optimizer",
            [&](tbrm_error_t* err) { return tbrm_checkpoint_load_optimizer(optimizer.get(), path.c_str(), err); });
    add_weights(model_.get());
    for (const tbrm_moment_t moment : {TBRM_MOMENT_FIRST, TBRM_MOMENT_SECOND}) {
        for (const TensorValues& tensor : read_moments(model_.get(), optimizer.get(), moment))
            add(tensor.values);
    }
}

void Life::files() {
    const std::string path = folder_ + "/model.safetensors";
    call("tbrm_checkpoint_save_weights", [&](tbrm_error_t* err) {
        return tbrm_checkpoint_save_weights(model_.get(), path.c_str(), 0, tbrm_model_tensor_count(model_.get()), err);
    });
    const ModelHandle other = create_model(config_);
    int64_t n_found = 0;
    call("tbrm_checkpoint_load_weights", [&](tbrm_error_t* err) {
        n_found = 0;
        return tbrm_checkpoint_load_weights(other.get(), path.c_str(), &n_found, err);
    });
    int64_t n_missing = 0;
    call("tbrm_checkpoint_missing",
            [&](tbrm_error_t* err) { return tbrm_checkpoint_missing(other.get(), 0, nullptr, &n_missing, err); });
    add({static_cast<float>(n_found), static_cast<float>(n_missing)});
    add_weights(other.get());
    tbrm_model_t* raw = nullptr;
    call("tbrm_model_clone_frozen", [&](tbrm_error_t* err) { return tbrm_model_clone_frozen(other.get(), &raw, err); });
    const ModelHandle frozen(raw);
    call("tbrm_model_copy_weights",
            [&](tbrm_error_t* err) { return tbrm_model_copy_weights(other.get(), frozen.get(), err); });
    scores(frozen.get());
}

void Life::adapt() {
    tbrm_adapter_config_t config{};
    config.struct_size = static_cast<int32_t>(sizeof config);
    config.rank = 3;
    config.targets = 127;
    config.trainable = 1;
    config.scale = 2;
    config.seed = 8;
    call("tbrm_model_attach_adapter",
            [&](tbrm_error_t* err) { return tbrm_model_attach_adapter(model_.get(), &config, err); });
    {
        const OptimizerHandle optimizer = create_optimizer();
        update(optimizer.get());
    }
    const std::string path = folder_ + "/adapter.safetensors";
    call("tbrm_checkpoint_save_adapter",
            [&](tbrm_error_t* err) { return tbrm_checkpoint_save_adapter(model_.get(), path.c_str(), err); });
    call("tbrm_checkpoint_load_adapter",
            [&](tbrm_error_t* err) { return tbrm_checkpoint_load_adapter(model_.get(), path.c_str(), err); });
    tbrm_model_t* raw = nullptr;
    call("tbrm_model_clone_frozen",
            [&](tbrm_error_t* err) { return tbrm_model_clone_frozen(model_.get(), &raw, err); });
    const ModelHandle frozen(raw);
    add_weights(frozen.get());
    scores(frozen.get());
    call("tbrm_model_merge_adapter", [&](tbrm_error_t* err) { return tbrm_model_merge_adapter(model_.get(), err); });
    add_weights(model_.get());
    scores(model_.get());
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// A life on a thread of its own, whose working memory is as cold as in a new process.
std::vector<float> live(const Kind& kind, const std::string& folder, Part part, int64_t nth) {
    std::vector<float> result;
    std::string problem;
    g_reached = false;
    std::thread([&] {
        try {
            result = Life(kind, folder).run(part, nth);
        } catch (const std::exception& e) {
            problem = e.what();
        }
        trim_host_memory();
    }).join();
    CHECK_MSG(problem.empty(), "allocation %lld: %s", static_cast<long long>(nth), problem.c_str());
    return result;
}

// Life n fails the n-th allocation of each call of the part, until no call has so many.
void every_allocation_fails(const Kind& kind, Part part) {
    const TemporaryFolder folder;
    const std::vector<float> expected = live(kind, folder.path(), part, 0);
    live(kind, folder.path(), part, 0);  // what lives as long as the process has its place now
    const int64_t handles = LiveObject::count();
    const int known = failures() + 10;  // so many tell enough
    int64_t n = 0;
    do {
        ++n;
        const int64_t bytes_before = host_memory().in_use(), blocks_before = live_blocks();
        const bool equal = same(live(kind, folder.path(), part, n), expected);
        const int64_t blocks = live_blocks() - blocks_before, bytes = host_memory().in_use() - bytes_before;
        CHECK_MSG(equal, "allocation %lld: the results differ", static_cast<long long>(n));
        CHECK_MSG(LiveObject::count() == handles, "allocation %lld: handles are left over", static_cast<long long>(n));
        CHECK_MSG(blocks == 0 && bytes == 0, "allocation %lld: %lld blocks and %lld bytes are left over",
                static_cast<long long>(n), static_cast<long long>(blocks), static_cast<long long>(bytes));
    } while (g_reached && failures() < known);
    std::printf("    up to %lld allocations in a call\n", static_cast<long long>(n - 1));
    CHECK_MSG(n > 20, "at most %lld allocations in a call", static_cast<long long>(n - 1));
}

}  // namespace

TBRM_TEST(every_allocation_of_an_fp32_life_fails_once) {
    for (const Part part : {Part::Create, Part::Generate, Part::Train, Part::Files, Part::Adapt})
        every_allocation_fails({TBRM_DTYPE_F32, 1, 0, 0, 0}, part);
}

TBRM_TEST(every_allocation_of_a_bf16_life_with_recomputation_fails_once) {
    for (const Part part : {Part::Create, Part::Generate, Part::Train, Part::Files, Part::Adapt})
        every_allocation_fails({TBRM_DTYPE_BF16, 1, 1, 1, 0}, part);
}

// Several threads allocate in an order of their own, so which allocation fails is a matter of chance; what is asked is the same.
TBRM_TEST(allocations_in_parallel_loops_fail) {
    const Kind kind{TBRM_DTYPE_F32, 2, 0, 0, 96};
    const TemporaryFolder folder;
    const std::vector<float> expected = live(kind, folder.path(), Part::Train, 0);
    for (int64_t n = 1; n <= 160; n += thinned() ? 40 : 1) {
        const int64_t handles = LiveObject::count();
        CHECK_MSG(same(live(kind, folder.path(), Part::Train, n), expected), "allocation %lld: the results differ",
                static_cast<long long>(n));
        CHECK(g_reached && LiveObject::count() == handles);
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
