// bench_api.cpp - exports of the section "bench". Contract: tbrm.h.
#include <chrono>
#include <cmath>
#include <cstring>

#include "bench/kernel_bench.hpp"
#include "bench/peak.hpp"
#include "core/context.hpp"

// A microbenchmark with its inputs; the context stays alive with it.
struct tbrm_bench {
    std::shared_ptr<tbrm::Context> context;
    tbrm::KernelBench kernel;
    tbrm::LiveObject live;
};

namespace {

const tbrm::KernelBenchSpec& spec_at(int32_t index) {
    const std::vector<tbrm::KernelBenchSpec>& list = tbrm::kernel_benches();
    TBRM_REQUIRE(index >= 0 && index < static_cast<int32_t>(list.size()), "index is %d, expected 0 to %zu", index,
            list.size() - 1);
    return list[static_cast<size_t>(index)];
}

}  // namespace

extern "C" {

int32_t tbrm_bench_count(void) noexcept {
    return static_cast<int32_t>(tbrm::kernel_benches().size());
}

tbrm_status_t tbrm_bench_info(int32_t index, const char** out_name, const char** out_shape, tbrm_dtype_t* out_dtype,
        tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_name != nullptr && out_shape != nullptr && out_dtype != nullptr,
                "out_name, out_shape or out_dtype is null");
        const tbrm::KernelBenchSpec& spec = spec_at(index);
        *out_name = spec.name.c_str();
        *out_shape = spec.shape.c_str();
        *out_dtype = spec.dtype == tbrm::Dtype::F32 ? TBRM_DTYPE_F32 : TBRM_DTYPE_BF16;
    });
}

tbrm_status_t tbrm_bench_create(
        tbrm_context_t* context, int32_t index, tbrm_bench_t** out_bench, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr && out_bench != nullptr, "context or out_bench is null");
        const tbrm::KernelBenchSpec& spec = spec_at(index);
        context->impl->device->enter();
        *out_bench = new tbrm_bench{context->impl, spec.make(*context->impl->device), {}};
    });
}

void tbrm_bench_destroy(tbrm_bench_t* bench) noexcept {
    delete bench;
}

tbrm_status_t tbrm_bench_check(
        tbrm_bench_t* bench, double* out_flops, double* out_bytes, double* out_share, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(bench != nullptr && out_flops != nullptr && out_bytes != nullptr && out_share != nullptr,
                "bench or a result is null");
        bench->context->device->enter();
        tbrm::BenchValues values;
        bench->kernel.check(values);
        *out_flops = bench->kernel.flops;
        *out_bytes = bench->kernel.bytes;
        *out_share = values.worst_share();
    });
}

tbrm_status_t tbrm_bench_run(tbrm_bench_t* bench, int32_t n, double* out_seconds, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(bench != nullptr && out_seconds != nullptr, "bench or out_seconds is null");
        TBRM_REQUIRE(n > 0, "n is %d, expected 1 or more", n);
        tbrm::Device& device = *bench->context->device;
        device.enter();
        device.synchronize();
        const auto start = std::chrono::steady_clock::now();
        for (int32_t i = 0; i < n; ++i)
            bench->kernel.run();
        device.synchronize();
        *out_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    });
}

tbrm_status_t tbrm_bench_peak(tbrm_context_t* context, tbrm_dtype_t dtype, double* out_flops_per_s,
        double* out_bytes_per_s, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr && out_flops_per_s != nullptr && out_bytes_per_s != nullptr,
                "context or a result is null");
        TBRM_REQUIRE(dtype == TBRM_DTYPE_F32 || dtype == TBRM_DTYPE_BF16, "dtype is %d, expected 0 (fp32) or 1 (bf16)",
                dtype);
        const tbrm::Device& device = *context->impl->device;
        device.enter();
        *out_flops_per_s = *out_bytes_per_s = 0;
        if (!device.is_host()) return;
        *out_flops_per_s =
                1e9 * tbrm::bench::peak_gflops(dtype == TBRM_DTYPE_F32 ? tbrm::Dtype::F32 : tbrm::Dtype::Bf16);
        *out_bytes_per_s = 1e9 * tbrm::bench::peak_gbytes();
    });
}

}  // extern "C"
