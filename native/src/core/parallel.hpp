#pragma once
// parallel.hpp - loops over threads. Work is cut by index, never by thread count, wherever a sum crosses the cut: so that results do
// not depend on the number of threads.
#include <cstdint>
#include <exception>
#include <type_traits>

#if defined(TBRM_PLAIN_THREADS)
#include <atomic>
#include <mutex>

#include "core/plain_threads.hpp"
#elif defined(_OPENMP)
#include <omp.h>
#endif

namespace tbrm {

inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

// Threads of the loops that this thread starts.
inline int max_threads() {
#if defined(TBRM_PLAIN_THREADS)
    return plain::thread_state().max_threads;
#elif defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

inline void set_max_threads(int n) {
#if defined(TBRM_PLAIN_THREADS)
    plain::thread_state().max_threads = n;
#elif defined(_OPENMP)
    omp_set_dynamic(0);
    omp_set_num_threads(n);
#else
    (void)n;
#endif
}

inline int thread_index() {
#if defined(TBRM_PLAIN_THREADS)
    return plain::thread_state().index;
#elif defined(_OPENMP)
    return omp_get_thread_num();
#else
    return 0;
#endif
}

inline bool in_parallel() {
#if defined(TBRM_PLAIN_THREADS)
    return plain::thread_state().in_parallel;
#elif defined(_OPENMP)
    return omp_in_parallel();
#else
    return false;
#endif
}

namespace detail {

// Below about 16k elementary operations, and inside a parallel region, a loop stays on this thread.
inline bool is_worth_threads(int64_t n, int64_t n_work_items) {
    return n > 1 && n_work_items >= 16384 && max_threads() > 1 && !in_parallel();
}

// Runs bodies and carries their exceptions out of a parallel region: the first one to arrive.
template <class Body>
class Guarded {
public:
    explicit Guarded(Body& body) : body_(body) {}

    void operator()(int64_t i) noexcept {
        try {
            body_(i);
        } catch (...) {
#if defined(TBRM_PLAIN_THREADS)
            const std::lock_guard<std::mutex> lock(mutex_);
#elif defined(_OPENMP)
#pragma omp critical(tbrm_parallel_failure)
#endif
            if (!failure_) failure_ = std::current_exception();
        }
    }

    void rethrow() const {
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    Body& body_;
    std::exception_ptr failure_;
#if defined(TBRM_PLAIN_THREADS)
    std::mutex mutex_;
#endif
};

template <class Body>
void serial_for(int64_t n, Body& body) {
    for (int64_t i = 0; i < n; ++i)
        body(i);
}

}  // namespace detail

// body(i) for i in [0, n), in contiguous shares per thread. An exception of a body ends the loop after the other bodies.
// n_work_items: cost hint, in elementary operations of the whole loop.
template <class Body>
void parallel_for(int64_t n, int64_t n_work_items, Body&& body) {
    if (!detail::is_worth_threads(n, n_work_items)) return detail::serial_for(n, body);
    detail::Guarded<std::remove_reference_t<Body>> guarded(body);
#if defined(TBRM_PLAIN_THREADS)
    const int n_threads = max_threads();
    plain::run_threads([&](int thread) {
        for (int64_t i = n * thread / n_threads; i < n * (thread + 1) / n_threads; ++i)
            guarded(i);
    });
#else
#if defined(_OPENMP)
#pragma omp parallel for schedule(static)
#endif
    for (int64_t i = 0; i < n; ++i)
        guarded(i);
#endif
    guarded.rethrow();
}

// As parallel_for, but each thread takes the next index when it is free: for items of unequal cost. Items must not share sums.
template <class Body>
void parallel_for_dynamic(int64_t n, int64_t n_work_items, Body&& body) {
    if (!detail::is_worth_threads(n, n_work_items)) return detail::serial_for(n, body);
    detail::Guarded<std::remove_reference_t<Body>> guarded(body);
#if defined(TBRM_PLAIN_THREADS)
    std::atomic<int64_t> next{0};
    plain::run_threads([&](int) {
        for (int64_t i = next++; i < n; i = next++)
            guarded(i);
    });
#else
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic, 1)
#endif
    for (int64_t i = 0; i < n; ++i)
        guarded(i);
#endif
    guarded.rethrow();
}

}  // namespace tbrm
