#pragma once
// page_pool.hpp - which 64-token pages are free and how many hold each of the others. Accounting only; kv_cache.hpp has the memory.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tbrm {

class PagePool {
public:
    explicit PagePool(int64_t n_pages);

    int64_t size() const { return static_cast<int64_t>(references_.size()); }
    int64_t n_free() const { return n_free_; }
    int32_t references(int64_t page) const { return references_[static_cast<size_t>(page)]; }

    // The free page with the lowest id, held once. There must be one.
    int64_t acquire();
    // For tests: the n-th acquire from now on throws OUT_OF_MEMORY; 0: none does.
    void fail_acquire(int64_t n) { n_until_failure_ = n; }
    // One holder more of a page that is held.
    void share(int64_t page);
    // One holder less; the last one frees the page.
    void release(int64_t page);
    // Releases all of them and empties the list.
    void release_all(std::vector<int64_t>& pages);

private:
    std::vector<int32_t> references_;
    std::vector<uint64_t> free_bits_;
    size_t lowest_word_ = 0;  // no word before it has a free page
    int64_t n_free_;
    int64_t n_until_failure_ = 0;
};

}  // namespace tbrm
