#pragma once
// group.hpp - ranks that make one step together, as threads of this process. What tbrm_group_t points to. Every sum over ranks is made here, in
// the order of the ranks, so its bits depend on their number alone (docs/adr/0011-ranks.md).
#include <tbrm/tbrm.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/context.hpp"
#include "core/memory.hpp"

namespace tbrm {

class Model;

class Group {
public:
    // timeout_s: how long a rank waits for the others before it gives them up.
    Group(int32_t n_ranks, double timeout_s);

    int32_t size() const { return static_cast<int32_t>(ranks_.size()); }

    // Returns when every rank has called it with the same phase. Throws GROUP naming the rank that did not come, that came with another phase,
    // or that left; after that every call throws the same.
    void meet(int32_t rank, const char* phase);

    // This rank will not come again. The first reason stands.
    void abort(int32_t rank, const std::string& why);

    // values[i] = sum over the ranks, on all of them.
    void sum(int32_t rank, int64_t n, double* values);

    // The gradients of all ranks' models = their sum. Models of one configuration, on devices of one kind.
    void sum_gradients(int32_t rank, Model& model);

private:
    using Clock = std::chrono::steady_clock;
    struct Array {
        float* data;
        int64_t n;
    };
    struct Rank {
        std::string phase;  // where it waits, or last was
        bool is_waiting = false;
        Clock::time_point since;
        // What the others may read between two meetings.
        tbrm_device_kind_t kind{};
        std::vector<Array> arrays;
        std::vector<double> numbers;
    };
    struct Staged;

    void fail(const std::string& why);  // under the lock
    std::string missing(const char* phase) const;
    void require_equal_arrays(int32_t rank) const;
    void sum_own_shards(int32_t rank);
    void take_other_shards(int32_t rank);

    std::vector<Rank> ranks_;
    double timeout_s_;
    std::mutex mutex_;
    std::condition_variable changed_;
    int32_t n_waiting_ = 0;
    int64_t meetings_ = 0;
    std::string failure_;  // empty: none
};

// dst[i] = ((sources[0][i] + sources[1][i]) + ...), i in [first, end). dst may be one of the sources.
void sum_in_order(const std::vector<const float*>& sources, int64_t first, int64_t end, float* dst);

}  // namespace tbrm

// One rank's end.
struct tbrm_group {
    std::shared_ptr<tbrm::Group> impl;
    int32_t rank;
    tbrm::LiveObject live;
};
