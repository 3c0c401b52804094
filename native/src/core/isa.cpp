#include "core/isa.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace tbrm {
namespace {

constexpr const char* kNames[] = {"scalar", "avx2", "avx512", "avx512bf16"};

Isa detect() {
#if defined(__x86_64__) && defined(__GNUC__)
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
