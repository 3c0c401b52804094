// sort.cpp - cub::DeviceRadixSort.
#include <algorithm>
#include <cub/device/device_radix_sort.cuh>
#include <numeric>

#include "engine.hpp"
#include "stream.hpp"

namespace simt {

cudaError_t sort_pairs(void* scratch, size_t& bytes, const int32_t* keys_in, int32_t* keys_out,
        const int32_t* values_in, int32_t* values_out, int n, int begin, int end, cudaStream_t stream) {
    const size_t needed = static_cast<size_t>(n) * 8 + 4096;
    if (scratch == nullptr) {
        bytes = needed;
        return cudaSuccess;
    }
    if (bytes < needed) return fail(cudaErrorInvalidValue);
    enqueue(stream, [=] {
        const size_t all = static_cast<size_t>(n) * 4;
        check_range(scratch, needed, false, "DeviceRadixSort's scratch");
        check_range(keys_in, all, true, "DeviceRadixSort's keys");
        check_range(values_in, all, true, "DeviceRadixSort's values");
        check_range(keys_out, all, false, "DeviceRadixSort's sorted keys");
        check_range(values_out, all, false, "DeviceRadixSort's sorted values");
        std::vector<int> order(static_cast<size_t>(n));
        std::iota(order.begin(), order.end(), 0);
        const uint32_t mask = end - begin >= 32 ? ~0u : (1u << (end - begin)) - 1;
        // Signed keys: the sign bit, where it takes part, is turned over.
        const auto digit = [&](int i) { return ((static_cast<uint32_t>(keys_in[i]) ^ 0x80000000u) >> begin) & mask; };
        std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return digit(a) < digit(b); });
        for (int i = 0; i < n; ++i) {
            keys_out[i] = keys_in[order[static_cast<size_t>(i)]];
            values_out[i] = values_in[order[static_cast<size_t>(i)]];
        }
        mark_written(keys_out, all);
        mark_written(values_out, all);
    });
    return cudaSuccess;
}

}  // namespace simt
