#pragma once
// block_cache.hpp - freed blocks of host memory that wait for the next request of their size. A step asks for the same blocks again and
// again; from the system each would come as untouched pages, whose first use costs more than the work that it holds.
#include <cstdint>
#include <mutex>
#include <vector>

namespace tbrm {

class BlockCache {
public:
    // Smaller blocks are malloc's business; larger ones are held by their owners from step to step.
    static constexpr int64_t kSmallest = int64_t{32} << 10, kLargest = int64_t{16} << 20;
    static constexpr int64_t kMost = int64_t{64} << 20;  // bytes that wait at any time

    // Bytes to allocate for a request: at most an eighth more, so that requests of about one size share blocks. Unchanged where the cache
    // does not serve.
    static int64_t size_class(int64_t bytes);

    // A block of size_class(bytes), or null.
    void* take(int64_t bytes) noexcept;
    // Whether the block (of size_class(bytes)) is kept; otherwise its memory is still the caller's to free.
    bool give(void* block, int64_t bytes) noexcept;
    // Hands every waiting block to free_block.
    void drain(void (*free_block)(void*)) noexcept;

    int64_t waiting_bytes() const noexcept;

private:
    struct Block {
        void* data;
        int64_t bytes;
    };
    static bool serves(int64_t bytes) { return bytes >= kSmallest && bytes <= kLargest; }

    mutable std::mutex mutex_;
    std::vector<Block> blocks_;  // the last given is at the end: its lines may still be in a cache
    int64_t waiting_ = 0;
};

}  // namespace tbrm
