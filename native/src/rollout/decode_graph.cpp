#include "rollout/decode_graph.hpp"

#include <utility>

namespace tbrm {

void DecodeGraphs::run(Device& device, const std::function<Key()>& key, const std::function<void()>& step) {
    const auto known = graphs_.find(key());
    if (known != graphs_.end()) return known->second->launch();
    step();
    if (graphs_.size() >= kMost) graphs_.clear();
    std::unique_ptr<DeviceGraph> graph = device.record(step);
    if (graph != nullptr) graphs_.emplace(key(), std::move(graph));
}

}  // namespace tbrm
