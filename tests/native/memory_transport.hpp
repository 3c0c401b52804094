#pragma once
// memory_transport.hpp - what a network does for the processes of a group, between threads of a test; and what it does when it fails.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "group/transport.hpp"

namespace tbrm::testing {

// The links of n processes. A link's bytes are read in the order in which they were written.
class MemoryNetwork {
public:
    explicit MemoryNetwork(int32_t n) : n_(n), links_(static_cast<size_t>(n * n)), ends_(static_cast<size_t>(n)) {}

    // The process is gone: what others wait for from it will not come.
    void cut(int32_t rank) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ends_[static_cast<size_t>(rank)].is_cut = true;
        changed_.notify_all();
    }
    // The process is stopped: its letters wait.
    void freeze(int32_t rank) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ends_[static_cast<size_t>(rank)].is_frozen = true;
    }

    void send(int32_t from, int32_t to, const void* data, int64_t n) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (ends_[static_cast<size_t>(to)].is_cut || ends_[static_cast<size_t>(from)].is_cut)
            throw std::runtime_error("closed by peer");
        if (ends_[static_cast<size_t>(from)].is_frozen) return;
        const auto* bytes = static_cast<const uint8_t*>(data);
        std::deque<uint8_t>& link = links_[static_cast<size_t>(from * n_ + to)];
        link.insert(link.end(), bytes, bytes + n);
        changed_.notify_all();
    }
    void receive(int32_t from, int32_t to, void* data, int64_t n) {
        std::unique_lock<std::mutex> lock(mutex_);
        std::deque<uint8_t>& link = links_[static_cast<size_t>(from * n_ + to)];
        const auto has_come = [&] { return static_cast<int64_t>(link.size()) >= n; };
        const auto is_over = [&] {
            return ends_[static_cast<size_t>(from)].is_cut || ends_[static_cast<size_t>(to)].is_cut ||
                   ends_[static_cast<size_t>(to)].is_stopped;
        };
        changed_.wait(lock, [&] { return has_come() || is_over(); });
        if (!has_come()) throw std::runtime_error("closed by peer");
        std::copy_n(link.begin(), n, static_cast<uint8_t*>(data));
        link.erase(link.begin(), link.begin() + n);
    }
    void stop(int32_t rank) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ends_[static_cast<size_t>(rank)].is_stopped = true;
        changed_.notify_all();
    }

private:
    struct End {
        bool is_cut = false, is_frozen = false, is_stopped = false;
    };
    int32_t n_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::deque<uint8_t>> links_;
    std::vector<End> ends_;
};

class MemoryTransport final : public Transport {
public:
    MemoryTransport(std::shared_ptr<MemoryNetwork> network, int32_t rank) : network_(std::move(network)), rank_(rank) {}
    void send(int32_t to, const void* data, int64_t n) override { network_->send(rank_, to, data, n); }
    void receive(int32_t from, void* data, int64_t n) override { network_->receive(from, rank_, data, n); }
    void stop() override { network_->stop(rank_); }

private:
    std::shared_ptr<MemoryNetwork> network_;
    int32_t rank_;
};

}  // namespace tbrm::testing
