#include "group/local_group.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

constexpr int32_t kInternal = 1;  // the exit code of a rank that gave none

}  // namespace

LocalGroup::LocalGroup(int32_t n_ranks, double timeout_s)
    : ranks_(static_cast<size_t>(n_ranks)), timeout_s_(timeout_s) {
    for (Rank& rank : ranks_) {
        rank.phase = "start";
        rank.since = Clock::now();
    }
}

void LocalGroup::fail(int32_t code, const std::string& why) {
    if (failure_.empty()) {
        failure_ = why;
        code_ = code;
    }
    changed_.notify_all();
}

// The ranks that are not in `phase`: where they last were, and for how long.
std::string LocalGroup::missing(const char* phase) const {
    std::string text;
    for (size_t r = 0; r < ranks_.size(); ++r) {
        if (ranks_[r].is_waiting) continue;
        const double since = std::chrono::duration<double>(Clock::now() - ranks_[r].since).count();
        text += format("%srank %zu of %zu did not come to '%s' within %.1f s (it left '%s' %.1f s ago)",
                text.empty() ? "" : "; ", r, ranks_.size(), phase, timeout_s_, ranks_[r].phase.c_str(), since);
    }
    return text;
}

void LocalGroup::meet(int32_t rank, const char* phase) {
    std::unique_lock<std::mutex> lock(mutex_);
    Rank& self = ranks_[static_cast<size_t>(rank)];
    if (!failure_.empty()) throw_group_failure(code_, failure_);
    for (size_t r = 0; r < ranks_.size(); ++r) {
        if (ranks_[r].is_waiting && ranks_[r].phase != phase)
            fail(kInternal,
                    format("rank %d came to '%s' while rank %zu waits in '%s': the ranks do not make the same calls",
                            rank, phase, r, ranks_[r].phase.c_str()));
    }
    if (!failure_.empty()) throw_group_failure(code_, failure_);
    self.phase = phase;
    self.is_waiting = true;
    self.since = Clock::now();
    const int64_t meeting = meetings_;
    if (++n_waiting_ == size()) {
        n_waiting_ = 0;
        ++meetings_;
        for (Rank& each : ranks_) {
            each.is_waiting = false;
            each.since = Clock::now();
        }
        changed_.notify_all();
        return;
    }
    const auto over = [&] { return meetings_ != meeting || !failure_.empty(); };
    if (!changed_.wait_for(lock, std::chrono::duration<double>(timeout_s_), over)) fail(kInternal, missing(phase));
    if (meetings_ == meeting) throw_group_failure(code_, failure_);
}

void LocalGroup::abort(int32_t rank, int32_t code, const std::string& why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Rank& self = ranks_[static_cast<size_t>(rank)];
    fail(code, format("rank %d of %zu stopped after '%s': %s", rank, ranks_.size(), self.phase.c_str(), why.c_str()));
}

void LocalGroup::sum(int32_t rank, int64_t n, double* values) {
    ranks_[static_cast<size_t>(rank)].numbers.assign(values, values + n);
    meet(rank, "sum of numbers");
    std::vector<double> sums(static_cast<size_t>(n));
    for (size_t r = 0; r < ranks_.size(); ++r) {
        TBRM_REQUIRE(static_cast<int64_t>(ranks_[r].numbers.size()) == n,
                "rank %zu gave %zu numbers, rank %d gives %lld", r, ranks_[r].numbers.size(), rank,
                static_cast<long long>(n));
        for (size_t i = 0; i < sums.size(); ++i)
            sums[i] = r == 0 ? ranks_[r].numbers[i] : sums[i] + ranks_[r].numbers[i];
    }
    meet(rank, "end of a sum of numbers");
    std::copy(sums.begin(), sums.end(), values);
}

void LocalGroup::sum_gradients(int32_t rank, Model& model) {
    HostGradients gradients(model);
    Rank& self = ranks_[static_cast<size_t>(rank)];
    self.kind = model.device().kind();
    self.arrays = gradients.arrays();
    meet(rank, "gradients");
    require_equal_arrays(rank);
    sum_own_shards(rank);
    meet(rank, "sums of gradients");
    take_other_shards(rank);
    gradients.store();
    // Before anybody changes what another still reads.
    meet(rank, "end of gradients");
}

void LocalGroup::require_equal_arrays(int32_t rank) const {
    const Rank& self = ranks_[static_cast<size_t>(rank)];
    for (size_t r = 0; r < ranks_.size(); ++r) {
        const Rank& other = ranks_[r];
        TBRM_REQUIRE(other.kind == self.kind, "rank %zu has a device of kind %d, rank %d one of kind %d", r, other.kind,
                rank, self.kind);
        const bool equal = std::equal(other.arrays.begin(), other.arrays.end(), self.arrays.begin(), self.arrays.end(),
                [](const GradientArray& a, const GradientArray& b) { return a.n == b.n; });
        TBRM_REQUIRE(equal, "rank %zu trains a model of another shape than rank %d", r, rank);
    }
}

// Only this rank reads its shards of the others' arrays now, and only it writes its own.
void LocalGroup::sum_own_shards(int32_t rank) {
    const std::vector<GradientArray>& own = ranks_[static_cast<size_t>(rank)].arrays;
    std::vector<const float*> sources(ranks_.size());
    for (size_t a = 0; a < own.size(); ++a) {
        for (size_t r = 0; r < ranks_.size(); ++r)
            sources[r] = ranks_[r].arrays[a].data;
        sum_in_order(
                sources, shard_begin(own[a].n, rank, size()), shard_begin(own[a].n, rank + 1, size()), own[a].data);
    }
}

void LocalGroup::take_other_shards(int32_t rank) {
    const std::vector<GradientArray>& own = ranks_[static_cast<size_t>(rank)].arrays;
    for (size_t a = 0; a < own.size(); ++a) {
        for (int32_t r = 0; r < size(); ++r) {
            if (r == rank) continue;
            const int64_t begin = shard_begin(own[a].n, r, size()), end = shard_begin(own[a].n, r + 1, size());
            std::copy(ranks_[static_cast<size_t>(r)].arrays[a].data + begin,
                    ranks_[static_cast<size_t>(r)].arrays[a].data + end, own[a].data + begin);
        }
    }
}

}  // namespace tbrm
