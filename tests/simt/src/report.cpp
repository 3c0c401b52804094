// report.cpp - findings: each place once, with the source line; at exit a summary, and exit code 86.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "engine.hpp"

namespace simt {
namespace {

const char* title(Kind kind) {
    static const char* const titles[] = {"data race in shared memory", "data race in global memory",
            "read of uninitialised memory", "access out of bounds", "kernel touches the host's memory",
            "misaligned access", "divergent barrier", "barrier after other threads returned", "deadlock",
            "warp operation without all its lanes", "asynchronous copy not waited for", "too much shared memory",
            "library call", "host touches device memory", "not freed"};
    return titles[static_cast<int>(kind)];
}

struct Finding {
    int count;
    std::string text;
};

std::mutex guard;
std::map<std::string, Finding>& findings() {
    static auto* const all = new std::map<std::string, Finding>();  // outlives every destructor
    return *all;
}

std::string source_line(const void* pc) {
    Dl_info info{};
    if (pc == nullptr || dladdr(pc, &info) == 0) return "";
    const char* file = info.dli_fname != nullptr && *info.dli_fname != '\0' ? info.dli_fname : "/proc/self/exe";
    char resolved[4096], command[5000];
    const char* path = realpath(file, resolved);
    if (path == nullptr) path = realpath("/proc/self/exe", resolved);
    // An executable that is not position independent is linked at its address; everything else is relative to its base.
    uintptr_t at = reinterpret_cast<uintptr_t>(pc) - 1;
    if (reinterpret_cast<uintptr_t>(info.dli_fbase) != 0x400000) at -= reinterpret_cast<uintptr_t>(info.dli_fbase);
    std::snprintf(
            command, sizeof command, "addr2line -Cfipe '%s' 0x%lx 2>/dev/null", path, static_cast<unsigned long>(at));
    std::string text;
    if (FILE* pipe = popen(command, "r")) {
        char line[2000];
        for (int i = 0; i < 6 && std::fgets(line, sizeof line, pipe) != nullptr; ++i)
            text += std::string("      ") + line;
        pclose(pipe);
    }
    return text;
}

void summary() {
    std::fflush(stdout);
    if (findings().empty()) return;
    int all = 0;
    for (const auto& [key, finding] : findings())
        all += finding.count;
    std::fprintf(stderr, "SIMT: %zu findings, seen %d times\n", findings().size(), all);
    for (const auto& [key, finding] : findings())
        std::fprintf(stderr, "SIMT:   %6d x %s\n", finding.count, finding.text.c_str());
    std::fflush(stderr);
    _exit(86);
}

}  // namespace

int report_count() {
    const std::lock_guard<std::mutex> lock(guard);
    return static_cast<int>(findings().size());
}

void report(Kind kind, const void* pc, const char* format, ...) {
    char text[2048];
    va_list list;
    va_start(list, format);
    std::vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const std::lock_guard<std::mutex> lock(guard);
    static const bool registered = (std::atexit(summary), true);
    (void)registered;
    // The same instruction, or where that is not known the same kernel, counts as one finding.
    std::string key = title(kind);
    if (pc != nullptr)
        key += std::to_string(reinterpret_cast<uintptr_t>(pc));
    else
        key += current != nullptr ? current->block->kernel->name : std::string(text).substr(0, 60);
    Finding& finding = findings()[key];
    if (finding.count++ > 0) return;
    finding.text = std::string(title(kind)) + ": " + text;
    if (static_cast<int>(findings().size()) > settings().most_reports) return;
    std::fprintf(stderr, "SIMT: %s\n", finding.text.c_str());
    const Kernel* kernel = current != nullptr ? current->block->kernel : nullptr;
    if (kernel != nullptr) std::fprintf(stderr, "      launched at %s:%d\n", kernel->site.file, kernel->site.line);
    std::fputs(source_line(pc).c_str(), stderr);
}

}  // namespace simt
