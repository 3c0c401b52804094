#pragma once
// scheduler.hpp - which tokens run in the next iteration, and who holds which page. docs/math/rollout.md, "Scheduling".
//
// Sequences have one order, that of submission. Admission takes the oldest that waits, preemption hits the newest that runs, so whoever
// runs is older than whoever waits, and the oldest sequence always advances: nothing starves and nothing deadlocks.
#include <cstdint>
#include <deque>
#include <vector>

#include "rollout/kv_cache.hpp"
#include "rollout/page_pool.hpp"
#include "rollout/sequence.hpp"

namespace tbrm {

struct SchedulerLimits {
    int64_t max_seqs;
    int64_t max_prefill_tokens;  // per iteration, over all sequences
};

// Consecutive tokens [start, start + count) of a prompt (sequence null) or of one sequence. draws: the last one's logits are drawn from.
struct Span {
    Prompt* prompt;
    Sequence* sequence;
    int64_t start;
    int64_t count;
    bool draws;

    const std::vector<int64_t>& pages() const { return sequence != nullptr ? sequence->pages : prompt->pages; }
    int32_t token(int64_t i) const {
        return sequence != nullptr ? sequence->token(i) : prompt->ids[static_cast<size_t>(i)];
    }
};

// One iteration: its rows are the tokens of the spans, in order. draws has one entry per drawn token, in the order of the spans;
// draw_span says which span's last row it reads.
struct Plan {
    std::vector<Span> spans;
    std::vector<Sequence*> draws;
    std::vector<int32_t> draw_span;
    int64_t n_rows = 0;

    void clear() {
        spans.clear();
        draws.clear();
        draw_span.clear();
        n_rows = 0;
    }
};

class Scheduler {
public:
    Scheduler(const SchedulerLimits& limits, PagePool& pool, KvCache& cache)
        : limits_(limits), pool_(pool), cache_(cache) {}

    void add(Sequence* sequence) { waiting_.push_back(sequence); }

    // Takes back what was added since the sequence of that order: none of it has been scheduled.
    void withdraw(int64_t first_order) noexcept;

    // Fills `plan`; empty only when nothing is queued. Pages of the planned tokens are allocated when it returns. When it throws, every page
    // still has its holder, and the next call plans anew.
    void schedule(Plan& plan);

    // The planned tokens are in their pages now.
    void advance(const Plan& plan);

    // Takes the sequence out; gives its pages back. Call drop_finished afterwards.
    void finish(Sequence& sequence, tbrm_finish_reason_t reason);
    void drop_finished();

    const std::vector<Sequence*>& running() const { return running_; }
    const std::deque<Sequence*>& waiting() const { return waiting_; }
    int64_t n_preemptions() const { return n_preemptions_; }

    // Throws INTERNAL when an invariant does not hold: every reference to a page has a holder, every holder has its pages, orders ascend.
    void check() const;

private:
    bool admit_next(Plan& plan);
    void extend(Sequence& sequence, Plan& plan);
    void extend_prompt(Prompt& prompt, Plan& plan);
    bool take_prompt_pages(Prompt& prompt, const Sequence& owner);
    bool take_pages(Sequence& sequence);
    bool grow(std::vector<int64_t>& pages, int64_t n_tokens, const Sequence& owner);
    bool make_room(const Sequence& owner);
    bool drop_idle_prompt(const Prompt* except);
    void preempt_newest();
    void release_prompt(Prompt& prompt);
    int64_t pages_to_admit(const Sequence& sequence) const;
    int64_t pages_promised() const;

    SchedulerLimits limits_;
    PagePool& pool_;
    KvCache& cache_;
    std::deque<Sequence*> waiting_;   // oldest first
    std::vector<Sequence*> running_;  // oldest first
    std::vector<Prompt*> prompts_;    // those that hold pages, oldest first
    int64_t prefill_left_ = 0;        // of this iteration
    int64_t n_preemptions_ = 0;
    bool preempted_ = false;               // in this iteration
    bool finished_without_pages_ = false;  // some may wait
};

}  // namespace tbrm
