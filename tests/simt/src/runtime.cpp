// runtime.cpp - the CUDA runtime's calls about the device, its memory, and copies.
#include <cuda_runtime.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "engine.hpp"
#include "stream.hpp"

namespace simt {
namespace {

cudaError_t last_error = cudaSuccess;

}  // namespace

cudaError_t fail(cudaError_t error) {
    const Lock lock(runtime_guard);
    last_error = error;
    return error;
}

}  // namespace simt

using simt::Lock;

cudaError_t cudaGetLastError() {
    const Lock lock(simt::runtime_guard);
    return std::exchange(simt::last_error, cudaSuccess);
}
const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorInvalidValue:
            return "invalid argument";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorInvalidConfiguration:
            return "invalid configuration argument";
        case cudaErrorInvalidDevice:
            return "invalid device ordinal";
        case cudaErrorStreamCaptureUnsupported:
            return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated:
            return "operation failed due to a previous error during capture";
    }
    return "unknown error";
}
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
    *device = 0;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    return device == 0 ? cudaSuccess : simt::fail(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
    if (device != 0) return simt::fail(cudaErrorInvalidDevice);
    *p = {};
    std::snprintf(p->name, sizeof p->name, "SIMT emulator");
    p->totalGlobalMem = size_t{8} << 30;
    p->major = 9;
    p->multiProcessorCount = 132;
    p->sharedMemPerBlock = simt::kStaticLimit;
    p->sharedMemPerBlockOptin = static_cast<size_t>(simt::settings().shared_optin);
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    *value = attribute == cudaDevAttrMultiProcessorCount ? 132 : simt::settings().shared_optin;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
    *version = 12040;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
    return cudaDriverGetVersion(version);
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t*, int) {
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
    return cudaSuccess;
}

// Nothing is used by others: the emulator's memory is the host's.
cudaError_t cudaMemGetInfo(size_t* left, size_t* total) {
    cudaDeviceProp properties{};
    cudaGetDeviceProperties(&properties, 0);
    *left = *total = properties.totalGlobalMem;
    return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t stream) {
    // Allowed on hardware, where the graph then owns the memory; the project has no use for that.
    if (simt::refused_in_capture(stream, "cudaMallocAsync")) return simt::fail(cudaErrorStreamCaptureUnsupported);
    *p = bytes > 0 && bytes < (size_t{1} << 34) ? simt::device_allocate(bytes, false) : nullptr;
    return *p != nullptr || bytes == 0 ? cudaSuccess : simt::fail(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
    if (simt::refused_in_capture(stream, "cudaFreeAsync")) return simt::fail(cudaErrorStreamCaptureUnsupported);
    if (p != nullptr) simt::enqueue(stream, [p] { simt::device_free(p, "cudaFreeAsync"); });
    return cudaSuccess;
}
cudaError_t cudaMalloc(void** p, size_t bytes) {
    if (simt::refused_in_any_capture("cudaMalloc")) return simt::fail(cudaErrorStreamCaptureUnsupported);
    return cudaMallocAsync(p, bytes, nullptr);
}
cudaError_t cudaFree(void* p) {
    cudaDeviceSynchronize();
    if (p != nullptr) simt::device_free(p, "cudaFree");
    return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
    *p = simt::device_allocate(bytes, true);
    return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
    cudaDeviceSynchronize();
    simt::device_free(p, "cudaFreeHost");
    return cudaSuccess;
}

namespace {

bool on_device(const void* p) {
    return simt::is_device(p) && !simt::is_pinned(p);
}

// The memory that a copy's kind promises.
void check_kind(const void* to, const void* from, cudaMemcpyKind kind, const char* call) {
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind == cudaMemcpyDefault) return;
    if (on_device(to) != to_device)
        simt::report(simt::Kind::Library, nullptr, "%s: the destination is not where its kind says", call);
    if (on_device(from) != from_device)
        simt::report(simt::Kind::Library, nullptr, "%s: the source is not where its kind says", call);
}

// With SIMT_SAMPLE larger ones between places of the device are left out: labels and offsets are copied, activations are not.
constexpr size_t kSmallCopy = size_t{1} << 20;

void copy_now(void* to, const void* from, size_t bytes) {
    if (simt::is_device(from)) simt::check_range(from, bytes, !simt::is_device(to), "a copy's source");
    if (simt::is_device(to)) simt::check_range(to, bytes, false, "a copy's destination");
    if (simt::settings().sample > 0 && bytes > kSmallCopy && simt::is_device(to) && simt::is_device(from) &&
            !simt::is_pinned(from))
        return;
    std::memmove(to, from, bytes);
    if (simt::is_device(to)) {
        if (simt::is_device(from))
            simt::copy_state(to, from, bytes);
        else
            simt::mark_written(to, bytes);
    }
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    if (bytes == 0) return cudaSuccess;
    check_kind(to, from, kind, "cudaMemcpyAsync");
    if (!simt::is_device(from)) {
        // Pageable: read before the call returns; in a graph, whenever it is launched.
        if (simt::refused_in_capture(stream, "a copy from pageable memory"))
            return simt::fail(cudaErrorStreamCaptureUnsupported);
        auto kept = std::make_shared<std::vector<char>>(
                static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
        simt::enqueue(stream, [to, kept] { copy_now(to, kept->data(), kept->size()); });
        return cudaSuccess;
    }
    if (!simt::is_device(to) && simt::refused_in_capture(stream, "a copy to pageable memory"))
        return simt::fail(cudaErrorStreamCaptureUnsupported);
    simt::enqueue(stream, [=] { copy_now(to, from, bytes); });
    if (!simt::is_device(to)) simt::drain(stream);  // pageable: there when the call returns
    return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    cudaMemcpyAsync(to, from, bytes, kind, nullptr);
    return cudaDeviceSynchronize();
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
        size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
    if (width > to_pitch || width > from_pitch) return simt::fail(cudaErrorInvalidValue);
    for (size_t row = 0; row < height; ++row)
        cudaMemcpyAsync(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch,
                width, kind, stream);
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
    if (bytes > 0)
        simt::enqueue(stream, [=] {
            simt::check_range(p, bytes, false, "cudaMemsetAsync");
            if (simt::settings().sample == 0) std::memset(p, value, bytes);
            simt::mark_written(p, bytes);
        });
    return cudaSuccess;
}
