#pragma once
// peak.hpp - what this machine can do at the moment of the measurement: multiply-add rate of the active instruction set, and read
// bandwidth. The machine may be shared, so a benchmark measures these between its own repetitions and reports ratios.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <vector>

#include "core/dtype.hpp"
#include "core/isa.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tbrm::bench {

enum class Clock { Wall, Cpu };

// What seconds() reads. Cpu: this process's processor time over its threads, for one thread on a machine that others use too.
inline Clock& active_clock() {
    static Clock clock = Clock::Wall;
    return clock;
}

inline double seconds() {
    if (active_clock() == Clock::Cpu) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC / max_threads();
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Shortest of `repeats` runs.
template <class Body>
double best_seconds(int repeats, Body&& body) {
    double best = 1e30;
    for (int i = 0; i < repeats; ++i) {
        const double start = seconds();
        body();
        best = std::min(best, seconds() - start);
    }
    return best;
}

#if defined(__x86_64__)

// `rounds` times twelve independent chains of one multiply-add each; returns floating-point operations per round.
__attribute__((target("avx2,fma"))) inline int64_t burn_avx2(int64_t rounds, float* sink) {
    __m256 sum[12], x = _mm256_set1_ps(*sink);
    for (__m256& s : sum)
        s = x;
    for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
        for (int j = 0; j < 12; ++j)
            sum[j] = _mm256_fmadd_ps(x, x, sum[j]);
        asm volatile("" : "+x"(x));
    }
    for (int j = 1; j < 12; ++j)
        sum[0] = _mm256_add_ps(sum[0], sum[j]);
    *sink = _mm256_cvtss_f32(sum[0]) * 1e-30f;
    return 12 * 16;
}

__attribute__((target("avx512f"))) inline int64_t burn_avx512(int64_t rounds, float* sink) {
    __m512 sum[24], x = _mm512_set1_ps(*sink);
    for (__m512& s : sum)
        s = x;
    for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
        for (int j = 0; j < 24; ++j)
            sum[j] = _mm512_fmadd_ps(x, x, sum[j]);
        asm volatile("" : "+v"(x));
    }
    for (int j = 1; j < 24; ++j)
        sum[0] = _mm512_add_ps(sum[0], sum[j]);
    *sink = _mm512_cvtss_f32(sum[0]) * 1e-30f;
    return 24 * 32;
}

__attribute__((target("avx512f,avx512bf16"))) inline int64_t burn_avx512bf16(int64_t rounds, float* sink) {
    __m512 sum[24];
    for (__m512& s : sum)
        s = _mm512_set1_ps(*sink);
    __m512i x = _mm512_set1_epi32(0x3f803f80);
    for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
        for (int j = 0; j < 24; ++j)
            sum[j] = _mm512_dpbf16_ps(sum[j], (__m512bh)x, (__m512bh)x);
        asm volatile("" : "+v"(x));
    }
    for (int j = 1; j < 24; ++j)
        sum[0] = _mm512_add_ps(sum[0], sum[j]);
    *sink = _mm512_cvtss_f32(sum[0]) * 1e-30f;
    return 24 * 64;
}

#endif

// Multiply-add rate in GF/s on all threads, in about two milliseconds. 0 for the scalar instruction set.
inline double peak_gflops(Dtype dtype) {
#if defined(__x86_64__)
    const Isa isa = active_isa();
    int64_t (*burn)(int64_t, float*) = nullptr;
    if (isa == Isa::Avx512Bf16 && dtype == Dtype::Bf16)
        burn = burn_avx512bf16;
    else if (isa == Isa::Avx512Bf16 || isa == Isa::Avx512)
        burn = burn_avx512;
    else if (isa == Isa::Avx2)
        burn = burn_avx2;
    if (burn == nullptr) return 0;
    constexpr int64_t kRounds = 200000;
    const int threads = max_threads();
    std::vector<int64_t> flops(static_cast<size_t>(threads));
    const double time = best_seconds(3, [&] {
        parallel_for(threads, int64_t{1} << 20, [&](int64_t i) {
            float sink = 0.0f;
            flops[static_cast<size_t>(i)] = burn(kRounds, &sink);
        });
    });
    return static_cast<double>(flops[0] * kRounds * threads) / time * 1e-9;
#else
    (void)dtype;
    return 0;
#endif
}

// Read bandwidth of main memory in GB/s on all threads.
inline double peak_gbytes() {
    HostBuffer<uint64_t> buffer(int64_t{1} << 25);  // 256 MiB
    std::fill(buffer.begin(), buffer.end(), uint64_t{1});
    const int64_t threads = max_threads(), share = buffer.size() / threads / 64 * 64;
    std::vector<uint64_t> sums(static_cast<size_t>(threads));
    const double time = best_seconds(3, [&] {
        parallel_for(threads, buffer.size(), [&](int64_t i) {
            uint64_t sum[8] = {};
            const uint64_t* from = buffer.data() + i * share;
            for (int64_t at = 0; at < share; at += 8) {
                for (int j = 0; j < 8; ++j)
                    sum[j] += from[at + j];
            }
            sums[static_cast<size_t>(i)] = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
        });
    });
    volatile uint64_t keep = sums[0];
    (void)keep;
    return static_cast<double>(share * threads * 8) / time * 1e-9;
}

}  // namespace tbrm::bench
