#pragma once
// allocation_faults.hpp - operator new and aligned_alloc of a test program, replaced (allocation_faults.cpp): a chosen allocation fails.
#include <cstdint>

namespace tbrm::testing {

// The n-th allocation that is counted from now on fails, on whatever thread it is made; 0: none does.
void fail_allocation(int64_t n);
// Whether that allocation has been reached.
bool allocation_failed();

// Allocations count while one of these lives.
class CountedAllocations {
public:
    CountedAllocations();
    ~CountedAllocations();
    CountedAllocations(const CountedAllocations&) = delete;
    CountedAllocations& operator=(const CountedAllocations&) = delete;
};

// Blocks of operator new that are not deleted.
int64_t live_blocks();

}  // namespace tbrm::testing
