// rollout_test.cpp - the engine: the same tokens and log-probabilities, bit for bit, whatever the other sequences, the limits and the preemptions;
// equal to the trainer's forward; stop conditions; calls in every order.
#include "rollout/rollout.hpp"

#include "gradient/training_pass.hpp"
#include "rollout_harness.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// Prompts and samplers of many kinds; prompt lengths on both sides of page borders.
std::vector<Request> mixed_requests(int32_t vocab = 97) {
    std::vector<Request> requests;
    const std::vector<int64_t> lengths = shapes<int64_t>({1, 5, 63, 64, 65, 100, 127, 128, 129}, {1, 64, 127, 63});
    int64_t id = 0;
    for (size_t i = 0; i < lengths.size(); ++i) {
        Request r{random_prompt(lengths[i], 50 + i, vocab), {},
                sampling_of(i % 3 == 0 ? 0.7f : 1.0f, thinned() ? 4 : 20)};
        for (size_t k = 0; k < 1 + i % 4; ++k)
            r.trajectory_ids.push_back(id++);
        if (i == 2) r.sampling.temperature = 0;
        if (i == 3) r.sampling.top_p = 0.8f;
        if (i == 4) r.sampling.top_k = 5;
        if (i == 5) r.sampling.repetition_penalty = 1.2f;
        if (i == 6) r.sampling.min_p = 0.05f;
        r.sampling.max_new_tokens += static_cast<int32_t>(17 * i % (thinned() ? 7 : 70));
        requests.push_back(r);
    }
    return requests;
}

void check_same(const Outputs& actual, const Outputs& expected, const char* what) {
    CHECK_MSG(actual.size() == expected.size(), "%s: %zu of %zu", what, actual.size(), expected.size());
    for (const auto& [id, output] : expected)
        CHECK_MSG(actual.count(id) == 1 && actual.at(id) == output, "%s: trajectory %d", what, static_cast<int>(id));
}

// Q - V of every response token by the trainer's packed forward.
std::vector<float> trainer_logp(
        Model& model, const std::vector<int32_t>& prompt, const Output& output, float temperature) {
    std::vector<int32_t> ids(prompt);
    ids.insert(ids.end(), output.ids.begin(), output.ids.end());
    std::vector<int64_t> rows;
    for (size_t i = 0; i < output.ids.size(); ++i)
        rows.push_back(static_cast<int64_t>(prompt.size() + i) - 1);
    const int64_t offsets[] = {0, static_cast<int64_t>(ids.size())};
    tbrm_batch_t batch{};
    batch.struct_size = static_cast<int32_t>(sizeof batch);
    batch.temperature = temperature;
    batch.n_seqs = 1;
    batch.n_tokens = offsets[1];
    batch.n_rows = static_cast<int64_t>(rows.size());
    batch.ids = ids.data();
    batch.offsets = offsets;
    batch.rows = rows.data();
    batch.labels = output.ids.data();
    std::vector<float> q(rows.size()), v(rows.size()), logp(rows.size());
    TrainingPass(model).forward(&batch, false, {q.data(), v.data(), nullptr});
    for (size_t i = 0; i < rows.size(); ++i)
        logp[i] = q[i] - v[i];
    return logp;
}

}  // namespace

TBRM_TEST(batch_limits_and_preemption_do_not_change_a_bit) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        ModelShape shape;
        shape.dtype = dtype;
        const std::shared_ptr<Model> model = small_model(shape);
        std::vector<Request> requests = mixed_requests();
        const Outputs expected = run_all(*model, limits_of(*model, 64, 4096, 400), requests);
        check_same(run_all(*model, limits_of(*model, 1, 4096, 400), requests), expected, "one at a time");
        check_same(run_all(*model, limits_of(*model, 3, 37, 400), requests), expected, "3 sequences, chunks of 37");
        if (thinned()) {
            tbrm_rollout_status_t status;
            check_same(run_all(*model, limits_of(*model, 64, 512, 5), requests, &status), expected, "5 pages");
            CHECK_MSG(status.n_preemptions > 0, "%d preemptions", static_cast<int>(status.n_preemptions));
            continue;
        }
        check_same(run_all(*model, limits_of(*model, 64, 1, 400), requests), expected, "prefill token by token");
        RolloutLimits one_row = limits_of(*model, 64, 4096, 400);
        one_row.logits_budget_bytes = 1;
        check_same(run_all(*model, one_row, requests), expected, "one row of logits at a time");
        tbrm_rollout_status_t status;
        check_same(run_all(*model, limits_of(*model, 64, 50, 5), requests, &status), expected, "5 pages");
        CHECK_MSG(status.n_preemptions > 3, "%d preemptions", static_cast<int>(status.n_preemptions));
        check_same(run_all(*model, limits_of(*model, 64, 4096, 9), requests, &status), expected, "9 pages");
        CHECK_MSG(status.n_preemptions > 0, "%d preemptions", static_cast<int>(status.n_preemptions));
        std::reverse(requests.begin(), requests.end());
        check_same(run_all(*model, limits_of(*model, 64, 4096, 400), requests), expected, "reversed submission");
        std::vector<Request> apart;
        for (const Request& r : requests) {
            for (const int64_t id : r.trajectory_ids)
                apart.push_back({r.prompt, {id}, r.sampling});
        }
        check_same(run_all(*model, limits_of(*model, 7, 200, 60), apart), expected, "samples apart");
        Outputs alone;
        for (const Request& r : apart)
            alone.merge(run_all(*model, limits_of(*model, 1, 100, 5), {r}));
        check_same(alone, expected, "each in an engine of its own");
    }
}

TBRM_TEST(log_probs_are_the_trainers) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        for (const char* architecture :
                shapes<const char*>({kQwen2, kQwen3, kGemma3, kGranite}, {dtype == Dtype::Bf16 ? kGemma3 : kQwen3})) {
            ModelShape shape;
            shape.dtype = dtype;
            shape.architecture = architecture;
            const bool slides = architecture == kGemma3 || (architecture == kQwen3 && dtype == Dtype::F32);
            if (slides) shape.window = 21;  // shorter than the sequences
            const std::shared_ptr<Model> model = small_model(shape);
            const std::vector<Request> requests = mixed_requests();
            const Outputs outputs = run_all(*model, limits_of(*model, 16, 48, 12), requests);
            for (const Request& r : requests) {
                for (const int64_t id : r.trajectory_ids) {
                    const Output& output = outputs.at(id);
                    const std::vector<float> logp = trainer_logp(
                            *model, r.prompt, output, r.sampling.temperature > 0 ? r.sampling.temperature : 1.0f);
                    CHECK_MSG(logp == output.logp, "trajectory %d", static_cast<int>(id));
                }
            }
        }
    }
}

// Sizes at which a GPU cuts keys and depths into parts, and decodes by recorded steps: with and without these, and the trainer, the same bits.
// Five sequences are three too few for their bucket.
TBRM_TEST(recorded_steps_and_parts_do_not_change_a_bit) {
    ModelShape shape;
    shape.dtype = Dtype::Bf16;
    shape.layers = 1;
    shape.head_dim = 64;
    shape.intermediate = 1064;
    const std::shared_ptr<Model> model = small_model(shape);
    std::vector<Request> requests;
    for (const int64_t length : {3, 126, 190}) {
        Request r{random_prompt(length, static_cast<uint64_t>(length), 97), {length}, sampling_of(1.0f, 4)};
        if (length > 100) r.trajectory_ids.push_back(length + 1);
        if (length == 126) r.sampling.repetition_penalty = 1.2f;
        requests.push_back(r);
    }
    RolloutLimits limits = limits_of(*model, 8, 400, 30);
    const Outputs outputs = run_all(*model, limits, requests);
    limits.decode_graph = false;
    check_same(run_all(*model, limits, requests), outputs, "every kernel launched");
    for (const Request& r : requests) {
        for (const int64_t id : r.trajectory_ids)
            CHECK_MSG(trainer_logp(*model, r.prompt, outputs.at(id), 1.0f) == outputs.at(id).logp, "trajectory %d",
                    static_cast<int>(id));
    }
}

TBRM_TEST(a_step_is_padded_to_few_sizes) {
    int64_t last = 0, sizes = 0;
    for (int64_t n = 1; n <= 256; ++n) {
        const int64_t bucket = decode_bucket(n, 256);
        CHECK(bucket >= n && bucket < n + 8 && bucket >= last);
        sizes += bucket != last ? 1 : 0;
        last = bucket;
    }
    CHECK(sizes == 35 && last == 256);
    CHECK(decode_bucket(5, 6) == 6 && decode_bucket(1, 0) == 0);
}

TBRM_TEST_FULL(threads_do_not_change_a_bit) {
    ModelShape shape;
    shape.dtype = Dtype::Bf16;
    shape.vocab = 1500;  // enough work for the loops to be shared out
    shape.hidden = 64;
    shape.head_dim = 16;
    const std::vector<Request> requests = mixed_requests(1500);
    Outputs expected;
    for (const int32_t n_threads : {1, 2, 5}) {
        const std::shared_ptr<Model> model = small_model(shape, n_threads);
        const Outputs outputs = run_all(*model, limits_of(*model, 16, 100, 30), requests);
        if (n_threads == 1) expected = outputs;
        check_same(outputs, expected, "threads");
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
