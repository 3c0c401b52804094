// cublas_lt.cu - the fast products. cuBLASLt counts columns first: what it computes is c^T = b . a^T in our terms.
#include "gemm/cublas_lt.hpp"

#include <memory>

#include "core/cuda_vector.cuh"

namespace tbrm {

// Not in the namespace without a name: a plan, which the header declares, is made of them.
struct DescriptorDeleter {
    void operator()(cublasLtMatmulDesc_t p) const { cublasLtMatmulDescDestroy(p); }
};
using Descriptor = std::unique_ptr<cublasLtMatmulDescOpaque_t, DescriptorDeleter>;
struct LayoutDeleter {
    void operator()(cublasLtMatrixLayout_t p) const { cublasLtMatrixLayoutDestroy(p); }
};
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, LayoutDeleter>;

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

// A split of the sum may add its parts in fp32 or not be made at all: cuBLASLt may else add parts rounded to the result's bf16.
constexpr uint32_t kReductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

__global__ void narrow_bias_kernel(int64_t n, const float* bias, bf16* out) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * kBiasThreads + threadIdx.x;
    if (i < n) cuda::narrow(bias[i], out + i);
}

}  // namespace

struct CublasLt::Plan {
    Descriptor what;
    Layout b, a, c;
    cublasLtMatmulAlgo_t algo;
    bool found;
};

CublasLt::CublasLt(const CudaQueue& queue) : workspace_(queue, kWorkspaceBytes) {
    TBRM_CUBLAS_CHECK(cublasLtCreate(&handle_));
}

CublasLt::~CublasLt() {
    plans_.clear();
    if (handle_ != nullptr) cublasLtDestroy(handle_);
}

CublasLt::Plan CublasLt::make_plan(
        const cuda::Product& p, uint32_t a_alignment, uint32_t b_alignment, uint32_t c_alignment) {
    cublasLtMatmulDesc_t raw_what = nullptr;
    TBRM_CUBLAS_CHECK(cublasLtMatmulDescCreate(&raw_what, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    Plan plan{Descriptor(raw_what),
            p.b_depth_major ? layout_of(p.dtype, p.cols, p.depth, p.ldb) : layout_of(p.dtype, p.depth, p.cols, p.ldb),
            p.a_depth_major ? layout_of(p.dtype, p.rows, p.depth, p.lda) : layout_of(p.dtype, p.depth, p.rows, p.lda),
            layout_of(p.c_dtype, p.cols, p.rows, p.ldc), {}, false};
    const cublasOperation_t first = p.b_depth_major ? CUBLAS_OP_N : CUBLAS_OP_T;
    const cublasOperation_t second = p.a_depth_major ? CUBLAS_OP_T : CUBLAS_OP_N;
    set(plan.what, CUBLASLT_MATMUL_DESC_TRANSA, first);
    set(plan.what, CUBLASLT_MATMUL_DESC_TRANSB, second);
    if (p.bias != nullptr) {
        const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
        set(plan.what, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    }

    cublasLtMatmulPreference_t raw = nullptr;
    TBRM_CUBLAS_CHECK(cublasLtMatmulPreferenceCreate(&raw));
    const Preference preference(raw);
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(kWorkspaceBytes));
    set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kReductions);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, a_alignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, b_alignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, c_alignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, c_alignment);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle_, plan.what.get(), plan.b.get(), plan.a.get(),
            plan.c.get(), plan.c.get(), preference.get(), 1, &result, &found);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) TBRM_CUBLAS_CHECK(status);
    plan.algo = result.algo;
    plan.found = status == CUBLAS_STATUS_SUCCESS && found > 0;
    return plan;
}

CublasLt::Plan& CublasLt::plan_of(const cuda::Product& p) {
    const uint32_t a = alignment_of(p.b), b = alignment_of(p.a), c = alignment_of(p.c);
    const int64_t form = (p.a_depth_major ? 1 : 0) | (p.b_depth_major ? 2 : 0) | (p.add_to ? 4 : 0) |
                         (p.bias != nullptr ? 8 : 0) | (p.dtype == Dtype::F32 ? 16 : 0) |
                         (p.c_dtype == Dtype::F32 ? 32 : 0);
    const Key key{p.rows, p.cols, p.depth, p.lda, p.ldb, p.ldc, form, a, b, c};
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    return plans_.emplace(key, make_plan(p, a, b, c)).first->second;
}

bool CublasLt::multiply(const CudaQueue& queue, const cuda::Product& p) {
    if (p.rows <= 0 || p.cols <= 0) return true;
    if (p.depth <= 0) return false;
    Plan& plan = plan_of(p);
    if (!plan.found) return false;
    if (p.bias != nullptr) {
        const void* bias = p.bias;
        if (p.c_dtype != Dtype::F32) {
            if (narrow_bias_.size() < p.cols) narrow_bias_.resize(queue, p.cols);
            const unsigned blocks = static_cast<unsigned>((p.cols + kBiasThreads - 1) / kBiasThreads);
            narrow_bias_kernel<<<blocks, kBiasThreads, 0, queue.stream>>>(p.cols, p.bias, narrow_bias_.data());
            TBRM_LAUNCH_CHECK();
            bias = narrow_bias_.data();
        }
        set(plan.what, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    const float alpha = 1.0f, beta = p.add_to ? 1.0f : 0.0f;
    TBRM_CUBLAS_CHECK(cublasLtMatmul(handle_, plan.what.get(), &alpha, p.b, plan.b.get(), p.a, plan.a.get(), &beta, p.c,
            plan.c.get(), p.c, plan.c.get(), &plan.algo, workspace_.data(), static_cast<size_t>(workspace_.bytes()),
            queue.stream));
    return true;
}

namespace cuda {

bool multiply_by_library(const CudaQueue& queue, const Product& p) {
    return queue.lt->multiply(queue, p);
}

}  // namespace cuda
}  // namespace tbrm
