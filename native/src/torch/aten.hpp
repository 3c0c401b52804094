#pragma once
// aten.hpp - what the plug-in's files share: views of libtbrm's memory as tensors, and the place where an exception becomes a status.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>

#include "torch/torch_interface.h"

struct tbrm_torch {
    c10::Device where;
    void* stream;
};

namespace tbrm {
namespace aten {

using at::Tensor;

inline c10::ScalarType type_of(tbrm_dtype_t dtype) {
    return dtype == TBRM_DTYPE_F32 ? at::kFloat : at::kBFloat16;
}

inline Tensor view(const tbrm_torch_t* torch, const tbrm_torch_matrix_t& m) {
    return at::from_blob(
            m.data, {m.rows, m.cols}, {m.ld, 1}, at::TensorOptions().dtype(type_of(m.dtype)).device(torch->where));
}

// Rows [first, first + n) of a matrix.
inline Tensor view_rows(const tbrm_torch_t* torch, const tbrm_torch_matrix_t& m, int64_t first, int64_t n) {
    const int64_t size = m.dtype == TBRM_DTYPE_F32 ? 4 : 2;
    return view(torch, {m.dtype, 0, n, m.cols, m.ld, static_cast<char*>(m.data) + first * m.ld * size});
}

inline Tensor view(const tbrm_torch_t* torch, const float* data, int64_t n) {
    return at::from_blob(const_cast<float*>(data), {n}, at::TensorOptions().dtype(at::kFloat).device(torch->where));
}

inline Tensor ids_of(const tbrm_torch_t* torch, const int32_t* ids, int64_t n) {
    return at::from_blob(const_cast<int32_t*>(ids), {n}, at::TensorOptions().dtype(at::kInt).device(torch->where))
            .to(at::kLong);
}

inline Tensor wide(const Tensor& x) {
    return x.to(at::kFloat);
}

// a b with fp32 sums in fp32. Only a GPU's library, of a libtorch that reaches it, takes bf16 and gives fp32; elsewhere both are widened.
inline Tensor product(const Tensor& a, const Tensor& b) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 8)
    if (a.is_cuda() && a.scalar_type() == at::kBFloat16 && b.scalar_type() == at::kBFloat16)
        return at::mm(a, b, at::kFloat);
#endif
    return at::mm(wide(a), wide(b));
}

inline tbrm_status_t report(tbrm_error_t* err, tbrm_status_t code, const char* where, const char* message) {
    if (err != nullptr) {
        err->code = code;
        err->device_code = 0;
        std::snprintf(err->where, sizeof err->where, "libtbrm_torch: %s", where);
        std::snprintf(err->message, sizeof err->message, "%s", message);
        // libtorch's messages go on with a stack of its own.
        for (char* c = err->message; *c != '\0'; ++c)
            if (*c == '\n') *c = '\0';
    }
    return code;
}

// The body of every function of the table: no derivative is recorded, and nothing that is thrown leaves it.
template <class Body>
tbrm_status_t guarded(tbrm_error_t* err, const char* where, Body&& body) noexcept {
    try {
        const c10::InferenceMode mode;
        body();
        if (err != nullptr) err->code = TBRM_STATUS_OK;
        return TBRM_STATUS_OK;
    } catch (const std::bad_alloc&) {
        return report(err, TBRM_STATUS_OUT_OF_MEMORY, where,
                "libtorch found no memory for its working arrays; use smaller micro-batches");
#if TORCH_VERSION_MAJOR >= 2
    } catch (const c10::OutOfMemoryError& e) {
        return report(err, TBRM_STATUS_OUT_OF_MEMORY, where, e.what_without_backtrace());
#endif
    } catch (const c10::Error& e) {
        return report(err, TBRM_STATUS_TORCH, where, e.what_without_backtrace());
    } catch (const std::exception& e) {
        return report(err, TBRM_STATUS_TORCH, where, e.what());
    } catch (...) {
        return report(err, TBRM_STATUS_TORCH, where, "an exception of unknown type");
    }
}

// aten_rows.cpp, aten_attention.cpp, aten_head.cpp, c10d_links.cpp: their functions of the table.
void fill_rows(tbrm_torch_api_t& api);
void fill_attention(tbrm_torch_api_t& api);
void fill_head(tbrm_torch_api_t& api);
void fill_links(tbrm_torch_api_t& api);

}  // namespace aten
}  // namespace tbrm
