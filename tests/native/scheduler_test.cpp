// scheduler_test.cpp - pages and scheduling without a model: thousands of random workloads in which every cached token carries a signature
// of its whole prefix, so that a page that is shared, copied, evicted or written by mistake is seen at once.
#include "rollout/scheduler.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "core/parallel.hpp"
#include "device/device.hpp"
#include "rollout/page_pool.hpp"
#include "testing.hpp"

using namespace tbrm;

namespace {

constexpr int64_t kLayers = 2;

ModelView tiny_view() {
    ModelView view{};
    view.dtype = Dtype::F32;
    view.attention = {1, 1, 2, 1.0f};
    view.layers.resize(kLayers);
    return view;
}

// A stream of random choices.
class Dice {
public:
    explicit Dice(uint64_t seed) : seed_(seed) {}
    int64_t below(int64_t n) { return static_cast<int64_t>(testing::uniform(seed_, next_++) * static_cast<double>(n)); }
    bool chance(double p) { return testing::uniform(seed_, next_++) < p; }

private:
    uint64_t seed_;
    uint64_t next_ = 0;
};

struct Settings {
    int64_t n_pages, max_seqs, max_prefill, max_positions;
};

class World {
public:
    World(const Settings& settings, uint64_t seed)
        : settings_(settings),
          dice_(seed),
          device_(make_cpu_device(1)),
          view_(tiny_view()),
          pool_(settings.n_pages),
          cache_(*device_, view_, settings.n_pages),
          scheduler_({settings.max_seqs, settings.max_prefill}, pool_, cache_) {
        cache_.ensure();
    }

    void submit() {
        const std::shared_ptr<Prompt> prompt = std::make_shared<Prompt>();
        const int64_t n = 1 + dice_.below(std::min<int64_t>(settings_.max_positions - 1, dice_.chance(0.5) ? 70 : 400));
        for (int64_t i = 0; i < n; ++i)
            prompt->ids.push_back(static_cast<int32_t>(dice_.below(1000)));
        const int64_t n_samples = 1 + dice_.below(5);
        for (int64_t i = 0; i < n_samples; ++i) {
            all_.push_back(std::make_unique<Sequence>());
            Sequence& s = *all_.back();
            s.prompt = prompt;
            s.order = static_cast<int64_t>(all_.size()) - 1;
            s.trajectory_id = s.order;
            goals_.push_back(n + 1 + dice_.below(settings_.max_positions - n));
            prompt->samples.push_back(&s);
            scheduler_.add(&s);
        }
    }

    bool idle() const { return scheduler_.running().empty() && scheduler_.waiting().empty(); }
    int64_t n_preemptions() const { return scheduler_.n_preemptions(); }
    int64_t n_free() const { return pool_.n_free(); }

    // Makes the next iteration plan with pages that are refused first: each still has its holder, and what is planned then is whole.
    void refuse_pages(Dice& dice) {
        Plan plan;
        pool_.fail_acquire(1 + dice.below(4));
        try {
            scheduler_.schedule(plan);
        } catch (const Failure& failure) {
            CHECK(failure.code == TBRM_STATUS_OUT_OF_MEMORY);
            ++n_refusals_;
        }
        pool_.fail_acquire(0);
        scheduler_.check();
    }
    int64_t n_refusals() const { return n_refusals_; }

    void iterate() {
        Plan plan;
        scheduler_.schedule(plan);
        scheduler_.check();
        check_plan(plan);
        for (const Span& span : plan.spans)
            run(span);
        scheduler_.advance(plan);
        for (Sequence* s : plan.draws) {
            s->response.push_back(static_cast<int32_t>(1000 + s->order));
            if (s->length() >= goals_[static_cast<size_t>(s->order)] || dice_.chance(0.005)) {
                scheduler_.finish(*s, TBRM_FINISH_REASON_LENGTH);
            }
        }
        scheduler_.drop_finished();
        scheduler_.check();
    }

    void cancel() {
        for (const std::unique_ptr<Sequence>& s : all_) {
            if (!s->finished) scheduler_.finish(*s, TBRM_FINISH_REASON_CANCELLED);
        }
        scheduler_.drop_finished();
        scheduler_.check();
    }

private:
    void check_plan(const Plan& plan) {
        CHECK(plan.n_rows > 0 && static_cast<int64_t>(scheduler_.running().size()) <= settings_.max_seqs);
        const auto oldest =
                std::find_if(all_.begin(), all_.end(), [](const std::unique_ptr<Sequence>& s) { return !s->finished; });
        // Nobody starves: the oldest is served first in every iteration.
        CHECK(!plan.spans.empty() && plan.spans[0].prompt == (*oldest)->prompt.get());
        int64_t n_prefill = 0, n_rows = 0;
        std::set<int64_t> written;
        for (const Span& span : plan.spans) {
            n_rows += span.count;
            const bool decodes = span.sequence != nullptr && span.start + 1 == span.sequence->length();
            n_prefill += decodes ? 0 : span.count;
            for (int64_t page = span.start / 64; page <= (span.start + span.count - 1) / 64; ++page) {
                const int64_t id = span.pages()[static_cast<size_t>(page)];
                CHECK_MSG(pool_.references(id) == 1, "page %d is shared and written", static_cast<int>(id));
                CHECK_MSG(written.insert(id).second, "page %d has two writers", static_cast<int>(id));
            }
        }
        CHECK(n_rows == plan.n_rows && n_prefill <= settings_.max_prefill);
    }

    uint32_t* slot(int64_t layer, int64_t page, int64_t index) {
        return static_cast<uint32_t*>(cache_.layer(layer)) + page * page_elements(view_.attention) + index;
    }

    // Every token must find the signatures of all tokens before it; then it writes its own.
    void run(const Span& span) {
        uint32_t signature = 17;
        for (int64_t i = 0; i < span.start + span.count; ++i) {
            signature = signature * 1000003u + static_cast<uint32_t>(span.token(i)) + 1;
            const int64_t page = span.pages()[static_cast<size_t>(i / 64)];
            for (int64_t layer = 0; layer < kLayers; ++layer) {
                uint32_t& cell = *slot(layer, page, i % 64);
                if (i >= span.start) cell = signature;
                CHECK_MSG(cell == signature, "token %d of page %d", static_cast<int>(i), static_cast<int>(page));
            }
        }
    }

    Settings settings_;
    Dice dice_;
    std::unique_ptr<Device> device_;
    ModelView view_;
    PagePool pool_;
    KvCache cache_;
    Scheduler scheduler_;
    std::vector<std::unique_ptr<Sequence>> all_;
    std::vector<int64_t> goals_;  // length at which a sequence is done
    int64_t n_refusals_ = 0;
};

struct Totals {
    int64_t iterations, preemptions, refusals;
};

// One random workload. refusals: the share of iterations that are first planned with a page refused.
void run_workload(uint64_t trial, double refusals, Totals& totals) {
    Dice dice(70000 + trial), refusal_dice(90000 + trial);
    Settings settings{};
    settings.max_positions = 2 + dice.below(500);
    settings.n_pages = ceil_div(settings.max_positions, 64) + (dice.chance(0.4) ? 0 : dice.below(12));
    settings.max_seqs = 1 + dice.below(12);
    settings.max_prefill = 1 + dice.below(dice.chance(0.3) ? 10 : 300);
    World world(settings, trial);
    int64_t left = 1 + dice.below(12);
    for (int guard = 0; guard < 100000 && (left > 0 || !world.idle()); ++guard) {
        if (left > 0 && (world.idle() || dice.chance(0.2))) {
            world.submit();
            --left;
        }
        if (refusal_dice.chance(refusals)) world.refuse_pages(refusal_dice);
        world.iterate();
        ++totals.iterations;
        if (dice.chance(0.002)) world.cancel();
    }
    CHECK_MSG(world.idle(), "trial %d does not end", static_cast<int>(trial));
    CHECK(world.n_free() == settings.n_pages);
    totals.preemptions += world.n_preemptions();
    totals.refusals += world.n_refusals();
}

}  // namespace

TBRM_TEST(the_pool_gives_the_lowest_free_page) {
    PagePool pool(130);
    for (int64_t i = 0; i < 130; ++i)
        CHECK(pool.acquire() == i);
    CHECK(pool.n_free() == 0);
    pool.share(7);
    pool.release(7);
    CHECK(pool.n_free() == 0 && pool.references(7) == 1);
    for (const int64_t page : {129, 7, 64})
        pool.release(page);
    CHECK(pool.n_free() == 3 && pool.acquire() == 7 && pool.acquire() == 64 && pool.acquire() == 129);
    bool refused = false;
    try {
        pool.acquire();
    } catch (const Failure&) {
        refused = true;
    }
    CHECK(refused);
}

TBRM_TEST(random_workloads_keep_every_invariant) {
    Totals totals{};
    for (uint64_t trial = 0; trial < 2500 && testing::failures() <= 20; ++trial)
        run_workload(trial, 0, totals);
    std::printf("    %d iterations, %d preemptions\n", static_cast<int>(totals.iterations),
            static_cast<int>(totals.preemptions));
    CHECK(totals.preemptions > 3000);
}

TBRM_TEST(a_refused_page_leaves_every_page_with_its_holder) {
    Totals totals{};
    for (uint64_t trial = 0; trial < 400 && testing::failures() <= 20; ++trial)
        run_workload(trial, 0.3, totals);
    std::printf("    %d iterations, %d pages refused\n", static_cast<int>(totals.iterations),
            static_cast<int>(totals.refusals));
    CHECK(totals.refusals > 500);
}
