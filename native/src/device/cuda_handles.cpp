#include "device/cuda_handles.hpp"

namespace tbrm {
namespace {

constexpr int64_t kBlasWorkspaceBytes = int64_t{32} << 20;  // what NVIDIA recommends for Hopper

// Memory comes from the device's own pool in stream order: an allocation or a release costs no synchronisation, a freed block may serve the
// next call of the stream at once, and the driver joins fragments by remapping pages, which an allocator of our own could not. The pool
// keeps what it got, or every step would pay for the driver's allocation again.
void keep_freed_memory(int32_t ordinal) {
    cudaMemPool_t pool = nullptr;
    uint64_t threshold = UINT64_MAX;
    TBRM_CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool, ordinal));
    TBRM_CUDA_CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
}

}  // namespace

CudaHandles::CudaHandles(int32_t ordinal) : ordinal_(ordinal) {
    const MemoryScope scope(MemoryOwner::Library, MemoryUse::Scratch);
    try {
        TBRM_CUDA_CHECK(cudaSetDevice(ordinal));
        keep_freed_memory(ordinal);
        queue_.memory = &memory_;
        queue_.ordinal = ordinal;
        // Not the legacy default stream, and not ordered with it.
        TBRM_CUDA_CHECK(cudaStreamCreateWithFlags(&queue_.stream, cudaStreamNonBlocking));
        staging_ = std::make_unique<CudaStaging>();
        queue_.staging = staging_.get();
        TBRM_CUBLAS_CHECK(cublasCreate(&queue_.blas));
        TBRM_CUBLAS_CHECK(cublasSetStream(queue_.blas, queue_.stream));
        // After the stream, which would reset it.
        blas_workspace_.resize(queue_, kBlasWorkspaceBytes);
        TBRM_CUBLAS_CHECK(
                cublasSetWorkspace(queue_.blas, blas_workspace_.data(), static_cast<size_t>(blas_workspace_.bytes())));
        queue_.scratch = blas_workspace_.data();
        queue_.scratch_bytes = blas_workspace_.bytes();
        lt_ = std::make_unique<CublasLt>(queue_);
        queue_.lt = lt_.get();
    } catch (...) {
        close();
        throw;
    }
}

CudaHandles::~CudaHandles() {
    close();
}

// Errors on the way out have nobody to go to.
void CudaHandles::close() noexcept {
    cudaSetDevice(ordinal_);
    if (queue_.stream != nullptr) cudaStreamSynchronize(queue_.stream);
    queue_.lt = nullptr;
    lt_.reset();
    if (queue_.blas != nullptr) cublasDestroy(queue_.blas);
    queue_.blas = nullptr;
    queue_.scratch = nullptr;
    queue_.scratch_bytes = 0;
    blas_workspace_.reset();
    queue_.staging = nullptr;
    staging_.reset();
    if (queue_.stream != nullptr) {
        cudaStreamSynchronize(queue_.stream);
        cudaStreamDestroy(queue_.stream);
    }
    queue_.stream = nullptr;
}

}  // namespace tbrm
