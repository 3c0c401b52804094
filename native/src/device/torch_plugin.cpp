#include "device/torch_plugin.hpp"

#include <cstdlib>
#include <cstring>

#include "core/guard.hpp"
#include "core/isa.hpp"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace tbrm {
namespace {

constexpr const char* kHowToGet =
        "run ./build.sh where libtorch is installed (TBRM_TORCH_DIR names its folder), or use trainer.device=cpu";

#if defined(_WIN32)
constexpr const char* kFileName = "tbrm_torch.dll";

std::string own_folder() {
    HMODULE module = nullptr;
    char path[4096] = "";
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
            reinterpret_cast<const char*>(&torch_plugin), &module);
    GetModuleFileNameA(module, path, sizeof path);
    const std::string text = path;
    return text.substr(0, text.find_last_of("\\/") + 1);
}

bool exists(const std::string& path) {
    return GetFileAttributesA(path.c_str()) != INVALID_FILE_ATTRIBUTES;
}

void* open_library(const std::string& path, std::string& why) {
    HMODULE module = LoadLibraryExA(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
    if (module == nullptr) why = format("error %lu of LoadLibrary", GetLastError());
    return reinterpret_cast<void*>(module);
}

void* symbol_of(void* library, const char* name) {
    return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(library), name));
}

// OpenBLAS is no part of libtorch on Windows.
void prepare_environment() {}
#else
#if defined(__APPLE__)
constexpr const char* kFileName = "libtbrm_torch.dylib";
#else
constexpr const char* kFileName = "libtbrm_torch.so";
#endif

std::string own_folder() {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&torch_plugin), &info) == 0 || info.dli_fname == nullptr) return "";
    const std::string path = info.dli_fname;
    return path.substr(0, path.find_last_of('/') + 1);
}

bool exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
}

// Never closed: libtorch registers what outlives any use of it.
void* open_library(const std::string& path, std::string& why) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* error = dlerror();
        why = error != nullptr ? error : "no reason given";
    }
    return library;
}

void* symbol_of(void* library, const char* name) {
    return dlsym(library, name);
}

// OpenBLAS before 0.3.24, which libtorch may bring in, takes new AMD processors for Haswell and loses half its speed. It reads this while it
// is loaded; what the user has set stays.
void prepare_environment() {
    if (best_isa() >= Isa::Avx512) setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 0);
}
#endif

std::string wanted_path() {
    const char* named = std::getenv("TBRM_TORCH_PLUGIN");
    return named != nullptr && named[0] != '\0' ? named : own_folder() + kFileName;
}

}  // namespace

TorchPlugin load_torch_plugin(const std::string& path) {
    if (!exists(path))
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED, "torch devices need libtbrm_torch, and there is no %s; %s", path.c_str(),
                kHowToGet);
    prepare_environment();
    std::string why;
    void* library = open_library(path, why);
    if (library == nullptr)
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED, "libtbrm_torch does not load: %s; %s", why.c_str(), kHowToGet);
    const auto entry = reinterpret_cast<const tbrm_torch_api_t* (*)()>(symbol_of(library, "tbrm_torch_table"));
    const tbrm_torch_api_t* api = entry != nullptr ? entry() : nullptr;
    // The hash before anything else: where it differs, so may the table.
    if (api == nullptr || api->struct_size != static_cast<int32_t>(sizeof *api) ||
            std::strcmp(api->interface_sha256, TBRM_TORCH_INTERFACE_SHA256) != 0)
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED, "%s was built from another version of tbrm-native than this library; %s",
                path.c_str(), kHowToGet);
    if (api->runs_with[0] != '\0' && std::strcmp(api->runs_with, api->built_with) != 0)
        TBRM_FAIL(TBRM_STATUS_UNSUPPORTED,
                "%s was built with libtorch %s and finds libtorch %s here; run ./build.sh again, or set TBRM_TORCH_DIR",
                path.c_str(), api->built_with, api->runs_with);
    return {api, path};
}

const TorchPlugin& torch_plugin() {
    static const TorchPlugin plugin = load_torch_plugin(wanted_path());
    return plugin;
}

}  // namespace tbrm
