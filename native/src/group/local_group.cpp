#include "group/local_group.hpp"

#include <algorithm>

#include "core/guard.hpp"

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

void LocalGroup::throw_failure(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [&] { return n_reading_ == 0; });
    throw_group_failure(code_, failure_);
}

void LocalGroup::meet(int32_t rank, const char* phase) {
    meet(rank, phase, false);
}

void LocalGroup::meet_to_read(int32_t rank, const char* phase) {
    meet(rank, phase, true);
}

void LocalGroup::end_reading() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--n_reading_ == 0) changed_.notify_all();
}

void LocalGroup::meet(int32_t rank, const char* phase, bool to_read) {
    std::unique_lock<std::mutex> lock(mutex_);
    Rank& self = ranks_[static_cast<size_t>(rank)];
    if (!failure_.empty()) throw_failure(lock);
    for (size_t r = 0; r < ranks_.size(); ++r) {
        if (ranks_[r].is_waiting && ranks_[r].phase != phase)
            fail(kInternal,
                    format("rank %d came to '%s' while rank %zu waits in '%s': the ranks do not make the same calls",
                            rank, phase, r, ranks_[r].phase.c_str()));
    }
    if (!failure_.empty()) throw_failure(lock);
    self.phase = phase;
    self.is_waiting = true;
    self.since = Clock::now();
    const int64_t meeting = meetings_;
    if (++n_waiting_ == size()) {
        n_waiting_ = 0;
        if (to_read) n_reading_ = size();
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
    if (meetings_ == meeting) throw_failure(lock);
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

void LocalGroup::require_equal(int32_t rank, const std::vector<int64_t>& shape) {
    ranks_[static_cast<size_t>(rank)].shape = shape;
    meet(rank, "shapes");
    for (size_t r = 0; r < ranks_.size(); ++r) {
        if (ranks_[r].shape == shape) continue;
        TBRM_FAIL(TBRM_STATUS_INVALID_ARGUMENT,
                "rank %zu trains a model of another shape than rank %d, or on another kind of device", r, rank);
    }
    meet(rank, "end of shapes");
}

// Between the two meetings only this rank reads its ranges of the others' arrays, and only it writes its own.
void LocalGroup::reduce(int32_t rank, const std::vector<SharedSum>& arrays) {
    ranks_[static_cast<size_t>(rank)].sums = arrays;
    meet_to_read(rank, "gradients");
    std::vector<const float*> sources(ranks_.size());
    for (size_t a = 0; a < arrays.size(); ++a) {
        const Range own = arrays[a].of_rank[static_cast<size_t>(rank)];
        for (size_t r = 0; r < ranks_.size(); ++r)
            sources[r] = ranks_[r].sums[a].values;
        if (own.n > 0) sum_in_order(sources, own.first, own.end(), arrays[a].sums - own.first, arrays[a].add);
    }
    end_reading();
    // Before anybody changes what another still reads.
    meet(rank, "end of gradients");
}

void LocalGroup::gather(int32_t rank, const std::vector<SharedBytes>& arrays, bool first_only, const char* phase) {
    ranks_[static_cast<size_t>(rank)].arrays = arrays;
    meet_to_read(rank, phase);
    for (size_t a = 0; a < arrays.size() && (rank == 0 || !first_only); ++a) {
        for (size_t r = 0; r < ranks_.size(); ++r) {
            const Range range = arrays[a].of_rank[r];
            if (static_cast<int32_t>(r) == rank || range.n == 0) continue;
            std::copy_n(ranks_[r].arrays[a].data + range.first, range.n, arrays[a].data + range.first);
        }
    }
    end_reading();
    meet(rank, "end of what was gathered");
}

}  // namespace tbrm
