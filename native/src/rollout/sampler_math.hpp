#pragma once
// sampler_math.hpp - the arithmetic that the sampler's twins share bit for bit. fma, +, -, * and integer operations only: no libm.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/philox.hpp"

namespace tbrm {

constexpr int kMassBits = 40;  // w = exp(z - z_max) in units of 2^-40; 8M of them fit a uint64
constexpr uint32_t kDrawStream =
        0x64726177u;  // "draw": first counter word, so that other users of a seed do not collide

// exp(x) * 2^40 for x <= 0 is made of these, by the scalar code below, the vector code of sampler_simd.hpp and the CUDA twin.
namespace mass {
constexpr float kLowest = -30.0f;  // exp(-30) * 2^40 rounds to zero
constexpr float kLog2E = 1.44269504088896341f;
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, which is then in the low bits
// Taylor: the remainder at |r| = ln(2)/2 is 5e-9, below half an ulp.
constexpr float kC7 = 1.0f / 5040, kC6 = 1.0f / 720, kC5 = 1.0f / 120, kC4 = 1.0f / 24, kC3 = 1.0f / 6, kC2 = 0.5f;
}  // namespace mass

// exp(x) * 2^40 as fp32, x <= 0 (-inf allowed), not NaN.
TBRM_HOST_DEVICE inline float scaled_exp(float x) {
    x = x > mass::kLowest ? x : mass::kLowest;
    const float shifted = fmaf(x, mass::kLog2E, mass::kRound);
    const float n = shifted - mass::kRound;
    float r = fmaf(n, -mass::kLn2High, x);
    r = fmaf(n, -mass::kLn2Low, r);
    float p = fmaf(r, mass::kC7, mass::kC6);
    p = fmaf(r, p, mass::kC5);
    p = fmaf(r, p, mass::kC4);
    p = fmaf(r, p, mass::kC3);
    p = fmaf(r, p, mass::kC2);
    p = fmaf(r, p, 1.0f);
    p = fmaf(r, p, 1.0f);
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + (static_cast<uint32_t>(127 + kMassBits) << 23);
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

// A mass from its fp32 value: to the nearest integer, ties to even. The value is below 2^41, so a double's 2^52 does it.
TBRM_HOST_DEVICE inline uint64_t to_mass(float scaled) {
    const double shifted = static_cast<double>(scaled) + 4503599627370496.0;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return bits & 0xfffffffffffffull;
}

// floor(a * b / 2^64).
TBRM_HOST_DEVICE inline uint64_t multiply_high(uint64_t a, uint64_t b) {
    const uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const uint64_t middle = a1 * b0 + ((a0 * b0) >> 32), other = a0 * b1 + (middle & 0xffffffffu);
    return a1 * b1 + (middle >> 32) + (other >> 32);
}

// A number in [0, total), total > 0, for one token of one trajectory. The error of each probability is below 2^-64.
TBRM_HOST_DEVICE inline uint64_t draw_below(uint64_t total, uint64_t seed, int64_t trajectory_id, int32_t position) {
    const uint64_t id = static_cast<uint64_t>(trajectory_id);
    const Philox4 r = philox4x32(seed, kDrawStream, static_cast<uint32_t>(position), static_cast<uint32_t>(id),
            static_cast<uint32_t>(id >> 32));
    return multiply_high(r.x[0] | static_cast<uint64_t>(r.x[1]) << 32, total);
}

// Of `total`, the mass that top_p < 1 wants: tokens are kept while less than that lies before them. 2^-24 is half an ulp of top_p, so that ten
// equal tokens and 0.8f, which is above 0.8, keep eight.
TBRM_HOST_DEVICE inline uint64_t mass_to_keep(uint64_t total, float top_p) {
    const double removable = (1.0 - static_cast<double>(top_p) + 0x1p-24) * static_cast<double>(total);
    const uint64_t removed = static_cast<uint64_t>(removable);
    return removed < total ? total - removed : 1;
}

// fp32 bits -> integers in the same order; -0 and +0 are one value.
TBRM_HOST_DEVICE inline uint32_t order_key(float x) {
    x = x + 0.0f;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (0x80000000u | (0u - (bits >> 31)));
}

TBRM_HOST_DEVICE inline float from_order_key(uint32_t key) {
    const uint32_t bits = key ^ (key >> 31 != 0 ? 0x80000000u : 0xffffffffu);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Hugging Face's RepetitionPenaltyLogitsProcessor.
TBRM_HOST_DEVICE inline float penalize(float logit, float penalty) {
    return logit < 0 ? logit * penalty : logit / penalty;
}

}  // namespace tbrm
