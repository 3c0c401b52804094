// group_api.cpp - exports of the section "group". Contract: tbrm.h.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "core/guard.hpp"
#include "group/group.hpp"
#include "group/local_group.hpp"
#include "group/replica.hpp"
#include "model/model.hpp"
#include "optimizer/optimizer.hpp"

namespace {

constexpr int32_t kMostRanks = 1024;

tbrm::Group& use(tbrm_group_t* group) {
    TBRM_REQUIRE(group != nullptr, "group is null");
    return *group->impl;
}

tbrm::RemoteGroup& use_processes(tbrm_group_t* group) {
    auto* remote = dynamic_cast<tbrm::RemoteGroup*>(&use(group));
    TBRM_REQUIRE(remote != nullptr, "the group is one of threads, which have no messages: they share memory");
    return *remote;
}

tbrm::Post& peer_post(tbrm_group_t* group, int32_t rank) {
    tbrm::RemoteGroup& ranks = use_processes(group);
    TBRM_REQUIRE(rank >= 0 && rank < ranks.size() && rank != group->rank, "rank is %d, expected 0 to %d and not %d",
            rank, ranks.size() - 1, group->rank);
    return ranks.post();
}

// Or the others would wait for it.
template <class Body>
void or_abort(tbrm_group_t* group, Body&& body) {
    try {
        body();
    } catch (const std::exception& e) {
        use(group).abort(group->rank, 1, e.what());
        throw;
    }
}

tbrm::JoinOptions join_options(const tbrm_group_config_t* config) {
    TBRM_REQUIRE(config != nullptr, "config is null");
    TBRM_REQUIRE(config->struct_size == static_cast<int32_t>(sizeof(tbrm_group_config_t)),
            "config.struct_size is %d, expected %d: caller and library were built from different headers",
            config->struct_size, static_cast<int>(sizeof(tbrm_group_config_t)));
    TBRM_REQUIRE(config->n_ranks >= 2 && config->n_ranks <= kMostRanks, "n_ranks is %d, expected 2 to %d",
            config->n_ranks, kMostRanks);
    TBRM_REQUIRE(config->rank >= 0 && config->rank < config->n_ranks, "rank is %d, expected 0 to %d", config->rank,
            config->n_ranks - 1);
    TBRM_REQUIRE(config->port > 0 && config->port < 65536, "port is %d, expected 1 to 65535", config->port);
    TBRM_REQUIRE(config->address != nullptr && config->host != nullptr && config->equals != nullptr,
            "address, host or equals is null");
    for (const double s : {config->start_s, config->lost_s})
        TBRM_REQUIRE(s > 0 && std::isfinite(s), "start_s or lost_s is %g, expected a positive number of seconds", s);
    return {config->rank, config->n_ranks, config->address, config->port, config->host, config->equals, config->start_s,
            config->lost_s};
}

void copy_text(char* out, size_t room, const std::string& text) {
    std::snprintf(out, room, "%s", text.c_str());
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
        const std::shared_ptr<tbrm::Group> group = std::make_shared<tbrm::LocalGroup>(n_ranks, timeout_s);
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

tbrm_status_t tbrm_group_abort(tbrm_group_t* group, int32_t code, const char* reason, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(reason != nullptr, "reason is null");
        use(group).abort(group->rank, code, reason);
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
        or_abort(group, [&] { tbrm::sum_gradients(use(group), group->rank, *model->impl); });
    });
}

tbrm_status_t tbrm_model_share(tbrm_model_t* model, tbrm_group_t* group, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(model != nullptr, "model is null");
        TBRM_REQUIRE(group != nullptr, "group is null");
        model->impl->device().enter();
        or_abort(group, [&] { model->impl->share(group->impl, group->rank); });
    });
}

tbrm_status_t tbrm_group_join(const tbrm_group_config_t* config, tbrm_group_t** out_group, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_group != nullptr, "out_group is null");
        *out_group = nullptr;
        const tbrm::JoinOptions options = join_options(config);
        tbrm::Joined joined = tbrm::join_processes(options);
        const auto group = std::make_shared<tbrm::RemoteGroup>(
                tbrm::Post::open(std::move(joined.transport), options.rank, joined.hosts, options.lost_s));
        *out_group = new tbrm_group{group, options.rank, {}};
    });
}

tbrm_status_t tbrm_group_leave(tbrm_group_t* group, int32_t code, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] { use_processes(group).post().leave(code); });
}

tbrm_status_t tbrm_group_note(tbrm_group_t* group, const char* phase, int32_t signals, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(phase != nullptr, "phase is null");
        tbrm::Post& post = use_processes(group).post();
        post.note(phase);
        post.signal(signals);
    });
}

tbrm_status_t tbrm_group_send(
        tbrm_group_t* group, int32_t to, int64_t n, const void* data, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(n >= 0 && (n == 0 || data != nullptr), "n is %lld, or data null", static_cast<long long>(n));
        peer_post(group, to).send(to, tbrm::LetterKind::Message, 0, data, n);
    });
}

tbrm_status_t tbrm_group_receive(
        tbrm_group_t* group, int32_t from, double timeout_s, int64_t* out_n, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_n != nullptr, "out_n is null");
        TBRM_REQUIRE(timeout_s >= 0, "timeout_s is %g, expected 0 or more", timeout_s);
        *out_n = -1;
        tbrm::Post& post = peer_post(group, from);
        tbrm::Letter& letter = use_processes(group).received(from);
        if (post.try_take(from, tbrm::LetterKind::Message, timeout_s, letter)) *out_n = letter.head.bytes;
    });
}

tbrm_status_t tbrm_group_read(tbrm_group_t* group, int32_t from, int64_t n, void* out, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        peer_post(group, from);
        std::vector<uint8_t>& body = use_processes(group).received(from).body;
        TBRM_REQUIRE(n == static_cast<int64_t>(body.size()), "the message has %zu bytes, n is %lld", body.size(),
                static_cast<long long>(n));
        TBRM_REQUIRE(n == 0 || out != nullptr, "out is null");
        if (n > 0) std::memcpy(out, body.data(), body.size());
        std::vector<uint8_t>().swap(body);
    });
}

tbrm_status_t tbrm_group_look(
        tbrm_group_t* group, int32_t rank, tbrm_group_state_t* out_state, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_state != nullptr, "out_state is null");
        TBRM_REQUIRE(out_state->struct_size == static_cast<int32_t>(sizeof *out_state),
                "state.struct_size is %d, expected %d", out_state->struct_size, static_cast<int>(sizeof *out_state));
        tbrm::RemoteGroup& ranks = use_processes(group);
        TBRM_REQUIRE(rank >= 0 && rank < ranks.size(), "rank is %d, expected 0 to %d", rank, ranks.size() - 1);
        const tbrm::Post::State state = ranks.post().state(rank);
        out_state->signals = state.signals;
        out_state->has_left = state.left ? 1 : 0;
        out_state->exit_code = state.code;
        out_state->phase_s = state.since_s;
        out_state->silent_s = state.silent_s;
        copy_text(out_state->host, sizeof out_state->host, state.host);
        copy_text(out_state->phase, sizeof out_state->phase, state.phase);
    });
}

tbrm_status_t tbrm_group_copy_model(tbrm_group_t* group, tbrm_model_t* model, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(model != nullptr, "model is null");
        model->impl->device().enter();
        tbrm::RemoteGroup& ranks = use_processes(group);
        or_abort(group, [&] { tbrm::broadcast_weights(ranks, *model->impl); });
    });
}

tbrm_status_t tbrm_group_copy_optimizer(tbrm_group_t* group, tbrm_optimizer_t* optimizer, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(optimizer != nullptr, "optimizer is null");
        optimizer->impl->model().device().enter();
        tbrm::RemoteGroup& ranks = use_processes(group);
        or_abort(group, [&] { tbrm::broadcast_optimizer(ranks, *optimizer->impl); });
    });
}

}  // extern "C"
