// rollout_api_test.cpp - the exports of tbrm.h, section "rollout": against the decoder in double, the trainer's own scores, and their contract.
#include <cmath>
#include <numeric>

#include "core/context.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct RolloutDeleter {
    void operator()(tbrm_rollout_t* p) const { tbrm_rollout_destroy(p); }
};
using RolloutHandle = std::unique_ptr<tbrm_rollout_t, RolloutDeleter>;

tbrm_rollout_config_t rollout_config() {
    tbrm_rollout_config_t config{};
    config.struct_size = static_cast<int32_t>(sizeof config);
    config.max_seqs = 6;
    config.max_batched_tokens = 24;
    config.kv_budget_bytes = 1 << 20;
    return config;
}

RolloutHandle make_rollout(tbrm_model_t* model, const tbrm_rollout_config_t& config) {
    tbrm_error_t err{};
    tbrm_rollout_t* rollout = nullptr;
    expect_ok(tbrm_rollout_create(model, &config, &rollout, &err), err, "tbrm_rollout_create");
    return RolloutHandle(rollout);
}

tbrm_sampling_t plain_sampling(float temperature, int32_t max_new_tokens) {
    tbrm_sampling_t s{};
    s.struct_size = static_cast<int32_t>(sizeof s);
    s.max_new_tokens = max_new_tokens;
    s.top_p = 1;
    s.temperature = temperature;
    s.repetition_penalty = 1;
    s.seed = 99;
    return s;
}

struct Trajectory {
    int64_t id;
    tbrm_finish_reason_t reason;
    std::vector<int32_t> ids;
    std::vector<float> logp, processed;
};

std::vector<Trajectory> run(tbrm_rollout_t* rollout) {
    tbrm_error_t err{};
    std::vector<Trajectory> all;
    tbrm_rollout_status_t status{};
    do {
        expect_ok(tbrm_rollout_step(rollout, 3, &status, &err), err, "tbrm_rollout_step");
        for (int32_t left = status.n_finished; left > 0; --left) {
            tbrm_finished_t finished{};
            expect_ok(tbrm_rollout_peek(rollout, &finished, &err), err, "tbrm_rollout_peek");
            const size_t n = static_cast<size_t>(finished.n_tokens);
            Trajectory t{finished.trajectory_id, finished.reason, std::vector<int32_t>(n), std::vector<float>(n),
                    std::vector<float>(n)};
            expect_ok(tbrm_rollout_read(
                              rollout, finished.n_tokens, t.ids.data(), t.logp.data(), t.processed.data(), &err),
                    err, "tbrm_rollout_read");
            all.push_back(t);
        }
    } while (status.n_running + status.n_waiting > 0);
    return all;
}

std::vector<int32_t> prompt_of(int32_t n) {
    std::vector<int32_t> prompt;
    for (int32_t i = 0; i < n; ++i)
        prompt.push_back((7 * i + n) % 29);
    return prompt;
}

void submit(tbrm_rollout_t* rollout, const std::vector<int32_t>& prompt, const std::vector<int64_t>& ids,
        const tbrm_sampling_t& sampling) {
    tbrm_error_t err{};
    expect_ok(tbrm_rollout_submit(rollout, static_cast<int32_t>(prompt.size()), prompt.data(),
                      static_cast<int32_t>(ids.size()), ids.data(), &sampling, &err),
            err, "tbrm_rollout_submit");
}

// One sequence with its response scored.
Batch batch_of(const std::vector<int32_t>& prompt, const Trajectory& t, float temperature) {
    Batch batch;
    batch.temperature = temperature;
    batch.ids = prompt;
    batch.ids.insert(batch.ids.end(), t.ids.begin(), t.ids.end());
    batch.offsets.push_back(static_cast<int64_t>(batch.ids.size()));
    batch.labels = t.ids;
    for (size_t i = 0; i < t.ids.size(); ++i)
        batch.rows.push_back(static_cast<int64_t>(prompt.size() + i) - 1);
    return batch;
}

}  // namespace

TBRM_TEST(responses_follow_the_decoder_in_double) {
    for (const tbrm_dtype_t dtype : {TBRM_DTYPE_F32, TBRM_DTYPE_BF16}) {
        const ContextHandle context = make_context(2);
        tbrm_model_config_t config = tiny_config(dtype);
        config.max_positions = 200;
        const ModelHandle model = make_model(context.get(), config, 5);
        const ReferenceDecoder reference = reference_of(model.get(), config);
        const RolloutHandle rollout = make_rollout(model.get(), rollout_config());
        for (int32_t length : {3, 64, 90}) {
            const std::vector<int32_t> prompt = prompt_of(length);
            for (const float temperature : {1.0f, 0.7f, 0.0f}) {
                submit(rollout.get(), prompt, {0, 1, 2}, plain_sampling(temperature, 40));
                const float scored_at = temperature > 0 ? temperature : 1.0f;
                for (const Trajectory& t : run(rollout.get())) {
                    CHECK(t.ids.size() == 40 && t.reason == TBRM_FINISH_REASON_LENGTH);
                    const Batch batch = batch_of(prompt, t, scored_at);
                    const ReferenceDecoder::Scores expected = reference.forward(batch.view());
                    const Scores trainer = forward(model.get(), batch, false);
                    // fp32 keeps 2e-5 of logits of a few units through two layers; bf16 has 8 bits, so rounding alone is percents.
                    const double tolerance = dtype == TBRM_DTYPE_F32 ? 2e-5 : 0.15;
                    for (size_t i = 0; i < t.ids.size(); ++i) {
                        CHECK(close(t.logp[i], expected.q[i] - expected.v[i], tolerance));
                        CHECK(t.logp[i] == trainer.q[i] - trainer.v[i]);
                        if (temperature > 0) CHECK(close(t.processed[i], t.logp[i], 2e-6));
                    }
                }
            }
        }
    }
}

TBRM_TEST_FULL(first_tokens_are_drawn_from_the_model) {
    const ContextHandle context = make_context(2);
    tbrm_model_config_t config = tiny_config(TBRM_DTYPE_F32);
    const ModelHandle model = make_model(context.get(), config, 6);
    const RolloutHandle rollout = make_rollout(model.get(), rollout_config());
    const std::vector<int32_t> prompt = prompt_of(9);
    std::vector<int64_t> ids(20000);
    std::iota(ids.begin(), ids.end(), int64_t{0});
    submit(rollout.get(), prompt, ids, plain_sampling(1, 1));
    std::vector<double> counts(29, 0.0);
    for (const Trajectory& t : run(rollout.get()))
        counts[static_cast<size_t>(t.ids[0])] += 1;
    double chi2 = 0;
    for (int32_t token = 0; token < 29; ++token) {
        Trajectory one{0, 0, {token}, {}, {}};
        const ReferenceDecoder::Scores scores =
                reference_of(model.get(), config).forward(batch_of(prompt, one, 1).view());
        const double expected = 20000 * std::exp(scores.q[0] - scores.v[0]);
        chi2 += std::pow(counts[static_cast<size_t>(token)] - expected, 2) / expected;
    }
    // 28 degrees of freedom: mean 28, deviation 7.5.
    CHECK_MSG(chi2 < 28 + 4.5 * 7.5, "chi2 = %g", chi2);
}

TBRM_TEST(an_optimizer_step_is_seen_and_handles_die_in_any_order) {
    const int64_t before = LiveObject::count();
    {
        ContextHandle context = make_context(2);
        const tbrm_model_config_t config = tiny_config(TBRM_DTYPE_BF16);
        ModelHandle model = make_model(context.get(), config, 7);
        OptimizerHandle optimizer = make_optimizer(model.get(), 0.0f);
        RolloutHandle rollout = make_rollout(model.get(), rollout_config());
        const std::vector<int32_t> prompt = prompt_of(10);
        submit(rollout.get(), prompt, {1}, plain_sampling(1, 20));
        const Trajectory first = run(rollout.get())[0];

        const Batch batch = batch_of(prompt, first, 1);
        forward(model.get(), batch, true);
        const std::vector<float> up(first.ids.size(), -1.0f), down(first.ids.size(), 1.0f);
        backward(model.get(), up, down, {});
        tbrm_error_t err{};
        tbrm_step_result_t result{};
        expect_ok(tbrm_optimizer_step(optimizer.get(), 0.05f, 0, &result, &err), err, "tbrm_optimizer_step");

        submit(rollout.get(), prompt, {1}, plain_sampling(1, 20));
        const Trajectory second = run(rollout.get())[0];
        CHECK(second.logp != first.logp);
        const Scores trainer = forward(model.get(), batch_of(prompt, second, 1), false);
        for (size_t i = 0; i < second.ids.size(); ++i)
            CHECK(second.logp[i] == trainer.q[i] - trainer.v[i]);

        context.reset();
        optimizer.reset();
        model.reset();
        submit(rollout.get(), prompt, {1}, plain_sampling(1, 20));
        CHECK(run(rollout.get())[0].ids == second.ids);
    }
    CHECK(LiveObject::count() == before);
}

TBRM_TEST(exports_refuse_what_the_contract_forbids) {
    const ContextHandle context = make_context(1);
    const ModelHandle model = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 8);
    tbrm_error_t err{};
    tbrm_rollout_t* none = reinterpret_cast<tbrm_rollout_t*>(1);
    tbrm_rollout_config_t config = rollout_config();
    config.struct_size = 4;
    CHECK(tbrm_rollout_create(model.get(), &config, &none, &err) == TBRM_STATUS_INVALID_ARGUMENT && none == nullptr);
    CHECK(std::string(err.message).find("struct_size is 4") != std::string::npos);
    config = rollout_config();
    config.kv_budget_bytes = 100;
    CHECK(tbrm_rollout_create(model.get(), &config, &none, &err) == TBRM_STATUS_OUT_OF_MEMORY);
    CHECK(std::string(err.message).find("raise kv_budget_bytes to ") != std::string::npos);
    for (int32_t tbrm_rollout_config_t::*field :
            {&tbrm_rollout_config_t::max_seqs, &tbrm_rollout_config_t::max_batched_tokens}) {
        config = rollout_config();
        config.*field = 0;
        CHECK(tbrm_rollout_create(model.get(), &config, &none, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    }
    config = rollout_config();
    config.decode_graph = 2;
    CHECK(tbrm_rollout_create(model.get(), &config, &none, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(std::string(err.message).find("decode_graph is 2") != std::string::npos);
    CHECK(tbrm_rollout_create(nullptr, &config, &none, nullptr) == TBRM_STATUS_INVALID_ARGUMENT);
    tbrm_rollout_destroy(nullptr);

    const RolloutHandle rollout = make_rollout(model.get(), rollout_config());
    tbrm_finished_t finished{};
    expect_ok(tbrm_rollout_peek(rollout.get(), &finished, &err), err, "tbrm_rollout_peek");
    CHECK(finished.trajectory_id == -1);
    CHECK(tbrm_rollout_read(rollout.get(), 0, nullptr, nullptr, nullptr, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    tbrm_rollout_status_t status{};
    CHECK(tbrm_rollout_step(rollout.get(), -1, &status, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    CHECK(tbrm_rollout_step(rollout.get(), 1, nullptr, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    expect_ok(tbrm_rollout_step(rollout.get(), 5, &status, &err), err, "tbrm_rollout_step");
    CHECK(status.n_pages == status.n_pages_free && status.n_pages > 0);
    const int64_t descending[] = {0, 3, 2};
    const uint8_t bytes[] = {1, 2, 3};
    CHECK(tbrm_rollout_set_token_bytes(rollout.get(), 2, descending, bytes, &err) == TBRM_STATUS_INVALID_ARGUMENT);

    submit(rollout.get(), {1, 2, 3}, {4}, plain_sampling(1, 5));
    expect_ok(tbrm_rollout_cancel(rollout.get(), &err), err, "tbrm_rollout_cancel");
    expect_ok(tbrm_rollout_peek(rollout.get(), &finished, &err), err, "tbrm_rollout_peek");
    CHECK(finished.trajectory_id == 4 && finished.reason == TBRM_FINISH_REASON_CANCELLED && finished.n_tokens == 0);
    CHECK(tbrm_rollout_read(rollout.get(), 1, nullptr, nullptr, nullptr, &err) == TBRM_STATUS_INVALID_ARGUMENT);
    expect_ok(tbrm_rollout_read(rollout.get(), 0, nullptr, nullptr, nullptr, &err), err, "tbrm_rollout_read");
    expect_ok(tbrm_rollout_release_pages(rollout.get(), &err), err, "tbrm_rollout_release_pages");
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
