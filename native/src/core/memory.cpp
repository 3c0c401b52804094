#include "core/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/block_cache.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#elif defined(_WIN32)
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#include <windows.h>

#include <malloc.h>
#endif

namespace tbrm {
namespace {
constexpr int64_t kHugePage = int64_t{2} << 20;

#if defined(_WIN32)
void* aligned_block(int64_t alignment, int64_t bytes) {
    return _aligned_malloc(static_cast<size_t>(bytes), static_cast<size_t>(alignment));
}
void free_block(void* pointer) noexcept {
    _aligned_free(pointer);
}
#else
void* aligned_block(int64_t alignment, int64_t bytes) {
    return std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(bytes));
}
void free_block(void* pointer) noexcept {
    std::free(pointer);
}
#endif

// Null when the system has none.
void* fresh_block(int64_t bytes) {
    const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : 64;
    const int64_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* const pointer = aligned_block(alignment, rounded > 0 ? rounded : alignment);
#if defined(__linux__)
    // Weights and KV pages are read once per token, from all over: with 4 KiB pages every other line is a miss of the TLB too. Advice only.
    if (pointer != nullptr && alignment == kHugePage) madvise(pointer, static_cast<size_t>(rounded), MADV_HUGEPAGE);
#endif
    return pointer;
}

// Never destroyed: objects of static life may give blocks back after everything else has gone.
BlockCache& block_cache() {
    static BlockCache& cache = *new BlockCache();
    return cache;
}

// Under the address sanitizer a freed block must not be handed out again at once: its use after that would go unseen.
constexpr bool kReusesBlocks =
#if defined(__SANITIZE_ADDRESS__)
        false;
#else
        true;
#endif

}  // namespace

MemoryTag& MemoryTag::current() noexcept {
    thread_local MemoryTag tag;
    return tag;
}

void MemoryCounter::add(int64_t bytes, MemoryTag tag) noexcept {
    parts_[static_cast<size_t>(tag.index())].fetch_add(bytes, std::memory_order_relaxed);
    const int64_t now = in_use_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (now > peak()) record_peak(now);
}

void MemoryCounter::record_peak(int64_t now) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (now <= peak()) return;
    peak_.store(now, std::memory_order_relaxed);
    at_peak_ = parts();
}

void MemoryCounter::remove(int64_t bytes, MemoryTag tag) noexcept {
    parts_[static_cast<size_t>(tag.index())].fetch_sub(bytes, std::memory_order_relaxed);
    in_use_.fetch_sub(bytes, std::memory_order_relaxed);
}

void MemoryCounter::reset_peak() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    peak_.store(in_use(), std::memory_order_relaxed);
    at_peak_ = parts();
}

MemoryCounter::Parts MemoryCounter::parts() const noexcept {
    Parts now;
    for (size_t i = 0; i < now.size(); ++i)
        now[i] = parts_[i].load(std::memory_order_relaxed);
    return now;
}

MemoryCounter::Parts MemoryCounter::parts_at_peak() const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return at_peak_;
}

MemoryCounter& host_memory() {
    static MemoryCounter counter;
    return counter;
}

int64_t host_total_bytes() {
#if defined(__linux__)
    int64_t total = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
    // Version 2 and version 1 of control groups; "max" or a huge number stand for no limit.
    for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
        std::FILE* file = std::fopen(path, "r");
        if (file == nullptr) continue;
        long long limit = 0;
        if (std::fscanf(file, "%lld", &limit) == 1 && limit > 0) total = std::min<int64_t>(total, limit);
        std::fclose(file);
    }
    return total;
#elif defined(_WIN32)
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    return GlobalMemoryStatusEx(&status) ? static_cast<int64_t>(status.ullTotalPhys) : 0;
#else
    return 0;
#endif
}

void* host_allocate(int64_t bytes, MemoryTag tag) {
    TBRM_ASSERT(bytes >= 0, "asked for %lld bytes", static_cast<long long>(bytes));
    void* pointer = kReusesBlocks ? block_cache().take(bytes) : nullptr;
    if (pointer == nullptr) pointer = fresh_block(BlockCache::size_class(bytes));
    if (pointer == nullptr) {
        trim_host_memory();
        pointer = fresh_block(BlockCache::size_class(bytes));
    }
    if (pointer == nullptr) {
        TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY, "the host cannot give %lld bytes; this library holds %lld already",
                static_cast<long long>(bytes), static_cast<long long>(host_memory().in_use()));
    }
    host_memory().add(bytes, tag);
    return pointer;
}

void host_free(void* pointer, int64_t bytes, MemoryTag tag) noexcept {
    if (!kReusesBlocks || !block_cache().give(pointer, bytes)) free_block(pointer);
    host_memory().remove(bytes, tag);
}

void trim_host_memory() noexcept {
    block_cache().drain(free_block);
}

int64_t host_waiting_bytes() noexcept {
    return block_cache().waiting_bytes();
}

}  // namespace tbrm
