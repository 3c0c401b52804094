#pragma once
// decode_graph.hpp - decode steps that are recorded on a device and launched again at once: a step of 28 layers is some 260 kernels, whose launches one
// by one take a host longer than the kernels take the device.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "device/device.hpp"

namespace tbrm {

// Rows that a step of n rows is padded to, so that few steps are recorded: 1, 2, 4, 8, 16, 24, ... but never more than `most`.
constexpr int64_t decode_bucket(int64_t n, int64_t most) {
    const int64_t bucket = n <= 2 ? n : n <= 4 ? 4 : (n + 7) / 8 * 8;
    return bucket < most ? bucket : most;
}

class DecodeGraphs {
public:
    // Everything that the calls of a step depend on, but for what lies in device memory: sizes, settings, addresses.
    using Key = std::vector<uint64_t>;

    // Makes the calls of `step`, by what was recorded of them where there is something. The first time they are made one by one, which allocates
    // whatever they need, and then recorded: under the key of now, since addresses may have changed.
    void run(Device& device, const std::function<Key()>& key, const std::function<void()>& step);
    void clear() { graphs_.clear(); }

private:
    static constexpr size_t kMost = 64;  // addresses that change step by step must not pile up graphs
    std::map<Key, std::unique_ptr<DeviceGraph>> graphs_;
};

}  // namespace tbrm
