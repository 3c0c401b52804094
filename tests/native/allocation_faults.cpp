// allocation_faults.cpp - the replaced allocation functions. aligned_alloc comes here through the linker's --wrap.
#include "allocation_faults.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> g_counted{false}, g_failed{false};
std::atomic<int64_t> g_left{0};  // allocations up to the one that fails
std::atomic<int64_t> g_live{0};

bool fails() noexcept {
    if (!g_counted || g_left.fetch_sub(1) != 1) return false;
    g_failed = true;
    return true;
}

void* allocate_or_null(std::size_t bytes) noexcept {
    void* const block = fails() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
    if (block != nullptr) g_live.fetch_add(1);
    return block;
}

void* allocate(std::size_t bytes) {
    void* const block = allocate_or_null(bytes);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void release(void* block) noexcept {
    if (block == nullptr) return;
    g_live.fetch_sub(1);
    std::free(block);
}

}  // namespace

void* operator new(std::size_t bytes) {
    return allocate(bytes);
}
void* operator new[](std::size_t bytes) {
    return allocate(bytes);
}
// The address sanitizer has a nothrow form of its own, whose blocks must not reach free.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes);
}
void operator delete(void* block) noexcept {
    release(block);
}
void operator delete[](void* block) noexcept {
    release(block);
}
void operator delete(void* block, std::size_t) noexcept {
    release(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    release(block);
}

extern "C" {
void* __real_aligned_alloc(std::size_t alignment, std::size_t bytes);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes);

void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes) {
    return fails() ? nullptr : __real_aligned_alloc(alignment, bytes);
}
}

namespace tbrm::testing {

void fail_allocation(int64_t n) {
    g_failed = false;
    g_left = n;
}

bool allocation_failed() {
    return g_failed;
}

CountedAllocations::CountedAllocations() {
    g_counted = true;
}

CountedAllocations::~CountedAllocations() {
    g_counted = false;
}

int64_t live_blocks() {
    return g_live;
}

}  // namespace tbrm::testing
