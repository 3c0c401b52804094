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

namespace tbrm {

class Model;
class Optimizer;

// One rank's calls; all ranks make the same, in the same order. A rank that does not come, leaves, or makes another call is named in what the
// others throw: GROUP, whose device_code is the exit code that the failed rank gave; after that every call throws the same.
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

    // The gradients of all ranks' models = their sum. Models of one configuration, on devices of one kind.
    virtual void sum_gradients(int32_t rank, Model& model) = 0;
};

// The failure that a rank's calls throw.
[[noreturn]] void throw_group_failure(int32_t code, const std::string& why);

// dst[i] = ((sources[0][i] + sources[1][i]) + ...), i in [first, end). dst may be one of the sources.
void sum_in_order(const std::vector<const float*>& sources, int64_t first, int64_t end, float* dst);

// The part of n numbers that a rank sums: [shard_begin(rank), shard_begin(rank + 1)).
int64_t shard_begin(int64_t n, int64_t rank, int64_t n_ranks);

// An array of gradients where the host can add them.
struct GradientArray {
    float* data;
    int64_t n;
};

// The gradients of what is trained of a model, in the order of its parameters: in place on a host, in copies of a device's.
class HostGradients {
public:
    explicit HostGradients(Model& model);
    ~HostGradients();
    const std::vector<GradientArray>& arrays() const { return arrays_; }
    // Back to the device that they came from.
    void store();

private:
    struct Copies;
    Model& model_;
    std::vector<GradientArray> arrays_;
    std::unique_ptr<Copies> copies_;
};

}  // namespace tbrm

// One rank's end.
struct tbrm_group {
    std::shared_ptr<tbrm::Group> impl;
    int32_t rank;
    tbrm::LiveObject live;
};
