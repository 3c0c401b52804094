// aten_plugin.cpp - the plug-in's export: versions, devices, and the memory that libtorch works in.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <string>

#include "torch/aten.hpp"

#if defined(TBRM_TORCH_CUDA)
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace tbrm {
namespace aten {
namespace {

std::atomic<const tbrm_torch_host_t*> g_host{nullptr};

// libtorch's arrays on the host come from libtbrm, which counts them.
class HostAllocator final : public c10::Allocator {
public:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
    c10::DataPtr allocate(size_t bytes) override {
        return make(bytes);
    }
    void copy_data(void* dst, const void* src, size_t bytes) const override {
        default_copy_data(dst, src, bytes);
    }
#else
    c10::DataPtr allocate(size_t bytes) const override {
        return make(bytes);
    }
#endif
    c10::DeleterFnPtr raw_deleter() const override {
        return &free;
    }

private:
    static c10::DataPtr make(size_t bytes) {
        void* pointer = bytes > 0 ? g_host.load()->allocate(static_cast<int64_t>(bytes)) : nullptr;
        if (bytes > 0 && pointer == nullptr) throw std::bad_alloc();
        return {pointer, pointer, &free, c10::Device(c10::kCPU)};
    }
    static void free(void* pointer) {
        if (pointer != nullptr) g_host.load()->release(pointer);
    }
};

void take_memory_of(const tbrm_torch_host_t* host) {
    const tbrm_torch_host_t* none = nullptr;
    if (!g_host.compare_exchange_strong(none, host)) return;
    static HostAllocator allocator;
    c10::SetCPUAllocator(&allocator, /*priority=*/100);
}

// "TORCH_VERSION=1.13.1" of the build settings that the library prints.
const char* version_that_runs() {
    static const std::string version = [] {
        const std::string text = at::show_config(), key = "TORCH_VERSION=";
        const size_t at = text.find(key);
        if (at == std::string::npos) return std::string();
        const size_t first = at + key.size();
        return text.substr(first, text.find_first_not_of("0123456789.", first) - first);
    }();
    return version.c_str();
}

tbrm_status_t open(
        const tbrm_torch_host_t* host, int32_t ordinal, void* stream, tbrm_torch_t** out, tbrm_error_t* err) {
    *out = nullptr;
    if (host->struct_size != static_cast<int32_t>(sizeof *host))
        return report(err, TBRM_STATUS_INTERNAL, "open", "libtbrm's table has another size than the plug-in's");
    return guarded(err, "open", [&] {
        take_memory_of(host);
        if (ordinal < 0) {
            *out = new tbrm_torch{c10::Device(c10::kCPU), nullptr};
            return;
        }
#if defined(TBRM_TORCH_CUDA)
        // What adds into rows at random, as the embedding's gradient does, is else not the same from run to run.
        at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
        *out = new tbrm_torch{c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(ordinal)), stream};
#else
        (void)stream;
        TORCH_CHECK(false, "this libtbrm_torch was built with a libtorch without CUDA");
#endif
    });
}

void close(tbrm_torch_t* torch) {
    delete torch;
}

tbrm_status_t enter(tbrm_torch_t* torch, int32_t n_threads, tbrm_error_t* err) {
    return guarded(err, "enter", [&] {
        if (n_threads > 0 && at::get_num_threads() != n_threads) at::set_num_threads(n_threads);
#if defined(TBRM_TORCH_CUDA)
        if (torch->where.is_cuda()) {
            const c10::DeviceIndex index = torch->where.index();
            c10::cuda::set_device(index);
            c10::cuda::setCurrentCUDAStream(
                    c10::cuda::getStreamFromExternal(static_cast<cudaStream_t>(torch->stream), index));
        }
#else
        (void)torch;
#endif
    });
}

tbrm_torch_api_t make_api() {
    tbrm_torch_api_t api{};
    api.struct_size = static_cast<int32_t>(sizeof api);
#if defined(TBRM_TORCH_CUDA)
    api.has_cuda = 1;
#endif
    api.interface_sha256 = TBRM_TORCH_INTERFACE_SHA256;
    api.built_with = TORCH_VERSION;
    api.runs_with = version_that_runs();
    api.open = &open;
    api.close = &close;
    api.enter = &enter;
    fill_rows(api);
    fill_attention(api);
    fill_head(api);
    fill_links(api);
    return api;
}

}  // namespace
}  // namespace aten
}  // namespace tbrm

extern "C" const tbrm_torch_api_t* tbrm_torch_table(void) {
    static const tbrm_torch_api_t api = tbrm::aten::make_api();
    return &api;
}
