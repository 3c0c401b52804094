// ops_cuda_test.cpp - the row operations on a GPU: the CPU twin's bits where the contract promises them, its values within the rounding of
// fp32 elsewhere; and the bits of a row.
#include <algorithm>

#include "cuda_testing.hpp"
#include "joined_steps.hpp"
#include "ops/add.hpp"
#include "ops/embedding.hpp"
#include "ops/glu.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/rows.hpp"
#include "ops/scale.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

std::vector<int64_t> widths() {
    return shapes<int64_t>({1, 2, 7, 8, 17, 64, 100, 128, 256, 264, 896, 1536}, {1, 7, 100, 264, 1536});
}

// Each twin carries a few fp32 roundings of quantities up to `magnitude`, and rounds once more at the store.
double twin_tolerance(Dtype dtype, double magnitude, double value) {
    return 32 * kUnitF32 * magnitude + (dtype == Dtype::Bf16 ? 2 * kUnitBf16 * std::fabs(value) : 0.0) + 0x1p-126;
}

}  // namespace

TBRM_TEST(embedding_takes_rows) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : widths()) {
            const int64_t vocab = 131;
            const Array w = random_array(dtype, vocab * d, 20);
            const std::vector<int32_t> ids = {0, 130, 64, 63, 64, 7, 0};
            const int64_t n = static_cast<int64_t>(ids.size());
            const ArrayOnDevice w_device(w), y(Array(dtype, n * d));
            const OnDevice<int32_t> ids_device(ids);
            cuda::embedding_forward(queue(), dtype, n, d, vocab, ids_device.get(), w_device.get(), y.get());
            const Array result = y.download();
            for (int64_t i = 0; i < n * d; ++i)
                CHECK(result[i] == w[ids[static_cast<size_t>(i / d)] * d + i % d]);
        }
    }
}

TBRM_TEST(embedding_gradient_adds_repeats_in_order) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {int64_t{1}, int64_t{300}, int64_t{5000}}) {
            const int64_t vocab = 70, d = 136;
            std::vector<int32_t> ids(static_cast<size_t>(n));
            for (int64_t i = 0; i < n; ++i)
                ids[static_cast<size_t>(i)] = static_cast<int32_t>(uniform(21, static_cast<uint64_t>(i)) * 5) * 17 + 1;
            const Array dy = random_array(dtype, n * d, 22);
            std::vector<float> expected(static_cast<size_t>(vocab * d), 0.5f);
            const OnDevice<float> dw(expected);
            const OnDevice<int32_t> ids_device(ids);
            const ArrayOnDevice dy_device(dy);
            cuda::embedding_backward(queue(), dtype, n, d, vocab, ids_device.get(), dy_device.get(), dw.get());
            for (int64_t i = 0; i < n * d; ++i)
                expected[static_cast<size_t>(ids[static_cast<size_t>(i / d)] * d + i % d)] += static_cast<float>(dy[i]);
            CHECK(float_bits_equal(dw.download(), expected));
        }
    }
}

TBRM_TEST(rms_norm_agrees_with_the_cpu_twin) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : widths()) {
            for (const int64_t pad : {int64_t{0}, int64_t{3}}) {
                for (const bool add_to : {false, true}) {
                    const int64_t n = 261, ld = d + pad;
                    const Array x = random_array(dtype, n * ld, 30, 3.0), dy = random_array(dtype, n * ld, 31),
                                before = random_array(dtype, n * ld, 32);
                    const std::vector<float> weight = normals(d, 33), dweight_before = normals(d, 34);
                    Array y = before, dx = before;
                    std::vector<float> inv_rms(static_cast<size_t>(n)), dweight = dweight_before;
                    cpu::rms_norm_forward(
                            dtype, n, d, x.data(), ld, weight.data(), 1e-6f, y.data(), ld, inv_rms.data());
                    cpu::rms_norm_backward(dtype, n, d, x.data(), ld, weight.data(), inv_rms.data(), dy.data(), ld,
                            add_to, dx.data(), ld, dweight.data());

                    const ArrayOnDevice d_x(x), d_dy(dy), d_y(before), d_dx(before);
                    const OnDevice<float> d_weight(weight), d_inv(std::vector<float>(static_cast<size_t>(n), NAN)),
                            d_dweight(dweight_before);
                    cuda::rms_norm_forward(
                            queue(), dtype, n, d, d_x.get(), ld, d_weight.get(), 1e-6f, d_y.get(), ld, d_inv.get());
                    cuda::rms_norm_backward(queue(), dtype, n, d, d_x.get(), ld, d_weight.get(), d_inv.get(),
                            d_dy.get(), ld, add_to, d_dx.get(), ld, d_dweight.get());
                    const Array y2 = d_y.download(), dx2 = d_dx.download();
                    const std::vector<float> inv2 = d_inv.download(), dweight2 = d_dweight.download();
                    const double slack = (static_cast<double>(d) + 8) * kUnitF32;  // of a sum of d squares
                    for (int64_t i = 0; i < n; ++i) {
                        const double r = static_cast<double>(inv_rms[static_cast<size_t>(i)]);
                        CHECK(close(inv2[static_cast<size_t>(i)], r, 2 * slack * r));
                        double along = 0;
                        for (int64_t c = 0; c < d; ++c)
                            along += std::fabs(dy[i * ld + c] * static_cast<double>(weight[static_cast<size_t>(c)]) *
                                               x[i * ld + c]);
                        for (int64_t c = 0; c < ld; ++c) {
                            const int64_t at = i * ld + c;
                            if (c >= d) {
                                CHECK(y2[at] == before[at] && dx2[at] == before[at]);
                                continue;
                            }
                            CHECK(close(y2[at], y[at],
                                    2 * slack * std::fabs(y[at]) + twin_tolerance(dtype, std::fabs(y[at]), y[at])));
                            const double magnitude =
                                    r * std::fabs(dy[at] * static_cast<double>(weight[static_cast<size_t>(c)])) +
                                    r * r * r / static_cast<double>(d) * along * std::fabs(x[at]) +
                                    (add_to ? std::fabs(before[at]) : 0.0);
                            CHECK(close(
                                    dx2[at], dx[at], 8 * slack * magnitude + twin_tolerance(dtype, magnitude, dx[at])));
                        }
                    }
                    for (int64_t c = 0; c < d; ++c) {
                        double magnitude = std::fabs(static_cast<double>(dweight_before[static_cast<size_t>(c)]));
                        for (int64_t i = 0; i < n; ++i)
                            magnitude += std::fabs(dy[i * ld + c] * x[i * ld + c] *
                                                   static_cast<double>(inv_rms[static_cast<size_t>(i)]));
                        CHECK(close(dweight2[static_cast<size_t>(c)], dweight[static_cast<size_t>(c)],
                                4 * static_cast<double>(n + d) * kUnitF32 * magnitude));
                    }
                }
            }
        }
    }
}

// Also: off the 16-byte grid, and in place.
TBRM_TEST(rms_norm_rows_do_not_depend_on_the_other_rows) {
    const int64_t n = 37, d = 296;
    for (const Dtype dtype : kDtypes) {
        const Array x = random_array(dtype, n * d, 37);
        const OnDevice<float> weight(normals(d, 39));
        const ArrayOnDevice x_device(x), shifted(x, 1), all(Array(dtype, n * d)), one(Array(dtype, d));
        cuda::rms_norm_forward(queue(), dtype, n, d, x_device.get(), d, weight.get(), 1e-6f, all.get(), d, nullptr);
        const Array expected = all.download();
        for (int64_t i = 0; i < n; ++i) {
            cuda::rms_norm_forward(queue(), dtype, 1, d,
                    static_cast<const char*>(shifted.get()) + i * d * dtype_bytes(dtype), d, weight.get(), 1e-6f,
                    one.get(), d, nullptr);
            const Array got = one.download();
            CHECK(std::memcmp(got.data(), expected.at(i * d), static_cast<size_t>(d * dtype_bytes(dtype))) == 0);
        }
        cuda::rms_norm_forward(
                queue(), dtype, n, d, x_device.get(), d, weight.get(), 1e-6f, x_device.get(), d, nullptr);
        CHECK(x_device.download().same_bits(expected));
    }
}

// All heads at once have the bits of each head alone, wherever rows and heads lie.
TBRM_TEST(norms_of_heads_are_those_of_each_head) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : {6, 16, 128}) {
            const int64_t n = 11, n_q = 4, n_k = 2, width = (n_q + 2 * n_k) * d;
            const Array x = random_array(dtype, n * width, 70);
            const std::vector<float> q_weight = normals(d, 71), k_weight = normals(d, 72);
            const OnDevice<float> dq(q_weight), dk(k_weight);
            const int64_t ld = n + 5;  // between heads: rows of a larger batch
            const std::vector<float> poison(static_cast<size_t>(ld * (n_q + n_k)), NAN);
            const OnDevice<float> inv_rms(poison), expected_inv_rms(poison);
            const ArrayOnDevice together(x), apart(x);
            cuda::heads_norm_forward(queue(), dtype, n, n_q, n_k, d, together.get(), width, dq.get(), dk.get(), 1e-6f,
                    inv_rms.get(), ld);
            for (int64_t h = 0; h < n_q + n_k; ++h) {
                void* const head = static_cast<char*>(apart.get()) + h * d * dtype_bytes(dtype);
                cuda::rms_norm_forward(queue(), dtype, n, d, head, width, h < n_q ? dq.get() : dk.get(), 1e-6f, head,
                        width, expected_inv_rms.get() + h * ld);
            }
            CHECK(together.download().same_bits(apart.download()));
            CHECK(float_bits_equal(inv_rms.download(), expected_inv_rms.download()));
        }
    }
}

TBRM_TEST(rope_has_the_bits_of_the_cpu_twin) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : {2, 6, 16, 64, 128, 250}) {
            for (const bool inverse : {false, true}) {
                const int64_t pairs = d / 2, n = 9, heads = 3, positions = 300, ld = heads * d + 7;
                const std::vector<float> cosines = normals(positions * pairs, 41),
                                         sines = normals(positions * pairs, 42);
                const std::vector<int32_t> at = {0, 1, 17, 299, 17, 5, 4, 3, 2};
                Array x = random_array(dtype, n * ld, 43);
                const ArrayOnDevice x_device(x);
                const OnDevice<float> cos_device(cosines), sin_device(sines);
                const OnDevice<int32_t> at_device(at);
                cpu::rope_apply(dtype, n, heads, d, at.data(), cosines.data(), sines.data(), inverse, x.data(), ld);
                cuda::rope_apply(queue(), dtype, n, heads, d, at_device.get(), cos_device.get(), sin_device.get(),
                        inverse, x_device.get(), ld);
                CHECK(x_device.download().first_difference(x) == -1);
            }
        }
    }
}

namespace {

void check_glu(Activation activation, Dtype dtype, int64_t width) {
    const int64_t n = 5;
    Array gate_up = random_array(dtype, n * 2 * width, 50, 4.0);
    gate_up.set(0, 200.0f);  // beyond the range of exp on either side
    if (width > 1) gate_up.set(1, -200.0f);
    const Array dy = random_array(dtype, n * width, 51);
    Array y(dtype, n * width), dgate_up(dtype, n * 2 * width);
    cpu::glu_forward(activation, dtype, n, width, gate_up.data(), y.data());
    cpu::glu_backward(activation, dtype, n, width, gate_up.data(), dy.data(), dgate_up.data());
    const ArrayOnDevice in(gate_up), out(Array(dtype, n * width)), grad(dy);
    cuda::glu_forward(queue(), activation, dtype, n, width, in.get(), out.get());
    cuda::glu_backward(queue(), activation, dtype, n, width, in.get(), grad.get(), in.get());
    const Array y2 = out.download(), dgate_up2 = in.download();
    for (int64_t i = 0; i < n * 2 * width; ++i) {
        const int64_t row = i / (2 * width), c = i % width, at = row * width + c;
        const double g = gate_up[row * 2 * width + c], u = gate_up[row * 2 * width + width + c];
        // The exponent of GELU's gate is a cubic, each rounding of which is one of the result.
        const double slack = activation == Activation::Silu ? 1 : 1 + std::fabs(g) + std::fabs(g * g * g) / 10;
        CHECK(close(y2[at], y[at], twin_tolerance(dtype, slack * std::fabs(y[at]), y[at])));
        // The slope is a difference: s + g s (1 - s), times that of the exponent.
        const double magnitude =
                std::fabs(dy[at]) * (i % (2 * width) < width ? std::fabs(u) : 1) * (1 + slack * std::fabs(g));
        CHECK(close(dgate_up2[i], dgate_up[i], twin_tolerance(dtype, magnitude, dgate_up[i])));
    }
}

}  // namespace

TBRM_TEST(gated_activations_agree_with_the_cpu_twin) {
    for (const Activation activation : {Activation::Silu, Activation::GeluTanh})
        for (const Dtype dtype : kDtypes)
            for (const int64_t width : widths())
                check_glu(activation, dtype, width);
}

TBRM_TEST(sums_and_shifts_have_the_bits_of_the_cpu_twin) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {1, 255, 4097}) {
            const Array x = random_array(dtype, n, 52);
            Array y = random_array(dtype, n, 53);
            const ArrayOnDevice x_device(x), y_device(y);
            cpu::add(dtype, n, x.data(), y.data());
            cuda::add(queue(), dtype, n, x_device.get(), y_device.get());
            CHECK(y_device.download().first_difference(y) == -1);
        }
    }
    const std::vector<float> values = normals(300, 54);
    const OnDevice<float> from(values), to(std::vector<float>(values.size()));
    cuda::shift_vector(queue(), 300, 1.0f, from.get(), to.get());
    const std::vector<float> shifted = to.download();
    for (size_t i = 0; i < values.size(); ++i)
        CHECK(shifted[i] == 1.0f + values[i]);
}

TBRM_TEST(rows_move_as_told) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : widths()) {
            const std::vector<int64_t> rows = {0, 3, 4, 11};
            const int64_t n = 4, n_all = 12, size = dtype_bytes(dtype);
            const Array all = random_array(dtype, n_all * d, 60), few = random_array(dtype, n * d, 61);
            const ArrayOnDevice all_device(all), few_device(few), gathered(Array(dtype, n * d)), scattered(all),
                    copied(all);
            const OnDevice<int64_t> rows_device(rows);
            cuda::gather_rows(queue(), dtype, n, d, rows_device.get(), all_device.get(), gathered.get());
            cuda::scatter_rows(queue(), dtype, n, d, rows_device.get(), few_device.get(), n_all, scattered.get());
            cuda::copy_2d(queue(), copied.get(), 3 * d * size, few_device.get(), d * size, d * size, n);
            const Array g = gathered.download(), s = scattered.download(), c = copied.download();
            for (int64_t i = 0; i < n * d; ++i)
                CHECK(g[i] == all[rows[static_cast<size_t>(i / d)] * d + i % d]);
            for (int64_t i = 0; i < n_all * d; ++i) {
                const auto at = std::find(rows.begin(), rows.end(), i / d);
                CHECK(s[i] == (at == rows.end() ? 0.0 : few[(at - rows.begin()) * d + i % d]));
                CHECK(c[i] == (i / d % 3 == 0 ? few[i / d / 3 * d + i % d] : all[i]));
            }
        }
    }
}

TBRM_TEST(rounding_is_that_of_the_host) {
    std::vector<float> values = normals(100001, 70, 100.0);
    for (const float special : {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.00390625f, 1.01171875f, 3.4e38f, 1e-40f})
        values.push_back(special);
    const int64_t n = static_cast<int64_t>(values.size());
    const OnDevice<float> in(values), rounded(std::vector<float>(values.size()));
    const ArrayOnDevice narrow(Array(Dtype::Bf16, n));
    cuda::narrow(queue(), n, in.get(), static_cast<bf16*>(narrow.get()));
    cuda::round_vector(queue(), Dtype::Bf16, n, in.get(), rounded.get());
    CHECK(narrow.download().same_bits(Array(Dtype::Bf16, values)));
    std::vector<float> expected = values;
    for (float& x : expected)
        x = round_to(Dtype::Bf16, x);
    CHECK(float_bits_equal(rounded.download(), expected));
    cuda::round_vector(queue(), Dtype::F32, n, in.get(), rounded.get());
    CHECK(float_bits_equal(rounded.download(), values));
}

TBRM_TEST(scaling_has_the_bits_of_the_cpu_twin) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {0, 1, 4096, 20001}) {
            Array x = random_array(dtype, n, 71);
            const ArrayOnDevice x_device(x);
            cpu::scale(dtype, 1, n, 1.7f, x.data(), n);
            cuda::scale(queue(), dtype, 1, n, 1.7f, x_device.get(), n);
            // Columns [1, 4) of rows of 5.
            cpu::scale(dtype, n / 5, 3, 0.3f, x.at(1), 5);
            cuda::scale(queue(), dtype, n / 5, 3, 0.3f, static_cast<uint8_t*>(x_device.get()) + dtype_bytes(dtype), 5);
            CHECK(x_device.download().first_difference(x) == -1);
        }
    }
}

TBRM_TEST(joined_steps_on_a_gpu_have_the_bits_of_their_calls) {
    const std::unique_ptr<Device> device = make_cuda_device(0);
    device->enter();
    for (const bool invariant : {true, false}) {
        device->set_batch_invariant(invariant);
        for (const Dtype dtype : {Dtype::F32, Dtype::Bf16})
            JoinedSteps(*device, dtype).check_all();
    }
}
