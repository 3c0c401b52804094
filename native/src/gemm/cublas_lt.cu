// cublas_lt.cu - the fast products. cuBLASLt counts columns first: what it computes is c^T = b . a^T in our terms.
#include "gemm/cublas_lt.hpp"

#include <memory>

#include "core/cuda_vector.cuh"

namespace tbrm {
namespace {

constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;  // what NVIDIA recommends for Hopper
constexpr int kBiasThreads = 256;

cudaDataType_t type_of(Dtype dtype) {
    return dtype == Dtype::F32 ? CUDA_R_32F : CUDA_R_16BF;
}

// The largest power of two up to 256 that divides an address: what a kernel may assume.
uint32_t alignment_of(const void* p) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    uint32_t alignment = 256;
    while (address % alignment != 0)
        alignment /= 2;
    return alignment;
}

struct DescriptorDeleter {
    void operator()(cublasLtMatmulDesc_t p) const { cublasLtMatmulDescDestroy(p); }
};
using Descriptor = std::unique_ptr<cublasLtMatmulDescOpaque_t, DescriptorDeleter>;
struct LayoutDeleter {
    void operator()(cublasLtMatrixLayout_t p) const { cublasLtMatrixLayoutDestroy(p); }
};
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, LayoutDeleter>;
struct PreferenceDeleter {
    void operator()(cublasLtMatmulPreference_t p) const { cublasLtMatmulPreferenceDestroy(p); }
};
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, PreferenceDeleter>;

Layout layout_of(Dtype dtype, int64_t rows, int64_t cols, int64_t ld) {
    cublasLtMatrixLayout_t raw = nullptr;
    TBRM_CUBLAS_CHECK(cublasLtMatrixLayoutCreate(
            &raw, type_of(dtype), static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), ld));
    return Layout(raw);
}

template <class Value>
void set(const Descriptor& what, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    TBRM_CUBLAS_CHECK(cublasLtMatmulDescSetAttribute(what.get(), attribute, &value, sizeof value));
}

template <class Value>
void set(const Preference& what, cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
    TBRM_CUBLAS_CHECK(cublasLtMatmulPreferenceSetAttribute(what.get(), attribute, &value, sizeof value));
}

// `bias`: in c_dtype, on the device, or null.
Descriptor descriptor_of(const cuda::Product& p, const void* bias) {
    cublasLtMatmulDesc_t raw = nullptr;
    TBRM_CUBLAS_CHECK(cublasLtMatmulDescCreate(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    Descriptor what(raw);
    const cublasOperation_t first = p.b_depth_major ? CUBLAS_OP_N : CUBLAS_OP_T;
    const cublasOperation_t second = p.a_depth_major ? CUBLAS_OP_T : CUBLAS_OP_N;
    set(what, CUBLASLT_MATMUL_DESC_TRANSA, first);
    set(what, CUBLASLT_MATMUL_DESC_TRANSB, second);
    if (bias != nullptr) {
        const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
        set(what, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
        set(what, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    return what;
}

__global__ void narrow_bias_kernel(int64_t n, const float* bias, bf16* out) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * kBiasThreads + threadIdx.x;
    if (i < n) cuda::narrow(bias[i], out + i);
}

}  // namespace

CublasLt::CublasLt(const CudaQueue& queue) : workspace_(queue, kWorkspaceBytes) {
    TBRM_CUBLAS_CHECK(cublasLtCreate(&handle_));
}

CublasLt::~CublasLt() {
    if (handle_ != nullptr) cublasLtDestroy(handle_);
}

CublasLt::Choice CublasLt::choose(
        const cuda::Product& p, cublasLtMatmulDesc_t what, const cublasLtMatrixLayout_t (&layouts)[3]) {
    const uint32_t a = alignment_of(p.b), b = alignment_of(p.a), c = alignment_of(p.c);
    const int64_t form = (p.a_depth_major ? 1 : 0) | (p.b_depth_major ? 2 : 0) | (p.add_to ? 4 : 0) |
                         (p.bias != nullptr ? 8 : 0) | (p.dtype == Dtype::F32 ? 16 : 0) |
                         (p.c_dtype == Dtype::F32 ? 32 : 0);
    const Key key{p.rows, p.cols, p.depth, p.lda, p.ldb, p.ldc, form, a, b, c};
    const auto known = choices_.find(key);
    if (known != choices_.end()) return known->second;

    cublasLtMatmulPreference_t raw = nullptr;
    TBRM_CUBLAS_CHECK(cublasLtMatmulPreferenceCreate(&raw));
    const Preference preference(raw);
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(kWorkspaceBytes));
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, a);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, b);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, c);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, c);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
            handle_, what, layouts[0], layouts[1], layouts[2], layouts[2], preference.get(), 1, &result, &found);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) TBRM_CUBLAS_CHECK(status);
    const Choice choice{result.algo, status == CUBLAS_STATUS_SUCCESS && found > 0};
    choices_.emplace(key, choice);
    return choice;
}

bool CublasLt::multiply(const CudaQueue& queue, const cuda::Product& p) {
    if (p.rows <= 0 || p.cols <= 0) return true;
    if (p.depth <= 0) return false;
    CudaArray<bf16> narrow_bias;
    const void* bias = p.bias;
    if (bias != nullptr && p.c_dtype != Dtype::F32) {
        narrow_bias.resize(queue, p.cols);
        const unsigned blocks = static_cast<unsigned>((p.cols + kBiasThreads - 1) / kBiasThreads);
        narrow_bias_kernel<<<blocks, kBiasThreads, 0, queue.stream>>>(p.cols, p.bias, narrow_bias.data());
        TBRM_LAUNCH_CHECK();
        bias = narrow_bias.data();
    }
    const Descriptor what = descriptor_of(p, bias);
    const Layout b =
            p.b_depth_major ? layout_of(p.dtype, p.cols, p.depth, p.ldb) : layout_of(p.dtype, p.depth, p.cols, p.ldb);
    const Layout a =
            p.a_depth_major ? layout_of(p.dtype, p.rows, p.depth, p.lda) : layout_of(p.dtype, p.depth, p.rows, p.lda);
    const Layout c = layout_of(p.c_dtype, p.cols, p.rows, p.ldc);
    const Choice choice = choose(p, what.get(), {b.get(), a.get(), c.get()});
    if (!choice.found) return false;
    const float alpha = 1.0f, beta = p.add_to ? 1.0f : 0.0f;
    TBRM_CUBLAS_CHECK(cublasLtMatmul(handle_, what.get(), &alpha, p.b, b.get(), p.a, a.get(), &beta, p.c, c.get(), p.c,
            c.get(), &choice.algo, workspace_.data(), static_cast<size_t>(workspace_.bytes()), queue.stream));
    return true;
}

namespace cuda {

bool multiply_by_library(const CudaQueue& queue, const Product& p) {
    return queue.lt->multiply(queue, p);
}

}  // namespace cuda
}  // namespace tbrm
