#include "core/cuda_staging.hpp"

namespace tbrm {

CudaStaging::CudaStaging() {
    const auto allocate = [](char** out) {
        void* pointer = nullptr;
        TBRM_CUDA_CHECK(cudaHostAlloc(&pointer, static_cast<size_t>(kSegmentBytes), cudaHostAllocDefault));
        *out = static_cast<char*>(pointer);
    };
    try {
        for (int i = 0; i < kSegments; ++i) {
            allocate(&segments_[i]);
            TBRM_CUDA_CHECK(cudaEventCreateWithFlags(&copied_[i], cudaEventDisableTiming));
        }
        allocate(&landing_);
    } catch (...) {
        free_all();
        throw;
    }
}

CudaStaging::~CudaStaging() {
    free_all();
}

void CudaStaging::free_all() noexcept {
    for (int i = 0; i < kSegments; ++i) {
        if (copied_[i] != nullptr) cudaEventDestroy(copied_[i]);
        if (segments_[i] != nullptr) cudaFreeHost(segments_[i]);
    }
    if (landing_ != nullptr) cudaFreeHost(landing_);
}

void* CudaStaging::reserve(const CudaQueue& queue, int64_t bytes) {
    TBRM_ASSERT(bytes <= kSegmentBytes, "%lld bytes do not fit a segment", static_cast<long long>(bytes));
    if (used_ + bytes > kSegmentBytes) {
        TBRM_CUDA_CHECK(cudaEventRecord(copied_[current_], queue.stream));
        pending_[current_] = true;
        current_ = (current_ + 1) % kSegments;
        used_ = 0;
        if (pending_[current_]) TBRM_CUDA_CHECK(cudaEventSynchronize(copied_[current_]));
        pending_[current_] = false;
    }
    char* at = segments_[current_] + used_;
    used_ += (bytes + 63) / 64 * 64;
    return at;
}

}  // namespace tbrm
