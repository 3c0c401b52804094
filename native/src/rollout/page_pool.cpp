#include "rollout/page_pool.hpp"

#include <algorithm>

#include "core/guard.hpp"

namespace tbrm {
namespace {

constexpr size_t kWordBits = 64;

int lowest_set_bit(uint64_t word) {
    int bit = 0;
    while ((word >> bit & 1u) == 0)
        ++bit;
    return bit;
}

}  // namespace

PagePool::PagePool(int64_t n_pages)
    : references_(static_cast<size_t>(n_pages), 0),
      free_bits_((static_cast<size_t>(n_pages) + kWordBits - 1) / kWordBits, ~uint64_t{0}),
      n_free_(n_pages) {
    const size_t rest = static_cast<size_t>(n_pages) % kWordBits;
    if (rest != 0) free_bits_.back() = (uint64_t{1} << rest) - 1;
}

int64_t PagePool::acquire() {
    TBRM_ASSERT(n_free_ > 0, "the page pool of %lld pages is empty", static_cast<long long>(size()));
    if (n_until_failure_ > 0 && --n_until_failure_ == 0) TBRM_FAIL(TBRM_STATUS_OUT_OF_MEMORY, "a page was refused");
    while (free_bits_[lowest_word_] == 0)
        ++lowest_word_;
    const int bit = lowest_set_bit(free_bits_[lowest_word_]);
    free_bits_[lowest_word_] &= ~(uint64_t{1} << bit);
    const size_t page = lowest_word_ * kWordBits + static_cast<size_t>(bit);
    references_[page] = 1;
    --n_free_;
    return static_cast<int64_t>(page);
}

void PagePool::share(int64_t page) {
    TBRM_ASSERT(references(page) > 0, "page %lld is free and cannot be shared", static_cast<long long>(page));
    ++references_[static_cast<size_t>(page)];
}

void PagePool::release(int64_t page) {
    TBRM_ASSERT(references(page) > 0, "page %lld is released once too often", static_cast<long long>(page));
    if (--references_[static_cast<size_t>(page)] > 0) return;
    const size_t word = static_cast<size_t>(page) / kWordBits;
    free_bits_[word] |= uint64_t{1} << (static_cast<size_t>(page) % kWordBits);
    lowest_word_ = std::min(lowest_word_, word);
    ++n_free_;
}

void PagePool::release_all(std::vector<int64_t>& pages) {
    for (const int64_t page : pages)
        release(page);
    pages.clear();
}

}  // namespace tbrm
