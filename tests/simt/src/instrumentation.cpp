// instrumentation.cpp - the calls that files compiled with -fsanitize=thread make, and the atomics of kernels. The compiler's part of that
// sanitizer alone is used; its library is not linked.
#include "engine.hpp"

namespace simt {

template <class T>
T atomic_add(T* p, T value) {
    access(p, sizeof(T), Access::Atomic, __builtin_return_address(0));
    T before = *p;
    if constexpr (std::is_integral_v<T>) {
        return __atomic_fetch_add(p, value, __ATOMIC_RELAXED);
    } else {
        T after;
        do
            after = before + value;
        while (!__atomic_compare_exchange(p, &before, &after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
        return before;
    }
}
template <class T>
T atomic_max(T* p, T value) {
    access(p, sizeof(T), Access::Atomic, __builtin_return_address(0));
    T before = *p;
    while (before < value &&
            !__atomic_compare_exchange_n(p, &before, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return before;
}
template <class T>
T atomic_exchange(T* p, T value) {
    access(p, sizeof(T), Access::Atomic, __builtin_return_address(0));
    return __atomic_exchange_n(p, value, __ATOMIC_RELAXED);
}
template <class T>
T atomic_cas(T* p, T expected, T value) {
    access(p, sizeof(T), Access::Atomic, __builtin_return_address(0));
    __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
template unsigned long long atomic_add(unsigned long long*, unsigned long long);
template unsigned atomic_add(unsigned*, unsigned);
template int atomic_add(int*, int);
template float atomic_add(float*, float);
template int atomic_max(int*, int);
template unsigned atomic_exchange(unsigned*, unsigned);
template unsigned atomic_cas(unsigned*, unsigned, unsigned);

}  // namespace simt

// ---- the calls that -fsanitize=thread makes

#define SIMT_PC __builtin_return_address(0)
#define SIMT_SIZE(n)                                      \
    extern "C" void __tsan_read##n(void* p) {             \
        simt::access(p, n, simt::Access::Read, SIMT_PC);  \
    }                                                     \
    extern "C" void __tsan_write##n(void* p) {            \
        simt::access(p, n, simt::Access::Write, SIMT_PC); \
    }                                                     \
    extern "C" void __tsan_unaligned_read##n(void* p) {   \
        simt::access(p, n, simt::Access::Read, SIMT_PC);  \
    }                                                     \
    extern "C" void __tsan_unaligned_write##n(void* p) {  \
        simt::access(p, n, simt::Access::Write, SIMT_PC); \
    }                                                     \
    extern "C" void __tsan_volatile_read##n(void* p) {    \
        simt::access(p, n, simt::Access::Read, SIMT_PC);  \
    }                                                     \
    extern "C" void __tsan_volatile_write##n(void* p) {   \
        simt::access(p, n, simt::Access::Write, SIMT_PC); \
    }
SIMT_SIZE(1)
SIMT_SIZE(2)
SIMT_SIZE(4)
SIMT_SIZE(8)
SIMT_SIZE(16)
extern "C" void __tsan_read_range(void* p, unsigned long n) {
    simt::access(p, n, simt::Access::Read, SIMT_PC);
}
extern "C" void __tsan_write_range(void* p, unsigned long n) {
    simt::access(p, n, simt::Access::Write, SIMT_PC);
}
// Called before main by every file that is compiled with it: without one, nothing is known of what kernels write.
extern "C" void __tsan_init() {
    simt::instrumented = true;
}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
extern "C" void __tsan_vptr_update(void**, void*) {}
extern "C" void __tsan_vptr_read(void**) {}
// Atomics of host code in rewritten files.
#define SIMT_ATOMIC(n, T)                                                                           \
    extern "C" T __tsan_atomic##n##_load(const volatile T* p, int) {                                \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                \
    }                                                                                               \
    extern "C" void __tsan_atomic##n##_store(volatile T* p, T v, int) {                             \
        __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                   \
    }                                                                                               \
    extern "C" T __tsan_atomic##n##_fetch_add(volatile T* p, T v, int) {                            \
        return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                          \
    }                                                                                               \
    extern "C" T __tsan_atomic##n##_fetch_sub(volatile T* p, T v, int) {                            \
        return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                          \
    }                                                                                               \
    extern "C" T __tsan_atomic##n##_exchange(volatile T* p, T v, int) {                             \
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                         \
    }                                                                                               \
    extern "C" int __tsan_atomic##n##_compare_exchange_strong(volatile T* p, T* e, T v, int, int) { \
        return __atomic_compare_exchange_n(p, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);     \
    }                                                                                               \
    extern "C" int __tsan_atomic##n##_compare_exchange_weak(volatile T* p, T* e, T v, int, int) {   \
        return __atomic_compare_exchange_n(p, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);     \
    }
SIMT_ATOMIC(8, unsigned char)
SIMT_ATOMIC(32, unsigned)
SIMT_ATOMIC(64, unsigned long)
