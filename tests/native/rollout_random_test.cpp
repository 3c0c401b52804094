// rollout_random_test.cpp - random engines under random calls: whatever happens around it, a trajectory is what it is when it runs alone.
#include "rollout/rollout.hpp"
#include "rollout_harness.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Random {
    uint64_t seed;
    uint64_t next = 0;
    int64_t below(int64_t n) { return static_cast<int64_t>(uniform(seed, next++) * static_cast<double>(n)); }
    bool chance(double p) { return uniform(seed, next++) < p; }
};

const std::vector<int32_t>& stop_ids() {
    static const std::vector<int32_t> ids = {3, 50};
    return ids;
}

std::vector<Request> random_requests(int64_t n, uint64_t seed) {
    Random random{seed};
    std::vector<Request> requests;
    int64_t id = 0;
    for (int64_t i = 0; i < n; ++i) {
        const int64_t length = 1 + random.below(random.chance(0.5) ? 30 : 200);
        Request r{random_prompt(length, seed + static_cast<uint64_t>(i)), {}, sampling_of(1, 1)};
        for (int64_t k = random.below(5); k >= 0; --k)
            r.trajectory_ids.push_back(id++);
        tbrm_sampling_t& s = r.sampling;
        s.max_new_tokens = static_cast<int32_t>(1 + random.below(140));
        s.temperature = random.chance(0.2) ? 0.0f : random.chance(0.5) ? 1.0f : 0.7f;
        s.top_p = random.chance(0.3) ? 0.9f : 1.0f;
        s.top_k = random.chance(0.2) ? 20 : 0;
        s.min_p = random.chance(0.2) ? 0.02f : 0.0f;
        s.repetition_penalty = random.chance(0.3) ? 1.15f : 1.0f;
        s.seed = random.chance(0.5) ? 1 : 2;
        if (random.chance(0.4)) {
            s.n_stop_ids = 2;
            s.stop_ids = stop_ids().data();
            s.min_new_tokens = static_cast<int32_t>(random.below(s.max_new_tokens));
        }
        requests.push_back(r);
    }
    return requests;
}

bool is_prefix(const Output& part, const Output& whole) {
    const size_t n = part.ids.size();
    if (n == 0) return true;
    return n <= whole.ids.size() && std::equal(part.ids.begin(), part.ids.end(), whole.ids.begin()) &&
           std::memcmp(part.logp.data(), whole.logp.data(), n * sizeof(float)) == 0 &&
           std::memcmp(part.processed_logp.data(), whole.processed_logp.data(), n * sizeof(float)) == 0;
}

void check_outputs(const Outputs& outputs, const Outputs& expected, uint64_t trial) {
    for (const auto& [id, output] : outputs) {
        const Output& whole = expected.at(id);
        const bool right = output.reason == TBRM_FINISH_REASON_CANCELLED ? is_prefix(output, whole) : output == whole;
        CHECK_MSG(right, "trial %d, trajectory %d", static_cast<int>(trial), static_cast<int>(id));
    }
}

}  // namespace

TBRM_TEST_FULL(random_calls_never_change_a_trajectory) {
    const std::shared_ptr<Model> model = small_model();
    const std::vector<Request> requests = random_requests(40, 12);
    Outputs expected;
    for (const Request& r : requests) {
        for (const int64_t id : r.trajectory_ids)
            expected.merge(run_all(*model, limits_of(*model, 1, 1000, 5), {{r.prompt, {id}, r.sampling}}));
    }
    int64_t n_preemptions = 0, n_cancelled = 0;
    for (uint64_t trial = 0; trial < 60; ++trial) {
        Random random{5000 + trial};
        const int64_t n_pages = 5 + (random.chance(0.5) ? random.below(4) : random.below(40));
        Rollout rollout(model->device(), model->view(),
                limits_of(*model, 1 + random.below(20), 1 + random.below(random.chance(0.3) ? 8 : 400), n_pages));
        std::vector<Request> left(requests);
        Outputs outputs;
        size_t n_submitted = 0;
        while (!left.empty() || rollout.status().n_running + rollout.status().n_waiting > 0) {
            if (!left.empty() && random.chance(0.3)) {
                const size_t pick = static_cast<size_t>(random.below(static_cast<int64_t>(left.size())));
                submit(rollout, left[pick]);
                n_submitted += left[pick].trajectory_ids.size();
                left.erase(left.begin() + static_cast<std::ptrdiff_t>(pick));
            }
            rollout.step(random.below(30));
            rollout.check();
            if (random.chance(0.2)) collect(rollout, outputs);
            if (random.chance(0.01)) rollout.cancel();
            const tbrm_rollout_status_t status = rollout.status();
            if (status.n_running + status.n_waiting == 0 && random.chance(0.5)) rollout.release_pages();
        }
        collect(rollout, outputs);
        CHECK(outputs.size() == n_submitted && rollout.status().n_pages_free == n_pages);
        check_outputs(outputs, expected, trial);
        n_preemptions += rollout.status().n_preemptions;
        for (const auto& [id, output] : outputs)
            n_cancelled += output.reason == TBRM_FINISH_REASON_CANCELLED && id >= 0;
    }
    std::printf("    %d preemptions, %d cancelled\n", static_cast<int>(n_preemptions), static_cast<int>(n_cancelled));
    CHECK(n_preemptions > 100 && n_cancelled > 20);
}
