#pragma once
// cuda_types.cuh - storage types inside kernels. bf16 values travel as CUDA's own type: the bits are the same.
#include <cuda_bf16.h>

#include <type_traits>

#include "core/dtype.hpp"

namespace tbrm {
namespace cuda {

__device__ inline float load_float(float x) {
    return x;
}
__device__ inline float load_float(__nv_bfloat16 x) {
    return __bfloat162float(x);
}

template <class T>
__device__ T store_float(float x);
template <>
__device__ inline float store_float<float>(float x) {
    return x;
}
// Round to nearest, ties to even, as to_bf16.
template <>
__device__ inline __nv_bfloat16 store_float<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}

// Calls body(T*) with a null pointer of the type that kernels use for the dtype: picks the instantiation.
template <class Body>
void with_device_type(Dtype dtype, Body&& body) {
    if (dtype == Dtype::F32)
        body(static_cast<float*>(nullptr));
    else
        body(static_cast<__nv_bfloat16*>(nullptr));
}

}  // namespace cuda
}  // namespace tbrm
