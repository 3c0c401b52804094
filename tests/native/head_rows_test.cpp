// head_rows_test.cpp - what a row of the head may depend on: its bits on nothing else, and what is not finite on no other row.
#include "core/parallel.hpp"
#include "head_oracle.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

const Dtype kDtypes[] = {Dtype::F32, Dtype::Bf16};

}  // namespace

// A row alone, in a part of the batch, in all of it, with and without the entropy.
TBRM_TEST(the_bits_of_a_row_do_not_depend_on_its_company) {
    for (const Dtype dtype : kDtypes) {
        const HeadCase c(dtype, 203, 2600, 72, 37, 3.0, 0.9f);
        const HeadResult together = forward(c);
        const int64_t d = c.shape.hidden, size = dtype_bytes(dtype);
        for (const auto& part : {std::pair<int64_t, int64_t>{0, 1}, {7, 1}, {202, 1}, {5, 50}, {60, 143}}) {
            std::vector<float> q(203), v(203), h(203);
            cpu::head_forward(c.shape, part.second, static_cast<const char*>(c.x.data()) + part.first * d * size,
                    c.panels.data(), c.labels.data() + part.first, q.data(), v.data(), h.data());
            for (int64_t r = 0; r < part.second; ++r) {
                const size_t i = static_cast<size_t>(r), j = static_cast<size_t>(part.first + r);
                CHECK_MSG(q[i] == together.q[j] && v[i] == together.v[j] && h[i] == together.h[j], "row %zu", j);
            }
        }
        CHECK(forward(c, false).v == together.v);
    }
}

TBRM_TEST(threads_change_no_bit) {
    const int threads = max_threads();
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 131, 2600, 72, 41);
        for (const int64_t budget : {int64_t{0}, 80 * kept_row_bytes(c.shape)}) {
            c.shape.budget_bytes = budget;
            for (const bool with_dh : {false, true}) {
                set_max_threads(1);
                const HeadResult one = forward_backward(c, with_dh);
                for (const int count : {2, 3, 8}) {
                    set_max_threads(count);
                    const HeadResult many = forward_backward(c, with_dh);
                    CHECK(one.q == many.q && one.v == many.v && one.h == many.h);
                    CHECK(one.dx == many.dx && one.dw == many.dw);
                }
            }
        }
    }
    set_max_threads(threads);
}

// What the sampler sees is what the trainer computes.
TBRM_TEST(logits_and_forward_agree_to_the_bit) {
    for (const Dtype dtype : kDtypes) {
        for (const float temperature : {1.0f, 0.6f}) {
            const HeadCase c(dtype, 19, 1300, 40, 43, 3.0, temperature);
            const HeadResult r = forward(c);
            const int64_t ld = c.shape.vocab + 5;
            std::vector<float> logits(static_cast<size_t>(c.rows * ld), -7.0f), v(static_cast<size_t>(c.rows), NAN);
            cpu::head_logits(c.shape, c.rows, c.x.data(), c.panels.data(), logits.data(), ld, v.data());
            CHECK(v == r.v);
            for (int64_t row = 0; row < c.rows; ++row) {
                const float* z = logits.data() + row * ld;
                CHECK(z[c.labels[static_cast<size_t>(row)]] / temperature == r.q[static_cast<size_t>(row)]);
                for (int64_t pad = c.shape.vocab; pad < ld; ++pad)
                    CHECK(z[pad] == -7.0f);
            }
        }
    }
}

TBRM_TEST(what_is_not_finite_stays_in_its_row) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 60, 1100, 32, 47);
        const HeadResult clean = forward_backward(c, false);
        std::vector<float> values = c.x.wide;
        values[5 * 32 + 3] = NAN;
        values[9 * 32] = INFINITY;
        c.x = Tensor(dtype, values);
        // A dropped trajectory: nothing of it may reach the weights, whatever it holds.
        for (const size_t r : {size_t{5}, size_t{9}})
            c.dq[r] = c.dv[r] = 0.0f;
        for (const int64_t budget : {int64_t{0}, int64_t{1}}) {
            c.shape.budget_bytes = budget;
            const HeadResult r = forward_backward(c, false);
            for (size_t i = 0; i < 60; ++i) {
                if (i == 5 || i == 9) {
                    CHECK(!std::isfinite(r.v[i]));
                    continue;
                }
                CHECK(r.q[i] == clean.q[i] && r.v[i] == clean.v[i] && r.h[i] == clean.h[i]);
                if (budget == 0)
                    CHECK(std::equal(r.dx.begin() + static_cast<std::ptrdiff_t>(i) * 32,
                            r.dx.begin() + static_cast<std::ptrdiff_t>(i) * 32 + 32,
                            clean.dx.begin() + static_cast<std::ptrdiff_t>(i) * 32));
            }
            for (const float g : r.dw)
                CHECK(std::isfinite(g));
        }
    }
}

// A row with a NaN and a gradient gives a NaN in its dX and leaves the others' alone.
TBRM_TEST(a_row_of_nan_spoils_only_its_own_input_gradient) {
    HeadCase c(Dtype::F32, 10, 700, 16, 53);
    const HeadResult clean = forward_backward(c, false);
    std::vector<float> values = c.x.wide;
    values[4 * 16] = NAN;
    c.x = Tensor(Dtype::F32, values);
    const HeadResult r = forward_backward(c, false);
    for (size_t i = 0; i < 160; ++i)
        CHECK(i / 16 == 4 ? std::isnan(r.dx[i]) : r.dx[i] == clean.dx[i]);
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
