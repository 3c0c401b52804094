#include "group/group.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "model/model.hpp"

namespace tbrm {
namespace {

constexpr int64_t kBlock = 1024;  // numbers that are summed in the first-level cache

std::vector<Range> ranges_of(const Parameter& parameter, int32_t n_ranks) {
    std::vector<Range> ranges;
    for (int32_t r = 0; r < n_ranks; ++r)
        ranges.push_back(parameter.pieces().of_rank(0, r, n_ranks));
    return ranges;
}

}  // namespace

void throw_group_failure(int32_t code, const std::string& why) {
    throw Failure(TBRM_STATUS_GROUP, code, TBRM_WHERE, why);
}

void sum_in_order(const std::vector<const float*>& sources, int64_t first, int64_t end, float* dst, bool add) {
    parallel_for(ceil_div(end - first, kBlock), (end - first) * static_cast<int64_t>(sources.size()), [&](int64_t b) {
        const int64_t begin = first + b * kBlock, n = std::min(kBlock, end - begin);
        float sums[kBlock];
        std::copy_n(sources[0] + begin, n, sums);
        for (size_t r = 1; r < sources.size(); ++r) {
            const float* source = sources[r] + begin;
            for (int64_t i = 0; i < n; ++i)
                sums[i] += source[i];
        }
        for (int64_t i = 0; add && i < n; ++i)
            sums[i] += dst[begin + i];
        std::copy_n(sums, n, dst + begin);
    });
}

void sum_gradients(Group& group, int32_t rank, Model& model) {
    TBRM_REQUIRE(model.trains(), "the model is frozen (trainable = 0): it has no gradients");
    model.require_no_kept_forward("a sum of gradients over ranks");
    if (model.is_shared()) {
        TBRM_REQUIRE(model.group() == &group, "the model is shared over another group");
        if (model.config().zero_stage >= 2) return;
    } else {
        group.require_equal(rank, model.trained_shape());
    }
    std::vector<SharedSum> sums;
    std::vector<SharedBytes> arrays;
    for (const auto& parameter : model.parameters()) {
        if (!parameter->trainable()) continue;
        float* values = parameter->gradient();
        const std::vector<Range> ranges =
                model.is_shared() ? model.ranges_of(*parameter) : ranges_of(*parameter, group.size());
        sums.push_back({values, ranges, values + ranges[static_cast<size_t>(rank)].first, false});
        if (model.is_shared()) continue;
        SharedBytes& array = arrays.emplace_back(SharedBytes{reinterpret_cast<uint8_t*>(values), {}});
        for (const Range& range : ranges)
            array.of_rank.push_back({range.first * 4, range.n * 4});
    }
    const MemoryScope scope(model.owner(), MemoryUse::Gradients);
    reduce_on(model.device(), group, rank, std::move(sums));
    if (!arrays.empty()) gather_on(model.device(), group, rank, std::move(arrays), "sums of gradients");
}

void reduce_on(Device& device, Group& group, int32_t rank, std::vector<SharedSum> arrays) {
    if (device.is_host()) return group.reduce(rank, arrays);
    std::vector<HostBuffer<float>> values, sums;
    std::vector<float*> on_device;
    for (SharedSum& array : arrays) {
        const Range own = array.of_rank[static_cast<size_t>(rank)];
        int64_t n = 0;
        for (const Range& range : array.of_rank)
            n = std::max(n, range.end());
        device.download(values.emplace_back(n).data(), array.values, n * 4);
        sums.emplace_back(own.n);
        if (array.add) device.download(sums.back().data(), array.sums, own.n * 4);
        on_device.push_back(array.sums);
        array.values = values.back().data();
        array.sums = sums.back().data();
    }
    group.reduce(rank, arrays);
    for (size_t i = 0; i < arrays.size(); ++i)
        device.upload(on_device[i], sums[i].data(), sums[i].bytes());
    device.synchronize();
}

void gather_on(Device& device, Group& group, int32_t rank, std::vector<SharedBytes> arrays, const char* phase) {
    if (device.is_host()) return group.gather(rank, arrays, false, phase);
    std::vector<HostBuffer<uint8_t>> copies;
    std::vector<uint8_t*> on_device;
    for (SharedBytes& array : arrays) {
        const Range own = array.of_rank[static_cast<size_t>(rank)];
        int64_t n = 0;
        for (const Range& range : array.of_rank)
            n = std::max(n, range.end());
        device.download(copies.emplace_back(n).data() + own.first, array.data + own.first, own.n);
        on_device.push_back(array.data);
        array.data = copies.back().data();
    }
    group.gather(rank, arrays, false, phase);
    for (size_t i = 0; i < arrays.size(); ++i) {
        for (size_t r = 0; r < arrays[i].of_rank.size(); ++r) {
            const Range range = arrays[i].of_rank[r];
            if (static_cast<int32_t>(r) == rank) continue;
            device.upload(on_device[i] + range.first, copies[i].data() + range.first, range.n);
        }
    }
    device.synchronize();
}

}  // namespace tbrm
