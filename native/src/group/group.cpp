#include "group/group.hpp"

#include <algorithm>
#include <chrono>

#include "core/parallel.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

constexpr int64_t kBlock = 1024;         // numbers that are summed in the first-level cache
constexpr int64_t kShardAlignment = 16;  // a cache line: no two ranks write one

// The part of n numbers that a rank sums: [begin_of(rank), begin_of(rank + 1)).
int64_t shard_begin(int64_t n, int64_t rank, int64_t n_ranks) {
    return rank >= n_ranks ? n : n * rank / n_ranks / kShardAlignment * kShardAlignment;
}

}  // namespace

void sum_in_order(const std::vector<const float*>& sources, int64_t first, int64_t end, float* dst) {
    parallel_for(ceil_div(end - first, kBlock), (end - first) * static_cast<int64_t>(sources.size()), [&](int64_t b) {
        const int64_t begin = first + b * kBlock, n = std::min(kBlock, end - begin);
        float sums[kBlock];
        std::copy_n(sources[0] + begin, n, sums);
        for (size_t r = 1; r < sources.size(); ++r) {
            const float* source = sources[r] + begin;
            for (int64_t i = 0; i < n; ++i)
                sums[i] += source[i];
        }
        std::copy_n(sums, n, dst + begin);
    });
}

Group::Group(int32_t n_ranks, double timeout_s) : ranks_(static_cast<size_t>(n_ranks)), timeout_s_(timeout_s) {
    for (Rank& rank : ranks_) {
        rank.phase = "start";
        rank.since = Clock::now();
    }
}

void Group::fail(const std::string& why) {
    if (failure_.empty()) failure_ = why;
    changed_.notify_all();
}

// The ranks that are not in `phase`: where they last were, and for how long.
std::string Group::missing(const char* phase) const {
    std::string text;
    for (size_t r = 0; r < ranks_.size(); ++r) {
        if (ranks_[r].is_waiting) continue;
        const double since = std::chrono::duration<double>(Clock::now() - ranks_[r].since).count();
        text += format("%srank %zu of %zu did not come to '%s' within %.1f s (it left '%s' %.1f s ago)",
                text.empty() ? "" : "; ", r, ranks_.size(), phase, timeout_s_, ranks_[r].phase.c_str(), since);
    }
    return text;
}

void Group::meet(int32_t rank, const char* phase) {
    std::unique_lock<std::mutex> lock(mutex_);
    Rank& self = ranks_[static_cast<size_t>(rank)];
    if (!failure_.empty()) TBRM_FAIL(TBRM_STATUS_GROUP, "%s", failure_.c_str());
    for (size_t r = 0; r < ranks_.size(); ++r) {
        if (ranks_[r].is_waiting && ranks_[r].phase != phase)
            fail(format("rank %d came to '%s' while rank %zu waits in '%s': the ranks do not make the same calls", rank,
                    phase, r, ranks_[r].phase.c_str()));
    }
    if (!failure_.empty()) TBRM_FAIL(TBRM_STATUS_GROUP, "%s", failure_.c_str());
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
    if (!changed_.wait_for(lock, std::chrono::duration<double>(timeout_s_), over)) fail(missing(phase));
    if (meetings_ == meeting) TBRM_FAIL(TBRM_STATUS_GROUP, "%s", failure_.c_str());
}

void Group::abort(int32_t rank, const std::string& why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Rank& self = ranks_[static_cast<size_t>(rank)];
    fail(format("rank %d of %zu stopped after '%s': %s", rank, ranks_.size(), self.phase.c_str(), why.c_str()));
}

void Group::sum(int32_t rank, int64_t n, double* values) {
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

// Gradients where the host can add them: in place on a host, in copies of a device's.
struct Group::Staged {
    std::vector<HostBuffer<float>> copies;
};

void Group::sum_gradients(int32_t rank, Model& model) {
    TBRM_REQUIRE(model.trains(), "the model is frozen (trainable = 0): it has no gradients");
    model.require_no_kept_forward("a sum of gradients over ranks");
    Device& device = model.device();
    Rank& self = ranks_[static_cast<size_t>(rank)];
    const MemoryScope scope(model.owner(), MemoryUse::Gradients);
    Staged staged;
    self.kind = device.kind();
    self.arrays.clear();
    for (const auto& parameter : model.parameters()) {
        if (!parameter->trainable()) continue;
        float* data = parameter->gradient();
        const int64_t n = parameter->layout_elements();
        if (!device.is_host()) {
            staged.copies.emplace_back(n);
            device.download(staged.copies.back().data(), data, n * 4);
            data = staged.copies.back().data();
        }
        self.arrays.push_back({data, n});
    }
    meet(rank, "gradients");
    require_equal_arrays(rank);
    sum_own_shards(rank);
    meet(rank, "sums of gradients");
    take_other_shards(rank);
    if (!device.is_host()) {
        size_t next = 0;
        for (const auto& parameter : model.parameters()) {
            if (!parameter->trainable()) continue;
            device.upload(parameter->gradient(), self.arrays[next].data, self.arrays[next].n * 4);
            ++next;
        }
        device.synchronize();
    }
    // Before anybody changes what another still reads.
    meet(rank, "end of gradients");
}

void Group::require_equal_arrays(int32_t rank) const {
    const Rank& self = ranks_[static_cast<size_t>(rank)];
    for (size_t r = 0; r < ranks_.size(); ++r) {
        const Rank& other = ranks_[r];
        TBRM_REQUIRE(other.kind == self.kind, "rank %zu has a device of kind %d, rank %d one of kind %d", r, other.kind,
                rank, self.kind);
        const bool equal = std::equal(other.arrays.begin(), other.arrays.end(), self.arrays.begin(), self.arrays.end(),
                [](const Array& a, const Array& b) { return a.n == b.n; });
        TBRM_REQUIRE(equal, "rank %zu trains a model of another shape than rank %d", r, rank);
    }
}

// Only this rank reads its shards of the others' arrays now, and only it writes its own.
void Group::sum_own_shards(int32_t rank) {
    const std::vector<Array>& own = ranks_[static_cast<size_t>(rank)].arrays;
    std::vector<const float*> sources(ranks_.size());
    for (size_t a = 0; a < own.size(); ++a) {
        for (size_t r = 0; r < ranks_.size(); ++r)
            sources[r] = ranks_[r].arrays[a].data;
        sum_in_order(
                sources, shard_begin(own[a].n, rank, size()), shard_begin(own[a].n, rank + 1, size()), own[a].data);
    }
}

void Group::take_other_shards(int32_t rank) {
    const std::vector<Array>& own = ranks_[static_cast<size_t>(rank)].arrays;
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
