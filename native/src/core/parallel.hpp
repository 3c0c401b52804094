#pragma once
// parallel.hpp - loops over threads. Work is cut by index, never by thread count, wherever a sum crosses the cut: so that results do
// not depend on the number of threads.
#include <cstdint>
#include <exception>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace tbrm {

inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

inline int max_threads() {
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

inline int thread_index() {
#if defined(_OPENMP)
    return omp_get_thread_num();
#else
    return 0;
#endif
}

// body(i) for i in [0, n), in contiguous shares per thread. Exceptions of the body are carried out of the parallel region (the first
// one by index of arrival). n_work_items: cost hint; below about 16k elementary operations the loop stays on this thread.
template <class Body>
void parallel_for(int64_t n, int64_t n_work_items, Body&& body) {
#if defined(_OPENMP)
    if (n > 1 && n_work_items >= 16384 && max_threads() > 1 && !omp_in_parallel()) {
        std::exception_ptr failure;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < n; ++i) {
            try {
                body(i);
            } catch (...) {
#pragma omp critical(tbrm_parallel_failure)
                if (!failure) failure = std::current_exception();
            }
        }
        if (failure) std::rethrow_exception(failure);
        return;
    }
#endif
    for (int64_t i = 0; i < n; ++i)
        body(i);
}

// As parallel_for, but each thread takes the next index when it is free: for items of unequal cost. Items must not share sums.
template <class Body>
void parallel_for_dynamic(int64_t n, int64_t n_work_items, Body&& body) {
#if defined(_OPENMP)
    if (n > 1 && n_work_items >= 16384 && max_threads() > 1 && !omp_in_parallel()) {
        std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1)
        for (int64_t i = 0; i < n; ++i) {
            try {
                body(i);
            } catch (...) {
#pragma omp critical(tbrm_parallel_failure)
                if (!failure) failure = std::current_exception();
            }
        }
        if (failure) std::rethrow_exception(failure);
        return;
    }
#endif
    for (int64_t i = 0; i < n; ++i)
        body(i);
}

}  // namespace tbrm
