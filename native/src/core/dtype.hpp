#pragma once
// dtype.hpp - element types. bf16 is a uint16_t with the upper half of an fp32.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <cstring>

namespace tbrm {

enum class Dtype : int32_t { F32 = TBRM_DTYPE_F32, Bf16 = TBRM_DTYPE_BF16 };

inline int64_t dtype_bytes(Dtype dtype) {
    return dtype == Dtype::F32 ? 4 : 2;
}

struct bf16 {
    uint16_t bits;
};

inline float to_float(float x) {
    return x;
}

inline float to_float(bf16 x) {
    const uint32_t wide = static_cast<uint32_t>(x.bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

// Round to nearest, ties to even; NaN stays NaN (quieted), infinities stay.
inline bf16 to_bf16(float x) {
    uint32_t wide;
    std::memcpy(&wide, &x, sizeof wide);
    if ((wide & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((wide >> 16) | 0x40u)};
    return {static_cast<uint16_t>((wide + 0x7fffu + ((wide >> 16) & 1u)) >> 16)};
}

template <class T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
    return x;
}
template <>
inline bf16 from_float<bf16>(float x) {
    return to_bf16(x);
}

// The value that storing x as dtype would keep.
inline float round_to(Dtype dtype, float x) {
    return dtype == Dtype::F32 ? x : to_float(to_bf16(x));
}

}  // namespace tbrm
