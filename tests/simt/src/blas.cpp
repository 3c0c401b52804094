// blas.cpp - cuBLAS and cuBLASLt: one plain product, columns first, fp32 sums. Its operands are checked for where they lie and whether they
// were written; what the real library would refuse or round otherwise is not known here.
#include <cublasLt.h>
#include <cublas_v2.h>

#include <immintrin.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "engine.hpp"

struct cublasContext {
    cudaStream_t stream = nullptr;
};
struct cublasLtContext {};
struct cublasLtMatmulDescOpaque_t {
    cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void* bias = nullptr;
};
struct cublasLtMatrixLayoutOpaque_t {
    cudaDataType_t type;
    uint64_t rows, cols;
    int64_t ld;
};
struct cublasLtMatmulPreferenceOpaque_t {
    uint64_t workspace = 0;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
    uint32_t align[4] = {256, 256, 256, 256};
};

namespace simt {
namespace {

struct Operand {
    const void* data;
    cudaDataType_t type;
    int64_t rows, cols, ld;  // as stored

    size_t size() const { return type == CUDA_R_32F ? 4 : 2; }
    const char* column(int64_t c) const {
        return static_cast<const char*>(data) + static_cast<size_t>(c * ld) * size();
    }
    float at(int64_t r, int64_t c) const {
        if (type == CUDA_R_32F) return reinterpret_cast<const float*>(column(c))[r];
        const uint32_t wide = static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(column(c))[r]) << 16;
        float x;
        std::memcpy(&x, &wide, sizeof x);
        return x;
    }
    void check(bool read, const char* what) const {
        if (ld < rows)
            report(Kind::Library, nullptr, "%s: leading dimension %lld below its %lld rows", what, (long long)ld,
                    (long long)rows);
        for (int64_t c = 0; c < cols; ++c)
            check_range(column(c), static_cast<size_t>(rows) * size(), read, what);
    }
};

uint16_t narrow(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
    return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// d [m, n] = alpha op(a) op(b) + beta c (+ bias of each row); d is c.
void multiply(bool a_transposed, bool b_transposed, int64_t m, int64_t n, int64_t k, float alpha, const Operand& a,
        const Operand& b, float beta, const Operand& c, const Operand* bias) {
    const auto bytes = [](int64_t count, const Operand& of) { return static_cast<uint64_t>(count) * of.size(); };
    count_library("cuBLAS product", 2 * static_cast<uint64_t>(m) * static_cast<uint64_t>(n) * static_cast<uint64_t>(k),
            bytes(m * k, a) + bytes(k * n, b) + (beta != 0.0f ? bytes(m * n, c) : 0), bytes(m * n, c));
    if (settings().sample > 0) return;
    a.check(true, "the first operand of a product");
    b.check(true, "the second operand of a product");
    c.check(beta != 0.0f, "the result of a product");
    if (bias != nullptr) bias->check(true, "the bias of a product");
    constexpr int64_t kTile = 64;
    const int64_t tiles = (m + kTile - 1) / kTile;
    std::vector<float> right(static_cast<size_t>(n * k));
#pragma omp parallel num_threads(settings().threads)
    {
#pragma omp for schedule(static)
        for (int64_t j = 0; j < n; ++j)
            for (int64_t p = 0; p < k; ++p)
                right[static_cast<size_t>(j * k + p)] = b_transposed ? b.at(j, p) : b.at(p, j);
        std::vector<float> left(static_cast<size_t>(k * kTile));
#pragma omp for schedule(dynamic)
        for (int64_t tile = 0; tile < tiles; ++tile) {
            const int64_t first = tile * kTile, rows = std::min(kTile, m - first);
            std::fill(left.begin(), left.end(), 0.0f);
            for (int64_t p = 0; p < k; ++p)
                for (int64_t i = 0; i < rows; ++i)
                    left[static_cast<size_t>(p * kTile + i)] = a_transposed ? a.at(p, first + i) : a.at(first + i, p);
            for (int64_t j = 0; j < n; ++j) {
                __m256 sum[kTile / 8];
                for (__m256& s : sum)
                    s = _mm256_setzero_ps();
                for (int64_t p = 0; p < k; ++p) {
                    const __m256 x = _mm256_set1_ps(right[static_cast<size_t>(j * k + p)]);
                    for (int64_t v = 0; v < kTile / 8; ++v)
                        sum[v] = _mm256_fmadd_ps(
                                _mm256_loadu_ps(&left[static_cast<size_t>(p * kTile + v * 8)]), x, sum[v]);
                }
                float out[kTile];
                for (int64_t v = 0; v < kTile / 8; ++v)
                    _mm256_storeu_ps(out + v * 8, sum[v]);
                char* const column = const_cast<char*>(c.column(j));
                for (int64_t i = 0; i < rows; ++i) {
                    float value = alpha * out[i];
                    if (bias != nullptr) value += bias->at(first + i, 0);
                    if (beta != 0.0f) value += beta * c.at(first + i, j);
                    if (c.type == CUDA_R_32F)
                        reinterpret_cast<float*>(column)[first + i] = value;
                    else
                        reinterpret_cast<uint16_t*>(column)[first + i] = narrow(value);
                }
            }
        }
    }
    for (int64_t j = 0; j < n; ++j)
        mark_written(const_cast<char*>(c.column(j)), static_cast<size_t>(m) * c.size());
}

}  // namespace
}  // namespace simt

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
    *handle = new cublasContext();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void* p, size_t bytes) {
    simt::check_range(p, bytes, false, "cublasSetWorkspace");
    return reinterpret_cast<uintptr_t>(p) % 256 == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
        const void* alpha, const void* a, cudaDataType_t a_type, int lda, const void* b, cudaDataType_t b_type, int ldb,
        const void* beta, void* c, cudaDataType_t c_type, int ldc, cublasComputeType_t, cublasGemmAlgo_t) {
    const int a_rows = op_a == CUBLAS_OP_N ? m : k, b_rows = op_b == CUBLAS_OP_N ? k : n;
    if (m < 0 || n < 0 || k < 0 || lda < std::max(1, a_rows) || ldb < std::max(1, b_rows) || ldc < std::max(1, m))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (a_type != b_type) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    const simt::Operand left{a, a_type, a_rows, op_a == CUBLAS_OP_N ? k : m, lda},
            right{b, b_type, b_rows, op_b == CUBLAS_OP_N ? n : k, ldb};
    const simt::Operand out{c, c_type, m, n, ldc};
    const float alpha_value = *static_cast<const float*>(alpha), beta_value = *static_cast<const float*>(beta);
    simt::enqueue(handle->stream, [=] {
        simt::multiply(
                op_a == CUBLAS_OP_T, op_b == CUBLAS_OP_T, m, n, k, alpha_value, left, right, beta_value, out, nullptr);
    });
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = new cublasLtContext();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t, cudaDataType_t scale) {
    if (scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
    *desc = new cublasLtMatmulDescOpaque_t();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
    delete desc;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(
        cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const void* value, size_t bytes) {
    const auto take = [&](auto& field) {
        if (bytes != sizeof field) return CUBLAS_STATUS_INVALID_VALUE;
        std::memcpy(&field, value, sizeof field);
        return CUBLAS_STATUS_SUCCESS;
    };
    switch (attribute) {
        case CUBLASLT_MATMUL_DESC_TRANSA:
            return take(desc->a);
        case CUBLASLT_MATMUL_DESC_TRANSB:
            return take(desc->b);
        case CUBLASLT_MATMUL_DESC_EPILOGUE:
            return take(desc->epilogue);
        case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
            return take(desc->bias);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutCreate(
        cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows, uint64_t cols, int64_t ld) {
    *layout = new cublasLtMatrixLayoutOpaque_t{type, rows, cols, ld};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
    *preference = new cublasLtMatmulPreferenceOpaque_t();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
        cublasLtMatmulPreferenceAttributes_t attribute, const void* value, size_t bytes) {
    if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
        if (bytes != 8) return CUBLAS_STATUS_INVALID_VALUE;
        std::memcpy(&preference->workspace, value, 8);
    } else if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) {
        if (bytes != 4) return CUBLAS_STATUS_INVALID_VALUE;
        std::memcpy(&preference->reductions, value, 4);
    } else {
        if (bytes != 4) return CUBLAS_STATUS_INVALID_VALUE;
        std::memcpy(&preference->align[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, 4);
    }
    return CUBLAS_STATUS_SUCCESS;
}

namespace {

bool shapes_fit(
        cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c) {
    const uint64_t m = desc->a == CUBLAS_OP_N ? a->rows : a->cols, k = desc->a == CUBLAS_OP_N ? a->cols : a->rows;
    const uint64_t n = desc->b == CUBLAS_OP_N ? b->cols : b->rows, other_k = desc->b == CUBLAS_OP_N ? b->rows : b->cols;
    const auto fits = [](cublasLtMatrixLayout_t l) { return l->ld >= static_cast<int64_t>(l->rows); };
    return k == other_k && c->rows == m && c->cols == n && fits(a) && fits(b) && fits(c);
}

}  // namespace

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
        cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
        cublasLtMatmulPreference_t preference, int, cublasLtMatmulHeuristicResult_t* result, int* found) {
    *found = 0;
    if (c->type != CUDA_R_32F && (preference->reductions & CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE) != 0)
        simt::report(simt::Kind::Library, nullptr,
                "cublasLtMatmulAlgoGetHeuristic may choose a kernel that adds parts rounded to the result's type");
    if (!shapes_fit(desc, a, b, c) || !shapes_fit(desc, a, b, d)) return CUBLAS_STATUS_INVALID_VALUE;
    if (a->type != b->type || (a->type == CUDA_R_32F && c->type != CUDA_R_32F) || simt::settings().no_library)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    *result = {};
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
        cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
        const void* c, cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t*,
        void* workspace, size_t workspace_bytes, cudaStream_t stream) {
    if (!shapes_fit(desc, a_layout, b_layout, c_layout) || c != d) return CUBLAS_STATUS_INVALID_VALUE;
    const auto operand = [](const void* p, cublasLtMatrixLayout_t l) {
        return simt::Operand{p, l->type, static_cast<int64_t>(l->rows), static_cast<int64_t>(l->cols), l->ld};
    };
    const simt::Operand left = operand(a, a_layout), right = operand(b, b_layout), out = operand(d, c_layout);
    const simt::Operand bias{desc->bias, c_layout->type, out.rows, 1, out.rows};
    const bool has_bias = desc->epilogue == CUBLASLT_EPILOGUE_BIAS, a_t = desc->a == CUBLAS_OP_T,
               b_t = desc->b == CUBLAS_OP_T;
    const int64_t k = a_t ? left.rows : left.cols;
    const float alpha_value = *static_cast<const float*>(alpha), beta_value = *static_cast<const float*>(beta);
    simt::enqueue(stream, [=] {
        simt::check_range(workspace, workspace_bytes, false, "cublasLtMatmul's workspace");
        simt::multiply(
                a_t, b_t, out.rows, out.cols, k, alpha_value, left, right, beta_value, out, has_bias ? &bias : nullptr);
    });
    return CUBLAS_STATUS_SUCCESS;
}
