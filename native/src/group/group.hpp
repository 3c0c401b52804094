#pragma once
// group.hpp - ranks that make one step together. What tbrm_group_t points to. Every sum over ranks is made here, in the order of the ranks, so
// its bits depend on their number alone (docs/adr/0011-ranks.md). Ranks are threads of this process (local_group.hpp) or processes
// (remote_group.hpp).
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/context.hpp"
#include "model/shares.hpp"

namespace tbrm {

class Model;
class Optimizer;

// An array of every rank: whose bytes are which rank's, by rank. Arrays that are passed together are alike on all ranks.
struct SharedBytes {
    uint8_t* data;
    std::vector<Range> of_rank;
};

// Numbers of every rank that are to be added up: sums[i - own.first] (+)= the ranks' values[i], for i of this rank's range.
struct SharedSum {
    const float* values;
    std::vector<Range> of_rank;
    float* sums;  // may be values + own.first
    bool add;     // to what is there
};

// One rank's calls; all ranks make the same, in the same order. A rank that does not come, leaves, or makes another call is named in what the
// others throw: GROUP, whose device_code is the exit code that the failed rank gave; after that every call throws the same. The arrays are
// host memory.
class Group {
public:
    virtual ~Group() = default;

    virtual int32_t size() const = 0;

    // Returns when every rank has called it with the same phase.
    virtual void meet(int32_t rank, const char* phase) = 0;

    // This rank will not come again. The first reason stands.
    virtual void abort(int32_t rank, int32_t code, const std::string& why) = 0;

    // values[i] = sum over the ranks, on all of them.
    virtual void sum(int32_t rank, int64_t n, double* values) = 0;

    // INVALID_ARGUMENT on all ranks when the numbers differ: shapes of what they are about to share.
    virtual void require_equal(int32_t rank, const std::vector<int64_t>& shape) = 0;

    // Every rank gets the sums of its ranges, each made once, in the order of the ranks.
    virtual void reduce(int32_t rank, const std::vector<SharedSum>& arrays) = 0;

    // Every rank (first_only: rank 0 alone) gets the others' ranges.
    virtual void gather(int32_t rank, const std::vector<SharedBytes>& arrays, bool first_only, const char* phase) = 0;
};

// The failure that a rank's calls throw.
[[noreturn]] void throw_group_failure(int32_t code, const std::string& why);

// dst[i] (+)= ((sources[0][i] + sources[1][i]) + ...), i in [first, end). dst may be one of the sources.
void sum_in_order(const std::vector<const float*>& sources, int64_t first, int64_t end, float* dst, bool add = false);

// The gradients of all ranks' models = their sum; of a model that ranks share those of the rank's share.
void sum_gradients(Group& group, int32_t rank, Model& model);

// group.reduce and group.gather of memory of a device.
void reduce_on(Device& device, Group& group, int32_t rank, std::vector<SharedSum> arrays);
void gather_on(Device& device, Group& group, int32_t rank, std::vector<SharedBytes> arrays, const char* phase);

}  // namespace tbrm

// One rank's end.
struct tbrm_group {
    std::shared_ptr<tbrm::Group> impl;
    int32_t rank;
    tbrm::LiveObject live;
};
