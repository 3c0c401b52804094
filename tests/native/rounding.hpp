#pragma once
// rounding.hpp - what the kernel tests share: arrays in a dtype, and the rounding errors that fp32 sums may make.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/dtype.hpp"
#include "core/guard.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "testing.hpp"

namespace tbrm::testing {

constexpr Dtype kDtypes[] = {Dtype::F32, Dtype::Bf16};

inline const char* name_of(Dtype dtype) {
    return dtype == Dtype::F32 ? "f32" : "bf16";
}

// n elements of a dtype, and the values they hold.
class Array {
public:
    Array() = default;
    Array(Dtype dtype, int64_t n) : dtype_(dtype), bytes_(static_cast<size_t>(n * dtype_bytes(dtype))) {}
    Array(Dtype dtype, const std::vector<float>& values) : Array(dtype, static_cast<int64_t>(values.size())) {
        for (size_t i = 0; i < values.size(); ++i)
            set(static_cast<int64_t>(i), values[i]);
    }
    Dtype dtype() const { return dtype_; }
    int64_t size() const { return static_cast<int64_t>(bytes_.size()) / dtype_bytes(dtype_); }
    void* data() { return bytes_.data(); }
    const void* data() const { return bytes_.data(); }
    void* at(int64_t i) { return bytes_.data() + i * dtype_bytes(dtype_); }
    const void* at(int64_t i) const { return bytes_.data() + i * dtype_bytes(dtype_); }
    double operator[](int64_t i) const {
        if (dtype_ == Dtype::F32) return reinterpret_cast<const float*>(bytes_.data())[i];
        return to_float(reinterpret_cast<const bf16*>(bytes_.data())[i]);
    }
    void set(int64_t i, float value) {
        if (dtype_ == Dtype::F32) {
            reinterpret_cast<float*>(bytes_.data())[i] = value;
        } else {
            reinterpret_cast<bf16*>(bytes_.data())[i] = to_bf16(value);
        }
    }
    void fill(float value) {
        for (int64_t i = 0; i < size(); ++i)
            set(i, value);
    }
    bool same_bits(const Array& other) const { return bytes_ == other.bytes_; }
    // The first element whose bits differ, or -1.
    int64_t first_difference(const Array& other) const {
        if (size() != other.size()) return 0;
        for (int64_t i = 0; i < size(); ++i) {
            if (std::memcmp(at(i), other.at(i), static_cast<size_t>(dtype_bytes(dtype_))) != 0) return i;
        }
        return -1;
    }

private:
    Dtype dtype_ = Dtype::F32;
    std::vector<char> bytes_;
};

inline Array random_array(Dtype dtype, int64_t n, uint64_t seed, double scale = 1.0) {
    return Array(dtype, normals(n, seed, scale));
}

constexpr double kUnitF32 = 0x1p-24, kUnitBf16 = 0x1p-8;  // half a unit in the last place, relative (bf16 keeps 8 bits)

// Bound of an fp32 sum of n products: |error| <= (n + 2) u sum|a b| (Higham, Accuracy and Stability, 3.1; vdpbf16ps rounds each product
// and each addition: twice that), then the store's own rounding.
inline double sum_tolerance(Dtype dtype, int64_t n, double magnitude, double value) {
    const double steps = 2.0 * static_cast<double>(n) + 4.0;
    const double store = dtype == Dtype::Bf16 ? kUnitBf16 * std::fabs(value) : 0.0;
    // The smallest normal number: vdpbf16ps flushes what is below.
    return steps * kUnitF32 * magnitude * (1 + kUnitBf16) + store + 0x1p-126;
}

inline bool float_bits_equal(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Runs a body with a given number of threads.
template <class Body>
void with_threads(int n, Body&& body) {
    const int before = max_threads();
    set_max_threads(n);
    body();
    set_max_threads(before);
}

}  // namespace tbrm::testing
