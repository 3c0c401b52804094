// rollout_calls_test.cpp - what a caller may do, in which order, and what it is told when it may not; stop conditions; numbers gone bad.
#include "model/parameter.hpp"
#include "rollout/rollout.hpp"
#include "rollout_harness.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// The message of the failure that body throws; empty when it throws none.
template <class Body>
std::string failure_of(Body&& body, tbrm_status_t code = TBRM_STATUS_INVALID_ARGUMENT) {
    try {
        body();
    } catch (const Failure& failure) {
        CHECK(failure.code == code);
        return failure.what();
    }
    return "";
}

void check_refused(const std::string& message, const char* expected) {
    CHECK_MSG(message.find(expected) != std::string::npos, "'%s' lacks '%s'", message.c_str(), expected);
}

// Token id -> one byte, 'a' + id % 26; id 26 is "<|" and id 27 the two bytes of a letter beyond ASCII.
void set_alphabet(Rollout& rollout) {
    std::vector<int64_t> offsets = {0};
    std::string bytes;
    for (int id = 0; id < 97; ++id) {
        bytes += id == 26   ? std::string("<|")
                 : id == 27 ? std::string("\xc3\xa9")
                            : std::string(1, char('a' + id % 26));
        offsets.push_back(static_cast<int64_t>(bytes.size()));
    }
    rollout.set_token_bytes(97, offsets.data(), reinterpret_cast<const uint8_t*>(bytes.data()));
}

struct StopStrings {
    std::string bytes;
    std::vector<int64_t> offsets = {0};
    StopStrings(const std::vector<std::string>& strings, tbrm_sampling_t& sampling) {
        for (const std::string& s : strings) {
            bytes += s;
            offsets.push_back(static_cast<int64_t>(bytes.size()));
        }
        sampling.n_stop_strings = static_cast<int32_t>(strings.size());
        sampling.stop_string_offsets = offsets.data();
        sampling.stop_string_bytes = reinterpret_cast<const uint8_t*>(bytes.data());
    }
};

Outputs finish_all(Rollout& rollout) {
    Outputs outputs;
    rollout.step(100000);
    rollout.check();
    collect(rollout, outputs);
    return outputs;
}

std::vector<float> read_tensor(Model& model, const char* name) {
    ModelTensor& tensor = model.require(name);
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    tensor.parameter->read_rows(TBRM_TENSOR_KIND_WEIGHT, tensor.first_row, tensor.rows, values.data());
    return values;
}

void write_tensor(Model& model, const char* name, const std::vector<float>& values) {
    ModelTensor& tensor = model.require(name);
    tensor.parameter->write_rows(TBRM_TENSOR_KIND_WEIGHT, tensor.first_row, tensor.rows, values.data());
}

}  // namespace

TBRM_TEST(bad_requests_are_refused_by_name) {
    const std::shared_ptr<Model> model = small_model();
    Rollout rollout(model->device(), model->view(), limits_of(*model, 4, 64, 20));
    const std::vector<int32_t> prompt = {1, 2, 3};
    const std::vector<int64_t> ids = {5, 6};
    tbrm_sampling_t good = sampling_of(1, 8);
    const auto refuse = [&](const char* expected, const auto& change) {
        tbrm_sampling_t s = good;
        change(s);
        check_refused(failure_of([&] { rollout.submit(3, prompt.data(), 2, ids.data(), s); }), expected);
    };
    refuse("max_new_tokens is 0", [](tbrm_sampling_t& s) { s.max_new_tokens = 0; });
    refuse("min_new_tokens is 9", [](tbrm_sampling_t& s) { s.min_new_tokens = 9; });
    refuse("top_k is -1", [](tbrm_sampling_t& s) { s.top_k = -1; });
    refuse("top_p is 0", [](tbrm_sampling_t& s) { s.top_p = 0; });
    refuse("top_p is nan", [](tbrm_sampling_t& s) { s.top_p = NAN; });
    refuse("min_p is 1.5", [](tbrm_sampling_t& s) { s.min_p = 1.5f; });
    refuse("temperature is -1", [](tbrm_sampling_t& s) { s.temperature = -1; });
    refuse("temperature is inf", [](tbrm_sampling_t& s) { s.temperature = INFINITY; });
    refuse("repetition_penalty is 0", [](tbrm_sampling_t& s) { s.repetition_penalty = 0; });
    refuse("sampled_vocab_size is 98", [](tbrm_sampling_t& s) { s.sampled_vocab_size = 98; });
    const int32_t bad_stop[] = {3, 97};
    refuse("stop_ids[1] is 97", [&](tbrm_sampling_t& s) { s.n_stop_ids = 2, s.stop_ids = bad_stop; });
    refuse("stop_ids is null", [](tbrm_sampling_t& s) { s.n_stop_ids = 1; });
    tbrm_sampling_t with_string = good;
    const StopStrings stop({"x"}, with_string);
    check_refused(failure_of([&] { rollout.submit(3, prompt.data(), 2, ids.data(), with_string); }), "set_token_bytes");
    set_alphabet(rollout);
    const StopStrings empty({"x", ""}, with_string);
    check_refused(
            failure_of([&] { rollout.submit(3, prompt.data(), 2, ids.data(), with_string); }), "string 1 is empty");

    const std::vector<int32_t> outside = {1, 97};
    check_refused(failure_of([&] { rollout.submit(2, outside.data(), 2, ids.data(), good); }), "prompt_ids[1] is 97");
    check_refused(failure_of([&] { rollout.submit(0, nullptr, 2, ids.data(), good); }), "n_prompt_tokens is 0");
    const std::vector<int32_t> too_long(320, 1);
    check_refused(
            failure_of([&] { rollout.submit(320, too_long.data(), 2, ids.data(), good); }), "max_positions = 320");
    const std::vector<int64_t> twice = {5, 5};
    check_refused(failure_of([&] { rollout.submit(3, prompt.data(), 2, twice.data(), good); }), "5 is submitted twice");
    CHECK(rollout.status().n_waiting == 0);

    rollout.submit(3, prompt.data(), 2, ids.data(), good);
    check_refused(failure_of([&] { rollout.submit(3, prompt.data(), 1, &ids[1], good); }), "6 is submitted twice");
    check_refused(failure_of([&] { rollout.release_pages(); }), "2 wait");
    rollout.step(1000);
    check_refused(failure_of([&] { rollout.submit(3, prompt.data(), 1, &ids[1], good); }), "6 is submitted twice");
    Outputs outputs;
    collect(rollout, outputs);
    rollout.submit(3, prompt.data(), 1, &ids[1], good);
    const Outputs again = finish_all(rollout);
    CHECK(again.size() == 1 && again.at(6) == outputs.at(6));
}

TBRM_TEST(a_budget_below_one_sequence_is_refused_with_the_bytes_needed) {
    const std::shared_ptr<Model> model = small_model();
    const int64_t page = KvCache::page_bytes(model->view());  // 320 positions are 5 pages
    RolloutLimits limits = limits_of(*model, 4, 64, 5);
    limits.kv_budget_bytes -= 1;
    const std::string message =
            failure_of([&] { Rollout rollout(model->device(), model->view(), limits); }, TBRM_STATUS_OUT_OF_MEMORY);
    check_refused(message, std::to_string(5 * page).c_str());
    // Exactly enough: a sequence that fills every position ends at the model's limit.
    limits.kv_budget_bytes = 5 * page;
    Rollout rollout(model->device(), model->view(), limits);
    const int64_t n_prompt = thinned() ? 310 : 190;
    submit(rollout, {random_prompt(n_prompt, 1), {0, 1, 2}, sampling_of(1, 100000)});
    const Outputs outputs = finish_all(rollout);
    CHECK(outputs.size() == 3);
    for (const auto& [id, output] : outputs)
        CHECK_MSG(
                output.ids.size() == static_cast<size_t>(320 - n_prompt) && output.reason == TBRM_FINISH_REASON_LENGTH,
                "%d", static_cast<int>(id));
}

TBRM_TEST(stop_ids_end_a_response_and_min_new_tokens_holds_them_back) {
    const std::shared_ptr<Model> model = small_model();
    const RolloutLimits limits = limits_of(*model, 32, 512, 60);
    const int32_t n_trajectories = thinned() ? 6 : 32, n_tokens = thinned() ? 40 : 200, n_at_least = thinned() ? 8 : 30;
    Request r{random_prompt(20, 3), {}, sampling_of(1, n_tokens)};
    for (int64_t id = 0; id < n_trajectories; ++id)
        r.trajectory_ids.push_back(id);
    const Outputs free_running = run_all(*model, limits, {r});
    const std::vector<int32_t> stops = {11, 40, 41, 96};
    const auto is_stop = [&](int32_t id) { return std::find(stops.begin(), stops.end(), id) != stops.end(); };
    r.sampling.n_stop_ids = 4;
    r.sampling.stop_ids = stops.data();
    int stopped = 0;
    for (const auto& [id, output] : run_all(*model, limits, {r})) {
        const std::vector<int32_t>& all = free_running.at(id).ids;
        const auto end = std::find_if(all.begin(), all.end(), is_stop);
        const bool found = end != all.end();
        stopped += found;
        CHECK(output.reason == (found ? TBRM_FINISH_REASON_STOP_ID : TBRM_FINISH_REASON_LENGTH));
        CHECK(output.ids == std::vector<int32_t>(all.begin(), found ? end + 1 : end));
    }
    CHECK(stopped > (thinned() ? 2 : 25));
    r.sampling.min_new_tokens = n_at_least;
    int after = 0;
    for (const auto& [id, output] : run_all(*model, limits, {r})) {
        CHECK_MSG(output.ids.size() > static_cast<size_t>(n_at_least), "trajectory %d", static_cast<int>(id));
        CHECK(std::none_of(output.ids.begin(), output.ids.begin() + n_at_least, is_stop));
        after += output.reason == TBRM_FINISH_REASON_STOP_ID;
        for (size_t i = 0; i < static_cast<size_t>(n_at_least); ++i)
            CHECK(output.processed_logp[i] > output.logp[i]);  // renormalised without the stop ids
    }
    CHECK(after > (thinned() ? 2 : 20));
}

TBRM_TEST_FULL(stop_strings_end_a_response_at_the_token_that_completes_them) {
    const std::shared_ptr<Model> model = small_model();
    Request r{random_prompt(20, 3), {}, sampling_of(1, 250)};
    for (int64_t id = 0; id < 24; ++id)
        r.trajectory_ids.push_back(id);
    const Outputs free_running = run_all(*model, limits_of(*model, 24, 512, 120), {r});
    const auto bytes_of = [](int32_t id) {
        return id == 26 ? std::string("<|") : id == 27 ? std::string("\xc3\xa9") : std::string(1, char('a' + id % 26));
    };
    // One token, several tokens, inside a token of two bytes, half of a letter.
    const std::vector<std::string> strings = {"ab", "<|q", "|", "zz", "\xa9s", "xyz"};
    for (const int32_t min_new_tokens : {0, 40}) {
        r.sampling.min_new_tokens = min_new_tokens;
        const StopStrings stop(strings, r.sampling);
        Rollout rollout(model->device(), model->view(), limits_of(*model, 24, 512, 120));
        set_alphabet(rollout);
        submit(rollout, r);
        int stopped = 0;
        for (const auto& [id, output] : finish_all(rollout)) {
            std::string text;
            size_t n = 0;
            bool found = false;
            for (const int32_t token : free_running.at(id).ids) {
                const size_t before = text.size();
                text += bytes_of(token);
                ++n;
                for (const std::string& s : strings) {
                    const size_t from = before + 1 > s.size() ? before + 1 - s.size() : 0;
                    found = found || text.find(s, from) != std::string::npos;
                }
                found = found && n >= static_cast<size_t>(min_new_tokens);
                if (found) break;
            }
            stopped += found;
            CHECK_MSG(output.reason == (found ? TBRM_FINISH_REASON_STOP_STRING : TBRM_FINISH_REASON_LENGTH),
                    "trajectory %d", static_cast<int>(id));
            CHECK_MSG(output.ids.size() == n, "trajectory %d", static_cast<int>(id));
        }
        CHECK(stopped > 10);
    }
}

TBRM_TEST(the_matcher_finds_what_a_search_finds) {
    for (uint64_t trial = 0; trial < 3000; ++trial) {
        const auto pick = [&](uint64_t k, double n) { return static_cast<int>(uniform(trial, k) * n); };
        std::vector<std::string> strings;
        for (int i = 0; i < 1 + pick(0, 4); ++i) {
            std::string s;
            for (int k = 0; k < 1 + pick(10 + static_cast<uint64_t>(i), 5); ++k)
                s += char('a' + pick(100 + static_cast<uint64_t>(10 * i + k), 2));
            strings.push_back(s);
        }
        const StopMatcher matcher(strings);
        std::string text;
        int32_t state = 0;
        for (uint64_t token = 0; token < 12; ++token) {
            std::string piece;
            for (int k = 0; k < pick(200 + token, 4); ++k)
                piece += char('a' + pick(300 + 10 * token + static_cast<uint64_t>(k), 2));
            const size_t before = text.size();
            text += piece;
            bool expected = false;
            for (const std::string& s : strings) {
                for (size_t end = before + 1; end <= text.size(); ++end)
                    expected = expected || (end >= s.size() && text.compare(end - s.size(), s.size(), s) == 0);
            }
            const bool found = matcher.feed(
                    state, reinterpret_cast<const uint8_t*>(piece.data()), static_cast<int64_t>(piece.size()));
            CHECK_MSG(found == expected, "trial %d", static_cast<int>(trial));
        }
    }
}

TBRM_TEST_FULL(cancel_ends_everything_and_keeps_what_was_generated) {
    const std::shared_ptr<Model> model = small_model();
    const Request a{random_prompt(100, 1), {1, 2, 3}, sampling_of(1, 150)};
    const Request b{random_prompt(70, 2), {4, 5}, sampling_of(1, 150)};
    const Outputs expected = run_all(*model, limits_of(*model, 8, 64, 60), {a, b});
    for (const int64_t n_iterations : {0, 1, 2, 3, 5, 40, 90}) {
        Rollout rollout(model->device(), model->view(), limits_of(*model, 3, 40, 7));
        submit(rollout, a);
        submit(rollout, b);
        rollout.step(n_iterations);
        Outputs outputs;
        collect(rollout, outputs);
        rollout.cancel();
        rollout.check();
        CHECK(rollout.status().n_pages_free == rollout.status().n_pages);
        collect(rollout, outputs);
        CHECK(outputs.size() == 5);
        for (const auto& [id, output] : outputs) {
            const Output& full = expected.at(id);
            CHECK(output.ids.size() <= full.ids.size());
            CHECK(std::equal(output.ids.begin(), output.ids.end(), full.ids.begin()));
            CHECK((output.reason == TBRM_FINISH_REASON_CANCELLED) == (output.ids.size() < full.ids.size()));
        }
        // Afterwards the engine is as new.
        submit(rollout, a);
        const Outputs again = finish_all(rollout);
        for (const int64_t id : a.trajectory_ids)
            CHECK(again.at(id) == expected.at(id));
    }
}

TBRM_TEST(pages_are_released_and_come_back) {
    const std::shared_ptr<Model> model = small_model();
    const int64_t before = model->device().memory().in_use();
    const Request r{random_prompt(100, 1), {1, 2}, sampling_of(1, 60)};
    Rollout rollout(model->device(), model->view(), limits_of(*model, 8, 64, 60));
    CHECK(model->device().memory().in_use() == before);
    submit(rollout, r);
    const Outputs first = finish_all(rollout);
    CHECK(model->device().memory().in_use() >= before + 60 * KvCache::page_bytes(model->view()));
    rollout.release_pages();
    CHECK(model->device().memory().in_use() == before);
    submit(rollout, r);
    const Outputs second = finish_all(rollout);
    CHECK(first.at(1) == second.at(1) && first.at(2) == second.at(2));
}

TBRM_TEST(a_changed_weight_is_seen_by_the_next_rollout) {
    const std::shared_ptr<Model> model = small_model();
    const Request r{random_prompt(30, 1), {1}, sampling_of(1, 40)};
    Rollout rollout(model->device(), model->view(), limits_of(*model, 8, 64, 20));
    submit(rollout, r);
    const Outputs before = finish_all(rollout);
    std::vector<float> weights = read_tensor(*model, "model.layers.1.mlp.down_proj.weight");
    const std::vector<float> kept = weights;
    for (float& w : weights)
        w = -w;
    write_tensor(*model, "model.layers.1.mlp.down_proj.weight", weights);
    submit(rollout, r);
    const Outputs changed = finish_all(rollout);
    CHECK(!(changed.at(1) == before.at(1)));
    CHECK(changed.at(1) == run_all(*model, limits_of(*model, 8, 64, 20), {r}).at(1));
    write_tensor(*model, "model.layers.1.mlp.down_proj.weight", kept);
    submit(rollout, r);
    CHECK(finish_all(rollout).at(1) == before.at(1));
}

TBRM_TEST(a_sequence_that_breaks_ends_alone) {
    ModelShape shape;
    shape.tied = 0;
    const std::shared_ptr<Model> model = small_model(shape);
    std::vector<float> embedding = read_tensor(*model, "model.embed_tokens.weight");
    for (int64_t i = 0; i < 32; ++i)
        embedding[static_cast<size_t>(96 * 32 + i)] = NAN;  // id 96
    write_tensor(*model, "model.embed_tokens.weight", embedding);
    std::vector<Request> good;
    for (int64_t i = 0; i < (thinned() ? 3 : 6); ++i) {
        Request r{random_prompt(60 + 7 * i, static_cast<uint64_t>(i), 96), {10 * i, 10 * i + 1},
                sampling_of(1, thinned() ? 6 : 80)};
        r.sampling.sampled_vocab_size = 96;
        good.push_back(r);
    }
    const Outputs expected = run_all(*model, limits_of(*model, 4, 100, 9), good);
    std::vector<Request> mixed;
    for (const Request& r : good) {
        Request bad = r;
        bad.prompt[bad.prompt.size() / 2] = 96;
        for (int64_t& id : bad.trajectory_ids)
            id += 1000;
        mixed.push_back(bad);
        mixed.push_back(r);
    }
    // One that goes bad on its way: it may sample id 96. (Too rare for few tokens.)
    Request late = good[0];
    late.trajectory_ids = {5000, 5001, 5002};
    late.sampling.sampled_vocab_size = 0;
    late.sampling.max_new_tokens = 200;
    if (!thinned()) mixed.insert(mixed.begin(), late);
    const Outputs outputs = run_all(*model, limits_of(*model, 4, 100, 9), mixed);
    int n_late = 0;
    for (const auto& [id, output] : outputs) {
        if (id >= 5000) {
            const bool broke = output.reason == TBRM_FINISH_REASON_NON_FINITE;
            n_late += broke;
            CHECK(broke == (output.ids.back() == 96));
        } else if (id >= 1000) {
            CHECK(output.reason == TBRM_FINISH_REASON_NON_FINITE && output.ids.empty());
        } else {
            CHECK_MSG(output == expected.at(id), "trajectory %d", static_cast<int>(id));
        }
        CHECK(std::none_of(output.logp.begin(), output.logp.end(), [](float x) { return !std::isfinite(x); }));
    }
    CHECK(thinned() || n_late > 0);
}

TBRM_TEST(a_shared_prompt_is_computed_once) {
    const std::shared_ptr<Model> model = small_model();
    Request r{random_prompt(130, 1), {}, sampling_of(1, 10)};
    for (int64_t id = 0; id < 16; ++id)
        r.trajectory_ids.push_back(id);
    tbrm_rollout_status_t status;
    run_all(*model, limits_of(*model, 4, 1000, 40), {r}, &status);
    CHECK(status.n_prefill_tokens == 130 && status.n_preemptions == 0);
    CHECK(status.n_decode_tokens == 160);
    // 16 samples in 2 full pages, the kept tail and one page each: they fit where 16 prompts of their own would not.
    Rollout rollout(model->device(), model->view(), limits_of(*model, 16, 1000, 22));
    submit(rollout, r);
    rollout.step(2);
    CHECK(rollout.status().n_running == 16 && rollout.status().n_pages_free == 22 - 2 - 16);
}

TBRM_TEST_FULL(finished_trajectories_come_in_one_order) {
    const std::shared_ptr<Model> model = small_model();
    const auto order = [&](int64_t n_iterations) {
        Rollout rollout(model->device(), model->view(), limits_of(*model, 6, 50, 12));
        for (int64_t i = 0; i < 8; ++i)
            submit(rollout, {random_prompt(10 + 20 * i, static_cast<uint64_t>(i)), {2 * i, 2 * i + 1},
                                    sampling_of(i % 2 == 0 ? 0.5f : 1.0f, static_cast<int32_t>(5 + 9 * i % 31))});
        std::vector<int64_t> ids;
        while (rollout.status().n_running + rollout.status().n_waiting > 0) {
            rollout.step(n_iterations);
            while (rollout.finished() != nullptr) {
                ids.push_back(rollout.finished()->trajectory_id);
                rollout.pop();
            }
        }
        return ids;
    };
    const std::vector<int64_t> ids = order(1);
    CHECK(ids.size() == 16 && ids == order(1) && ids == order(7) && ids == order(100000));
}
