// residual_cuda_test.cpp - residual and AdamW on a GPU against the CPU twins.
#include "cuda_testing.hpp"
#include "optimizer/adamw.hpp"
#include "residual/residual.hpp"

using namespace tbrm;
using namespace tbrm::testing;

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
                                     ref_v_end = normals(static_cast<int64_t>(seqs), 6, 8.0),
                                     v_frozen = normals(static_cast<int64_t>(seqs), 7, 8.0);
            std::vector<double> reward;
            for (const float x : normals(static_cast<int64_t>(seqs), 5))
                reward.push_back(x / 3.0);
            const std::vector<double> weight{0.1, 0.2, 0.1, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
            const std::vector<int32_t> bootstrap{0, 1, 0, 1, 0, 1, 1, 1, 0, 1};
            tbrm_residual_args_t args{};
            args.struct_size = sizeof args;
            args.kind = kind;
            args.beta = 0.002;
            args.loss_scale = 0.5;
            args.detach_value = detach;
            args.n_seqs = static_cast<int64_t>(seqs);
            args.n_rows = static_cast<int64_t>(rows);
            args.row_offsets = offsets.data();
            args.ref_logp = ref.data();
            args.ref_v1 = ref_v1.data();
            args.reward = reward.data();
            args.weight = weight.data();
            args.bootstrap = bootstrap.data();
            args.ref_v_end = ref_v_end.data();
            args.v_frozen = detach != 0 ? v_frozen.data() : nullptr;
            std::vector<float> f(seqs), dq(rows, NAN), dv(rows, NAN);
            double loss = NAN;
            cpu::residual_forward(args, q.data(), v.data(), f.data(), &loss, dq.data(), dv.data());

            const OnDevice<int64_t> d_offsets(offsets);
            const OnDevice<float> d_q(q), d_v(v), d_ref(ref), d_ref_v1(ref_v1), d_ref_v_end(ref_v_end),
                    d_v_frozen(v_frozen);
            const OnDevice<double> d_reward(reward), d_weight(weight);
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
            args.ref_v_end = d_ref_v_end.get();
            args.v_frozen = detach != 0 ? d_v_frozen.get() : nullptr;
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
    for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{257}, int64_t{thinned() ? 20001 : 3000001}}) {
        std::vector<float> w = normals(n, 1), m = normals(n, 2, 0.1), v = normals(n, 3, 0.1);
        for (float& x : v)
            x *= x;
        const std::vector<float> grad = normals(n, 4);
        const OnDevice<float> d_w(w), d_m(m), d_v(v), d_grad(grad);
        cpu::adamw_step(step, n, w.data(), m.data(), v.data(), grad.data());
        cuda::adamw_step(queue(), step, n, d_w.get(), d_m.get(), d_v.get(), d_grad.get());
        CHECK(d_w.download() == w && d_m.download() == m && d_v.download() == v);
        const ArrayOnDevice narrowed(Array(Dtype::Bf16, n));
        cpu::adamw_step(step, n, w.data(), m.data(), v.data(), grad.data());
        cuda::adamw_step(
                queue(), step, n, d_w.get(), d_m.get(), d_v.get(), d_grad.get(), static_cast<bf16*>(narrowed.get()));
        CHECK(d_w.download() == w && d_m.download() == m && d_v.download() == v);
        Array rounded(Dtype::Bf16, n);
        for (int64_t i = 0; i < n; ++i)
            rounded.set(i, w[static_cast<size_t>(i)]);
        CHECK(narrowed.download().same_bits(rounded));
        const double sum = cpu::sum_of_squares(n, grad.data());
        // Several arrays, one of them empty: each has the sum that it has alone.
        const std::vector<double> sums =
                cuda::sums_of_squares(queue(), {{d_grad.get(), n}, {nullptr, 0}, {d_grad.get(), n / 3}});
        CHECK(close(sums[0], sum, 1e-12 * sum));
        CHECK(sums[0] == cuda::sums_of_squares(queue(), {{d_grad.get(), n}})[0] && sums[1] == 0);
        CHECK(sums[2] == cuda::sums_of_squares(queue(), {{d_grad.get(), n / 3}})[0]);
    }
}
