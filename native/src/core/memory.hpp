#pragma once
// memory.hpp - host memory that is counted. Everything of a size that depends on the model or on the batch is allocated here, so that
// tbrm_context_memory tells the truth.
#include <atomic>
#include <cstdint>
#include <utility>

#include "core/guard.hpp"

namespace tbrm {

// Bytes held now and at most, for one device. Shared by everything that allocates on it.
class MemoryCounter {
public:
    void add(int64_t bytes) noexcept;
    void remove(int64_t bytes) noexcept;
    int64_t in_use() const noexcept { return in_use_.load(std::memory_order_relaxed); }
    int64_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
    void reset_peak() noexcept { peak_.store(in_use(), std::memory_order_relaxed); }

private:
    std::atomic<int64_t> in_use_{0};
    std::atomic<int64_t> peak_{0};
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
};

// Raw pair behind HostBuffer.
void* host_allocate(int64_t bytes);
void host_free(void* pointer, int64_t bytes) noexcept;

// Freed blocks of middling size wait for the next request of their size (core/block_cache.hpp, at most 64 MiB); they are not counted as in
// use. trim gives them back to the system.
void trim_host_memory() noexcept;
int64_t host_waiting_bytes() noexcept;

template <class T>
void HostBuffer<T>::resize(int64_t n) {
    if (n > capacity_) {
        reset();
        data_ = static_cast<T*>(host_allocate(n * static_cast<int64_t>(sizeof(T))));
        capacity_ = n;
    }
    size_ = n;
}

template <class T>
void HostBuffer<T>::reset() noexcept {
    if (data_ != nullptr) host_free(data_, capacity_ * static_cast<int64_t>(sizeof(T)));
    data_ = nullptr;
    size_ = capacity_ = 0;
}

}  // namespace tbrm
