#include "rollout/stop_matcher.hpp"

#include "core/guard.hpp"

namespace tbrm {
namespace {
constexpr size_t kBytes = 256;
constexpr size_t kMaxStates = 1 << 16;  // 64 MiB of transitions
}  // namespace

StopMatcher::StopMatcher(const std::vector<std::string>& strings) : next_(kBytes, -1), final_(1, 0) {
    for (size_t i = 0; i < strings.size(); ++i) {
        TBRM_REQUIRE(!strings[i].empty(), "stop string %zu is empty", i);
        add(strings[i]);
    }
    link();
}

void StopMatcher::add(const std::string& text) {
    size_t state = 0;
    for (const char c : text) {
        const size_t edge = state * kBytes + static_cast<uint8_t>(c);
        if (next_[edge] < 0) {
            TBRM_REQUIRE(final_.size() < kMaxStates, "the stop strings together are longer than %zu bytes", kMaxStates);
            next_[edge] = static_cast<int32_t>(final_.size());
            next_.resize(next_.size() + kBytes, -1);
            final_.push_back(0);
        }
        state = static_cast<size_t>(next_[edge]);
    }
    final_[state] = 1;
}

// Breadth first: a missing edge becomes the edge of the longest proper suffix.
void StopMatcher::link() {
    std::vector<int32_t> suffix(final_.size(), 0);
    std::vector<int32_t> queue = {0};
    for (size_t head = 0; head < queue.size(); ++head) {
        const size_t state = static_cast<size_t>(queue[head]), fallback = static_cast<size_t>(suffix[state]);
        if (final_[fallback] != 0) final_[state] = 1;
        for (size_t byte = 0; byte < kBytes; ++byte) {
            int32_t& to = next_[state * kBytes + byte];
            const int32_t other = state == 0 ? 0 : next_[fallback * kBytes + byte];
            if (to < 0) {
                to = other;
            } else {
                suffix[static_cast<size_t>(to)] = other;
                queue.push_back(to);
            }
        }
    }
}

bool StopMatcher::feed(int32_t& state, const uint8_t* bytes, int64_t n) const {
    bool found = false;
    for (int64_t i = 0; i < n; ++i) {
        state = next_[static_cast<size_t>(state) * kBytes + bytes[i]];
        found = found || final_[static_cast<size_t>(state)] != 0;
    }
    return found;
}

}  // namespace tbrm
