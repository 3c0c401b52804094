// group_api.cpp - exports of the section "group". Contract: tbrm.h.
#include <cmath>
#include <cstring>

#include "core/guard.hpp"
#include "group/group.hpp"
#include "model/model.hpp"

namespace {

constexpr int32_t kMostRanks = 1024;

tbrm::Group& use(tbrm_group_t* group) {
    TBRM_REQUIRE(group != nullptr, "group is null");
    return *group->impl;
}

}  // namespace

extern "C" {

tbrm_status_t tbrm_group_create_local(
        int32_t n_ranks, double timeout_s, tbrm_group_t** out_groups, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(n_ranks >= 1 && n_ranks <= kMostRanks, "n_ranks is %d, expected 1 to %d", n_ranks, kMostRanks);
        TBRM_REQUIRE(timeout_s > 0 && std::isfinite(timeout_s),
                "timeout_s is %g, expected a positive number of seconds", timeout_s);
        TBRM_REQUIRE(out_groups != nullptr, "out_groups is null");
        const auto group = std::make_shared<tbrm::Group>(n_ranks, timeout_s);
        std::vector<std::unique_ptr<tbrm_group>> made;
        for (int32_t rank = 0; rank < n_ranks; ++rank)
            made.emplace_back(new tbrm_group{group, rank, {}});
        for (int32_t rank = 0; rank < n_ranks; ++rank)
            out_groups[rank] = made[static_cast<size_t>(rank)].release();
    });
}

void tbrm_group_destroy(tbrm_group_t* group) noexcept {
    delete group;
}

tbrm_status_t tbrm_group_barrier(tbrm_group_t* group, const char* phase, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(phase != nullptr && phase[0] != '\0', "phase is null or empty");
        use(group).meet(group->rank, phase);
    });
}

tbrm_status_t tbrm_group_abort(tbrm_group_t* group, const char* reason, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(reason != nullptr, "reason is null");
        use(group).abort(group->rank, reason);
    });
}

tbrm_status_t tbrm_group_sum(tbrm_group_t* group, int64_t n, double* inout_values, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(n >= 0 && (n == 0 || inout_values != nullptr), "n is %lld, or inout_values null",
                static_cast<long long>(n));
        use(group).sum(group->rank, n, inout_values);
    });
}

tbrm_status_t tbrm_gradient_reduce(tbrm_model_t* model, tbrm_group_t* group, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(model != nullptr, "model is null");
        model->impl->device().enter();
        tbrm::Group& ranks = use(group);
        try {
            ranks.sum_gradients(group->rank, *model->impl);
        } catch (const std::exception& e) {
            // Or the others would wait for it.
            ranks.abort(group->rank, e.what());
            throw;
        }
    });
}

}  // extern "C"
