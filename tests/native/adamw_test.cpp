// adamw_test.cpp - AdamW against its definition in fp64, and bit equality over threads and instruction sets.
#include "optimizer/adamw.hpp"

#include <algorithm>

#include "core/guard.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "testing.hpp"

using namespace tbrm;
using tbrm::testing::close;

namespace {

struct State {
    std::vector<float> w, m, v;
};

AdamWStep step_number(int t, double grad_scale = 1.0) {
    return {1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, grad_scale, 1.0 - std::pow(static_cast<double>(0.9f), t),
            1.0 - std::pow(static_cast<double>(0.999f), t)};
}

State ten_steps(int64_t n) {
    State s{testing::normals(n, 1), std::vector<float>(static_cast<size_t>(n)),
            std::vector<float>(static_cast<size_t>(n))};
    for (int t = 1; t <= 10; ++t) {
        const std::vector<float> grad = testing::normals(n, 100 + static_cast<uint64_t>(t), 0.1);
        cpu::adamw_step(step_number(t, 0.5), n, s.w.data(), s.m.data(), s.v.data(), grad.data());
    }
    return s;
}

bool same(const State& a, const State& b) {
    return a.w == b.w && a.m == b.m && a.v == b.v;
}

}  // namespace

// After one step from zero moments m/bc1 = g and v/bc2 = g^2, so w moves by lr * sign(g) and decays by lr * wd.
TBRM_TEST(the_first_step_by_hand) {
    std::vector<float> w{2.0f, -3.0f, 0.5f}, m(3), v(3);
    const std::vector<float> grad{0.25f, -4.0f, 0.0f};
    cpu::adamw_step(step_number(1), 3, w.data(), m.data(), v.data(), grad.data());
    CHECK(close(w[0], 2.0 * 0.999 - 0.01, 1e-6));
    CHECK(close(w[1], -3.0 * 0.999 + 0.01, 1e-6));
    CHECK(close(w[2], 0.5 * 0.999, 1e-7));
    // The betas are fp32: 1 - 0.999f is 1.3e-5 (relative) away from 0.001.
    CHECK(close(m[0], 0.025, 1e-8) && close(v[1], 0.016, 3e-7));
}

// Ten steps in fp64. A step is six fp32 roundings of quantities of the size of w or of the update: 10 steps * 2^-24 * (|w| + 6 lr).
TBRM_TEST(ten_steps_agree_with_fp64) {
    const int64_t n = 1003;
    const State actual = ten_steps(n);
    const std::vector<float> start = testing::normals(n, 1);
    std::vector<double> m(static_cast<size_t>(n)), v(static_cast<size_t>(n)), w(start.begin(), start.end());
    const double beta1 = 0.9f, beta2 = 0.999f, lr = 1e-2f, decay = 0.1f, eps = 1e-8f;
    for (int t = 1; t <= 10; ++t) {
        const std::vector<float> grad = testing::normals(n, 100 + static_cast<uint64_t>(t), 0.1);
        for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
            const double g = 0.5 * static_cast<double>(grad[i]);
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            const double hat_m = m[i] / (1 - std::pow(beta1, t)), hat_v = v[i] / (1 - std::pow(beta2, t));
            w[i] -= lr * decay * w[i];
            w[i] -= lr * hat_m / (std::sqrt(hat_v) + eps);
        }
    }
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        CHECK(close(actual.w[i], w[i], 6e-7 * (std::fabs(w[i]) + 0.06) + 1e-7));
        CHECK(close(actual.m[i], m[i], 1e-6 * (std::fabs(m[i]) + 0.01)));
        CHECK(close(actual.v[i], v[i], 2e-6 * v[i]));
    }
}

// An element's bits do not depend on how many others there are, nor on where a block or a vector ends.
TBRM_TEST(sizes_that_no_vector_divides) {
    const State whole = ten_steps(16401);
    for (const int64_t n : {0, 1, 15, 16, 17, 16383, 16384, 16385}) {
        const State part = ten_steps(n);
        CHECK(std::equal(part.w.begin(), part.w.end(), whole.w.begin()));
        CHECK(std::equal(part.v.begin(), part.v.end(), whole.v.begin()));
    }
}

TBRM_TEST(threads_and_instruction_sets_change_no_bit) {
    const int64_t n = 100003;
    const State reference = ten_steps(n);
    const std::vector<float> x = testing::normals(n, 9, 3.0);
    const double sum = cpu::sum_of_squares(n, x.data());
    const Isa best = active_isa();
    for (const Isa isa : {Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16}) {
        override_isa(isa);
        CHECK_MSG(same(ten_steps(n), reference), "%s", isa_name(isa));
        CHECK_MSG(cpu::sum_of_squares(n, x.data()) == sum, "%s", isa_name(isa));
    }
    override_isa(best);
    const int threads = max_threads();
    for (const int count : {1, 2, 3, 7}) {
        set_max_threads(count);
        CHECK(same(ten_steps(n), reference));
        CHECK(cpu::sum_of_squares(n, x.data()) == sum);
    }
    set_max_threads(threads);
}

TBRM_TEST(the_sum_of_squares_is_exact_to_fp64) {
    const int64_t n = 70001;
    const std::vector<float> x = testing::normals(n, 7, 1e3);
    long double expected = 0;
    for (const float value : x)
        expected += static_cast<long double>(value) * static_cast<long double>(value);
    CHECK(close(
            cpu::sum_of_squares(n, x.data()), static_cast<double>(expected), 1e-12 * static_cast<double>(expected)));
    CHECK(cpu::sum_of_squares(0, nullptr) == 0.0);
}

// fp32 squares would overflow beyond 1.8e19 and vanish below 1e-23; the norm must not.
TBRM_TEST(the_sum_of_squares_survives_extremes_and_reports_what_is_not_finite) {
    CHECK(close(cpu::sum_of_squares(2, std::vector<float>{1e30f, 1e30f}.data()), 2e60, 1e54));
    CHECK(close(cpu::sum_of_squares(1, std::vector<float>{1e-30f}.data()), 1e-60, 1e-66));
    std::vector<float> x(40000, 1.0f);
    x[39999] = NAN;
    CHECK(std::isnan(cpu::sum_of_squares(40000, x.data())));
    x[39999] = INFINITY;
    CHECK(std::isinf(cpu::sum_of_squares(40000, x.data())));
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
