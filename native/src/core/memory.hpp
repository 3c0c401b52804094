#pragma once
// memory.hpp - host memory that is counted. Everything of a size that depends on the model or on the batch is allocated here, so that
// tbrm_context_memory tells the truth.
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "core/guard.hpp"

namespace tbrm {

// Whose memory it is, and what for: tbrm_memory_owner_t and tbrm_memory_use_t.
enum class MemoryOwner : uint8_t { Library, Policy, Copy, Critic, kCount };
enum class MemoryUse : uint8_t {
    Other,
    Weights,
    Adapter,
    Masters,
    Gradients,
    Moments,
    KvPages,
    Activations,
    Head,
    Scratch,
    kCount
};

struct MemoryTag {
    MemoryOwner owner = MemoryOwner::Library;
    MemoryUse use = MemoryUse::Other;

    static constexpr int kUses = static_cast<int>(MemoryUse::kCount);
    static constexpr int kCount = static_cast<int>(MemoryOwner::kCount) * kUses;
    int index() const noexcept { return static_cast<int>(owner) * kUses + static_cast<int>(use); }
    // What this thread allocates now belongs to.
    static MemoryTag& current() noexcept;
};

// Until it ends, what this thread allocates is of that owner and use.
class MemoryScope {
public:
    explicit MemoryScope(MemoryUse use) noexcept : MemoryScope(MemoryTag::current().owner, use) {}
    MemoryScope(MemoryOwner owner, MemoryUse use) noexcept : before_(MemoryTag::current()) {
        MemoryTag::current() = {owner, use};
    }
    ~MemoryScope() { MemoryTag::current() = before_; }
    MemoryScope(const MemoryScope&) = delete;
    MemoryScope& operator=(const MemoryScope&) = delete;

private:
    MemoryTag before_;
};

// Bytes held now and at most, for one device. Shared by everything that allocates on it.
class MemoryCounter {
public:
    void add(int64_t bytes, MemoryTag tag) noexcept;
    void remove(int64_t bytes, MemoryTag tag) noexcept;
    int64_t in_use() const noexcept { return in_use_.load(std::memory_order_relaxed); }
    int64_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
    void reset_peak() noexcept;

    // By MemoryTag::index(): now, and what the peak was made of.
    using Parts = std::array<int64_t, MemoryTag::kCount>;
    Parts parts() const noexcept;
    Parts parts_at_peak() const noexcept;

private:
    void record_peak(int64_t now) noexcept;

    std::atomic<int64_t> in_use_{0};
    std::atomic<int64_t> peak_{0};
    std::array<std::atomic<int64_t>, MemoryTag::kCount> parts_{};
    mutable std::mutex mutex_;  // of what follows, and of a rising peak_
    Parts at_peak_{};
};

MemoryCounter& host_memory();

// Memory of the machine, or of the control group (container) that the process lives in when that is less. 0: unknown.
int64_t host_total_bytes();

// 64-byte aligned, uninitialised, counted in host_memory(), freed with the object. Movable. Throws OUT_OF_MEMORY naming the bytes.
template <class T>
class HostBuffer {
public:
    HostBuffer() = default;
    explicit HostBuffer(int64_t n) { resize(n); }
    HostBuffer(HostBuffer&& other) noexcept { swap(other); }
    HostBuffer& operator=(HostBuffer&& other) noexcept {
        HostBuffer(std::move(other)).swap(*this);
        return *this;
    }
    HostBuffer(const HostBuffer&) = delete;
    HostBuffer& operator=(const HostBuffer&) = delete;
    ~HostBuffer() { reset(); }

    // Drops the content; never shrinks the allocation below n.
    void resize(int64_t n);
    void reset() noexcept;
    void swap(HostBuffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(tag_, other.tag_);
    }
    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    int64_t size() const noexcept { return size_; }
    int64_t bytes() const noexcept { return size_ * static_cast<int64_t>(sizeof(T)); }
    T& operator[](int64_t i) noexcept { return data_[i]; }
    const T& operator[](int64_t i) const noexcept { return data_[i]; }
    T* begin() noexcept { return data_; }
    T* end() noexcept { return data_ + size_; }

private:
    T* data_ = nullptr;
    int64_t size_ = 0;
    int64_t capacity_ = 0;
    MemoryTag tag_;
};

// Raw pair behind HostBuffer.
void* host_allocate(int64_t bytes, MemoryTag tag);
void host_free(void* pointer, int64_t bytes, MemoryTag tag) noexcept;

// Freed blocks of middling size wait for the next request of their size (core/block_cache.hpp, at most 64 MiB); they are not counted as in
// use. trim gives them back to the system.
void trim_host_memory() noexcept;
int64_t host_waiting_bytes() noexcept;

template <class T>
void HostBuffer<T>::resize(int64_t n) {
    if (n > capacity_) {
        reset();
        data_ = static_cast<T*>(host_allocate(n * static_cast<int64_t>(sizeof(T)), MemoryTag::current()));
        tag_ = MemoryTag::current();
        capacity_ = n;
    }
    size_ = n;
}

template <class T>
void HostBuffer<T>::reset() noexcept {
    if (data_ != nullptr) host_free(data_, capacity_ * static_cast<int64_t>(sizeof(T)), tag_);
    data_ = nullptr;
    size_ = capacity_ = 0;
}

}  // namespace tbrm
