// ops_test.cpp - embedding, RMSNorm, rotary embedding and SwiGLU against their formulas in fp64.
#include <algorithm>

#include "gemm/panels.hpp"
#include "joined_steps.hpp"
#include "ops/add.hpp"
#include "ops/embedding.hpp"
#include "ops/glu.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/scale.hpp"
#include "rounding.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// Elementwise results carry a few fp32 roundings of quantities up to `magnitude`, then the store's.
double element_tolerance(Dtype dtype, double magnitude, double value) {
    return 16 * kUnitF32 * magnitude + (dtype == Dtype::Bf16 ? kUnitBf16 * std::fabs(value) : 0.0) + 0x1p-126;
}

double sigmoid(double x) {
    return 1.0 / (1.0 + std::exp(-x));
}

constexpr int64_t kWidths[] = {1, 2, 7, 16, 17, 64, 100, 128, 896};

}  // namespace

TBRM_TEST(embedding_takes_rows_of_the_panels) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : {1, 6, 33, 64, 128}) {
            const int64_t vocab = 131;
            const Array rows = random_array(dtype, vocab * d, 20);
            Array w(dtype, panel_elements(dtype, vocab, d));
            cpu::pack_rows(dtype, w.data(), vocab, d, 0, vocab, dtype, rows.data());
            const std::vector<int32_t> ids = {0, 130, 64, 63, 64, 7, 0};
            const int64_t n = static_cast<int64_t>(ids.size());
            Array y(dtype, n * d);
            cpu::embedding_forward(dtype, n, d, vocab, ids.data(), w.data(), y.data());
            for (int64_t i = 0; i < n; ++i) {
                for (int64_t c = 0; c < d; ++c)
                    CHECK(y[i * d + c] == rows[ids[static_cast<size_t>(i)] * d + c]);
            }
        }
    }
}

TBRM_TEST(embedding_gradient_sums_repeats_in_order) {
    for (const Dtype dtype : kDtypes) {
        const int64_t vocab = 70, d = 40, n = 300;
        std::vector<int32_t> ids(static_cast<size_t>(n));
        for (int64_t i = 0; i < n; ++i)
            ids[static_cast<size_t>(i)] = static_cast<int32_t>(uniform(21, static_cast<uint64_t>(i)) * 5) * 16;
        const Array dy = random_array(dtype, n * d, 22);
        std::vector<float> dw(static_cast<size_t>(panel_elements(Dtype::F32, vocab, d)), 0.5f), expected = dw;
        cpu::embedding_backward(dtype, n, d, vocab, ids.data(), dy.data(), dw.data());
        for (int64_t i = 0; i < n; ++i) {
            for (int64_t c = 0; c < d; ++c) {
                float& sum = expected[static_cast<size_t>(panel_index(Dtype::F32, ids[static_cast<size_t>(i)], c, d))];
                sum += static_cast<float>(dy[i * d + c]);
            }
        }
        CHECK(float_bits_equal(dw, expected));
    }
}

TBRM_TEST(embedding_refuses_an_id_outside_the_vocabulary) {
    for (const int32_t id : {-1, 10}) {
        tbrm_error_t err{};
        float w[640] = {}, y[1];
        const tbrm_status_t status =
                guard(&err, "here", [&] { cpu::embedding_forward(Dtype::F32, 1, 1, 10, &id, w, y); });
        CHECK(status == TBRM_STATUS_INVALID_ARGUMENT);
        CHECK(std::string(err.message).find("expected 0 to 9") != std::string::npos);
    }
}

TBRM_TEST(rms_norm_is_its_formula) {
    constexpr float kEps = 1e-6f;
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : kWidths) {
            const int64_t n = 67, ldx = d + 3, ldy = d + 5;
            const Array x = random_array(dtype, n * ldx, 30, 3.0);
            const std::vector<float> weight = normals(d, 31);
            Array y(dtype, n * ldy);
            std::vector<float> inv_rms(static_cast<size_t>(n));
            cpu::rms_norm_forward(dtype, n, d, x.data(), ldx, weight.data(), kEps, y.data(), ldy, inv_rms.data());
            for (int64_t i = 0; i < n; ++i) {
                double squares = 0;
                for (int64_t c = 0; c < d; ++c)
                    squares += x[i * ldx + c] * x[i * ldx + c];
                const double r = 1.0 / std::sqrt(squares / static_cast<double>(d) + static_cast<double>(kEps));
                const double slack =
                        (static_cast<double>(d) + 8) * kUnitF32;  // of the sum of squares, halved by the root
                CHECK(close(inv_rms[static_cast<size_t>(i)], r, slack * r));
                for (int64_t c = 0; c < d; ++c) {
                    const double expected = x[i * ldx + c] * r * static_cast<double>(weight[static_cast<size_t>(c)]);
                    CHECK(close(y[i * ldy + c], expected,
                            slack * std::fabs(expected) + element_tolerance(dtype, std::fabs(expected), expected)));
                }
            }
            Array in_place = x;
            cpu::rms_norm_forward(
                    dtype, n, d, in_place.data(), ldx, weight.data(), kEps, in_place.data(), ldx, nullptr);
            for (int64_t i = 0; i < n * d; ++i)
                CHECK(in_place[i / d * ldx + i % d] == y[i / d * ldy + i % d]);
        }
    }
}

TBRM_TEST(rms_norm_gradient_is_its_formula) {
    constexpr double kEps = 1e-5;
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : kWidths) {
            for (const bool add_to : {false, true}) {
                const int64_t n = 130, ld = d + 2;
                const Array x = random_array(dtype, n * ld, 32), dy = random_array(dtype, n * ld, 33);
                const std::vector<float> weight = normals(d, 34), dweight_start = normals(d, 35);
                const Array before = random_array(dtype, n * ld, 36);
                Array dx = before;
                std::vector<float> dweight = dweight_start, inv_rms(static_cast<size_t>(n));
                Array y(dtype, n * ld);
                cpu::rms_norm_forward(dtype, n, d, x.data(), ld, weight.data(), static_cast<float>(kEps), y.data(), ld,
                        inv_rms.data());
                cpu::rms_norm_backward(dtype, n, d, x.data(), ld, weight.data(), inv_rms.data(), dy.data(), ld, add_to,
                        dx.data(), ld, dweight.data());
                std::vector<double> expected_dw(dweight_start.begin(), dweight_start.end()),
                        dw_magnitude(static_cast<size_t>(d), 1.0);
                for (int64_t i = 0; i < n; ++i) {
                    double squares = 0, along = 0, along_magnitude = 0;
                    for (int64_t c = 0; c < d; ++c) {
                        const double g = dy[i * ld + c] * static_cast<double>(weight[static_cast<size_t>(c)]);
                        squares += x[i * ld + c] * x[i * ld + c];
                        along += g * x[i * ld + c];
                        along_magnitude += std::fabs(g * x[i * ld + c]);
                    }
                    const double r = 1.0 / std::sqrt(squares / static_cast<double>(d) + kEps);
                    const double factor = r * r * r / static_cast<double>(d);
                    for (int64_t c = 0; c < d; ++c) {
                        const double value = x[i * ld + c], g = dy[i * ld + c];
                        const double start = add_to ? before[i * ld + c] : 0.0;
                        const double direct = r * g * static_cast<double>(weight[static_cast<size_t>(c)]);
                        const double expected = direct - factor * along * value + start;
                        const double magnitude =
                                std::fabs(direct) + factor * along_magnitude * std::fabs(value) + std::fabs(start);
                        CHECK(close(dx[i * ld + c], expected,
                                4 * (static_cast<double>(d) + 8) * kUnitF32 * magnitude +
                                        element_tolerance(dtype, magnitude, expected)));
                        expected_dw[static_cast<size_t>(c)] += g * value * r;
                        dw_magnitude[static_cast<size_t>(c)] += std::fabs(g * value * r);
                    }
                }
                for (int64_t c = 0; c < d; ++c) {
                    const size_t at = static_cast<size_t>(c);
                    CHECK(close(dweight[at], expected_dw[at],
                            static_cast<double>(n + d) * 2 * kUnitF32 * dw_magnitude[at]));
                }
            }
        }
    }
}

TBRM_TEST(rms_norm_does_not_depend_on_threads_or_other_rows) {
    const int64_t n = 200, d = 100;
    for (const Dtype dtype : kDtypes) {
        const Array x = random_array(dtype, n * d, 37), dy = random_array(dtype, n * d, 38);
        const std::vector<float> weight = normals(d, 39);
        Array alone(dtype, n * d);
        std::vector<float> inv_rms(static_cast<size_t>(n));
        for (int64_t i = 0; i < n; ++i)
            cpu::rms_norm_forward(dtype, 1, d, x.at(i * d), d, weight.data(), 1e-6f, alone.at(i * d), d,
                    &inv_rms[static_cast<size_t>(i)]);
        std::vector<float> first;
        for (const int threads : {1, 2, 3}) {
            with_threads(threads, [&] {
                Array y(dtype, n * d), dx(dtype, n * d);
                std::vector<float> dweight(static_cast<size_t>(d), 0.0f);
                cpu::rms_norm_forward(dtype, n, d, x.data(), d, weight.data(), 1e-6f, y.data(), d, nullptr);
                CHECK(y.same_bits(alone));
                cpu::rms_norm_backward(dtype, n, d, x.data(), d, weight.data(), inv_rms.data(), dy.data(), d, false,
                        dx.data(), d, dweight.data());
                if (first.empty()) first = dweight;
                CHECK(float_bits_equal(first, dweight));
            });
        }
    }
}

TBRM_TEST(rope_rotates_pairs_and_its_inverse_undoes_it) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t d : {2, 6, 16, 64, 128, 250}) {
            const int64_t half = d / 2, n = 5, heads = 3, positions = 300, ld = heads * d + 7;
            std::vector<float> inv_freq(static_cast<size_t>(half));
            for (int64_t i = 0; i < half; ++i)
                inv_freq[static_cast<size_t>(i)] =
                        static_cast<float>(std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(d)));
            std::vector<float> cos_table(static_cast<size_t>(positions * half)), sin_table = cos_table;
            constexpr float kFactor = 1.25f;
            rope_table(positions, half, inv_freq.data(), kFactor, cos_table.data(), sin_table.data());
            const std::vector<int32_t> at = {0, 1, 17, 299, 17};
            const Array x = random_array(dtype, n * ld, 40);
            Array y = x;
            cpu::rope_apply(dtype, n, heads, d, at.data(), cos_table.data(), sin_table.data(), false, y.data(), ld);
            for (int64_t i = 0; i < n; ++i) {
                for (int64_t h = 0; h < heads; ++h) {
                    for (int64_t j = 0; j < half; ++j) {
                        const double angle =
                                at[static_cast<size_t>(i)] * static_cast<double>(inv_freq[static_cast<size_t>(j)]);
                        const int64_t low = i * ld + h * d + j, high = low + half;
                        const double c = std::cos(angle) * static_cast<double>(kFactor),
                                     s = std::sin(angle) * static_cast<double>(kFactor);
                        const double a = x[low] * c - x[high] * s, b = x[high] * c + x[low] * s;
                        const double magnitude = 1.25 * (std::fabs(x[low]) + std::fabs(x[high]));
                        CHECK(close(y[low], a, element_tolerance(dtype, magnitude, a)));
                        CHECK(close(y[high], b, element_tolerance(dtype, magnitude, b)));
                    }
                }
                for (int64_t j = heads * d; j < ld; ++j)
                    CHECK(y[i * ld + j] == x[i * ld + j]);
            }
            cpu::rope_apply(dtype, n, heads, d, at.data(), cos_table.data(), sin_table.data(), true, y.data(), ld);
            for (int64_t i = 0; i < n * ld; ++i) {
                if (i % ld >= heads * d) continue;
                const double expected = x[i] * 1.25 * 1.25;
                // Two rotations: two stores in dtype of values up to the pair's length.
                CHECK(close(y[i], expected, 24 * (dtype == Dtype::Bf16 ? kUnitBf16 : kUnitF32) * 4.5));
            }
        }
    }
}

namespace {

// x s(x) and its slope, from the definitions: silu, and gelu with tanh.
struct GateFormula {
    double value, slope;
};
GateFormula gate_formula(Activation activation, double x) {
    if (activation == Activation::Silu) {
        const double s = sigmoid(x);
        return {x * s, s * (1 + x * (1 - s))};
    }
    // (1 + tanh(u)) / 2 = sigmoid(2u), which keeps its digits where tanh is near -1.
    const double root = std::sqrt(2 / std::acos(-1.0)), u = root * (x + 0.044715 * x * x * x), s = sigmoid(2 * u);
    CHECK(close(s, 0.5 * (1 + std::tanh(u)), 1e-15));
    return {x * s, s + x * s * (1 - s) * 2 * root * (1 + 3 * 0.044715 * x * x)};
}

// fp32 roundings of the exponent: its size times 2^-24, of the exponential and so of the result.
double exponent_slack(Activation activation, double x) {
    return activation == Activation::Silu ? 1 : 1 + std::fabs(x) + std::fabs(x * x * x) / 10;
}

}  // namespace

TBRM_TEST(gated_activations_and_their_gradients_are_their_formulas) {
    for (const Activation activation : {Activation::Silu, Activation::GeluTanh}) {
        for (const Dtype dtype : kDtypes) {
            for (const int64_t width : kWidths) {
                const int64_t n = 3;
                Array gate_up = random_array(dtype, n * 2 * width, 41, 4.0);
                // Where exp(-x) would overflow, on both sides.
                if (width > 16) gate_up.set(0, -120.0f), gate_up.set(1, 120.0f), gate_up.set(2, 0.0f);
                const Array dy = random_array(dtype, n * width, 42);
                Array y(dtype, n * width), grad(dtype, n * 2 * width), in_place = gate_up;
                cpu::glu_forward(activation, dtype, n, width, gate_up.data(), y.data());
                cpu::glu_backward(activation, dtype, n, width, gate_up.data(), dy.data(), grad.data());
                cpu::glu_backward(activation, dtype, n, width, in_place.data(), dy.data(), in_place.data());
                CHECK(in_place.same_bits(grad));
                for (int64_t i = 0; i < n; ++i) {
                    for (int64_t c = 0; c < width; ++c) {
                        const double g = gate_up[i * 2 * width + c], u = gate_up[i * 2 * width + width + c],
                                     d = dy[i * width + c];
                        const GateFormula f = gate_formula(activation, g);
                        const double slack = exponent_slack(activation, g), expected = f.value * u,
                                     dgate = d * u * f.slope, dup = d * f.value;
                        // Below 2^-126 the gate is 0: what it is multiplied by is off by that much of itself.
                        const double reach = 1 + slack * std::fabs(g), flush = 0x1p-125 * reach * reach;
                        CHECK(close(y[i * width + c], expected,
                                element_tolerance(dtype, slack * std::fabs(expected), expected) +
                                        flush * std::fabs(u)));
                        // 1 - s loses what s has of fp32's 24 bits, times g and the exponent's own slope, 2 or less where s is not 0 or 1.
                        const double s = g == 0 ? 0.5 : f.value / g;
                        const double magnitude = std::fabs(d * u) * s * (1 + 2 * slack * std::fabs(g));
                        CHECK(close(grad[i * 2 * width + c], dgate,
                                element_tolerance(dtype, magnitude, dgate) + flush * std::fabs(d * u)));
                        CHECK(close(grad[i * 2 * width + width + c], dup,
                                element_tolerance(dtype, slack * std::fabs(dup), dup) + flush * std::fabs(d)));
                    }
                }
            }
        }
    }
}

TBRM_TEST(a_norm_that_is_not_trained_gives_the_same_input_gradient) {
    const int64_t n = 130, d = 100;
    for (const Dtype dtype : kDtypes) {
        const Array x = random_array(dtype, n * d, 60), dy = random_array(dtype, n * d, 61);
        const std::vector<float> weight = normals(d, 62), inv_rms(static_cast<size_t>(n), 1.5f);
        std::vector<float> dweight(static_cast<size_t>(d));
        Array trained = random_array(dtype, n * d, 63), frozen = trained;
        cpu::rms_norm_backward(dtype, n, d, x.data(), d, weight.data(), inv_rms.data(), dy.data(), d, true,
                trained.data(), d, dweight.data());
        cpu::rms_norm_backward(
                dtype, n, d, x.data(), d, weight.data(), inv_rms.data(), dy.data(), d, true, frozen.data(), d, nullptr);
        CHECK(trained.same_bits(frozen));
    }
}

TBRM_TEST(scaling_rounds_once) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {0, 1, 4096, 20001}) {
            const Array before = random_array(dtype, n, 64);
            Array x = before;
            cpu::scale(dtype, 1, n, 1.7f, x.data(), n);
            for (int64_t i = 0; i < n; ++i)
                CHECK(static_cast<float>(x[i]) == round_to(dtype, static_cast<float>(before[i]) * 1.7f));
            // Columns [1, 4) of rows of 5.
            const Array whole = x;
            cpu::scale(dtype, n / 5, 3, 0.3f, x.at(1), 5);
            for (int64_t i = 0; i < n; ++i) {
                const bool inside = i < n / 5 * 5 && i % 5 >= 1 && i % 5 < 4;
                const float expected = static_cast<float>(whole[i]);
                CHECK(static_cast<float>(x[i]) == (inside ? round_to(dtype, expected * 0.3f) : expected));
            }
        }
    }
}

TBRM_TEST(adding_rounds_once) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {0, 1, 4096, 20001}) {
            const Array before = random_array(dtype, n, 65), x = random_array(dtype, n, 66);
            Array y = before;
            cpu::add(dtype, n, x.data(), y.data());
            for (int64_t i = 0; i < n; ++i)
                CHECK(static_cast<float>(y[i]) ==
                        round_to(dtype, static_cast<float>(before[i]) + static_cast<float>(x[i])));
        }
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}

TBRM_TEST(joined_steps_have_the_bits_of_their_calls) {
    const std::unique_ptr<Device> device = make_cpu_device(2);
    device->enter();
    for (const Dtype dtype : kDtypes)
        JoinedSteps(*device, dtype).check_all();
}
