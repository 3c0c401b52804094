#include "core/guard.hpp"

#include <cstdio>
#include <cstring>

namespace tbrm {

std::string format(const char* pattern, ...) {
    va_list args, again;
    va_start(args, pattern);
    va_copy(again, args);
    const int length = std::vsnprintf(nullptr, 0, pattern, args);
    va_end(args);
    std::string text(length > 0 ? static_cast<size_t>(length) : 0, '\0');
    if (length > 0) std::vsnprintf(&text[0], text.size() + 1, pattern, again);
    va_end(again);
    return text;
}

tbrm_status_t report(
        tbrm_error_t* err, tbrm_status_t code, int32_t device_code, const char* where, const char* message) noexcept {
    if (err != nullptr) {
        err->code = code;
        err->device_code = device_code;
        std::snprintf(err->where, sizeof err->where, "%s", where);
        std::snprintf(err->message, sizeof err->message, "%s", message);
    }
    return code;
}

tbrm_status_t report_current_exception(tbrm_error_t* err, const char* where) noexcept {
    try {
        throw;
    } catch (const Failure& failure) {
        return report(err, failure.code, failure.device_code, failure.where, failure.what());
    } catch (const std::bad_alloc&) {
        return report(err, TBRM_STATUS_OUT_OF_MEMORY, 0, where,
                "the host is out of memory; close other programs, or use a smaller model or smaller batches");
    } catch (const std::exception& e) {
        return report(err, TBRM_STATUS_INTERNAL, 0, where, e.what());
    } catch (...) {
        return report(err, TBRM_STATUS_INTERNAL, 0, where, "an exception of unknown type");
    }
}

}  // namespace tbrm
