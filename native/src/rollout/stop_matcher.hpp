#pragma once
// stop_matcher.hpp - finds stop strings in a stream of bytes that arrives token by token (Aho-Corasick, dense transitions).
#include <cstdint>
#include <string>
#include <vector>

namespace tbrm {

// One automaton serves all samples of a prompt; each keeps its own state, 0 at the start of the response.
class StopMatcher {
public:
    // Empty strings are refused (INVALID_ARGUMENT).
    explicit StopMatcher(const std::vector<std::string>& strings);

    // Moves `state` over n bytes; true when some string ends within them.
    bool feed(int32_t& state, const uint8_t* bytes, int64_t n) const;

private:
    void add(const std::string& text);
    void link();

    std::vector<int32_t> next_;   // [state][byte]
    std::vector<uint8_t> final_;  // [state] a string ends here
};

}  // namespace tbrm
