#include "ops/glu.hpp"

#include "core/parallel.hpp"
#include "ops/row_kernels.hpp"

namespace tbrm {
namespace cpu {

void glu_forward(Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, void* y) {
    const GluRow kernel = row_kernels(dtype).glu[static_cast<size_t>(activation)];
    const int64_t bytes = i * dtype_bytes(dtype);
    parallel_for(n, n * i * 8, [&](int64_t row) {
        const char* gate = static_cast<const char*>(gate_up) + row * 2 * bytes;
        kernel(i, gate, gate + bytes, static_cast<char*>(y) + row * bytes);
    });
}

void glu_backward(
        Activation activation, Dtype dtype, int64_t n, int64_t i, const void* gate_up, const void* dy, void* dgate_up) {
    const GluBackwardRow kernel = row_kernels(dtype).glu_backward[static_cast<size_t>(activation)];
    const int64_t bytes = i * dtype_bytes(dtype);
    parallel_for(n, n * i * 8, [&](int64_t row) {
        const char* gate = static_cast<const char*>(gate_up) + row * 2 * bytes;
        char* dgate = static_cast<char*>(dgate_up) + row * 2 * bytes;
        kernel(i, gate, gate + bytes, static_cast<const char*>(dy) + row * bytes, dgate, dgate + bytes);
    });
}

}  // namespace cpu
}  // namespace tbrm
