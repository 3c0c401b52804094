#include "core/isa.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace tbrm {
namespace {

constexpr const char* kNames[] = {"scalar", "avx2", "avx512", "avx512bf16"};

Isa detect() {
#if defined(_MSC_VER) && defined(_M_X64) && !defined(__clang__)
    // Leaf 7's bits, and what the operating system saves of the registers (XCR0).
    int leaf1[4], leaf7[4], leaf7_1[4];
    __cpuid(leaf1, 1);
    __cpuidex(leaf7, 7, 0);
    __cpuidex(leaf7_1, 7, 1);
    const auto bit = [](int word, int at) { return ((static_cast<unsigned>(word) >> at) & 1u) != 0; };
    const unsigned long long saved = bit(leaf1[2], 27) ? _xgetbv(0) : 0;
    const bool avx2 = bit(leaf7[1], 5) && bit(leaf1[2], 12) && (saved & 0x6) == 0x6;
    const bool avx512 = avx2 && bit(leaf7[1], 16) && bit(leaf7[1], 17) && bit(leaf7[1], 30) && bit(leaf7[1], 31) &&
                        (saved & 0xe6) == 0xe6;
    if (avx512 && bit(leaf7_1[0], 5)) return Isa::Avx512Bf16;
    if (avx512) return Isa::Avx512;
    if (avx2) return Isa::Avx2;
#elif defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (avx512 && __builtin_cpu_supports("avx512bf16")) return Isa::Avx512Bf16;
    if (avx512) return Isa::Avx512;
    if (avx2) return Isa::Avx2;
#endif
    return Isa::Scalar;
}

Isa from_environment() {
    const Isa best = best_isa();
    const char* asked = std::getenv("TBRM_ISA");
    if (asked == nullptr) return best;
    for (int i = 0; i <= static_cast<int>(best); ++i) {
        if (std::strcmp(asked, kNames[i]) == 0) return static_cast<Isa>(i);
    }
    return best;
}

std::atomic<int>& active() {
    static std::atomic<int> isa{static_cast<int>(from_environment())};
    return isa;
}

}  // namespace

Isa best_isa() {
    static const Isa isa = detect();
    return isa;
}

Isa active_isa() {
    return static_cast<Isa>(active().load(std::memory_order_relaxed));
}

Isa override_isa(Isa isa) {
    const Isa allowed = isa < best_isa() ? isa : best_isa();
    return static_cast<Isa>(active().exchange(static_cast<int>(allowed)));
}

const char* isa_name(Isa isa) {
    return kNames[static_cast<int>(isa)];
}

}  // namespace tbrm
