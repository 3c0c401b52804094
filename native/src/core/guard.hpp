#pragma once
// guard.hpp - errors inside the library, and the only place where a C++ exception becomes a tbrm_status_t.
#include <tbrm/tbrm.h>

#include <cstdarg>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace tbrm {

// What library code throws. `where` is "file:line" in static storage.
struct Failure : std::runtime_error {
    tbrm_status_t code;
    int32_t device_code;
    const char* where;
    Failure(tbrm_status_t status, int32_t device, const char* at, const std::string& message)
        : std::runtime_error(message), code(status), device_code(device), where(at) {}
};

// printf into a std::string.
#if defined(__MINGW32__)
__attribute__((format(gnu_printf, 1, 2)))
#elif defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
std::string
format(const char* pattern, ...);

// Fills err (when not null) and returns code.
tbrm_status_t report(
        tbrm_error_t* err, tbrm_status_t code, int32_t device_code, const char* where, const char* message) noexcept;

// Classifies the exception in flight: libtorch's and CUDA's own types are known to the translation unit that defines it.
tbrm_status_t report_current_exception(tbrm_error_t* err, const char* where) noexcept;

// Runs the body of an export. Every export of the library is one call of this.
template <class Body>
tbrm_status_t guard(tbrm_error_t* err, const char* where, Body&& body) noexcept {
    try {
        body();
        if (err != nullptr) err->code = TBRM_STATUS_OK;
        return TBRM_STATUS_OK;
    } catch (...) {
        return report_current_exception(err, where);
    }
}

}  // namespace tbrm

#define TBRM_STRINGIZE_(x) #x
#define TBRM_STRINGIZE(x) TBRM_STRINGIZE_(x)
#define TBRM_WHERE __FILE__ ":" TBRM_STRINGIZE(__LINE__)

// Throws with a printf-style message.
#define TBRM_FAIL(status, ...) throw ::tbrm::Failure((status), 0, TBRM_WHERE, ::tbrm::format(__VA_ARGS__))

// The caller broke the contract: TBRM_REQUIRE(n >= 0, "n_tokens is %lld, expected 0 or more", n).
#define TBRM_REQUIRE(cond, ...)                                            \
    do {                                                                   \
        if (!(cond)) TBRM_FAIL(TBRM_STATUS_INVALID_ARGUMENT, __VA_ARGS__); \
    } while (0)

// We broke our own rules.
#define TBRM_ASSERT(cond, ...)                                     \
    do {                                                           \
        if (!(cond)) TBRM_FAIL(TBRM_STATUS_INTERNAL, __VA_ARGS__); \
    } while (0)
