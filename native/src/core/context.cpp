#include "core/context.hpp"

#include <atomic>

#include "device/device.hpp"

namespace tbrm {
namespace {
std::atomic<int64_t> g_live{0};
}

LiveObject::LiveObject() noexcept {
    g_live.fetch_add(1);
}

LiveObject::~LiveObject() {
    g_live.fetch_sub(1);
}

int64_t LiveObject::count() noexcept {
    return g_live.load();
}

Context::Context() = default;
Context::~Context() = default;

}  // namespace tbrm
