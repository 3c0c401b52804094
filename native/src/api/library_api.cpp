// library_api.cpp - exports of the sections "library" and "context". Contract: tbrm.h.
#include <algorithm>
#include <cstdio>
#include <string>

#include "build_stamp.hpp"
#include "core/context.hpp"
#include "core/isa.hpp"
#include "device/device.hpp"
#include "device/self_check.hpp"

extern "C" {

int32_t tbrm_abi_version(void) noexcept {
    return TBRM_ABI_VERSION;
}

const char* tbrm_abi_header_sha256(void) noexcept {
    return TBRM_HEADER_SHA256;
}

const char* tbrm_build_info(void) noexcept {
    // No memory of the heap: this export has no way to say that there is none.
    struct Text {
        char json[512];
        Text() {
            std::snprintf(json, sizeof json,
                    "{\"version\":\"%s\",\"compiler\":\"%s\",\"libtorch\":%s,\"cuda\":%s,\"isa\":\"%s\",\"best_isa\":"
                    "\"%s\"}",
                    TBRM_VERSION, __VERSION__, TBRM_TORCH_VERSION_JSON, TBRM_CUDA_VERSION_JSON,
                    tbrm::isa_name(tbrm::active_isa()), tbrm::isa_name(tbrm::best_isa()));
        }
    };
    static const Text text;
    return text.json;
}

int64_t tbrm_debug_live_objects(void) noexcept {
    return tbrm::LiveObject::count();
}

tbrm_status_t tbrm_context_create(tbrm_device_kind_t kind, int32_t ordinal, int32_t n_threads,
        tbrm_context_t** out_context, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_context != nullptr, "out_context is null");
        *out_context = nullptr;
        TBRM_REQUIRE(n_threads >= 0 && n_threads <= 4096, "n_threads is %d, expected 0 (all cores) to 4096", n_threads);
        TBRM_REQUIRE(kind >= TBRM_DEVICE_KIND_CPU && kind <= TBRM_DEVICE_KIND_TORCH_CUDA,
                "kind is %d, expected %d (CPU) to %d (libtorch on CUDA)", kind, TBRM_DEVICE_KIND_CPU,
                TBRM_DEVICE_KIND_TORCH_CUDA);
        const bool on_gpu = kind == TBRM_DEVICE_KIND_CUDA || kind == TBRM_DEVICE_KIND_TORCH_CUDA;
        TBRM_REQUIRE(on_gpu || ordinal == 0, "ordinal is %d, expected 0 on a CPU", ordinal);
        auto context = std::make_shared<tbrm::Context>();
        if (kind == TBRM_DEVICE_KIND_CPU)
            context->device = tbrm::make_cpu_device(n_threads);
        else if (kind == TBRM_DEVICE_KIND_CUDA)
            context->device = tbrm::make_cuda_device(ordinal);
        else
            context->device = tbrm::make_torch_device(on_gpu ? ordinal : -1, n_threads);
        *out_context = new tbrm_context{std::move(context), {}};
    });
}

void tbrm_context_destroy(tbrm_context_t* context) noexcept {
    delete context;
}

tbrm_status_t tbrm_context_synchronize(tbrm_context_t* context, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr, "context is null");
        context->impl->device->enter();
        context->impl->device->synchronize();
    });
}

tbrm_status_t tbrm_context_set_batch_invariant(tbrm_context_t* context, int32_t on, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr, "context is null");
        context->impl->device->set_batch_invariant(on != 0);
    });
}

tbrm_status_t tbrm_context_memory(tbrm_context_t* context, int32_t reset_peak, int64_t* out_in_use_bytes,
        int64_t* out_peak_bytes, int64_t* out_device_total_bytes, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context && out_in_use_bytes && out_peak_bytes && out_device_total_bytes, "a pointer is null");
        tbrm::MemoryCounter& memory = context->impl->device->memory();
        *out_in_use_bytes = memory.in_use();
        *out_peak_bytes = memory.peak();
        *out_device_total_bytes = context->impl->device->total_bytes();
        if (reset_peak != 0) memory.reset_peak();
    });
}

tbrm_status_t tbrm_context_memory_parts(tbrm_context_t* context, int32_t n_parts, int64_t* out_in_use_bytes,
        int64_t* out_at_peak_bytes, int64_t* out_used_by_all_bytes, tbrm_error_t* err) noexcept {
    static_assert(tbrm::MemoryTag::kUses == TBRM_MEMORY_USES && tbrm::MemoryTag::kCount == TBRM_MEMORY_PARTS);
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context && out_in_use_bytes && out_at_peak_bytes && out_used_by_all_bytes, "a pointer is null");
        TBRM_REQUIRE(n_parts == TBRM_MEMORY_PARTS, "n_parts is %d, expected %d", n_parts, TBRM_MEMORY_PARTS);
        const tbrm::MemoryCounter& memory = context->impl->device->memory();
        const tbrm::MemoryCounter::Parts now = memory.parts(), at_peak = memory.parts_at_peak();
        std::copy(now.begin(), now.end(), out_in_use_bytes);
        std::copy(at_peak.begin(), at_peak.end(), out_at_peak_bytes);
        context->impl->device->enter();
        *out_used_by_all_bytes = context->impl->device->used_by_all();
    });
}

tbrm_status_t tbrm_context_self_check(tbrm_context_t* context, int32_t* out_results, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context && out_results, "context or out_results is null");
        const std::unique_ptr<tbrm::Device> reference = tbrm::make_cpu_device(1);
        *out_results = tbrm::self_check(*context->impl->device, *reference);
    });
}

tbrm_status_t tbrm_context_describe(tbrm_context_t* context, int64_t n_bytes, char* out_json, int64_t* out_needed_bytes,
        tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context && out_needed_bytes, "context or out_needed_bytes is null");
        TBRM_REQUIRE(n_bytes >= 0 && (n_bytes == 0 || out_json), "n_bytes is negative or out_json is null");
        const std::string text = context->impl->device->describe_json();
        *out_needed_bytes = static_cast<int64_t>(text.size()) + 1;
        if (n_bytes > 0) std::snprintf(out_json, static_cast<size_t>(n_bytes), "%s", text.c_str());
    });
}

}  // extern "C"
