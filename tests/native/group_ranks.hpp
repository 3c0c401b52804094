#pragma once
// group_ranks.hpp - groups of ranks as threads and, over a network in memory, as processes, with a model each.
#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "group/group.hpp"
#include "group/remote_group.hpp"
#include "memory_transport.hpp"
#include "rounding.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

namespace tbrm::testing {

struct GroupDeleter {
    void operator()(tbrm_group_t* p) const { tbrm_group_destroy(p); }
};
using GroupHandle = std::unique_ptr<tbrm_group_t, GroupDeleter>;

inline std::vector<GroupHandle> make_groups(int32_t n, double timeout_s = 120) {
    std::vector<tbrm_group_t*> raw(static_cast<size_t>(n));
    tbrm_error_t err{};
    expect_ok(tbrm_group_create_local(n, timeout_s, raw.data(), &err), err, "tbrm_group_create_local");
    return {raw.begin(), raw.end()};
}

// The ends of processes, whose network is the memory of this one.
inline std::vector<GroupHandle> make_processes(
        const std::shared_ptr<MemoryNetwork>& network, int32_t n, double lost_s = 60) {
    std::vector<std::string> hosts;
    for (int32_t rank = 0; rank < n; ++rank)
        hosts.push_back("host" + std::to_string(rank));
    std::vector<GroupHandle> groups;
    for (int32_t rank = 0; rank < n; ++rank) {
        const auto post = Post::open(std::make_shared<MemoryTransport>(network, rank), rank, hosts, lost_s);
        groups.emplace_back(new tbrm_group{std::make_shared<RemoteGroup>(post), rank, {}});
    }
    return groups;
}

inline std::vector<GroupHandle> make_ranks(bool are_processes, int32_t n) {
    return are_processes && n > 1 ? make_processes(std::make_shared<MemoryNetwork>(n), n) : make_groups(n);
}

// body(rank) on a thread each; their statuses and messages.
struct Outcome {
    tbrm_status_t status;
    std::string message;
    int32_t device_code;
};
inline std::vector<Outcome> on_ranks(
        int32_t n, const std::function<tbrm_status_t(int32_t rank, tbrm_error_t* err)>& body) {
    std::vector<Outcome> outcomes(static_cast<size_t>(n));
    std::vector<std::thread> threads;
    for (int32_t rank = 0; rank < n; ++rank) {
        threads.emplace_back([&, rank] {
            tbrm_error_t err{};
            const tbrm_status_t status = body(rank, &err);
            outcomes[static_cast<size_t>(rank)] = {status, err.message, err.device_code};
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    return outcomes;
}

inline bool all_ok(const std::vector<Outcome>& outcomes) {
    for (const Outcome& o : outcomes)
        if (o.status != TBRM_STATUS_OK) std::printf("    status %d: %s\n", o.status, o.message.c_str());
    return std::all_of(outcomes.begin(), outcomes.end(), [](const Outcome& o) { return o.status == TBRM_STATUS_OK; });
}

// A model per rank, all alike, and the gradient of some of the sequences in it.
struct Ranks {
    std::vector<ContextHandle> contexts;
    std::vector<ModelHandle> models;
    std::vector<OptimizerHandle> optimizers;

    Ranks(int32_t n, tbrm_dtype_t dtype) : Ranks(n, tiny_config(dtype)) {
        for (const ModelHandle& model : models)
            optimizers.push_back(make_optimizer(model.get(), 0.1f));
    }
    // Without optimizers.
    Ranks(int32_t n, const tbrm_model_config_t& config) {
        for (int32_t r = 0; r < n; ++r) {
            contexts.push_back(make_context(1));
            models.push_back(make_model(contexts.back().get(), config, 1));
        }
    }
    tbrm_model_t* model(int32_t rank) const { return models[static_cast<size_t>(rank)].get(); }
    tbrm_optimizer_t* optimizer(int32_t rank) const { return optimizers[static_cast<size_t>(rank)].get(); }
};

inline Batch eight_sequences() {
    Batch batch;
    for (uint64_t b = 0; b < 8; ++b)
        batch.add_sequence(5 + static_cast<int64_t>(b % 4), 3, 29, 70 + b);
    return batch;
}

inline void accumulate(tbrm_model_t* model, const Batch& batch, int64_t first, int64_t last) {
    std::vector<size_t> rows;
    const Batch part = batch.slice(first, last, &rows);
    forward(model, part, true);
    std::vector<float> dq, dv;
    for (const size_t row : rows) {
        dq.push_back(static_cast<float>(normal(5, row)));
        dv.push_back(static_cast<float>(normal(6, row)));
    }
    backward(model, dq, dv, {});
}

inline std::vector<float> flat(tbrm_model_t* model, tbrm_tensor_kind_t kind) {
    std::vector<float> all;
    for (const TensorValues& tensor : read_tensors(model, kind))
        all.insert(all.end(), tensor.values.begin(), tensor.values.end());
    return all;
}

}  // namespace tbrm::testing
