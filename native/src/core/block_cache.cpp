#include "core/block_cache.hpp"

namespace tbrm {

int64_t BlockCache::size_class(int64_t bytes) {
    if (!serves(bytes)) return bytes;
    int64_t step = kSmallest / 8;
    while (step * 16 < bytes)
        step *= 2;
    return (bytes + step - 1) / step * step;
}

void* BlockCache::take(int64_t bytes) noexcept {
    if (!serves(bytes)) return nullptr;
    const int64_t wanted = size_class(bytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = blocks_.size(); i-- > 0;) {
        if (blocks_[i].bytes != wanted) continue;
        void* const data = blocks_[i].data;
        blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
        waiting_ -= wanted;
        return data;
    }
    return nullptr;
}

bool BlockCache::give(void* block, int64_t bytes) noexcept {
    if (!serves(bytes)) return false;
    const int64_t size = size_class(bytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_ + size > kMost) return false;
    try {
        blocks_.push_back({block, size});
    } catch (...) {
        return false;  // no memory for the list itself
    }
    waiting_ += size;
    return true;
}

void BlockCache::drain(void (*free_block)(void*)) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Block& block : blocks_)
        free_block(block.data);
    blocks_.clear();
    waiting_ = 0;
}

int64_t BlockCache::waiting_bytes() const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return waiting_;
}

}  // namespace tbrm
