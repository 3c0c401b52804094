// head_test.cpp - the head against its fp64 oracle, and the memory that must not grow. Bits and hostile rows: head_rows_test.cpp.
//
// Tolerances. A logit is a chain of D fp32 additions: its error is at most a few sqrt(D) 2^-24 of sum |x w|, and that of V no more (V is an
// average of logits' errors), plus one rounding of the result. Gradients in fp32 mode carry the same error in exp(z - V), so
// 1e-5 in norm covers |z| up to 40. In bf16 mode the stored exponential and its product with the row's factor are rounded to 8 bits:
// 2^-9 / sqrt(3) each, at random, and dX once more on its way out: 3e-3 in norm leaves a factor of two.
#include <functional>
#include <limits>

#include "core/isa.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "head_oracle.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

double gradient_tolerance(Dtype dtype) {
    return dtype == Dtype::F32 ? 1e-5 : 3e-3;
}

double logit_tolerance(const HeadCase& c, const HeadOracle& o, int64_t r) {
    const size_t row = static_cast<size_t>(r);
    const double steps = 4.0 + std::sqrt(static_cast<double>(c.shape.hidden));
    return 6e-8 * (steps * o.magnitude[row] + 2 * std::fabs(o.v[row]) + 4);
}

void check_forward(const HeadCase& c, const HeadOracle& o, const HeadResult& actual, const char* what) {
    for (int64_t r = 0; r < c.rows; ++r) {
        const size_t i = static_cast<size_t>(r);
        const double tolerance = logit_tolerance(c, o, r);
        CHECK_MSG(close(actual.q[i], o.q[i], tolerance), "%s, Q of row %zu: %.9g vs %.9g, allowed %.2g", what, i,
                static_cast<double>(actual.q[i]), o.q[i], tolerance);
        CHECK_MSG(close(actual.v[i], o.v[i], tolerance), "%s, V of row %zu: %.9g vs %.9g, allowed %.2g", what, i,
                static_cast<double>(actual.v[i]), o.v[i], tolerance);
        if (actual.h.empty()) continue;
        // H = log S - mean(z - max): its terms are of the size of the spread of the logits.
        CHECK_MSG(close(actual.h[i], o.h[i], 20 * tolerance), "%s, H of row %zu: %.9g vs %.9g, allowed %.2g", what, i,
                static_cast<double>(actual.h[i]), o.h[i], 20 * tolerance);
    }
}

void check_gradients(const HeadCase& c, const HeadOracle& o, const HeadResult& actual, const char* what) {
    const double tolerance = gradient_tolerance(c.shape.dtype);
    const double dx = relative_error(actual.dx, o.dx, static_cast<int64_t>(o.dx.size()));
    const double dw = relative_error(actual.dw, o.dw, static_cast<int64_t>(o.dw.size()));
    CHECK_MSG(dx <= tolerance, "%s: dX off by %.3g, allowed %.3g", what, dx, tolerance);
    CHECK_MSG(dw <= tolerance, "%s: dW off by %.3g, allowed %.3g", what, dw, tolerance);
}

void check_all(const HeadCase& c, bool with_dh, const char* what) {
    const HeadOracle oracle(c, with_dh);
    const HeadResult actual = forward_backward(c, with_dh);
    check_forward(c, oracle, actual, what);
    check_gradients(c, oracle, actual, what);
}

const Dtype kDtypes[] = {Dtype::F32, Dtype::Bf16};

}  // namespace

TBRM_TEST(a_head_of_two_columns_by_hand) {
    // W = [[1, 0], [0, 2]], x = [1, 1]: z = [1, 2].
    HeadCase c(Dtype::F32, 1, 2, 2, 1);
    c.w = Tensor(Dtype::F32, {1, 0, 0, 2});
    c.x = Tensor(Dtype::F32, {1, 1});
    c.labels = {1};
    c.dq = {1};
    c.dv = {-1};
    c.pack();
    const HeadResult r = forward_backward(c, false);
    const double p = 1 / (1 + std::exp(-1.0)), lse = std::log(std::exp(1.0) + std::exp(2.0));
    CHECK(close(r.q[0], 2.0, 0) && close(r.v[0], lse, 3e-7));
    CHECK(close(r.h[0], -p * std::log(p) - (1 - p) * std::log(1 - p), 3e-7));
    // dz = e_1 - p = [-(1-p), 1-p]; dX = dz W, dW = dz^T x
    CHECK(close(r.dx[0], -(1 - p), 1e-7) && close(r.dx[1], 2 * (1 - p), 2e-7));
    CHECK(close(r.dw[0], -(1 - p), 1e-7) && close(r.dw[3], 1 - p, 1e-7));
}

// The oracle's own gradient against central differences of its forward: sum dQ Q + dV V + dH H along a random direction.
TBRM_TEST(the_oracle_agrees_with_central_differences) {
    HeadCase c(Dtype::F32, 3, 37, 8, 5, 1.0, 0.7f);
    const HeadOracle at(c, true);
    const auto loss = [&](double step, bool along_x) {
        HeadCase moved = c;
        std::vector<float>& values = along_x ? moved.x.wide : moved.w.wide;
        for (size_t i = 0; i < values.size(); ++i)
            values[i] += static_cast<float>(step * normal(99, i));
        const HeadOracle o(moved);
        double sum = 0;
        for (size_t r = 0; r < 3; ++r)
            sum += static_cast<double>(c.dq[r]) * o.q[r] + static_cast<double>(c.dv[r]) * o.v[r] +
                   static_cast<double>(c.dh[r]) * o.h[r];
        return sum;
    };
    for (const bool along_x : {true, false}) {
        double expected = 0;
        const std::vector<double>& gradient = along_x ? at.dx : at.dw;
        for (size_t i = 0; i < gradient.size(); ++i)
            expected += gradient[i] * normal(99, i);
        const double h = 1e-3, slope = (loss(h, along_x) - loss(-h, along_x)) / (2 * h);
        // fp32 inputs: each moved value is off by 2^-25 of itself, over h.
        CHECK_MSG(close(slope, expected, 2e-3 * (1 + std::fabs(expected))), "%g vs %g", slope, expected);
    }
}

TBRM_TEST(shapes_that_nothing_divides) {
    const int64_t shapes[][3] = {{1, 1, 1}, {2, 1, 3}, {1, 2, 5}, {7, 129, 64}, {49, 255, 17}, {13, 256, 65},
            {5, 257, 63}, {127, 1000, 33}, {3, 1023, 64}, {3, 1024, 64}, {3, 1025, 96}, {129, 3001, 40}};
    for (const Dtype dtype : kDtypes) {
        for (const auto& s : shapes) {
            for (const bool with_dh : {false, true}) {
                const std::string what = format("rows %d vocab %d hidden %d dtype %d dh %d", static_cast<int>(s[0]),
                        static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(dtype), with_dh);
                check_all(HeadCase(dtype, s[0], s[1], s[2], 100 + static_cast<uint64_t>(s[1])), with_dh, what.c_str());
            }
        }
    }
}

TBRM_TEST(real_vocabularies) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t vocab : {151936, 152064}) {
            for (const int64_t budget : {int64_t{0}, int64_t{1} << 20}) {
                const HeadCase c(dtype, 3, vocab, 8, 7, 4.0, 1.0f, budget);
                check_all(c, false,
                        format("vocab %d budget %d", static_cast<int>(vocab), static_cast<int>(budget)).c_str());
            }
        }
    }
}

TBRM_TEST(a_temperature_scales_logits_and_gradients) {
    for (const Dtype dtype : kDtypes) {
        for (const float temperature : {0.3f, 1.7f}) {
            const HeadCase c(dtype, 20, 1500, 48, 11, 3.0, temperature);
            check_all(c, false, "kept");
            check_all(c, true, "with entropy");
        }
    }
}

TBRM_TEST(no_rows_at_all) {
    const HeadCase c(Dtype::F32, 0, 100, 8, 3);
    const HeadResult r = forward_backward(c, false, 2.5f);
    for (const float value : r.dw)
        CHECK(value == 2.5f);
}

// All kept, some kept, none kept, and budgets below one unit of work: the same gradient to rounding, the same Q and V to the bit.
TBRM_TEST(rows_beyond_the_budget_are_recomputed) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 331, 2500, 40, 13);
        const HeadOracle oracle(c);
        const HeadResult whole = forward_backward(c, false);
        const int64_t row = kept_row_bytes(c.shape);
        for (const int64_t budget : {int64_t{1}, int64_t{40000}, 100 * row, 251 * row, 330 * row, 331 * row}) {
            c.shape.budget_bytes = budget;
            const HeadResult r = forward_backward(c, false);
            CHECK(r.q == whole.q && r.v == whole.v && r.h == whole.h);
            check_gradients(c, oracle, r, format("budget %lld", static_cast<long long>(budget)).c_str());
        }
    }
}

// More rows than one pass of the backward takes, kept and not.
TBRM_TEST(rows_beyond_one_chunk) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 4999, 130, 16, 17);
        const HeadOracle oracle(c);
        for (const int64_t rows_kept : {4999, 3000, 0}) {
            c.shape.budget_bytes = std::max<int64_t>(1, rows_kept * kept_row_bytes(c.shape));
            check_gradients(
                    c, oracle, forward_backward(c, false), format("%d kept", static_cast<int>(rows_kept)).c_str());
        }
    }
}

TBRM_TEST(gradients_of_weights_are_added_to_what_is_there) {
    const HeadCase c(Dtype::F32, 9, 200, 24, 19);
    const HeadResult zero = forward_backward(c, false), more = forward_backward(c, false, 0.5f);
    for (size_t i = 0; i < zero.dw.size(); ++i)
        CHECK(close(more.dw[i], static_cast<double>(zero.dw[i]) + 0.5, 1e-6 * (1 + std::fabs(zero.dw[i]))));
    CHECK(zero.dx == more.dx);
}

// One label shared by every row: its row of dW is a sum in row order.
TBRM_TEST(rows_may_share_a_label) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 200, 300, 32, 23);
        for (size_t r = 0; r < 200; ++r)
            c.labels[r] = r % 3 == 0 ? 299 : 64;
        check_all(c, false, "shared labels");
    }
}

// TBRM's own coefficients: dV = -dQ, and dV = 0 at a first row. On confident rows dX is (1 - p) times something: it must keep its
// relative accuracy where p = 1 - 1e-7, which neither p - 1 in fp32 nor a bf16 exponential of the label would.
TBRM_TEST(confident_rows_keep_their_gradient) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 24, 3000, 64, 29, 0.5);
        for (int64_t r = 0; r < c.rows; ++r) {
            c.dv[static_cast<size_t>(r)] = -c.dq[static_cast<size_t>(r)];
            c.make_peaked(r, 9.0 + static_cast<double>(r));
        }
        const HeadOracle oracle(c);
        double least = 1;
        for (const double p : oracle.p_label)
            least = std::min(least, 1 - p);
        CHECK_MSG(least < 1e-7, "1 - p is %g", least);
        for (const int64_t budget : {int64_t{0}, int64_t{1}}) {
            c.shape.budget_bytes = budget;
            const HeadResult r = forward_backward(c, false);
            const int64_t d = c.shape.hidden;
            for (int64_t row = 0; row < c.rows; ++row) {
                const double error = relative_error(r.dx.data() + row * d, oracle.dx.data() + row * d, d);
                CHECK_MSG(error <= (dtype == Dtype::F32 ? 3e-5 : 5e-3), "dtype %d budget %d row %d, 1 - p = %.1e: %.3g",
                        static_cast<int>(dtype), static_cast<int>(budget), static_cast<int>(row),
                        1 - oracle.p_label[static_cast<size_t>(row)], error);
            }
            check_gradients(c, oracle, r, "confident rows");
        }
    }
}

TBRM_TEST(uniform_rows_and_logits_of_eighty) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 12, 2049, 32, 31, 1.0);
        std::vector<float> values = c.x.wide;
        std::fill(values.begin(), values.begin() + 32, 0.0f);  // row 0: uniform
        c.x = Tensor(dtype, values);
        c.make_peaked(3, 80.0);
        c.make_peaked(4, -80.0);
        c.make_peaked(11, 80.0);
        const HeadOracle oracle(c);
        CHECK(close(oracle.v[0], std::log(2049.0), 1e-12));
        for (const int64_t budget : {int64_t{0}, int64_t{1}}) {
            c.shape.budget_bytes = budget;
            const HeadResult r = forward_backward(c, false);
            check_forward(c, oracle, r, "extremes");
            check_gradients(c, oracle, r, "extremes");
            CHECK(close(r.h[0], std::log(2049.0), 1e-5));
        }
    }
}

// Scratch: the budget, plus what has the size of activations (X^T and dX of one chunk of 2048 rows, 12 bytes per row and segment), plus
// a megabyte of tiles per thread.
TBRM_TEST(scratch_stays_within_the_budget) {
    for (const Dtype dtype : kDtypes) {
        HeadCase c(dtype, 700, 20000, 16, 59);
        const int64_t logits = c.rows * c.shape.vocab * 4;
        for (const int64_t budget : {int64_t{1} << 20, int64_t{4} << 20, int64_t{16} << 20}) {
            c.shape.budget_bytes = budget;
            for (const bool with_dh : {false, true}) {
                const int64_t before = host_memory().in_use();
                host_memory().reset_peak();
                forward_backward(c, with_dh);
                const int64_t used = host_memory().peak() - before;
                const int64_t activations = c.rows * (c.shape.hidden * 8 + 12 * 20 + 64);
                const int64_t allowed = budget + activations + (int64_t{1} << 20) * max_threads() + 65536;
                CHECK_MSG(used <= allowed, "budget %lld: used %lld, allowed %lld", static_cast<long long>(budget),
                        static_cast<long long>(used), static_cast<long long>(allowed));
                CHECK(used < logits || budget >= logits / 4);
            }
        }
    }
}

TBRM_TEST(a_tape_gives_back_what_it_kept) {
    const HeadCase c(Dtype::Bf16, 10, 500, 16, 61);
    std::vector<float> q(10), v(10), dw(static_cast<size_t>(panel_elements(Dtype::F32, 500, 16)));
    std::vector<bf16> dx(160);
    forward_backward(c, false);  // this thread's tiles are allocated once and stay
    const int64_t before = host_memory().in_use();
    {
        cpu::HeadTape tape;
        CHECK(tape.kept_bytes() == 0);
        tape.forward(c.shape, 10, c.x.data(), c.panels.data(), c.labels.data(), q.data(), v.data(), nullptr);
        CHECK(tape.kept_bytes() == 10 * kept_row_bytes(c.shape));
        cpu::HeadTape moved = std::move(tape);
        moved.backward(c.panels.data(), c.dq.data(), c.dv.data(), nullptr, dx.data(), dw.data());
        CHECK(moved.kept_bytes() == 0 && host_memory().in_use() == before);
        bool refused = false;
        try {
            moved.backward(c.panels.data(), c.dq.data(), c.dv.data(), nullptr, dx.data(), dw.data());
        } catch (const Failure&) {
            refused = true;
        }
        CHECK(refused);
        // Dropped without a backward.
        moved.forward(c.shape, 10, c.x.data(), c.panels.data(), c.labels.data(), q.data(), v.data(), nullptr);
    }
    CHECK(host_memory().in_use() == before);
}

TBRM_TEST(a_head_that_is_not_trained_gives_the_same_input_gradient) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        for (const int64_t budget : {int64_t{0}, int64_t{1}}) {  // kept and recomputed
            const HeadCase c(dtype, 70, 1500, 40, 62, 3.0, 0.9f, budget);
            const size_t bytes = static_cast<size_t>(70 * 40 * dtype_bytes(dtype));
            std::vector<float> q(70), v(70), dw(static_cast<size_t>(panel_elements(Dtype::F32, 1500, 40)));
            std::vector<char> trained(bytes, 1), frozen(bytes, 2);
            for (std::vector<char>* dx : {&trained, &frozen}) {
                cpu::HeadTape tape;
                tape.forward(c.shape, 70, c.x.data(), c.panels.data(), c.labels.data(), q.data(), v.data(), nullptr);
                tape.backward(c.panels.data(), c.dq.data(), c.dv.data(), nullptr, dx->data(),
                        dx == &trained ? dw.data() : nullptr);
            }
            CHECK(trained == frozen);
        }
    }
}

// dh without an H in the forward: the tape makes up for it.
TBRM_TEST(the_entropy_gradient_does_not_need_the_entropy_to_have_been_asked_for) {
    for (const Dtype dtype : kDtypes) {
        const HeadCase c(dtype, 11, 400, 24, 67);
        check_gradients(c, HeadOracle(c, true), forward_backward(c, true, 0.0f, false), "H left out");
    }
}

// Every instruction set that this machine has, on one case that takes every path.
TBRM_TEST(every_instruction_set) {
    const Isa best = active_isa();
    for (const Isa isa : {Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16}) {
        if (isa > best) break;
        override_isa(isa);
        for (const Dtype dtype : kDtypes) {
            HeadCase c(dtype, 67, 1300, 51, 71);
            const std::string what = isa_name(isa);
            check_all(c, false, (what + ", kept").c_str());
            check_all(c, true, (what + ", entropy").c_str());
            c.shape.budget_bytes = 50 * kept_row_bytes(c.shape);
            check_all(c, false, (what + ", recomputed").c_str());
        }
    }
    override_isa(best);
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
