// sampler_scalar.cpp - the sampler's passes in portable C++, and the choice among the instruction sets.
#include "core/isa.hpp"
#include "rollout/sampler_simd.hpp"

namespace tbrm::cpu {
namespace {

struct Scalar {
    static constexpr int kLanes = 1;
    using F = float;
    using M = bool;
    using U = uint64_t;
    static F set(float x) { return x; }
    static F load(const float* p) { return *p; }
    static void store(float* p, F x) { *p = x; }
    static F sub(F a, F b) { return a - b; }
    static F mul(F a, F b) { return a * b; }
    static F div(F a, F b) { return a / b; }
    static F fma(F a, F b, F c) { return fmaf(a, b, c); }
    static F max(F a, F b) { return a > b ? a : b; }
    static F exponent(F shifted) {
        uint32_t bits;
        std::memcpy(&bits, &shifted, sizeof bits);
        bits = (bits << 23) + (static_cast<uint32_t>(127 + kMassBits) << 23);
        float scale;
        std::memcpy(&scale, &bits, sizeof scale);
        return scale;
    }
    static M none() { return false; }
    static M is_nan(F x) { return std::isnan(x); }
    static M greater(F a, F b) { return a > b; }
    static M equal(F a, F b) { return a == b; }
    static M at_least(F a, F b) { return a >= b; }
    static M ids_up_to(int32_t first, int32_t last) { return first <= last; }
    static M either(M a, M b) { return a || b; }
    static M both(M a, M b) { return a && b; }
    static bool any(M m) { return m; }
    static F keep(M m, F x) { return m ? x : 0.0f; }
    static U zero() { return 0; }
    static U add_masses(U sum, F x) { return sum + to_mass(x); }
    static uint64_t total(U sum) { return sum; }
};

}  // namespace

const SamplerKernels& sampler_kernels_scalar() {
    static constexpr SamplerKernels table = make_sampler_kernels<Scalar>();
    return table;
}

const SamplerKernels& sampler_kernels() {
#if defined(__x86_64__) || defined(_M_X64)
    switch (active_isa()) {
        case Isa::Avx512Bf16:
        case Isa::Avx512:
            return sampler_kernels_avx512();
        case Isa::Avx2:
            return sampler_kernels_avx2();
        case Isa::Scalar:
            break;
    }
#endif
    return sampler_kernels_scalar();
}

}  // namespace tbrm::cpu
