// residual_test.cpp - the squared trajectory Bellman residual: hand-computed values, finite differences, and the properties that the
// formula must have (docs/math/residual.md).
#include "residual/residual.hpp"

#include <functional>

#include "core/guard.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "testing.hpp"

using namespace tbrm;
using tbrm::testing::close;

namespace {

// A batch that owns its arrays.
struct Batch {
    std::vector<int64_t> offsets{0};
    std::vector<float> q, v, ref_logp, ref_v1, v_frozen, ref_v_end;
    std::vector<double> reward, weight;
    std::vector<int32_t> bootstrap;
    tbrm_residual_args_t args{};

    tbrm_residual_args_t view() {
        args.struct_size = sizeof args;
        if (args.beta == 0.0) args.beta = 0.5;
        if (args.loss_scale == 0.0) args.loss_scale = 1.0;
        args.n_seqs = static_cast<int64_t>(reward.size());
        args.n_rows = offsets.back();
        args.row_offsets = offsets.data();
        args.ref_logp = ref_logp.data();
        args.ref_v1 = ref_v1.empty() ? nullptr : ref_v1.data();
        args.reward = reward.data();
        args.weight = weight.data();
        args.bootstrap = bootstrap.empty() ? nullptr : bootstrap.data();
        args.v_frozen = v_frozen.empty() ? nullptr : v_frozen.data();
        args.ref_v_end = ref_v_end.empty() ? nullptr : ref_v_end.data();
        return args;
    }
};

struct Result {
    std::vector<float> residual, dq, dv;
    double loss = NAN;
};

Result run(Batch& batch) {
    const tbrm_residual_args_t args = batch.view();
    check_residual_args(args);
    Result r{std::vector<float>(batch.reward.size(), NAN), std::vector<float>(batch.q.size(), NAN),
            std::vector<float>(batch.q.size(), NAN), NAN};
    cpu::residual_forward(args, batch.q.data(), batch.v.data(), r.residual.data(), &r.loss, r.dq.data(), r.dv.data());
    return r;
}

// Trajectories of the given lengths with logits of scale 8, log-probs below zero and 0/1 rewards.
Batch random_batch(const std::vector<int64_t>& lengths, uint64_t seed, bool with_bootstrap = false) {
    Batch b;
    for (size_t i = 0; i < lengths.size(); ++i) {
        for (int64_t r = 0; r < lengths[i]; ++r) {
            const uint64_t at = static_cast<uint64_t>(b.q.size());
            b.v.push_back(static_cast<float>(10.0 + 8.0 * testing::normal(seed, at)));
            b.q.push_back(b.v.back() + static_cast<float>(std::log(testing::uniform(seed + 1, at))));
            b.ref_logp.push_back(static_cast<float>(std::log(testing::uniform(seed + 2, at))));
        }
        b.offsets.push_back(static_cast<int64_t>(b.q.size()));
        b.reward.push_back(testing::uniform(seed + 3, i) < 0.5 ? 0.0 : 1.0);
        b.weight.push_back(1.0 / static_cast<double>(lengths.size()));
        b.ref_v1.push_back(static_cast<float>(10.0 + 8.0 * testing::normal(seed + 4, i)));
        if (with_bootstrap) {
            b.bootstrap.push_back(testing::uniform(seed + 5, i) < 0.5 ? 0 : 1);
            b.ref_v_end.push_back(static_cast<float>(10.0 + 8.0 * testing::normal(seed + 6, i)));
        }
    }
    return b;
}

const std::vector<int64_t> kLengths{5, 1, 0, 2, 33, 257, 0, 3};

}  // namespace

// f = V1 + sum (Q - V - ref) - r / beta, by hand: beta 0.5, one trajectory of two actions, one of a single action.
TBRM_TEST(two_trajectories_by_hand) {
    Batch b;
    b.offsets = {0, 2, 3};
    b.q = {1.0f, 2.0f, -1.0f};
    b.v = {3.0f, 2.5f, 0.5f};
    b.ref_logp = {-1.0f, -0.25f, -2.0f};
    b.reward = {1.0, 0.0};
    b.weight = {0.5, 0.5};
    const Result r = run(b);
    // 3 + (1-3+1) + (2-2.5+0.25) - 1/0.5 = -0.25 ;  0.5 + (-1-0.5+2) - 0 = 1
    CHECK(close(r.residual[0], -0.25, 0));
    CHECK(close(r.residual[1], 1.0, 0));
    CHECK(close(r.loss, 0.5 * 0.0625 + 0.5 * 1.0, 0));
    CHECK(r.dq[0] == -0.25f && r.dq[1] == -0.25f && r.dq[2] == 1.0f);
    CHECK(r.dv[0] == 0.0f && r.dv[1] == 0.25f && r.dv[2] == 0.0f);
}

TBRM_TEST(reval_detach_scale_and_bootstrap_by_hand) {
    Batch b;
    b.args.kind = TBRM_RESIDUAL_KIND_REVAL;
    b.args.loss_scale = 0.25;
    b.args.detach_value = 1;
    b.offsets = {0, 3};
    b.q = {1.0f, 2.0f, 99.0f};
    b.v = {3.0f, 2.5f, 4.0f};
    b.ref_logp = {-1.0f, -0.25f, 77.0f};
    b.ref_v1 = {1.5f};
    b.reward = {1.0};
    b.weight = {2.0};
    b.bootstrap = {1};
    b.ref_v_end = {0.5f};
    const Result r = run(b);
    // -0.25 as above, - ref_v1 1.5 - (V_3 4 - ref_v_end 0.5) = -5.25; c = 2 * 0.25 * 2 * f = f
    CHECK(close(r.residual[0], -5.25, 0));
    CHECK(close(r.loss, 0.5 * 5.25 * 5.25, 0));
    CHECK(r.dq[0] == -5.25f && r.dq[1] == -5.25f && r.dq[2] == 0.0f);
    CHECK(r.dv[0] == 5.25f && r.dv[1] == 5.25f && r.dv[2] == 5.25f);
}

// The loss is quadratic in every Q and V, so central differences are exact but for rounding: h = 2^-4 keeps q + h exact enough, and the
// error is that of the fp32 inputs, 2^-24 * 40 / h per term, times the slope.
TBRM_TEST(gradients_agree_with_central_differences) {
    for (const int kind : {TBRM_RESIDUAL_KIND_TBRM, TBRM_RESIDUAL_KIND_REVAL}) {
        Batch b = random_batch({4, 1, 0, 7}, 11, true);
        b.args.kind = kind;
        b.args.loss_scale = 0.25;
        const Result at = run(b);
        const float h = 0.0625f;
        const auto slope = [&](float& x) {
            const float saved = x;
            x = saved + h;
            const double up = x, above = run(b).loss;
            x = saved - h;
            const double down = x, below = run(b).loss;
            x = saved;
            return (above - below) / (up - down);
        };
        for (size_t i = 0; i < b.q.size(); ++i) {
            const double dq = slope(b.q[i]), dv = slope(b.v[i]);
            CHECK_MSG(close(at.dq[i], dq, 1e-5 * (1 + std::fabs(dq))), "row %zu: %g vs %g", i,
                    static_cast<double>(at.dq[i]), dq);
            CHECK_MSG(close(at.dv[i], dv, 1e-5 * (1 + std::fabs(dv))), "row %zu: %g vs %g", i,
                    static_cast<double>(at.dv[i]), dv);
        }
    }
}

// Detached, the loss is that of a frozen V(s_1): only dV_1 changes, to -c.
TBRM_TEST(detaching_the_value_changes_the_first_row_alone) {
    Batch b = random_batch(kLengths, 5);
    const Result free = run(b);
    b.args.detach_value = 1;
    const Result detached = run(b);
    CHECK(free.loss == detached.loss);
    for (size_t s = 0; s + 1 < b.offsets.size(); ++s) {
        for (int64_t r = b.offsets[s]; r < b.offsets[s + 1]; ++r) {
            const size_t i = static_cast<size_t>(r);
            CHECK(free.dq[i] == detached.dq[i]);
            CHECK(detached.dv[i] == -detached.dq[i]);
            CHECK(free.dv[i] == (r == b.offsets[s] ? 0.0f : detached.dv[i]));
        }
    }
}

// Summed over the trajectory, the per-token Bellman residuals Q_h - ref_h - [h=H] r/beta - [h<H] V_{h+1} telescope to f.
TBRM_TEST(token_residuals_telescope_to_the_trajectory_residual) {
    Batch b = random_batch(kLengths, 23);
    const Result r = run(b);
    for (size_t s = 0; s + 1 < b.offsets.size(); ++s) {
        double sum = 0, magnitude = 0;
        for (int64_t i = b.offsets[s]; i < b.offsets[s + 1]; ++i) {
            const bool last = i + 1 == b.offsets[s + 1];
            const double next = last ? b.reward[s] / 0.5 : b.v[static_cast<size_t>(i + 1)];
            sum += static_cast<double>(b.q[static_cast<size_t>(i)]) - b.ref_logp[static_cast<size_t>(i)] - next;
            magnitude += std::fabs(b.q[static_cast<size_t>(i)]) + std::fabs(next);
        }
        CHECK(close(r.residual[s], sum, 1e-12 * magnitude + 6e-8 * std::fabs(sum)));  // fp64 sums, one fp32 rounding
    }
}

// At theta = theta_ref: TBRM f = V_ref(s_1) - r / beta, ReVal f = -r / beta, for unfinished trajectories too. Both sides are rounded
// alike, so nothing is left of the log-ratio: these are equalities of bits, and without a reward ReVal's gradient is 0.
TBRM_TEST(at_the_reference_policy_the_residual_is_known_exactly) {
    for (const bool bootstrap : {false, true}) {
        Batch b = random_batch(kLengths, 31, bootstrap);
        for (size_t i = 0; i < b.q.size(); ++i)
            b.ref_logp[i] = b.q[i] - b.v[i];
        for (size_t s = 0; s < b.reward.size(); ++s) {
            if (b.offsets[s] == b.offsets[s + 1]) continue;
            b.ref_v1[s] = b.v[static_cast<size_t>(b.offsets[s])];
            if (bootstrap) b.ref_v_end[s] = b.v[static_cast<size_t>(b.offsets[s + 1] - 1)];
        }
        const auto length = [&](size_t s) {
            return b.offsets[s + 1] - b.offsets[s] - (bootstrap && b.bootstrap[s] != 0 ? 1 : 0);
        };
        const Result tbrm = run(b);
        b.args.kind = TBRM_RESIDUAL_KIND_REVAL;
        const Result reval = run(b);
        for (size_t s = 0; s < b.reward.size(); ++s) {
            if (length(s) <= 0) continue;
            const bool unfinished = bootstrap && b.bootstrap[s] != 0;
            const double end = unfinished ? static_cast<double>(b.v[static_cast<size_t>(b.offsets[s + 1] - 1)]) : 0.0;
            const double first = static_cast<double>(b.ref_v1[s]) - b.reward[s] / 0.5;
            CHECK(tbrm.residual[s] == static_cast<float>(first - end));
            CHECK(reval.residual[s] == static_cast<float>(-b.reward[s] / 0.5));
        }
        b.reward.assign(b.reward.size(), 0.0);
        const Result still = run(b);
        CHECK(still.loss == 0.0);
        for (size_t i = 0; i < b.q.size(); ++i)
            CHECK(still.dq[i] == 0.0f && still.dv[i] == 0.0f);
    }
}

// The iterative form: a frozen value stands for V_1, and no row's gradient is spared.
TBRM_TEST(a_frozen_value_takes_the_place_of_the_first) {
    Batch b = random_batch(kLengths, 37);
    b.args.detach_value = 1;
    const Result detached = run(b);
    b.args.detach_value = 0;
    b.v_frozen.assign(b.reward.size(), 0.0f);
    for (size_t s = 0; s < b.reward.size(); ++s) {
        if (b.offsets[s] < b.offsets[s + 1]) b.v_frozen[s] = b.v[static_cast<size_t>(b.offsets[s])];
    }
    const Result same = run(b);
    CHECK(same.loss == detached.loss && same.dq == detached.dq && same.dv == detached.dv);
    b.v_frozen[0] += 2.0f;
    CHECK(close(run(b).residual[0], static_cast<double>(detached.residual[0]) + 2.0, 1e-5));
}

// beta, rewards and weights are doubles: 0.002 is not fp32(0.002), whose loss differs by 9.5e-8.
TBRM_TEST(beta_reward_and_weight_keep_their_precision) {
    Batch b;
    b.args.beta = 0.002;
    b.offsets = {0, 1};
    b.q = {1.0f};
    b.v = {3.0f};
    b.ref_logp = {-2.0f};
    b.reward = {0.7};
    b.weight = {1.0 / 3};
    const double f = 3.0 - 0.7 / 0.002;
    CHECK(close(run(b).loss, f * f / 3, 1e-14 * f * f));
}

// Shifting every logit of a later state leaves f alone; shifting those of s_1 by c moves f by c.
TBRM_TEST(only_the_first_state_feels_a_shift_of_its_logits) {
    Batch b = random_batch({6}, 41);
    const double f = run(b).residual[0];
    b.q[3] += 4.0f;
    b.v[3] += 4.0f;
    CHECK(close(run(b).residual[0], f, 1e-5));
    b.q[0] += 4.0f;
    b.v[0] += 4.0f;
    CHECK(close(run(b).residual[0], f + 4.0, 1e-5));
}

// sum_v dz[v] = dQ + dV: 2 w f at the first row, 0 later.
TBRM_TEST(gradients_over_the_vocabulary_sum_as_they_must) {
    Batch b = random_batch(kLengths, 43);
    const Result r = run(b);
    for (size_t s = 0; s < b.reward.size(); ++s) {
        for (int64_t i = b.offsets[s]; i < b.offsets[s + 1]; ++i) {
            const double expected = i == b.offsets[s] ? 2.0 * b.weight[s] * r.residual[s] : 0.0;
            const double sum = static_cast<double>(r.dq[static_cast<size_t>(i)]) + r.dv[static_cast<size_t>(i)];
            CHECK(close(sum, expected, 2e-7 * std::fabs(expected)));
        }
    }
}

// loss_scale = beta^2: (beta log pi/pi_ref + beta V_1 - r)^2, the A*-PO form with V_hat = beta V_theta(s_1).
TBRM_TEST(scaled_by_beta_squared_it_is_the_loss_in_reward_units) {
    Batch b = random_batch(kLengths, 47);
    b.args.loss_scale = 0.25;
    double expected = 0;
    for (size_t s = 0; s < b.reward.size(); ++s) {
        if (b.offsets[s] == b.offsets[s + 1]) continue;
        double ratio = 0;
        for (int64_t i = b.offsets[s]; i < b.offsets[s + 1]; ++i) {
            const size_t at = static_cast<size_t>(i);
            const float logp = b.q[at] - b.v[at];
            ratio += static_cast<double>(logp) - b.ref_logp[at];
        }
        const double g = 0.5 * ratio + 0.5 * b.v[static_cast<size_t>(b.offsets[s])] - b.reward[s];
        expected += b.weight[s] * g * g;
    }
    CHECK(close(run(b).loss, expected, 1e-12 * expected));
}

TBRM_TEST(an_empty_trajectory_is_zero_even_with_a_bootstrap_row) {
    Batch b = random_batch({0, 1, 2}, 53);
    b.bootstrap = {1, 1, 0};
    const Result r = run(b);
    CHECK(r.residual[0] == 0.0f && r.residual[1] == 0.0f && r.residual[2] != 0.0f);
    CHECK(r.dq[0] == 0.0f && r.dv[0] == 0.0f);
    CHECK(close(r.loss, b.weight[2] * static_cast<double>(r.residual[2]) * r.residual[2], 1e-6 * r.loss));
}

TBRM_TEST(a_dropped_trajectory_does_nothing_even_when_it_is_not_finite) {
    Batch b = random_batch({3, 4}, 59);
    const Result both = run(b);
    b.weight[0] = 0.0;
    b.q[1] = NAN;
    b.v[2] = INFINITY;
    const Result r = run(b);
    CHECK(std::isnan(r.residual[0]));
    CHECK(close(r.loss, b.weight[1] * std::pow(static_cast<double>(r.residual[1]), 2), 1e-6 * r.loss));
    for (int i = 0; i < 3; ++i)
        CHECK(r.dq[static_cast<size_t>(i)] == 0.0f && r.dv[static_cast<size_t>(i)] == 0.0f);
    for (size_t i = 3; i < 7; ++i)
        CHECK(r.dq[i] == both.dq[i] && r.dv[i] == both.dv[i]);
}

TBRM_TEST(a_non_finite_row_stays_in_its_trajectory) {
    Batch b = random_batch({3, 4}, 61);
    const Result clean = run(b);
    b.q[1] = NAN;
    const Result r = run(b);
    CHECK(std::isnan(r.residual[0]) && std::isnan(r.loss));
    for (size_t i = 3; i < 7; ++i)
        CHECK(r.dq[i] == clean.dq[i] && r.dv[i] == clean.dv[i]);
}

TBRM_TEST(the_bits_do_not_depend_on_neighbours_order_or_threads) {
    Batch all = random_batch(std::vector<int64_t>(300, 101), 67, true);
    const Result together = run(all);
    const int threads = max_threads();
    set_max_threads(3);
    const Result again = run(all);
    set_max_threads(threads);
    CHECK(together.loss == again.loss && together.residual == again.residual && together.dq == again.dq &&
            together.dv == again.dv);
    for (const size_t s : {size_t{0}, size_t{17}, size_t{299}}) {
        Batch one;
        const auto first = static_cast<std::ptrdiff_t>(all.offsets[s]),
                   last = static_cast<std::ptrdiff_t>(all.offsets[s + 1]);
        one.offsets = {0, all.offsets[s + 1] - all.offsets[s]};
        one.q.assign(all.q.begin() + first, all.q.begin() + last);
        one.v.assign(all.v.begin() + first, all.v.begin() + last);
        one.ref_logp.assign(all.ref_logp.begin() + first, all.ref_logp.begin() + last);
        one.reward = {all.reward[s]};
        one.weight = {all.weight[s]};
        one.bootstrap = {all.bootstrap[s]};
        CHECK(run(one).residual[0] == together.residual[s]);
    }
}

// A residual near 500 that is a sum of thousands of terms keeps the accuracy of its inputs.
TBRM_TEST(a_long_sum_loses_nothing) {
    Batch b = random_batch({16384}, 71);
    b.args.beta = 0.002;
    b.reward[0] = 1.0;
    const Result r = run(b);
    long double f = static_cast<long double>(b.v[0]) - 1.0L / 0.002L;
    for (size_t i = 0; i < b.q.size(); ++i)
        f += static_cast<long double>(b.q[i] - b.v[i]) - static_cast<long double>(b.ref_logp[i]);
    CHECK(close(r.residual[0], static_cast<double>(f), 6e-8 * std::fabs(static_cast<double>(f)) + 1e-9));
}

TBRM_TEST(what_the_contract_forbids_is_refused) {
    const auto refused = [](const std::function<void(Batch&, tbrm_residual_args_t&)>& spoil) {
        Batch b = random_batch({3, 4}, 73);
        tbrm_residual_args_t args = b.view();
        spoil(b, args);
        try {
            check_residual_args(args);
        } catch (const Failure& failure) {
            return failure.code == TBRM_STATUS_INVALID_ARGUMENT;
        }
        return false;
    };
    using Args = tbrm_residual_args_t;
    CHECK(!refused([](Batch&, Args&) {}));
    CHECK(refused([](Batch&, Args& a) { a.struct_size -= 8; }));
    CHECK(refused([](Batch&, Args& a) { a.kind = 2; }));
    for (const double bad : {0.0, -1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
        CHECK(refused([&](Batch&, Args& a) { a.beta = bad; }));
        CHECK(refused([&](Batch&, Args& a) { a.loss_scale = bad; }));
    }
    CHECK(refused([](Batch&, Args& a) { a.n_seqs = -1; }));
    CHECK(refused([](Batch&, Args& a) { a.n_rows = 6; }));
    CHECK(refused([](Batch& b, Args&) { b.offsets[0] = 1; }));
    CHECK(refused([](Batch& b, Args&) { b.offsets[1] = 8; }));
    CHECK(refused([](Batch&, Args& a) { a.row_offsets = nullptr; }));
    CHECK(refused([](Batch&, Args& a) { a.ref_logp = nullptr; }));
    CHECK(refused([](Batch&, Args& a) { a.reward = nullptr; }));
    CHECK(refused([](Batch&, Args& a) {
        a.kind = TBRM_RESIDUAL_KIND_REVAL;
        a.ref_v1 = nullptr;
    }));
    const int32_t unfinished[] = {1, 0};
    CHECK(refused([&](Batch&, Args& a) {
        a.kind = TBRM_RESIDUAL_KIND_REVAL;
        a.bootstrap = unfinished;
    }));
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
