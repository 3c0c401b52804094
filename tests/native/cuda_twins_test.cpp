// cuda_twins_test.cpp - residual, AdamW and head on a GPU: against the CPU twins where they share a formula, against the fp64 oracle where
// rounding differs. Without a GPU the program exits with 77 (skipped), or fails when TBRM_REQUIRE_CUDA=1.
#include <cstdlib>

#include "cuda_testing.hpp"
#include "head_oracle.hpp"
#include "optimizer/adamw.hpp"
#include "residual/residual.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

HeadResult head_on_device(const HeadCase& c, bool with_dh) {
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
    tape.forward(c.shape, c.rows, x.get(), w.get(), labels.get(), nullptr, q.get(), v.get(), h.get());
    tape.backward(w.get(), dq.get(), dv.get(), with_dh ? dh.get() : nullptr, dx.get(), dw.get());
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

const Dtype kDtypes[] = {Dtype::F32, Dtype::Bf16};

}  // namespace

TBRM_TEST(head_at_shapes_that_nothing_divides) {
    const int64_t shapes[][3] = {{1, 1, 1}, {1, 2, 5}, {7, 129, 64}, {49, 255, 17}, {13, 256, 65}, {127, 1000, 33},
            {3, 1024, 64}, {3, 1025, 96}, {129, 3001, 40}, {3, 151936, 16}, {2, 152064, 16}};
    for (const Dtype dtype : kDtypes) {
        for (const auto& s : shapes) {
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
        for (const int64_t budget : {int64_t{1}, int64_t{200000}, int64_t{1} << 20, int64_t{4} << 20})
            check_head(HeadCase(dtype, 331, 2500, 40, 13, 3.0, 1.0f, budget), false,
                    format("budget %d", static_cast<int>(budget)).c_str());
        check_head(HeadCase(dtype, 9001, 130, 16, 17), false, "more rows than a chunk");
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

// Both twins add up in fp64 and round once; the order differs, which 1 ulp of fp32 covers.
TBRM_TEST(residual_agrees_with_the_cpu_twin) {
    for (const int kind : {TBRM_RESIDUAL_KIND_TBRM, TBRM_RESIDUAL_KIND_REVAL}) {
        for (const int detach : {0, 1}) {
            const std::vector<int64_t> lengths{5, 1, 0, 2, 31, 33, 257, 0, 3, 5000};
            std::vector<int64_t> offsets{0};
            for (const int64_t length : lengths)
                offsets.push_back(offsets.back() + length);
            const size_t rows = static_cast<size_t>(offsets.back()), seqs = lengths.size();
            const std::vector<float> q = normals(static_cast<int64_t>(rows), 1, 8.0),
                                     v = normals(static_cast<int64_t>(rows), 2, 8.0),
                                     ref = normals(static_cast<int64_t>(rows), 3),
                                     ref_v1 = normals(static_cast<int64_t>(seqs), 4, 8.0),
                                     reward = normals(static_cast<int64_t>(seqs), 5);
            const std::vector<float> weight{0.1f, 0.2f, 0.1f, 0.0f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f};
            const std::vector<int32_t> bootstrap{0, 1, 0, 1, 0, 1, 1, 1, 0, 1};
            tbrm_residual_args_t args{};
            args.struct_size = sizeof args;
            args.kind = kind;
            args.beta = 0.002f;
            args.loss_scale = 0.5f;
            args.detach_value = detach;
            args.n_seqs = static_cast<int64_t>(seqs);
            args.n_rows = static_cast<int64_t>(rows);
            args.row_offsets = offsets.data();
            args.ref_logp = ref.data();
            args.ref_v1 = ref_v1.data();
            args.reward = reward.data();
            args.weight = weight.data();
            args.bootstrap = bootstrap.data();
            std::vector<float> f(seqs), dq(rows, NAN), dv(rows, NAN);
            double loss = NAN;
            cpu::residual_forward(args, q.data(), v.data(), f.data(), &loss, dq.data(), dv.data());

            const OnDevice<int64_t> d_offsets(offsets);
            const OnDevice<float> d_q(q), d_v(v), d_ref(ref), d_ref_v1(ref_v1), d_reward(reward), d_weight(weight);
            const OnDevice<int32_t> d_bootstrap(bootstrap);
            const OnDevice<float> d_f(std::vector<float>(seqs, NAN)), d_dq(std::vector<float>(rows, NAN)),
                    d_dv(std::vector<float>(rows, NAN));
            const OnDevice<double> d_loss(std::vector<double>{NAN});
            args.row_offsets = d_offsets.get();
            args.ref_logp = d_ref.get();
            args.ref_v1 = d_ref_v1.get();
            args.reward = d_reward.get();
            args.weight = d_weight.get();
            args.bootstrap = d_bootstrap.get();
            cuda::residual_forward(
                    queue(), args, d_q.get(), d_v.get(), d_f.get(), d_loss.get(), d_dq.get(), d_dv.get());
            const std::vector<float> f2 = d_f.download(), dq2 = d_dq.download(), dv2 = d_dv.download();
            for (size_t b = 0; b < seqs; ++b)
                CHECK(close(f2[b], f[b], 1.2e-7 * std::fabs(f[b])));
            for (size_t r = 0; r < rows; ++r) {
                CHECK(close(dq2[r], dq[r], 1.2e-7 * std::fabs(dq[r])));
                CHECK(close(dv2[r], dv[r], 1.2e-7 * std::fabs(dv[r])));
            }
            CHECK(close(d_loss.download()[0], loss, 1e-12 * loss));
        }
    }
}

TBRM_TEST(adamw_has_the_bits_of_the_cpu_twin) {
    const AdamWStep step{1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5, 0.1, 0.001};
    for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{257}, int64_t{3000001}}) {
        std::vector<float> w = normals(n, 1), m = normals(n, 2, 0.1), v = normals(n, 3, 0.1);
        for (float& x : v)
            x *= x;
        const std::vector<float> grad = normals(n, 4);
        const OnDevice<float> d_w(w), d_m(m), d_v(v), d_grad(grad);
        cpu::adamw_step(step, n, w.data(), m.data(), v.data(), grad.data());
        cuda::adamw_step(queue(), step, n, d_w.get(), d_m.get(), d_v.get(), d_grad.get());
        CHECK(d_w.download() == w && d_m.download() == m && d_v.download() == v);
        const double sum = cpu::sum_of_squares(n, grad.data());
        CHECK(close(cuda::sum_of_squares(queue(), n, d_grad.get()), sum, 1e-12 * sum));
    }
}

TBRM_TEST(two_runs_give_the_same_bits_and_nothing_is_left_behind) {
    const int64_t before = queue().memory->in_use();
    {
        const HeadCase c(Dtype::Bf16, 300, 5000, 64, 71, 3.0, 1.0f, int64_t{2} << 20);
        const HeadResult one = head_on_device(c, false), two = head_on_device(c, false);
        CHECK(one.q == two.q && one.v == two.v && one.h == two.h && one.dx == two.dx && one.dw == two.dw);
    }
    CHECK(queue().memory->in_use() == before);
}

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        const char* required = std::getenv("TBRM_REQUIRE_CUDA");
        const bool must = required != nullptr && std::strcmp(required, "1") == 0;
        std::printf("%s: no CUDA device\n", must ? "FAILED" : "SKIPPED");
        return must ? 1 : 77;
    }
    return tbrm::testing::run(argc, argv);
}
