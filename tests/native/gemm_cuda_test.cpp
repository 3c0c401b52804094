// gemm_cuda_test.cpp - the products of a linear layer on a GPU, both ways of computing them, against sums in fp64 from the same inputs; and
// the bits of a row.
#include <algorithm>
#include <memory>

#include "cuda_testing.hpp"
#include "gemm/linear.hpp"
#include "gemm/product_cuda.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Shape {
    int64_t n, k, m;
};

// Edges of the tiles (16, 64, 128), of a step of depth (32) and of a 16-byte copy (8); the last ones are large enough for 128 x 128 tiles.
std::vector<Shape> product_shapes() {
    return shapes<Shape>(
            {{1, 1, 1}, {1, 64, 64}, {2, 3, 65}, {5, 7, 1}, {16, 32, 64}, {17, 31, 63}, {13, 65, 200}, {64, 96, 64},
                    {65, 33, 130}, {3, 1025, 70}, {129, 8, 72}, {300, 40, 104}, {1300, 48, 1290}, {1283, 33, 1279}},
            {{1, 1, 1}, {5, 7, 1}, {17, 31, 63}, {13, 65, 200}, {65, 33, 130}, {3, 325, 70}, {70, 40, 12290}});
}

// One matrix [rows, cols] with `pad` unused elements after each row, on the device.
struct Matrix {
    int64_t rows, cols, ld;
    Array host;
    ArrayOnDevice device;
    Matrix(Dtype dtype, int64_t r, int64_t c, int64_t pad, uint64_t seed, int64_t shift = 0)
        : rows(r), cols(c), ld(c + pad), host(filled(dtype, r, c, c + pad, seed)), device(host, shift) {}
    static Array filled(Dtype dtype, int64_t r, int64_t c, int64_t ld, uint64_t seed) {
        Array values = random_array(dtype, r * ld, seed);
        for (int64_t i = 0; i < r; ++i) {
            for (int64_t j = c; j < ld; ++j)
                values.set(i * ld + j, NAN);  // what lies between the rows must not be used
        }
        return values;
    }
    double at(int64_t r, int64_t c) const { return host[r * ld + c]; }
    void* get() const { return device.get(); }
};

struct Sum {
    double value, magnitude;
};

template <class Term>
Sum sum_of(int64_t n, Term&& term) {
    Sum sum{0, 0};
    for (int64_t i = 0; i < n; ++i) {
        const double x = term(i);
        sum.value += x;
        sum.magnitude += std::fabs(x);
    }
    return sum;
}

// Every element of small results; of large ones a sample that covers rows and columns.
template <class Body>
void for_each_element(int64_t rows, int64_t cols, Body&& body) {
    const int64_t step = rows * cols > 40000 ? 37 : 1;
    for (int64_t i = 0; i < rows * cols; i += step)
        body(i / cols, i % cols);
}

std::string name_of(Dtype dtype, const Shape& s, int64_t pad) {
    return format("%s n %lld k %lld m %lld pad %lld", testing::name_of(dtype), static_cast<long long>(s.n),
            static_cast<long long>(s.k), static_cast<long long>(s.m), static_cast<long long>(pad));
}

void check_close(double actual, double expected, double tolerance, const std::string& name, int64_t row, int64_t col) {
    CHECK_MSG(close(actual, expected, tolerance), "%s: (%lld, %lld) is %g, expected %g, allowed %g", name.c_str(),
            static_cast<long long>(row), static_cast<long long>(col), actual, expected, tolerance);
}

void check_forward(Dtype dtype, const Shape& s, int64_t pad, bool with_bias, Epilogue epilogue) {
    const Matrix x(dtype, s.n, s.k, pad, 1), w(dtype, s.m, s.k, 0, 2), y(dtype, s.n, s.m, pad, 3);
    std::vector<float> bias = normals(s.m, 4);
    for (float& b : bias)
        b = round_to(dtype, b);  // as a model's biases are; the library's path rounds them
    const OnDevice<float> bias_device(bias);
    cuda::linear_forward(queue(), dtype, s.n, s.k, s.m, x.get(), x.ld, w.get(), with_bias ? bias_device.get() : nullptr,
            epilogue, y.get(), y.ld);
    const Array result = y.device.download();
    for_each_element(s.n, y.ld, [&](int64_t n, int64_t m) {
        if (m >= s.m) {
            CHECK(std::isnan(result[n * y.ld + m]));
            return;
        }
        const Sum sum = sum_of(s.k, [&](int64_t k) { return x.at(n, k) * w.at(m, k); });
        const double b = with_bias ? static_cast<double>(bias[static_cast<size_t>(m)]) : 0.0;
        const double before = epilogue == Epilogue::AddTo ? y.at(n, m) : 0.0;
        const double expected = sum.value + b + before;
        check_close(result[n * y.ld + m], expected,
                sum_tolerance(dtype, s.k + 2, sum.magnitude + std::fabs(b) + std::fabs(before), expected),
                name_of(dtype, s, pad), n, m);
    });
}

void check_backward(Dtype dtype, const Shape& s, int64_t pad) {
    const Matrix x(dtype, s.n, s.k, pad, 5), w(dtype, s.m, s.k, 0, 6), dy(dtype, s.n, s.m, pad, 7),
            dx(dtype, s.n, s.k, pad, 8);
    const std::vector<float> dw_before = normals(s.m * s.k, 9), db_before = normals(s.m, 10);
    const OnDevice<float> dw(dw_before), db(db_before);
    cuda::linear_backward_input(
            queue(), dtype, s.n, s.k, s.m, dy.get(), dy.ld, w.get(), Epilogue::AddTo, dx.get(), dx.ld);
    cuda::linear_backward_weight(queue(), dtype, s.n, s.k, s.m, dy.get(), dy.ld, x.get(), x.ld, dw.get(), db.get());
    const Array dx_result = dx.device.download();
    const std::vector<float> dw_result = dw.download(), db_result = db.download();
    const std::string name = name_of(dtype, s, pad);
    for_each_element(s.n, s.k, [&](int64_t n, int64_t k) {
        const Sum sum = sum_of(s.m, [&](int64_t m) { return dy.at(n, m) * w.at(m, k); });
        const double expected = sum.value + dx.at(n, k);
        check_close(dx_result[n * dx.ld + k], expected,
                sum_tolerance(dtype, s.m + 1, sum.magnitude + std::fabs(dx.at(n, k)), expected), "dx " + name, n, k);
    });
    for_each_element(s.m, s.k, [&](int64_t m, int64_t k) {
        const size_t at = static_cast<size_t>(m * s.k + k);
        const Sum sum = sum_of(s.n, [&](int64_t n) { return dy.at(n, m) * x.at(n, k); });
        const double before = static_cast<double>(dw_before[at]), expected = sum.value + before;
        check_close(static_cast<double>(dw_result[at]), expected,
                sum_tolerance(Dtype::F32, s.n + 1, sum.magnitude + std::fabs(before), expected), "dw " + name, m, k);
    });
    for (int64_t m = 0; m < s.m; ++m) {
        const size_t at = static_cast<size_t>(m);
        const Sum sum = sum_of(s.n, [&](int64_t n) { return dy.at(n, m); });
        const double before = static_cast<double>(db_before[at]), expected = sum.value + before;
        check_close(static_cast<double>(db_result[at]), expected,
                sum_tolerance(Dtype::F32, s.n + 1, sum.magnitude + std::fabs(before), expected), "db " + name, m, 0);
    }
}

// pad 3 puts rows off the 16-byte grid, pad 8 keeps them on it.
void check_everything() {
    for (const Dtype dtype : kDtypes) {
        for (const Shape& s : product_shapes()) {
            for (const int64_t pad : shapes<int64_t>({0, 3, 8}, {0, 3})) {
                check_forward(dtype, s, pad, true, Epilogue::Store);
                check_forward(dtype, s, pad, false, Epilogue::AddTo);
                check_backward(dtype, s, pad);
            }
        }
    }
}

}  // namespace

TBRM_TEST(products_are_those_of_the_formula) {
    const OwnProducts own;
    check_everything();
}

TBRM_TEST(products_of_the_library_are_those_of_the_formula) {
    const FastProducts fast;
    check_everything();
}

TBRM_TEST(product_over_no_depth_is_the_bias) {
    for (const bool library : {false, true}) {
        queue().batch_invariant = !library;
        const OnDevice<float> bias(std::vector<float>{1.5f, -2.0f, 3.0f});
        const OnDevice<float> y(std::vector<float>(6, NAN)), none(std::vector<float>(8, NAN));
        cuda::linear_forward(
                queue(), Dtype::F32, 2, 0, 3, none.get(), 0, none.get(), bias.get(), Epilogue::Store, y.get(), 3);
        CHECK((y.download() == std::vector<float>{1.5f, -2.0f, 3.0f, 1.5f, -2.0f, 3.0f}));
    }
    queue().batch_invariant = true;
}

// Row invariance. The sizes take every tile; the shift takes the path that copies element by element.
TBRM_TEST(rows_of_a_product_do_not_depend_on_the_other_rows) {
    for (const Dtype dtype : kDtypes) {
        const int64_t n = thinned() ? 140 : 1300, k = thinned() ? 40 : 136, m = thinned() ? 6152 : 1288;
        const Matrix x(dtype, n, k, 0, 11), w(dtype, m, k, 0, 12), dy(dtype, n, m, 0, 13);
        const ArrayOnDevice shifted(x.host, 1);
        // The backward pass asks the library for this one; a forward that wants it gets the same promise as any other.
        const auto backward_input = [&](int64_t rows, const void* from, void* to) {
            cuda::multiply_invariant(
                    queue(), {dtype, rows, k, m, from, m, false, w.get(), k, true, nullptr, false, to, dtype, k});
        };
        const std::vector<float> bias = normals(m, 14);
        const OnDevice<float> bias_device(bias);
        const ArrayOnDevice all(Array(dtype, n * m)), all_dx(Array(dtype, n * k));
        cuda::linear_forward(
                queue(), dtype, n, k, m, x.get(), k, w.get(), bias_device.get(), Epilogue::Store, all.get(), m);
        backward_input(n, dy.get(), all_dx.get());
        const Array expected = all.download(), expected_dx = all_dx.download();
        for (const int64_t rows : shapes<int64_t>({1, 16, 17, 100}, {1, 17, 100})) {
            for (const int64_t first : shapes<int64_t>({0, 5, n - rows}, {n - rows})) {
                const int64_t size = dtype_bytes(dtype);
                const auto same = [&](const ArrayOnDevice& part, const Array& whole, int64_t width) {
                    const Array got = part.download();
                    return std::memcmp(got.data(), whole.at(first * width), static_cast<size_t>(rows * width * size)) ==
                           0;
                };
                for (const ArrayOnDevice* from : {&x.device, &shifted}) {
                    const ArrayOnDevice y(Array(dtype, rows * m));
                    cuda::linear_forward(queue(), dtype, rows, k, m,
                            static_cast<const char*>(from->get()) + first * k * size, k, w.get(), bias_device.get(),
                            Epilogue::Store, y.get(), m);
                    CHECK(same(y, expected, m));
                }
                const ArrayOnDevice dx(Array(dtype, rows * k));
                backward_input(rows, static_cast<const char*>(dy.get()) + first * m * size, dx.get());
                CHECK(same(dx, expected_dx, k));
            }
        }
    }
}

TBRM_TEST(two_equal_products_have_equal_bits) {
    for (const bool library : {false, true}) {
        const std::unique_ptr<OwnProducts> own(library ? nullptr : new OwnProducts);
        const Matrix x(Dtype::Bf16, 700, 264, 0, 21), dy(Dtype::Bf16, 700, 520, 0, 22);
        std::vector<float> results[2];
        for (std::vector<float>& result : results) {
            const OnDevice<float> dw(std::vector<float>(520 * 264, 0.0f)), db(std::vector<float>(520, 0.0f));
            cuda::linear_backward_weight(
                    queue(), Dtype::Bf16, 700, 264, 520, dy.get(), 520, x.get(), 264, dw.get(), db.get());
            result = dw.download();
            const std::vector<float> sums = db.download();
            result.insert(result.end(), sums.begin(), sums.end());
        }
        CHECK(float_bits_equal(results[0], results[1]));
    }
}
