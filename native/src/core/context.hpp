#pragma once
// context.hpp - a device with its threads. What tbrm_context_t points to.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/guard.hpp"

namespace tbrm {

// Counts handles for tbrm_debug_live_objects.
struct LiveObject {
    LiveObject() noexcept;
    ~LiveObject();
    LiveObject(const LiveObject&) = delete;
    LiveObject& operator=(const LiveObject&) = delete;
    static int64_t count() noexcept;
};

class Device;

struct Context {
    std::unique_ptr<Device> device;
    Context();
    ~Context();
};

}  // namespace tbrm

// The handle: shared ownership, so that handles may be destroyed in any order.
struct tbrm_context {
    std::shared_ptr<tbrm::Context> impl;
    tbrm::LiveObject live;
};
