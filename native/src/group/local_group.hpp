#pragma once
// local_group.hpp - ranks as threads of this process: they read each other's memory.
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "group/group.hpp"

namespace tbrm {

class LocalGroup final : public Group {
public:
    // timeout_s: how long a rank waits for the others before it gives them up.
    LocalGroup(int32_t n_ranks, double timeout_s);

    int32_t size() const override { return static_cast<int32_t>(ranks_.size()); }
    void meet(int32_t rank, const char* phase) override;
    void abort(int32_t rank, int32_t code, const std::string& why) override;
    void sum(int32_t rank, int64_t n, double* values) override;
    void sum_gradients(int32_t rank, Model& model) override;

private:
    using Clock = std::chrono::steady_clock;
    struct Rank {
        std::string phase;  // where it waits, or last was
        bool is_waiting = false;
        Clock::time_point since;
        // What the others may read between two meetings.
        tbrm_device_kind_t kind{};
        std::vector<GradientArray> arrays;
        std::vector<double> numbers;
    };

    void fail(int32_t code, const std::string& why);  // under the lock
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
    int32_t code_ = 0;
};

}  // namespace tbrm
