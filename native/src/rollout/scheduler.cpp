#include "rollout/scheduler.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace tbrm {
namespace {

int64_t pages_for(int64_t n_tokens) {
    return ceil_div(n_tokens, kPageTokens);
}

int64_t n_pages(const std::vector<int64_t>& pages) {
    return static_cast<int64_t>(pages.size());
}

// Samples of the prompt that hold no pages, other than `except`.
int64_t n_without_pages(const Prompt& prompt, const Sequence* except) {
    return std::count_if(prompt.samples.begin(), prompt.samples.end(),
            [&](const Sequence* s) { return s != except && s->pages.empty(); });
}

// A sample that holds the prompt's full pages, for a sibling that must compute its tokens again; null if there is none.
const Sequence* find_donor(const Prompt& prompt) {
    const int64_t full_tokens = prompt.length() / kPageTokens * kPageTokens;
    for (const Sequence* s : prompt.samples) {
        if (!s->pages.empty() && s->n_cached >= full_tokens) return s;
    }
    return nullptr;
}

// Whoever calls has reserved the room: a page that is counted is a page that is listed.
void share_pages(PagePool& pool, const std::vector<int64_t>& from, int64_t n, std::vector<int64_t>& to) {
    for (int64_t i = 0; i < n; ++i) {
        pool.share(from[static_cast<size_t>(i)]);
        to.push_back(from[static_cast<size_t>(i)]);
    }
}

}  // namespace

void Scheduler::withdraw(int64_t first_order) noexcept {
    while (!waiting_.empty() && waiting_.back()->order >= first_order)
        waiting_.pop_back();
}

void Scheduler::schedule(Plan& plan) {
    plan.clear();
    prefill_left_ = limits_.max_prefill_tokens;
    for (Prompt* prompt : prompts_)
        prompt->planned = false;
    preempted_ = false;
    // Oldest first. Preemption takes from the end of the list: nobody who has been planned already.
    for (size_t i = 0; i < running_.size(); ++i)
        extend(*running_[i], plan);
    if (!preempted_ || running_.empty()) {
        while (admit_next(plan)) {}
    }
}

bool Scheduler::admit_next(Plan& plan) {
    if (waiting_.empty() || static_cast<int64_t>(running_.size()) >= limits_.max_seqs) return false;
    Sequence& sequence = *waiting_.front();
    Prompt& prompt = *sequence.prompt;
    const bool needs_prefill =
            prompt.computed ? prompt.pages.empty() || sequence.n_response() > 1 : prompt.pages.empty();
    if (needs_prefill && prefill_left_ == 0) return false;
    int64_t needed = pages_to_admit(sequence);
    if (running_.empty()) {
        // Alone it always fits, once nobody keeps a prompt for later.
        while (pool_.n_free() < needed && drop_idle_prompt(&prompt)) {}
    } else {
        // Some pages are left for those that run to grow into: a preemption costs more than a little waiting.
        needed += pages_promised() + std::max<int64_t>(1, pool_.size() / 100);
        if (pool_.n_free() < needed) return false;
    }
    running_.push_back(&sequence);
    waiting_.pop_front();
    extend(sequence, plan);
    return !running_.empty() && running_.back() == &sequence;
}

// Pages that the sequence takes when it is admitted, for the tokens it has.
int64_t Scheduler::pages_to_admit(const Sequence& sequence) const {
    const Prompt& prompt = *sequence.prompt;
    if (!prompt.computed) return prompt.pages.empty() ? pages_for(prompt.length()) : 1;
    const int64_t all = pages_for(sequence.length());
    if (!prompt.pages.empty()) {
        return n_without_pages(prompt, &sequence) == 0 ? all - n_pages(prompt.pages)
                                                       : all - prompt.length() / kPageTokens;
    }
    return find_donor(prompt) != nullptr ? all - prompt.length() / kPageTokens : all;
}

// Pages that those who run without any will ask for as soon as their prompt is computed.
int64_t Scheduler::pages_promised() const {
    return std::count_if(running_.begin(), running_.end(), [](const Sequence* s) { return s->pages.empty(); });
}

void Scheduler::extend(Sequence& sequence, Plan& plan) {
    Prompt& prompt = *sequence.prompt;
    if (!prompt.computed) {
        if (!prompt.pages.empty() || take_prompt_pages(prompt, sequence)) extend_prompt(prompt, plan);
        return;
    }
    if (sequence.pages.empty() && !take_pages(sequence)) return;
    const int64_t left = sequence.length() - sequence.n_cached;
    const int64_t count = left > 1 ? std::min(left, prefill_left_) : left;
    if (count == 0) return;
    if (!grow(sequence.pages, sequence.n_cached + count, sequence)) return;
    if (left > 1) prefill_left_ -= count;
    const bool draws = count == left;
    if (draws) {
        plan.draws.push_back(&sequence);
        plan.draw_span.push_back(static_cast<int32_t>(plan.spans.size()));
    }
    plan.spans.push_back({&prompt, &sequence, sequence.n_cached, count, draws});
    plan.n_rows += count;
}

// The next chunk of a prompt, once per iteration for all of its samples.
void Scheduler::extend_prompt(Prompt& prompt, Plan& plan) {
    const int64_t count = std::min(prompt.length() - prompt.n_cached, prefill_left_);
    if (prompt.planned || count == 0) return;
    prompt.planned = true;
    prefill_left_ -= count;
    const bool draws = prompt.n_cached + count == prompt.length();
    if (draws) {
        for (Sequence* sample : prompt.samples) {
            plan.draws.push_back(sample);
            plan.draw_span.push_back(static_cast<int32_t>(plan.spans.size()));
        }
    }
    plan.spans.push_back({&prompt, nullptr, prompt.n_cached, count, draws});
    plan.n_rows += count;
}

// Pages for a prompt that is to be computed. False: there was no room and the owner, the newest, was preempted.
bool Scheduler::take_prompt_pages(Prompt& prompt, const Sequence& owner) {
    prompts_.push_back(&prompt);
    prompt.n_cached = 0;
    prompt.planned = false;
    bool has_room = false;
    try {
        has_room = grow(prompt.pages, prompt.length(), owner);
    } catch (...) {
        release_prompt(prompt);
        throw;
    }
    if (!has_room) release_prompt(prompt);
    return has_room;
}

// Gives a running sequence pages of its own, with as much of its prompt in them as somebody still holds. False: it was preempted.
bool Scheduler::take_pages(Sequence& sequence) {
    Prompt& prompt = *sequence.prompt;
    const int64_t n_full = prompt.length() / kPageTokens;
    if (prompt.pages.empty()) {
        const Sequence* donor = find_donor(prompt);
        sequence.pages.reserve(static_cast<size_t>(n_full));
        if (donor != nullptr) share_pages(pool_, donor->pages, n_full, sequence.pages);
        sequence.n_cached = n_pages(sequence.pages) * kPageTokens;
        return grow(sequence.pages, sequence.length(), sequence);
    }
    const bool has_tail = prompt.length() % kPageTokens != 0;
    bool inherits = n_without_pages(prompt, &sequence) == 0;
    if (!inherits && has_tail && pool_.n_free() == 0 && !make_room(sequence)) {
        if (running_.size() > 1) {
            preempt_newest();
            return false;
        }
        inherits = true;  // alone and still no page: those that wait compute the prompt again
    }
    if (inherits) {
        sequence.pages.swap(prompt.pages);
        release_prompt(prompt);
    } else {
        sequence.pages.reserve(static_cast<size_t>(n_full) + 1);
        const int64_t tail = has_tail ? pool_.acquire() : -1;
        share_pages(pool_, prompt.pages, n_full, sequence.pages);
        if (has_tail) {
            sequence.pages.push_back(tail);
            cache_.copy_page(prompt.pages.back(), tail);
        }
    }
    sequence.n_cached = prompt.length();
    return true;
}

// Makes `pages` hold n_tokens. False: there was no room and the owner, the newest, was preempted.
bool Scheduler::grow(std::vector<int64_t>& pages, int64_t n_tokens, const Sequence& owner) {
    while (n_pages(pages) < pages_for(n_tokens)) {
        if (pool_.n_free() == 0 && !make_room(owner)) {
            preempt_newest();
            return false;
        }
        if (pages.size() == pages.capacity()) pages.reserve(std::max<size_t>(4, 2 * pages.size()));
        pages.push_back(pool_.acquire());
    }
    return true;
}

// Frees a page at the cost of whoever is newer than the owner: first prompts that are kept for later, then running sequences.
bool Scheduler::make_room(const Sequence& owner) {
    while (pool_.n_free() == 0) {
        if (drop_idle_prompt(nullptr)) continue;
        if (running_.back() == &owner) return false;
        preempt_newest();
    }
    return true;
}

// Gives back the newest prompt that only waiting samples would read.
bool Scheduler::drop_idle_prompt(const Prompt* except) {
    for (size_t i = prompts_.size(); i-- > 0;) {
        Prompt& prompt = *prompts_[i];
        const bool awaited = std::any_of(running_.begin(), running_.end(),
                [&](const Sequence* s) { return s->prompt.get() == &prompt && s->pages.empty(); });
        if (awaited || &prompt == except) continue;
        release_prompt(prompt);
        return true;
    }
    return false;
}

void Scheduler::preempt_newest() {
    Sequence& victim = *running_.back();
    waiting_.push_front(&victim);
    running_.pop_back();
    n_preemptions_ += victim.pages.empty() ? 0 : 1;
    pool_.release_all(victim.pages);
    victim.n_cached = 0;
    preempted_ = true;
}

void Scheduler::release_prompt(Prompt& prompt) {
    pool_.release_all(prompt.pages);
    prompt.n_cached = 0;
    prompts_.erase(std::remove(prompts_.begin(), prompts_.end(), &prompt), prompts_.end());
}

void Scheduler::advance(const Plan& plan) {
    for (const Span& span : plan.spans) {
        if (span.sequence != nullptr) {
            span.sequence->n_cached = span.start + span.count;
        } else {
            span.prompt->n_cached = span.start + span.count;
            span.prompt->computed = span.draws;
        }
    }
}

void Scheduler::finish(Sequence& sequence, tbrm_finish_reason_t reason) {
    Prompt& prompt = *sequence.prompt;
    sequence.finished = true;
    sequence.reason = reason;
    finished_without_pages_ = finished_without_pages_ || sequence.pages.empty();
    pool_.release_all(sequence.pages);
    prompt.samples.erase(std::remove(prompt.samples.begin(), prompt.samples.end(), &sequence), prompt.samples.end());
    if (!prompt.pages.empty() && n_without_pages(prompt, nullptr) == 0) release_prompt(prompt);
}

void Scheduler::drop_finished() {
    const auto finished = [](const Sequence* s) { return s->finished; };
    running_.erase(std::remove_if(running_.begin(), running_.end(), finished), running_.end());
    if (finished_without_pages_) {
        waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), finished), waiting_.end());
    }
    finished_without_pages_ = false;
}

void Scheduler::check() const {
    std::vector<int32_t> held(static_cast<size_t>(pool_.size()), 0);
    int64_t last_order = -1;
    const auto count = [&](const std::vector<int64_t>& pages) {
        for (const int64_t page : pages)
            ++held[static_cast<size_t>(page)];
    };
    const auto visit = [&](const Sequence* s, bool runs) {
        TBRM_ASSERT(s->order > last_order, "sequence %lld is out of order", static_cast<long long>(s->order));
        last_order = s->order;
        TBRM_ASSERT(runs || s->pages.empty(), "sequence %lld waits and holds pages", static_cast<long long>(s->order));
        TBRM_ASSERT(s->n_cached <= n_pages(s->pages) * kPageTokens && s->n_cached <= s->length(),
                "sequence %lld claims more cached tokens than it can have", static_cast<long long>(s->order));
        count(s->pages);
    };
    for (const Sequence* s : running_)
        visit(s, true);
    for (const Sequence* s : waiting_)
        visit(s, false);
    for (const Prompt* prompt : prompts_) {
        TBRM_ASSERT(n_pages(prompt->pages) == pages_for(prompt->length()), "a kept prompt does not have its pages");
        TBRM_ASSERT(n_without_pages(*prompt, nullptr) > 0, "a prompt is kept that nobody will read");
        count(prompt->pages);
    }
    int64_t n_free = 0;
    for (int64_t page = 0; page < pool_.size(); ++page) {
        TBRM_ASSERT(held[static_cast<size_t>(page)] == pool_.references(page),
                "page %lld has %d references and %d holders", static_cast<long long>(page), pool_.references(page),
                held[static_cast<size_t>(page)]);
        n_free += pool_.references(page) == 0 ? 1 : 0;
    }
    TBRM_ASSERT(n_free == pool_.n_free(), "%lld pages are free, the pool counts %lld", static_cast<long long>(n_free),
            static_cast<long long>(pool_.n_free()));
}

}  // namespace tbrm
