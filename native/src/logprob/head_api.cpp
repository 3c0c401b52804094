// head_api.cpp - the head alone, exports of the section "kernels". Contract: tbrm.h.
#include <cmath>
#include <vector>

#include "core/context.hpp"
#include "device/staged.hpp"

namespace tbrm {
namespace {

void check_head_args(const tbrm_head_args_t& args) {
    TBRM_REQUIRE(args.struct_size == static_cast<int32_t>(sizeof args), "struct_size is %d, expected %d",
            args.struct_size, static_cast<int32_t>(sizeof args));
    TBRM_REQUIRE(args.dtype == TBRM_DTYPE_F32 || args.dtype == TBRM_DTYPE_BF16,
            "dtype is %d, expected 0 (fp32) or 1 (bf16)", args.dtype);
    TBRM_REQUIRE(args.n_rows >= 0, "n_rows is %lld, expected 0 or more", static_cast<long long>(args.n_rows));
    TBRM_REQUIRE(args.vocab_size > 0 && args.vocab_size <= INT32_MAX, "vocab_size is %lld, expected 1 to 2^31 - 1",
            static_cast<long long>(args.vocab_size));
    TBRM_REQUIRE(args.hidden_size > 0 && args.hidden_size <= INT32_MAX, "hidden_size is %lld, expected 1 to 2^31 - 1",
            static_cast<long long>(args.hidden_size));
    TBRM_REQUIRE(args.budget_bytes >= 0, "budget_bytes is %lld, expected 0 (256 MiB) or more",
            static_cast<long long>(args.budget_bytes));
    TBRM_REQUIRE(std::isfinite(args.temperature) && args.temperature > 0,
            "temperature is %g, expected a finite number above 0", static_cast<double>(args.temperature));
    TBRM_REQUIRE(args.w != nullptr, "w is null, expected %lld x %lld weights", static_cast<long long>(args.vocab_size),
            static_cast<long long>(args.hidden_size));
    TBRM_REQUIRE(args.n_rows == 0 || (args.x && args.labels), "x or labels is null but n_rows is %lld",
            static_cast<long long>(args.n_rows));
    for (int64_t r = 0; r < args.n_rows; ++r) {
        TBRM_REQUIRE(args.labels[r] >= 0 && args.labels[r] < args.vocab_size,
                "labels[%lld] is %d, expected 0 to vocab_size - 1 = %lld", static_cast<long long>(r), args.labels[r],
                static_cast<long long>(args.vocab_size - 1));
    }
}

// x, w and labels of a call on the device, w in the device's layout.
struct StagedHead {
    HeadShape shape;
    StagedInput<char> x;
    StagedInput<int32_t> labels;
    DeviceBuffer<char> w;

    StagedHead(Device& device, const tbrm_head_args_t& args)
        : shape{args.dtype == TBRM_DTYPE_F32 ? Dtype::F32 : Dtype::Bf16, args.hidden_size, args.vocab_size,
                  args.temperature, args.budget_bytes},
          x(device, static_cast<const char*>(args.x), args.n_rows * args.hidden_size * dtype_bytes(shape.dtype)),
          labels(device, args.labels, args.n_rows),
          w(device, device.weight_elements(shape.dtype, shape.vocab, shape.hidden) * dtype_bytes(shape.dtype)) {
        device.zero(w.data(), w.size());
        device.pack_rows(shape.dtype, w.data(), shape.vocab, shape.hidden, 0, shape.vocab, shape.dtype, args.w);
    }
};

}  // namespace
}  // namespace tbrm

extern "C" {

tbrm_status_t tbrm_kernel_head_forward(tbrm_context_t* context, const tbrm_head_args_t* args, float* out_q,
        float* out_v, float* out_h, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr && args != nullptr, "context or args is null");
        tbrm::check_head_args(*args);
        const int64_t rows = args->n_rows;
        TBRM_REQUIRE(rows == 0 || (out_q && out_v), "out_q or out_v is null but n_rows is %lld",
                static_cast<long long>(rows));

        tbrm::Device& device = *context->impl->device;
        device.enter();
        const tbrm::StagedHead head(device, *args);
        tbrm::StagedOutput<float> q(device, out_q, rows), v(device, out_v, rows), h(device, out_h, rows);
        device.head_forward(
                head.shape, rows, head.x.get(), head.w.data(), head.labels.get(), q.get(), v.get(), h.get());
        q.finish();
        v.finish();
        h.finish();
    });
}

tbrm_status_t tbrm_kernel_head_backward(tbrm_context_t* context, const tbrm_head_args_t* args, const float* dq,
        const float* dv, const float* dh, float* out_dx, float* out_dw, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(context != nullptr && args != nullptr, "context or args is null");
        tbrm::check_head_args(*args);
        const int64_t rows = args->n_rows, d = args->hidden_size;
        TBRM_REQUIRE(rows == 0 || (dq && dv && out_dx), "dq, dv or out_dx is null but n_rows is %lld",
                static_cast<long long>(rows));
        TBRM_REQUIRE(out_dw != nullptr, "out_dw is null");

        tbrm::Device& device = *context->impl->device;
        device.enter();
        const tbrm::StagedHead head(device, *args);
        const tbrm::StagedInput<float> staged_dq(device, dq, rows), staged_dv(device, dv, rows),
                staged_dh(device, dh, rows);
        const tbrm::Dtype dtype = head.shape.dtype;
        tbrm::DeviceBuffer<float> q(device, rows), v(device, rows), h(device, rows);
        tbrm::DeviceBuffer<char> dx(device, rows * d * tbrm::dtype_bytes(dtype));
        tbrm::DeviceBuffer<float> dw(device, device.weight_elements(tbrm::Dtype::F32, args->vocab_size, d));
        device.zero(dw.data(), dw.size() * static_cast<int64_t>(sizeof(float)));

        const std::unique_ptr<tbrm::DeviceHeadTape> tape = device.make_head_tape();
        tape->forward(head.shape, rows, head.x.get(), head.w.data(), head.labels.get(), q.data(), v.data(),
                dh != nullptr ? h.data() : nullptr);
        tape->backward(head.w.data(), staged_dq.get(), staged_dv.get(), staged_dh.get(), dx.data(), dw.data());
        device.unpack_rows(
                tbrm::Dtype::F32, dw.data(), args->vocab_size, d, 0, args->vocab_size, tbrm::Dtype::F32, out_dw);
        // Activations are row-major on every device, so widening them is a copy of R x D numbers.
        if (dtype == tbrm::Dtype::F32) {
            if (rows > 0) device.download(out_dx, dx.data(), dx.size());
            return;
        }
        std::vector<tbrm::bf16> narrow(static_cast<size_t>(rows * d));
        if (rows > 0) device.download(narrow.data(), dx.data(), dx.size());
        for (size_t i = 0; i < narrow.size(); ++i)
            out_dx[i] = tbrm::to_float(narrow[i]);
    });
}

}  // extern "C"
