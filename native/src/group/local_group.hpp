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
    void require_equal(int32_t rank, const std::vector<int64_t>& shape) override;
    void reduce(int32_t rank, const std::vector<SharedSum>& arrays) override;
    void gather(int32_t rank, const std::vector<SharedBytes>& arrays, bool first_only, const char* phase) override;

private:
    using Clock = std::chrono::steady_clock;
    struct Rank {
        std::string phase;  // where it waits, or last was
        bool is_waiting = false;
        Clock::time_point since;
        // What the others may read between two meetings.
        std::vector<SharedSum> sums;
        std::vector<SharedBytes> arrays;
        std::vector<double> numbers;
        std::vector<int64_t> shape;
    };

    // As meet(); from when all have come until each has said so, nobody throws: what it would free is being read.
    void meet_to_read(int32_t rank, const char* phase);
    void end_reading();
    void meet(int32_t rank, const char* phase, bool to_read);
    void fail(int32_t code, const std::string& why);  // under the lock
    [[noreturn]] void throw_failure(std::unique_lock<std::mutex>& lock);
    std::string missing(const char* phase) const;

    std::vector<Rank> ranks_;
    double timeout_s_;
    std::mutex mutex_;
    std::condition_variable changed_;
    int32_t n_waiting_ = 0;
    int32_t n_reading_ = 0;
    int64_t meetings_ = 0;
    std::string failure_;  // empty: none
    int32_t code_ = 0;
};

}  // namespace tbrm
