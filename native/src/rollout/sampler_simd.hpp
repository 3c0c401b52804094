#pragma once
// sampler_simd.hpp - the passes of sampler_kernels.hpp written once over a vector type; included by one file per instruction set.
// A vector type has: kLanes, F (floats), M (mask), U (mass accumulator) and the operations used below.
#include <cmath>
#include <cstdint>

#include "rollout/sampler_kernels.hpp"
#include "rollout/sampler_math.hpp"

namespace tbrm::cpu {
namespace {  // each file that includes this is compiled for its own instruction set

template <class V>
inline typename V::F scaled_exp_v(typename V::F x) {
    using F = typename V::F;
    x = V::max(x, V::set(mass::kLowest));
    const F shifted = V::fma(x, V::set(mass::kLog2E), V::set(mass::kRound));
    const F n = V::sub(shifted, V::set(mass::kRound));
    F r = V::fma(n, V::set(-mass::kLn2High), x);
    r = V::fma(n, V::set(-mass::kLn2Low), r);
    F p = V::fma(r, V::set(mass::kC7), V::set(mass::kC6));
    p = V::fma(r, p, V::set(mass::kC5));
    p = V::fma(r, p, V::set(mass::kC4));
    p = V::fma(r, p, V::set(mass::kC3));
    p = V::fma(r, p, V::set(mass::kC2));
    p = V::fma(r, p, V::set(1.0f));
    p = V::fma(r, p, V::set(1.0f));
    return V::mul(p, V::exponent(shifted));
}

inline bool kept(float z, float x, int32_t id, const Keep& keep) {
    return (z > keep.threshold || (z == keep.threshold && id <= keep.last_tie)) && x >= keep.lowest;
}

template <class V>
float max_pass(const float* x, int64_t n) {
    typename V::F best = V::set(-INFINITY);
    typename V::M nan = V::none();
    int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes) {
        const typename V::F value = V::load(x + i);
        nan = V::either(nan, V::is_nan(value));
        best = V::max(value, best);
    }
    float lanes[V::kLanes];
    V::store(lanes, best);
    bool any_nan = V::any(nan);
    float result = -INFINITY;
    for (float lane : lanes)
        result = lane > result ? lane : result;
    for (; i < n; ++i) {
        any_nan = any_nan || std::isnan(x[i]);
        result = x[i] > result ? x[i] : result;
    }
    return any_nan ? NAN : result;
}

template <class V>
void divide_pass(const float* x, int64_t n, float temperature, float* z) {
    int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes)
        V::store(z + i, V::div(V::load(x + i), V::set(temperature)));
    for (; i < n; ++i)
        z[i] = x[i] / temperature;
}

template <class V>
void scaled_exps_pass(const float* z, int64_t n, float z_max, float* scaled) {
    int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes)
        V::store(scaled + i, scaled_exp_v<V>(V::sub(V::load(z + i), V::set(z_max))));
    for (; i < n; ++i)
        scaled[i] = scaled_exp(z[i] - z_max);
}

template <class V, bool kDivide, bool kFilter>
uint64_t mass_loop(const float* x, int64_t n, int32_t first_id, float temperature, float z_max, const Keep& keep) {
    using F = typename V::F;
    typename V::U sum = V::zero();
    int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes) {
        const F z = kDivide ? V::div(V::load(x + i), V::set(temperature)) : V::load(x + i);
        const F below = V::sub(z, V::set(z_max));
        F value = scaled_exp_v<V>(below);
        if (kFilter) {
            typename V::M mask = V::greater(z, V::set(keep.threshold));
            const typename V::M tie = V::ids_up_to(first_id + static_cast<int32_t>(i), keep.last_tie);
            mask = V::either(mask, V::both(tie, V::equal(z, V::set(keep.threshold))));
            mask = V::both(mask, V::at_least(below, V::set(keep.lowest)));
            value = V::keep(mask, value);
        }
        sum = V::add_masses(sum, value);
    }
    uint64_t total = V::total(sum);
    for (; i < n; ++i) {
        const float z = kDivide ? x[i] / temperature : x[i];
        if (!kFilter || kept(z, z - z_max, first_id + static_cast<int32_t>(i), keep))
            total += to_mass(scaled_exp(z - z_max));
    }
    return total;
}

template <class V>
uint64_t mass_pass(const float* x, int64_t n, int32_t first_id, float temperature, float z_max, const Keep& keep) {
    const bool divide = temperature != 1.0f, filter = keep.threshold != -INFINITY || keep.lowest != -INFINITY;
    if (filter) {
        return divide ? mass_loop<V, true, true>(x, n, first_id, temperature, z_max, keep)
                      : mass_loop<V, false, true>(x, n, first_id, temperature, z_max, keep);
    }
    return divide ? mass_loop<V, true, false>(x, n, first_id, temperature, z_max, keep)
                  : mass_loop<V, false, false>(x, n, first_id, temperature, z_max, keep);
}

template <class V>
constexpr SamplerKernels make_sampler_kernels() {
    return {max_pass<V>, divide_pass<V>, scaled_exps_pass<V>, mass_pass<V>};
}

}  // namespace
}  // namespace tbrm::cpu
