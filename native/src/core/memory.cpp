#include "core/memory.hpp"

#include <cstdlib>

namespace tbrm {

void MemoryCounter::add(int64_t bytes) noexcept {
    const int64_t now = in_use_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t seen = peak_.load(std::memory_order_relaxed);
    while (now > seen && !peak_.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {}
}

void MemoryCounter::remove(int64_t bytes) noexcept {
    in_use_.fetch_sub(bytes, std::memory_order_relaxed);
}

MemoryCounter& host_memory() {
    static MemoryCounter counter;
    return counter;
}

void* host_allocate(int64_t bytes) {
    TBRM_ASSERT(bytes >= 0, "asked for %lld bytes", static_cast<long long>(bytes));
    constexpr int64_t kAlignment = 64;
    const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    void* pointer = std::aligned_alloc(kAlignment, static_cast<size_t>(rounded > 0 ? rounded : kAlignment));
    if (pointer == nullptr) {
        TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY, "the host cannot give %lld bytes; this library holds %lld already",
                static_cast<long long>(bytes), static_cast<long long>(host_memory().in_use()));
    }
    host_memory().add(bytes);
    return pointer;
}

void host_free(void* pointer, int64_t bytes) noexcept {
    std::free(pointer);
    host_memory().remove(bytes);
}

}  // namespace tbrm
