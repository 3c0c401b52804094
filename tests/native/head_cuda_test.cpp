// head_cuda_test.cpp - the head on a GPU against the fp64 oracle, and the bits of its rows.
#include <array>

#include "cuda_testing.hpp"
#include "head_oracle.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

HeadResult head_on_device(const HeadCase& c, bool with_dh, bool with_dw = true) {
    const size_t n = static_cast<size_t>(c.rows);
    const int64_t d = c.shape.hidden, size = dtype_bytes(c.shape.dtype);
    const OnDevice<char> x(static_cast<const char*>(c.x.data()), c.rows * d * size);
    const OnDevice<char> w(static_cast<const char*>(c.w.data()), c.shape.vocab * d * size);
    const OnDevice<int32_t> labels(c.labels);
    const OnDevice<float> dq(c.dq), dv(c.dv), dh(c.dh);
    const std::vector<float> poison(n, NAN);
    const OnDevice<float> q(poison), v(poison), h(poison);
    const OnDevice<char> dx(std::vector<char>(n * static_cast<size_t>(d * size), '\xff'));
    const OnDevice<float> dw(std::vector<float>(static_cast<size_t>(c.shape.vocab * d)));
    cuda::HeadTape tape(queue());
    tape.forward(c.shape, c.rows, x.get(), w.get(), labels.get(), q.get(), v.get(), h.get());
    tape.backward(w.get(), dq.get(), dv.get(), with_dh ? dh.get() : nullptr, dx.get(), with_dw ? dw.get() : nullptr);
    HeadResult r{
            q.download(), v.download(), h.download(), std::vector<float>(n * static_cast<size_t>(d)), dw.download()};
    const std::vector<char> bytes = dx.download();
    for (size_t i = 0; i < r.dx.size(); ++i) {
        if (size == 4)
            r.dx[i] = reinterpret_cast<const float*>(bytes.data())[i];
        else
            r.dx[i] = to_float(reinterpret_cast<const bf16*>(bytes.data())[i]);
    }
    return r;
}

// Tolerances as head_test.cpp; bf16 exponentials are rounded twice here for dX too, hence 4e-3.
void check_head(const HeadCase& c, bool with_dh, const char* what) {
    const HeadOracle o(c, with_dh);
    const HeadResult r = head_on_device(c, with_dh);
    for (size_t i = 0; i < r.q.size(); ++i) {
        const double steps = 4.0 + std::sqrt(static_cast<double>(c.shape.hidden));
        const double tolerance = 6e-8 * (steps * o.magnitude[i] + 2 * std::fabs(o.v[i]) + 4);
        CHECK_MSG(close(r.q[i], o.q[i], tolerance), "%s: Q of row %zu is %g, expected %g", what, i,
                static_cast<double>(r.q[i]), o.q[i]);
        CHECK_MSG(close(r.v[i], o.v[i], tolerance), "%s: V of row %zu is %g, expected %g", what, i,
                static_cast<double>(r.v[i]), o.v[i]);
        CHECK_MSG(close(r.h[i], o.h[i], 20 * tolerance), "%s: H of row %zu is %g, expected %g", what, i,
                static_cast<double>(r.h[i]), o.h[i]);
    }
    const double tolerance = c.shape.dtype == Dtype::F32 ? 1e-5 : 4e-3;
    const double dx = relative_error(r.dx, o.dx, static_cast<int64_t>(o.dx.size()));
    const double dw = relative_error(r.dw, o.dw, static_cast<int64_t>(o.dw.size()));
    CHECK_MSG(dx <= tolerance, "%s: dX off by %.3g, allowed %.3g", what, dx, tolerance);
    CHECK_MSG(dw <= tolerance, "%s: dW off by %.3g, allowed %.3g", what, dw, tolerance);
}

}  // namespace

TBRM_TEST(head_at_shapes_that_nothing_divides) {
    using Rows = std::array<int64_t, 3>;  // rows, vocab, hidden
    const std::vector<Rows> all = {{1, 1, 1}, {1, 2, 5}, {7, 129, 64}, {49, 255, 17}, {13, 256, 65}, {127, 1000, 33},
            {3, 1024, 64}, {3, 1025, 96}, {129, 3001, 40}, {3, 151936, 16}, {2, 152064, 16}};
    const std::vector<Rows> few = {{1, 1, 1}, {7, 129, 64}, {13, 256, 65}, {3, 1025, 96}, {129, 2001, 8}};
    for (const Dtype dtype : kDtypes) {
        for (const Rows& s : shapes(all, few)) {
            for (const bool with_dh : {false, true}) {
                check_head(HeadCase(dtype, s[0], s[1], s[2], 5, 3.0, 0.8f), with_dh,
                        format("rows %d vocab %d hidden %d dtype %d dh %d", static_cast<int>(s[0]),
                                static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(dtype), with_dh)
                                .c_str());
            }
        }
    }
}

TBRM_TEST(head_rows_beyond_the_budget) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t budget : shapes<int64_t>({1, 200000, 1 << 20, 4 << 20}, {1, 200000}))
            check_head(HeadCase(dtype, thinned() ? 131 : 331, 2500, thinned() ? 8 : 40, 13, 3.0, 1.0f, budget), false,
                    format("budget %d", static_cast<int>(budget)).c_str());
        if (!thinned()) check_head(HeadCase(dtype, 9001, 130, 16, 17), false, "more rows than a chunk");
    }
}

TBRM_TEST(head_at_confident_rows_and_shared_labels) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 24, 3000, 64, 29, 0.5);
        for (int64_t r = 0; r < c.rows; ++r) {
            if (r % 3 == 0) c.labels[static_cast<size_t>(r)] = 77;
            c.dv[static_cast<size_t>(r)] = -c.dq[static_cast<size_t>(r)];
            c.make_peaked(r, 9.0 + 3.0 * static_cast<double>(r));
        }
        check_head(c, false, "confident rows");
    }
}

TBRM_TEST(head_rows_without_a_gradient_reach_nothing) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t budget : {int64_t{0}, int64_t{1}}) {
            HeadCase c(dtype, 60, 1100, 32, 47, 3.0, 1.0f, budget);
            std::vector<float> values = c.x.wide;
            values[5 * 32 + 3] = NAN;
            c.x = Tensor(dtype, values);
            c.dq[5] = c.dv[5] = 0.0f;
            const HeadResult r = head_on_device(c, false);
            CHECK(!std::isfinite(r.v[5]));
            for (size_t i = 0; i < 60; ++i)
                CHECK(i == 5 || std::isfinite(r.v[i]));
            for (const float g : r.dw)
                CHECK(std::isfinite(g));
        }
    }
}

TBRM_TEST(a_head_that_is_not_trained_gives_the_same_input_gradient_on_a_gpu) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        for (const int64_t budget : {int64_t{0}, int64_t{1}}) {
            const HeadCase c(dtype, thinned() ? 20 : 70, 1500, thinned() ? 16 : 40, 62, 3.0, 0.9f, budget);
            const HeadResult trained = head_on_device(c, false), frozen = head_on_device(c, false, false);
            CHECK(trained.dx == frozen.dx && frozen.dw == std::vector<float>(frozen.dw.size()));
        }
    }
}

TBRM_TEST(head_logits_are_those_of_the_forward) {
    for (const Dtype dtype : kDtypes) {
        const HeadCase c(dtype, 19, 1300, 40, 43, 3.0, 0.6f);
        const HeadOracle o(c);
        const int64_t ld = c.shape.vocab + 3;
        const OnDevice<char> x(static_cast<const char*>(c.x.data()), c.rows * 40 * dtype_bytes(dtype));
        const OnDevice<char> w(static_cast<const char*>(c.w.data()), 1300 * 40 * dtype_bytes(dtype));
        const OnDevice<float> logits(std::vector<float>(static_cast<size_t>(c.rows * ld), -7.0f)),
                v(std::vector<float>(19, NAN));
        cuda::head_logits(queue(), c.shape, c.rows, x.get(), w.get(), logits.get(), ld, v.get());
        const std::vector<float> z = logits.download(), values = v.download();
        for (size_t r = 0; r < 19; ++r) {
            const double tolerance = 6e-8 * (12 * o.magnitude[r] + 2 * std::fabs(o.v[r]) + 4);
            CHECK(close(values[r], o.v[r], tolerance));
            CHECK(close(z[r * static_cast<size_t>(ld) + static_cast<size_t>(c.labels[r])] / 0.6f, o.q[r], tolerance));
            CHECK(z[r * static_cast<size_t>(ld) + 1300] == -7.0f);
        }
    }
}

TBRM_TEST(two_runs_give_the_same_bits_and_nothing_is_left_behind) {
    const int64_t before = queue().memory->in_use();
    {
        const HeadCase c(
                Dtype::Bf16, thinned() ? 100 : 300, thinned() ? 2000 : 5000, 64, 71, 3.0, 1.0f, int64_t{2} << 20);
        const HeadResult one = head_on_device(c, false), two = head_on_device(c, false);
        CHECK(one.q == two.q && one.v == two.v && one.h == two.h && one.dx == two.dx && one.dw == two.dw);
    }
    CHECK(queue().memory->in_use() == before);
}

// Row invariance: a row's numbers do not depend on the other rows, on the budget, or on which call computes them.
TBRM_TEST(head_rows_do_not_depend_on_the_other_rows) {
    for (const Dtype dtype : kDtypes) {
        const int64_t d = 40, vocab = 2300;
        const HeadCase c(dtype, 150, vocab, d, 91, 3.0, 0.7f);
        const HeadResult all = head_on_device(c, false);
        const OnDevice<char> x(static_cast<const char*>(c.x.data()), c.rows * d * dtype_bytes(dtype));
        const OnDevice<char> w(static_cast<const char*>(c.w.data()), vocab * d * dtype_bytes(dtype));
        const OnDevice<int32_t> labels(c.labels);
        const OnDevice<float> q(std::vector<float>(150, NAN)), v(std::vector<float>(150, NAN)),
                logits(std::vector<float>(static_cast<size_t>(150 * vocab)));
        for (const int64_t rows : shapes<int64_t>({1, 16, 17, 149}, {1, 17, 149})) {
            HeadShape shape = c.shape;
            shape.budget_bytes = int64_t{1} << 20;
            const int64_t first = c.rows - rows;
            const void* from = x.get() + first * d * dtype_bytes(dtype);
            cuda::head_forward(queue(), shape, rows, from, w.get(), labels.get() + first, q.get(), v.get(), nullptr);
            const std::vector<float> q_part = q.download(), v_part = v.download();
            cuda::head_logits(queue(), shape, rows, from, w.get(), logits.get(), vocab, v.get());
            const std::vector<float> z = logits.download(), v_logits = v.download();
            for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
                const size_t at = static_cast<size_t>(first) + r;
                CHECK(q_part[r] == all.q[at] && v_part[r] == all.v[at] && v_logits[r] == all.v[at]);
                CHECK(z[r * static_cast<size_t>(vocab) + static_cast<size_t>(c.labels[at])] / 0.7f == all.q[at]);
            }
        }
    }
}
