// gemm_test.cpp - weight panels, y = x W^T and its gradients, against sums in fp64 from the same inputs; and the bits of a row.
#include <algorithm>

#include "gemm/linear.hpp"
#include "gemm/micro_kernel.hpp"
#include "gemm/panels.hpp"
#include "rounding.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Shape {
    int64_t n, k, m;
};

// Edges of the row tile (6), the panel (64), the pair, the depth block (1024 fp32, 2048 bf16) and the passes of the gradients (512).
constexpr Shape kShapes[] = {{1, 1, 1}, {1, 64, 64}, {2, 3, 65}, {5, 7, 1}, {6, 63, 63}, {7, 128, 129}, {13, 65, 200},
        {49, 96, 64}, {70, 33, 130}, {3, 1025, 70}, {2, 2051, 67}, {300, 66, 100}, {515, 19, 66}, {6, 20, 1100}};

struct Problem {
    Dtype dtype;
    Shape s;
    Array x, w_rows, w, dy;
    std::vector<float> bias;

    Problem(Dtype type, Shape shape, uint64_t seed) : dtype(type), s(shape) {
        x = random_array(type, s.n * s.k, seed);
        w_rows = random_array(type, s.m * s.k, seed + 1);
        dy = random_array(type, s.n * s.m, seed + 2);
        bias = normals(s.m, seed + 3);
        w = Array(type, panel_elements(type, s.m, s.k));
        cpu::pack_rows(type, w.data(), s.m, s.k, 0, s.m, type, w_rows.data());
    }
    std::string name() const {
        return format("%s n %lld k %lld m %lld", name_of(dtype), static_cast<long long>(s.n),
                static_cast<long long>(s.k), static_cast<long long>(s.m));
    }
};

template <class Body>
void for_each_case(Body&& body) {
    uint64_t seed = 100;
    for (const Dtype dtype : kDtypes) {
        for (const Shape& shape : kShapes) {
            body(Problem(dtype, shape, seed));
            seed += 10;
        }
    }
}

}  // namespace

TBRM_TEST(panels_hold_every_element_where_panel_index_says) {
    for (const Dtype dtype : kDtypes) {
        for (const Shape& s : {Shape{0, 5, 3}, Shape{0, 64, 64}, Shape{0, 33, 130}}) {
            const Array rows = random_array(dtype, s.m * s.k, 7);
            Array panels(dtype, panel_elements(dtype, s.m, s.k));
            cpu::pack_rows(dtype, panels.data(), s.m, s.k, 0, s.m, dtype, rows.data());
            for (int64_t r = 0; r < s.m; ++r) {
                for (int64_t c = 0; c < s.k; ++c) {
                    CHECK(panels[panel_index(dtype, r, c, s.k)] == rows[r * s.k + c]);
                }
            }
            double total = 0, expected = 0;
            for (int64_t i = 0; i < panels.size(); ++i)
                total += std::fabs(panels[i]);
            for (int64_t i = 0; i < rows.size(); ++i)
                expected += std::fabs(rows[i]);
            CHECK(close(total, expected, 1e-9 * expected));  // so the padding is zero
            Array back(dtype, s.m * s.k);
            cpu::unpack_rows(dtype, panels.data(), s.m, s.k, 0, s.m, dtype, back.data());
            CHECK(back.same_bits(rows));
        }
    }
}

TBRM_TEST(panels_are_filled_part_by_part_and_change_dtype) {
    const int64_t m = 150, k = 21, parts[] = {0, 1, 63, 64, 130, 150};
    const Array rows = random_array(Dtype::F32, m * k, 8);
    for (const Dtype dtype : kDtypes) {
        Array whole(dtype, panel_elements(dtype, m, k)), by_parts(dtype, panel_elements(dtype, m, k));
        cpu::pack_rows(dtype, whole.data(), m, k, 0, m, Dtype::F32, rows.data());
        Array back(Dtype::F32, m * k);
        for (int i = 0; i < 5; ++i) {
            const int64_t first = parts[i], count = parts[i + 1] - first;
            cpu::pack_rows(dtype, by_parts.data(), m, k, first, count, Dtype::F32, rows.at(first * k));
            cpu::unpack_rows(dtype, by_parts.data(), m, k, first, count, Dtype::F32, back.at(first * k));
        }
        CHECK(whole.same_bits(by_parts));
        for (int64_t i = 0; i < m * k; ++i)
            CHECK(back[i] == static_cast<double>(round_to(dtype, static_cast<float>(rows[i]))));
    }
    bool threw = false;
    try {
        cpu::pack_rows(Dtype::F32, nullptr, m, k, 100, 51, Dtype::F32, nullptr);
    } catch (const Failure& e) {
        threw = e.code == TBRM_STATUS_INVALID_ARGUMENT;
    }
    CHECK(threw);
}

TBRM_TEST(narrowed_panels_are_packed_bf16) {
    for (const Shape& s : {Shape{0, 5, 3}, Shape{0, 64, 64}, Shape{0, 33, 130}}) {
        const Array rows = random_array(Dtype::F32, s.m * s.k, 9);
        Array wide(Dtype::F32, panel_elements(Dtype::F32, s.m, s.k)),
                expected(Dtype::Bf16, panel_elements(Dtype::Bf16, s.m, s.k));
        Array narrow(Dtype::Bf16, expected.size());
        narrow.fill(NAN);
        cpu::pack_rows(Dtype::F32, wide.data(), s.m, s.k, 0, s.m, Dtype::F32, rows.data());
        cpu::pack_rows(Dtype::Bf16, expected.data(), s.m, s.k, 0, s.m, Dtype::F32, rows.data());
        cpu::narrow_panels(s.m, s.k, static_cast<const float*>(wide.data()), static_cast<bf16*>(narrow.data()));
        CHECK(narrow.same_bits(expected));
    }
}

TBRM_TEST(forward_is_the_product) {
    for_each_case([](const Problem& c) {
        const int64_t ldx = c.s.k + 3, ldy = c.s.m + 5;
        Array x(c.dtype, c.s.n * ldx);
        x.fill(NAN);  // what lies between the rows must not be used
        for (int64_t i = 0; i < c.s.n * c.s.k; ++i)
            x.set(i / c.s.k * ldx + i % c.s.k, static_cast<float>(c.x[i]));
        for (const bool with_bias : {false, true}) {
            for (const Epilogue epilogue : {Epilogue::Store, Epilogue::AddTo}) {
                const Array before = random_array(c.dtype, c.s.n * ldy, 55);
                Array y = before;
                cpu::linear_forward(c.dtype, c.s.n, c.s.k, c.s.m, x.data(), ldx, c.w.data(),
                        with_bias ? c.bias.data() : nullptr, epilogue, y.data(), ldy);
                for (int64_t n = 0; n < c.s.n; ++n) {
                    for (int64_t m = 0; m < ldy; ++m) {
                        const int64_t at = n * ldy + m;
                        if (m >= c.s.m) {
                            CHECK_MSG(y[at] == before[at], "%s: wrote beyond row %lld", c.name().c_str(),
                                    static_cast<long long>(n));
                            continue;
                        }
                        double expected = 0, magnitude = 0;
                        for (int64_t k = 0; k < c.s.k; ++k) {
                            const double term = c.x[n * c.s.k + k] * c.w_rows[m * c.s.k + k];
                            expected += term;
                            magnitude += std::fabs(term);
                        }
                        if (with_bias)
                            expected += c.bias[static_cast<size_t>(m)],
                                    magnitude += std::fabs(c.bias[static_cast<size_t>(m)]);
                        if (epilogue == Epilogue::AddTo) expected += before[at], magnitude += std::fabs(before[at]);
                        CHECK_MSG(close(y[at], expected, sum_tolerance(c.dtype, c.s.k, magnitude, expected)),
                                "%s [%lld, %lld]: %g vs %g", c.name().c_str(), static_cast<long long>(n),
                                static_cast<long long>(m), y[at], expected);
                    }
                }
            }
        }
    });
}

TBRM_TEST(input_gradient_is_the_product) {
    for_each_case([](const Problem& c) {
        for (const Epilogue epilogue : {Epilogue::Store, Epilogue::AddTo}) {
            const Array before = random_array(c.dtype, c.s.n * c.s.k, 56);
            Array dx = before;
            std::vector<float> dx32 = normals(c.s.n * c.s.k, 57);
            const std::vector<float> before32 = dx32;
            cpu::linear_backward_input(
                    c.dtype, c.s.n, c.s.k, c.s.m, c.dy.data(), c.s.m, c.w.data(), epilogue, dx.data(), c.s.k);
            cpu::linear_backward_input_add_f32(
                    c.dtype, c.s.n, c.s.k, c.s.m, c.dy.data(), c.s.m, c.w.data(), dx32.data(), c.s.k);
            for (int64_t n = 0; n < c.s.n; ++n) {
                for (int64_t k = 0; k < c.s.k; ++k) {
                    const int64_t at = n * c.s.k + k;
                    double product = 0, magnitude = 0;
                    for (int64_t m = 0; m < c.s.m; ++m) {
                        const double term = c.dy[n * c.s.m + m] * c.w_rows[m * c.s.k + k];
                        product += term;
                        magnitude += std::fabs(term);
                    }
                    const double start = epilogue == Epilogue::AddTo ? before[at] : 0.0, expected = product + start;
                    CHECK_MSG(close(dx[at], expected,
                                      sum_tolerance(c.dtype, c.s.m, magnitude + std::fabs(start), expected)),
                            "%s [%lld, %lld]: %g vs %g", c.name().c_str(), static_cast<long long>(n),
                            static_cast<long long>(k), dx[at], expected);
                    const double start32 = before32[static_cast<size_t>(at)];
                    CHECK(close(dx32[static_cast<size_t>(at)], product + start32,
                            sum_tolerance(Dtype::F32, c.s.m, magnitude + std::fabs(start32), 0)));
                }
            }
        }
    });
}

TBRM_TEST(weight_gradient_is_the_product) {
    for_each_case([](const Problem& c) {
        const int64_t elements = panel_elements(Dtype::F32, c.s.m, c.s.k);
        std::vector<float> dw(static_cast<size_t>(elements), 0.0f), dbias = normals(c.s.m, 58);
        const std::vector<float> start = normals(c.s.m * c.s.k, 59), dbias_start = dbias;
        cpu::pack_rows(Dtype::F32, dw.data(), c.s.m, c.s.k, 0, c.s.m, Dtype::F32, start.data());
        cpu::linear_backward_weight(
                c.dtype, c.s.n, c.s.k, c.s.m, c.dy.data(), c.s.m, c.x.data(), c.s.k, dw.data(), dbias.data());
        for (int64_t m = 0; m < c.s.m; ++m) {
            double sum = dbias_start[static_cast<size_t>(m)], sum_magnitude = std::fabs(sum);
            for (int64_t n = 0; n < c.s.n; ++n) {
                sum += c.dy[n * c.s.m + m];
                sum_magnitude += std::fabs(c.dy[n * c.s.m + m]);
            }
            CHECK(close(dbias[static_cast<size_t>(m)], sum, sum_tolerance(Dtype::F32, c.s.n, sum_magnitude, 0)));
            for (int64_t k = 0; k < c.s.k; ++k) {
                double expected = start[static_cast<size_t>(m * c.s.k + k)], magnitude = std::fabs(expected);
                for (int64_t n = 0; n < c.s.n; ++n) {
                    const double term = c.dy[n * c.s.m + m] * c.x[n * c.s.k + k];
                    expected += term;
                    magnitude += std::fabs(term);
                }
                const double actual = dw[static_cast<size_t>(panel_index(Dtype::F32, m, k, c.s.k))];
                CHECK_MSG(close(actual, expected, sum_tolerance(Dtype::F32, c.s.n, magnitude, 0)),
                        "%s [%lld, %lld]: %g vs %g", c.name().c_str(), static_cast<long long>(m),
                        static_cast<long long>(k), actual, expected);
            }
        }
        double padding = 0;
        for (int64_t m = c.s.m; m < panel_count(c.s.m) * kPanelRows; ++m) {
            for (int64_t k = 0; k < c.s.k; ++k)
                padding += std::fabs(dw[static_cast<size_t>(panel_index(Dtype::F32, m, k, c.s.k))]);
        }
        CHECK(padding == 0);
    });
}

TBRM_TEST(a_row_has_the_same_bits_alone_and_in_any_batch) {
    constexpr int64_t kMost = 70;
    for (const Dtype dtype : kDtypes) {
        for (const Shape& s : {Shape{kMost, 96, 200}, Shape{kMost, 2085, 65}}) {
            const Problem c(dtype, s, 900);
            Array alone(dtype, s.n * s.m);
            for (int64_t n = 0; n < s.n; ++n) {
                cpu::linear_forward(dtype, 1, s.k, s.m, c.x.at(n * s.k), s.k, c.w.data(), c.bias.data(),
                        Epilogue::Store, alone.at(n * s.m), s.m);
            }
            for (int64_t batch = 1; batch <= kMost; ++batch) {
                for (const int threads : {1, 2, 3}) {
                    Array together(dtype, s.n * s.m);
                    with_threads(threads, [&] {
                        for (int64_t n = 0; n < s.n; n += batch) {
                            cpu::linear_forward(dtype, std::min(batch, s.n - n), s.k, s.m, c.x.at(n * s.k), s.k,
                                    c.w.data(), c.bias.data(), Epilogue::Store, together.at(n * s.m), s.m);
                        }
                    });
                    CHECK_MSG(together.same_bits(alone), "%s batch %lld threads %d element %lld", c.name().c_str(),
                            static_cast<long long>(batch), threads,
                            static_cast<long long>(together.first_difference(alone)));
                }
            }
        }
    }
}

TBRM_TEST(gradients_do_not_depend_on_threads_or_on_the_run) {
    for (const Dtype dtype : kDtypes) {
        const Problem c(dtype, {700, 150, 330}, 950);
        const auto gradients = [&](int threads) {
            Array dx(dtype, c.s.n * c.s.k);
            std::vector<float> dw(static_cast<size_t>(panel_elements(Dtype::F32, c.s.m, c.s.k)), 0.0f);
            std::vector<float> dbias(static_cast<size_t>(c.s.m), 0.0f);
            with_threads(threads, [&] {
                cpu::linear_backward_input(
                        dtype, c.s.n, c.s.k, c.s.m, c.dy.data(), c.s.m, c.w.data(), Epilogue::Store, dx.data(), c.s.k);
                cpu::linear_backward_weight(
                        dtype, c.s.n, c.s.k, c.s.m, c.dy.data(), c.s.m, c.x.data(), c.s.k, dw.data(), dbias.data());
            });
            dw.insert(dw.end(), dbias.begin(), dbias.end());
            return std::make_pair(dx, dw);
        };
        const auto one = gradients(1);
        for (const int threads : {1, 2, 3, 5}) {
            const auto other = gradients(threads);
            CHECK_MSG(other.first.same_bits(one.first), "dx, %d threads", threads);
            CHECK_MSG(float_bits_equal(other.second, one.second), "dw, %d threads", threads);
        }
    }
}

TBRM_TEST(empty_products_change_nothing_that_they_should_not) {
    for (const Dtype dtype : kDtypes) {
        Array y = random_array(dtype, 64, 1);
        const Array before = y;
        const float bias[4] = {1, 2, 3, 4};
        cpu::linear_forward(dtype, 0, 8, 8, nullptr, 8, nullptr, nullptr, Epilogue::Store, y.data(), 8);
        CHECK(y.same_bits(before));
        Array w(dtype, panel_elements(dtype, 4, 0));
        cpu::linear_forward(dtype, 1, 0, 4, y.data(), 0, w.data(), bias, Epilogue::Store, y.data(), 4);
        for (int64_t i = 0; i < 4; ++i)
            CHECK(y[i] == bias[i]);
        cpu::linear_backward_weight(dtype, 0, 8, 8, nullptr, 8, nullptr, 8, nullptr, nullptr);
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
