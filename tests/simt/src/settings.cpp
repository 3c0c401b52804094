// settings.cpp - the emulator's environment variables, read once.
#include <cstdlib>

#include "engine.hpp"

namespace simt {
namespace {

int number(const char* name, int otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr && *text != '\0' ? std::atoi(text) : otherwise;
}

Settings read() {
    Settings s{};
    s.counters = instrumented && number("SIMT_COUNTERS", 0) != 0;
    s.sample = number("SIMT_SAMPLE", 0);
    const bool checks = instrumented && s.sample == 0 && number("SIMT_CHECKS", 1) != 0;
    s.lazy = number("SIMT_EAGER", 0) == 0;
    s.races = checks && number("SIMT_RACES", 1) != 0;
    s.init = checks && number("SIMT_INIT", 1) != 0;
    s.bounds = checks && number("SIMT_BOUNDS", 1) != 0;
    s.order = number("SIMT_ORDER", 0);
    s.threads = number("SIMT_THREADS", 2);
    s.shared_optin = number("SIMT_SHARED", 232448);
    s.most_reports = number("SIMT_REPORTS", 20);
    s.no_library = number("SIMT_NO_CUBLASLT", 0) != 0;
    return s;
}

}  // namespace

const Settings& settings() {
    static const Settings s = read();
    return s;
}

}  // namespace simt
