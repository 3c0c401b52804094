#include "group/group.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

constexpr int64_t kBlock = 1024;         // numbers that are summed in the first-level cache
constexpr int64_t kShardAlignment = 16;  // a cache line: no two ranks write one

}  // namespace

void throw_group_failure(int32_t code, const std::string& why) {
    throw Failure(TBRM_STATUS_GROUP, code, TBRM_WHERE, why);
}

int64_t shard_begin(int64_t n, int64_t rank, int64_t n_ranks) {
    return rank >= n_ranks ? n : n * rank / n_ranks / kShardAlignment * kShardAlignment;
}

void sum_in_order(const std::vector<const float*>& sources, int64_t first, int64_t end, float* dst) {
    parallel_for(ceil_div(end - first, kBlock), (end - first) * static_cast<int64_t>(sources.size()), [&](int64_t b) {
        const int64_t begin = first + b * kBlock, n = std::min(kBlock, end - begin);
        float sums[kBlock];
        std::copy_n(sources[0] + begin, n, sums);
        for (size_t r = 1; r < sources.size(); ++r) {
            const float* source = sources[r] + begin;
            for (int64_t i = 0; i < n; ++i)
                sums[i] += source[i];
        }
        std::copy_n(sums, n, dst + begin);
    });
}

struct HostGradients::Copies {
    std::vector<HostBuffer<float>> buffers;
};

HostGradients::HostGradients(Model& model) : model_(model), copies_(std::make_unique<Copies>()) {
    TBRM_REQUIRE(model.trains(), "the model is frozen (trainable = 0): it has no gradients");
    model.require_no_kept_forward("a sum of gradients over ranks");
    Device& device = model.device();
    const MemoryScope scope(model.owner(), MemoryUse::Gradients);
    for (const auto& parameter : model.parameters()) {
        if (!parameter->trainable()) continue;
        float* data = parameter->gradient();
        const int64_t n = parameter->layout_elements();
        if (!device.is_host()) {
            copies_->buffers.emplace_back(n);
            device.download(copies_->buffers.back().data(), data, n * 4);
            data = copies_->buffers.back().data();
        }
        arrays_.push_back({data, n});
    }
}

HostGradients::~HostGradients() = default;

void HostGradients::store() {
    Device& device = model_.device();
    if (device.is_host()) return;
    size_t next = 0;
    for (const auto& parameter : model_.parameters()) {
        if (!parameter->trainable()) continue;
        device.upload(parameter->gradient(), arrays_[next].data, arrays_[next].n * 4);
        ++next;
    }
    device.synchronize();
}

}  // namespace tbrm
