#pragma once
// testing.hpp - a test is a function registered by TBRM_TEST; a failed check is printed and counted, and main returns non-zero.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/philox.hpp"

namespace tbrm::testing {

struct Case {
    const char* name;
    void (*body)();
};

inline std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

inline int& failures() {
    static int count = 0;
    return count;
}

struct Registrar {
    Registrar(const char* name, void (*body)()) {
        if (body != nullptr) cases().push_back({name, body});
    }
};

inline void fail(const char* file, int line, const std::string& message) {
    if (++failures() <= 50) std::printf("    %s:%d: %s\n", file, line, message.c_str());
}

// What passes must be true, so a NaN on either side fails.
inline bool close(double actual, double expected, double tolerance) {
    return std::fabs(actual - expected) <= tolerance;
}

// ||actual - expected|| / ||expected||; NaN when anything is NaN.
template <class Actual, class Expected>
double relative_error(const Actual& actual, const Expected& expected, int64_t n) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; ++i) {
        const double d = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
        difference += d * d;
        norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    }
    return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

// Reproducible numbers: normal(0, 1) and uniform [0, 1) by (seed, index).
inline double uniform(uint64_t seed, uint64_t index) {
    const Philox4 r = philox4x32(seed, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0);
    return (static_cast<double>(r.x[0]) + 0.5) / 4294967296.0;
}

inline double normal(uint64_t seed, uint64_t index) {
    const Philox4 r = philox4x32(seed, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 1, 0);
    const double u = (static_cast<double>(r.x[0]) + 0.5) / 4294967296.0, v = static_cast<double>(r.x[1]) / 4294967296.0;
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
}

inline std::vector<float> normals(int64_t n, uint64_t seed, double scale = 1.0) {
    std::vector<float> values(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i)
        values[static_cast<size_t>(i)] = static_cast<float>(scale * normal(seed, static_cast<uint64_t>(i)));
    return values;
}

// TBRM_TEST_SMALL=1: fewer and smaller shapes, for a device that takes minutes over a GPU's second (the emulator of tests/simt).
inline bool thinned() {
    static const bool asked = [] {
        const char* text = std::getenv("TBRM_TEST_SMALL");
        return text != nullptr && std::strcmp(text, "1") == 0;
    }();
    return asked;
}

// What a loop runs over: everything, or when thinned() the few.
template <class T>
std::vector<T> shapes(std::vector<T> all, std::vector<T> few) {
    return thinned() ? few : all;
}

// Runs all cases, or those whose name contains argv[1].
inline int run(int argc, char** argv) {
    int ran = 0, failed = 0;
    for (const Case& c : cases()) {
        if (argc > 1 && std::strstr(c.name, argv[1]) == nullptr) continue;
        const int before = failures();
        std::printf("%s\n", c.name);
        std::fflush(stdout);
        try {
            c.body();
        } catch (const std::exception& e) {
            fail(__FILE__, __LINE__, std::string("threw: ") + e.what());
        }
        ++ran;
        if (failures() != before) ++failed;
    }
    std::printf("%d cases, %d failed\n", ran, failed);
    return ran == 0 || failed > 0 ? 1 : 0;
}

}  // namespace tbrm::testing

#define TBRM_TEST(name)                                                     \
    static void name();                                                     \
    static const ::tbrm::testing::Registrar registrar_##name{#name, &name}; \
    static void name()

#define CHECK(cond)                                                    \
    do {                                                               \
        if (!(cond)) ::tbrm::testing::fail(__FILE__, __LINE__, #cond); \
    } while (0)

// A case that thinned runs leave out: what it shows does not depend on the device, or another case shows it of less.
#define TBRM_TEST_FULL(name)                                                                                       \
    static void name();                                                                                            \
    static const ::tbrm::testing::Registrar registrar_##name{#name, ::tbrm::testing::thinned() ? nullptr : &name}; \
    static void name()

// A case that asks for the same bits of a row beside other rows: what the device of the tests (test_device.hpp) promises, unless it is
// libtorch's.
namespace tbrm::testing {
inline bool has_exact_rows() {
    const char* device = std::getenv("TBRM_TEST_DEVICE");
    return device == nullptr || std::strcmp(device, "torch") != 0;
}
}  // namespace tbrm::testing
#define TBRM_TEST_EXACT_ROWS(name)                                       \
    static void name();                                                  \
    static const ::tbrm::testing::Registrar registrar_##name{            \
            #name, ::tbrm::testing::has_exact_rows() ? &name : nullptr}; \
    static void name()

// CHECK_MSG(cond, "row %d", r)
#define CHECK_MSG(cond, ...)                                                                                           \
    do {                                                                                                               \
        if (!(cond)) ::tbrm::testing::fail(__FILE__, __LINE__, std::string(#cond ": ") + ::tbrm::format(__VA_ARGS__)); \
    } while (0)
