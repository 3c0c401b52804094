// group_test.cpp - ranks as threads and as processes: sums in rank order with bits of their own, equal models on all ranks, and who is named when one is missing.
#include <algorithm>
#include <cmath>
#include <thread>

#include "core/guard.hpp"
#include "core/parallel.hpp"
#include "device/device.hpp"
#include "group/group.hpp"
#include "group/remote_group.hpp"
#include "group_ranks.hpp"
#include "memory_transport.hpp"
#include "refusal.hpp"
#include "testing.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// The gradients of n ranks are their sum in rank order, on all of them.
void check_sum_of_gradients(
        const Batch& batch, const std::vector<float>& whole, tbrm_dtype_t dtype, int32_t n, bool are_processes) {
    Ranks ranks(n, dtype);
    const auto groups = make_ranks(are_processes, n);
    std::vector<float> expected(whole.size(), 0.0f);
    for (int32_t r = 0; r < n; ++r) {
        accumulate(ranks.model(r), batch, 8 * r / n, 8 * (r + 1) / n);
        const std::vector<float> own = flat(ranks.model(r), TBRM_TENSOR_KIND_GRADIENT);
        for (size_t i = 0; i < own.size(); ++i)
            expected[i] = r == 0 ? own[i] : expected[i] + own[i];
    }
    CHECK(all_ok(on_ranks(n, [&](int32_t rank, tbrm_error_t* err) {
        return tbrm_gradient_reduce(ranks.model(rank), groups[static_cast<size_t>(rank)].get(), err);
    })));
    for (int32_t r = 0; r < n; ++r)
        CHECK_MSG(flat(ranks.model(r), TBRM_TENSOR_KIND_GRADIENT) == expected, "rank %d of %d", r, n);
    // A sum of 8 terms in another order: a few roundings of its largest partial sum.
    CHECK_MSG(relative_error(expected, whole, static_cast<int64_t>(whole.size())) < 1e-6, "%d ranks", n);
}

}  // namespace

TBRM_TEST(a_sum_is_made_in_the_order_of_the_ranks_whatever_the_threads) {
    for (const int64_t n : {1, 1000, 5000}) {
        std::vector<std::vector<float>> parts;
        std::vector<const float*> sources;
        for (uint64_t r = 0; r < 5; ++r)
            parts.push_back(normals(n, 10 + r, std::pow(10.0, static_cast<double>(r))));
        std::vector<float> expected = parts[0];
        for (size_t r = 0; r < parts.size(); ++r) {
            sources.push_back(parts[r].data());
            for (size_t i = 0; i < expected.size() && r > 0; ++i)
                expected[i] += parts[r][i];
        }
        for (const int threads : {1, 3}) {
            set_max_threads(threads);
            std::vector<float> sum(static_cast<size_t>(n), -1.0f);
            sum_in_order(sources, 0, n, sum.data());
            CHECK_MSG(sum == expected, "%lld numbers on %d threads", static_cast<long long>(n), threads);
        }
    }
}

TBRM_TEST(gradients_become_their_sum_in_rank_order_on_every_rank) {
    const Batch batch = eight_sequences();
    for (const tbrm_dtype_t dtype : {TBRM_DTYPE_F32, TBRM_DTYPE_BF16}) {
        Ranks alone(1, dtype);
        accumulate(alone.model(0), batch, 0, 8);
        const std::vector<float> whole = flat(alone.model(0), TBRM_TENSOR_KIND_GRADIENT);
        for (const int32_t n : {1, 2, 3, 4, -2, -3, -4}) {
            check_sum_of_gradients(batch, whole, dtype, std::abs(n), n < 0);
        }
    }
}

TBRM_TEST(a_step_of_several_ranks_leaves_them_alike_and_repeats_its_bits) {
    const Batch batch = eight_sequences();
    std::vector<float> first;
    double first_norm = 0;
    for (int time = 0; time < 3; ++time) {
        Ranks ranks(3, TBRM_DTYPE_F32);
        const auto groups = make_ranks(time == 2, 3);
        std::vector<double> norms(3);
        CHECK(all_ok(on_ranks(3, [&](int32_t rank, tbrm_error_t* err) {
            for (int step = 0; step < 2; ++step) {
                accumulate(ranks.model(rank), batch, 8 * rank / 3, 8 * (rank + 1) / 3);
                double& norm = norms[static_cast<size_t>(rank)];
                tbrm_step_result_t result{};
                tbrm_status_t status =
                        tbrm_gradient_reduce(ranks.model(rank), groups[static_cast<size_t>(rank)].get(), err);
                if (status == TBRM_STATUS_OK) status = tbrm_gradient_norm(ranks.model(rank), &norm, err);
                if (status == TBRM_STATUS_OK)
                    status = tbrm_optimizer_update(ranks.optimizer(rank), 0.01f, norm, 0.5f, &result, err);
                if (status != TBRM_STATUS_OK) return status;
            }
            return static_cast<tbrm_status_t>(TBRM_STATUS_OK);
        })));
        const std::vector<float> weights = flat(ranks.model(0), TBRM_TENSOR_KIND_MASTER);
        CHECK(norms[0] == norms[1] && norms[0] == norms[2] && std::isfinite(norms[0]) && norms[0] > 0);
        CHECK(flat(ranks.model(1), TBRM_TENSOR_KIND_MASTER) == weights);
        CHECK(flat(ranks.model(2), TBRM_TENSOR_KIND_MASTER) == weights);
        if (time == 0) {
            first = weights;
            first_norm = norms[0];
        }
        CHECK(weights == first && norms[0] == first_norm);
    }
}

TBRM_TEST(numbers_are_summed_in_rank_order) {
    for (const bool are_processes : {false, true}) {
        const auto groups = make_ranks(are_processes, 3);
        std::vector<std::vector<double>> values{{1e16, 1}, {1, 2}, {-1e16, 3}};
        CHECK(all_ok(on_ranks(3, [&](int32_t rank, tbrm_error_t* err) {
            return tbrm_group_sum(
                    groups[static_cast<size_t>(rank)].get(), 2, values[static_cast<size_t>(rank)].data(), err);
        })));
        for (const std::vector<double>& v : values)
            CHECK(v[0] == (1e16 + 1) - 1e16 && v[1] == 6);
    }
}

TBRM_TEST(a_rank_that_does_not_come_is_named_with_where_it_last_was) {
    const auto groups = make_groups(3, 0.2);
    const std::vector<Outcome> outcomes = on_ranks(3, [&](int32_t rank, tbrm_error_t* err) {
        tbrm_group_t* own = groups[static_cast<size_t>(rank)].get();
        const tbrm_status_t status = tbrm_group_barrier(own, "rollout", err);
        return status != TBRM_STATUS_OK || rank == 1 ? status : tbrm_group_barrier(own, "update", err);
    });
    CHECK(outcomes[1].status == TBRM_STATUS_OK);
    for (const int r : {0, 2}) {
        const Outcome& o = outcomes[static_cast<size_t>(r)];
        CHECK_MSG(o.status == TBRM_STATUS_GROUP &&
                          o.message.find("rank 1 of 3 did not come to 'update' within 0.2 s (it left 'rollout'") == 0,
                "status %d: %s", o.status, o.message.c_str());
    }
    // It is over for the one that comes late as well.
    CHECK_REFUSED(TBRM_STATUS_GROUP, tbrm_group_barrier(groups[1].get(), "update", err), "rank 1 of 3 did not come");
}

TBRM_TEST(a_rank_that_leaves_or_goes_astray_ends_the_wait_of_the_others) {
    const auto groups = make_groups(2);
    const std::vector<Outcome> outcomes = on_ranks(2, [&](int32_t rank, tbrm_error_t* err) {
        return rank == 0 ? tbrm_group_barrier(groups[0].get(), "update", err)
                         : tbrm_group_abort(groups[1].get(), 4, "no memory", err);
    });
    CHECK(outcomes[0].status == TBRM_STATUS_GROUP && outcomes[0].device_code == 4);
    CHECK_MSG(outcomes[0].message == "rank 1 of 2 stopped after 'start': no memory", "%s", outcomes[0].message.c_str());

    const auto astray = make_groups(2);
    for (const Outcome& o : on_ranks(2, [&](int32_t rank, tbrm_error_t*err) {
             return tbrm_group_barrier(astray[static_cast<size_t>(rank)].get(), rank == 0 ? "update" : "save", err);
         })) {
        CHECK_MSG(o.status == TBRM_STATUS_GROUP && o.message.find("do not make the same calls") != std::string::npos,
                "status %d: %s", o.status, o.message.c_str());
    }
}

TBRM_TEST(weights_and_moments_of_rank_0_reach_every_process) {
    Ranks ranks(3, TBRM_DTYPE_BF16);
    const Batch batch = eight_sequences();
    accumulate(ranks.model(0), batch, 0, 8);
    tbrm_error_t err{};
    tbrm_step_result_t result{};
    expect_ok(tbrm_optimizer_step(ranks.optimizer(0), 0.01f, 0, &result, &err), err, "tbrm_optimizer_step");
    const std::vector<float> masters = flat(ranks.model(0), TBRM_TENSOR_KIND_MASTER);
    CHECK(flat(ranks.model(1), TBRM_TENSOR_KIND_MASTER) != masters);
    const auto groups = make_ranks(true, 3);
    CHECK(all_ok(on_ranks(3, [&](int32_t rank, tbrm_error_t* e) {
        tbrm_group_t* own = groups[static_cast<size_t>(rank)].get();
        const tbrm_status_t status = tbrm_group_copy_model(own, ranks.model(rank), e);
        return status != TBRM_STATUS_OK ? status : tbrm_group_copy_optimizer(own, ranks.optimizer(rank), e);
    })));
    for (int32_t r = 1; r < 3; ++r) {
        CHECK(flat(ranks.model(r), TBRM_TENSOR_KIND_MASTER) == masters);
        CHECK(flat(ranks.model(r), TBRM_TENSOR_KIND_WEIGHT) == flat(ranks.model(0), TBRM_TENSOR_KIND_WEIGHT));
    }
    // The same gradient once more: equal weights follow from equal moments and steps alone.
    for (int32_t r = 0; r < 3; ++r) {
        accumulate(ranks.model(r), batch, 0, 8);
        expect_ok(tbrm_optimizer_step(ranks.optimizer(r), 0.01f, 0, &result, &err), err, "tbrm_optimizer_step");
        CHECK(result.step == 2);
        CHECK(flat(ranks.model(r), TBRM_TENSOR_KIND_MASTER) == flat(ranks.model(0), TBRM_TENSOR_KIND_MASTER));
    }
}

TBRM_TEST(messages_between_processes_come_whole_and_in_order) {
    const auto groups = make_ranks(true, 2);
    // More than travels at a time, and than may be queued.
    const std::vector<int64_t> sizes{0, 5, (int64_t{9} << 20) + 3, int64_t{80} << 20, 1};
    CHECK(all_ok(on_ranks(2, [&](int32_t rank, tbrm_error_t* err) {
        tbrm_status_t status = TBRM_STATUS_OK;
        for (size_t m = 0; m < sizes.size() && status == TBRM_STATUS_OK; ++m) {
            std::vector<uint8_t> bytes(static_cast<size_t>(sizes[m]), static_cast<uint8_t>(m));
            if (rank == 0) {
                status = tbrm_group_send(groups[0].get(), 1, sizes[m], bytes.data(), err);
                continue;
            }
            int64_t n = 0;
            status = tbrm_group_receive(groups[1].get(), 0, 0, &n, err);
            CHECK(n == sizes[m]);
            std::vector<uint8_t> came(static_cast<size_t>(n));
            if (status == TBRM_STATUS_OK) status = tbrm_group_read(groups[1].get(), 0, n, came.data(), err);
            CHECK(came == bytes);
        }
        int64_t none = 0;
        if (rank == 1 && status == TBRM_STATUS_OK) {
            status = tbrm_group_receive(groups[1].get(), 0, 0.01, &none, err);
            CHECK(none == -1);
        }
        return status;
    })));
}

TBRM_TEST(a_process_that_dies_hangs_or_fails_is_named_to_all_others) {
    struct Fault {
        const char* what;
        const char* said;
        int32_t code;
    };
    for (const Fault& fault : {Fault{"dies", "rank 1 of 3 on host1 is lost: the link to it broke", 1},
                 Fault{"hangs", "rank 1 of 3 on host1 has been silent for", 1},
                 Fault{"fails", "rank 1 of 3 on host1 stopped in 'update': no memory", 4},
                 Fault{"leaves", "rank 1 of 3 on host1 has ended with exit code 3", 3}}) {
        const auto network = std::make_shared<MemoryNetwork>(3);
        const auto groups = make_processes(network, 3, 1.0);
        const std::string what = fault.what;
        const std::vector<Outcome> outcomes = on_ranks(3, [&](int32_t rank, tbrm_error_t* err) {
            tbrm_group_t* own = groups[static_cast<size_t>(rank)].get();
            tbrm_status_t status = tbrm_group_note(own, "update", 0, err);
            if (status == TBRM_STATUS_OK) status = tbrm_group_barrier(own, "begin", err);
            if (rank != 1 || status != TBRM_STATUS_OK)
                return status != TBRM_STATUS_OK ? status : tbrm_group_barrier(own, "end", err);
            if (what == "dies") network->cut(1);
            if (what == "hangs") network->freeze(1);
            if (what == "fails") return tbrm_group_abort(own, 4, "no memory", err);
            return what == "leaves" ? tbrm_group_leave(own, 3, err) : static_cast<tbrm_status_t>(TBRM_STATUS_OK);
        });
        for (const size_t r : {size_t{0}, size_t{2}}) {
            const Outcome& o = outcomes[r];
            CHECK_MSG(o.status == TBRM_STATUS_GROUP && o.device_code == fault.code && o.message.find(fault.said) == 0,
                    "%s: status %d, code %d: %s", fault.what, o.status, o.device_code, o.message.c_str());
        }
    }
}

TBRM_TEST(processes_see_what_the_others_do_and_leave_together) {
    auto groups = make_ranks(true, 2);
    CHECK(all_ok(on_ranks(2, [&](int32_t rank, tbrm_error_t* err) {
        tbrm_group_t* own = groups[static_cast<size_t>(rank)].get();
        tbrm_status_t status = tbrm_group_note(own, rank == 0 ? "rollout" : "update", rank, err);
        if (status == TBRM_STATUS_OK) status = tbrm_group_send(own, 1 - rank, 0, nullptr, err);
        int64_t n = -1;
        if (status == TBRM_STATUS_OK) status = tbrm_group_receive(own, 1 - rank, 0, &n, err);
        tbrm_group_state_t state{};
        state.struct_size = sizeof state;
        if (status == TBRM_STATUS_OK) status = tbrm_group_look(own, 1 - rank, &state, err);
        CHECK(n == 0 && state.signals == 1 - rank && std::string(state.phase) == (rank == 0 ? "update" : "rollout") &&
                std::string(state.host) == "host" + std::to_string(1 - rank));
        if (status == TBRM_STATUS_OK) status = tbrm_group_leave(own, 0, err);
        groups[static_cast<size_t>(rank)].reset();  // waits for the other
        return status;
    })));
}

TBRM_TEST(models_of_two_shapes_and_frozen_ones_are_refused_on_all_ranks) {
    const ContextHandle context = make_context(1);
    tbrm_model_config_t wide = tiny_config(TBRM_DTYPE_F32), frozen = wide;
    wide.intermediate_size += 2;
    frozen.trainable = 0;
    for (const tbrm_model_config_t& other : {wide, frozen}) {
        const ModelHandle a = make_model(context.get(), tiny_config(TBRM_DTYPE_F32), 1);
        const ModelHandle b = make_model(context.get(), other, 1);
        const auto groups = make_groups(2);
        const std::vector<Outcome> outcomes = on_ranks(2, [&](int32_t rank, tbrm_error_t* err) {
            return tbrm_gradient_reduce(rank == 0 ? a.get() : b.get(), groups[static_cast<size_t>(rank)].get(), err);
        });
        const char* says = other.trainable != 0 ? "of another shape than rank" : "rank 1 of 2 stopped after 'start'";
        CHECK_MSG(outcomes[0].message.find(says) != std::string::npos, "%s", outcomes[0].message.c_str());
        CHECK(outcomes[0].status != TBRM_STATUS_OK && outcomes[1].status == TBRM_STATUS_INVALID_ARGUMENT);
    }
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_group_create_local(0, 1, nullptr, err), "n_ranks is 0");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_group_create_local(2, 0, nullptr, err), "timeout_s is 0");
    CHECK_REFUSED(TBRM_STATUS_INVALID_ARGUMENT, tbrm_group_barrier(nullptr, "x", err), "group is null");
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
