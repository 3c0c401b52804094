#pragma once
// refusal.hpp - checks that a call of the contract is refused, with the status and the words that its caller can act on.
#include <tbrm/tbrm.h>

#include <functional>
#include <string>

#include "testing.hpp"

namespace tbrm {
namespace testing {

// The message of a call that is refused with the expected status; anything else is told apart.
inline std::string refusal(tbrm_status_t expected, const std::function<tbrm_status_t(tbrm_error_t*)>& call) {
    tbrm_error_t err{};
    const tbrm_status_t status = call(&err);
    return status == expected ? err.message : format("status %d: %s", status, err.message);
}

}  // namespace testing
}  // namespace tbrm

// `call` names its last argument err; `says` is a part of the message.
#define CHECK_REFUSED(status, call, says)                                                                     \
    do {                                                                                                      \
        const std::string found_ = ::tbrm::testing::refusal(status, [&](tbrm_error_t* err) { return call; }); \
        CHECK_MSG(found_.find(says) != std::string::npos, "expected '%s', found '%s'", says, found_.c_str()); \
    } while (0)
