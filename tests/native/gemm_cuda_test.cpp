// gemm_cuda_test.cpp - the products of a linear layer on a GPU, both ways of computing them, against sums in fp64 from the same inputs; and
// the bits of a row.
#include <algorithm>
#include <memory>

#include "cuda_testing.hpp"
#include "gemm/linear.hpp"
#include "gemm/product_cuda.hpp"
#include "ops/glu.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Shape {
    int64_t n, k, m;
};

// Edges of the tiles (16, 64, 128), of a step of depth (32), of the parts of a depth and of a 16-byte copy (8).
std::vector<Shape> product_shapes() {
    return shapes<Shape>(
            {{1, 1, 1}, {1, 64, 64}, {2, 3, 65}, {5, 7, 1}, {16, 32, 64}, {17, 31, 63}, {13, 65, 200}, {64, 96, 64},
                    {65, 33, 130}, {3, 1025, 70}, {129, 8, 72}, {300, 40, 104}, {1300, 48, 1290}, {1283, 33, 1279}},
            {{1, 1, 1}, {5, 7, 1}, {17, 31, 63}, {13, 65, 200}, {65, 33, 130}, {3, 1057, 70}});
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
        const int64_t n = thinned() ? 140 : 1300, k = thinned() ? 1064 : 1096, m = thinned() ? 136 : 1288;
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

// The depth has two parts and an end that no step fills; 1057 takes the path that copies element by element.
TBRM_TEST(a_product_has_the_same_bits_by_every_tile_and_with_its_depth_over_several_blocks) {
    const int64_t rows = 18, cols = 70;
    for (const int64_t depth : {1064, 1057}) {
        CHECK(cuda::parts_of(depth).count == 2);
        const Matrix x(Dtype::Bf16, rows, depth, 0, 31), w(Dtype::Bf16, cols, depth, 0, 32);
        const OnDevice<float> bias(normals(cols, 33));
        const Array before = random_array(Dtype::Bf16, rows * cols, 34);
        Array expected(Dtype::Bf16, 0);
        for (const cuda::ProductTile tile : {cuda::ProductTile::Flat, cuda::ProductTile::Middle,
                     cuda::ProductTile::Broad, cuda::ProductTile::Tall, cuda::ProductTile::Large}) {
            for (const bool spread : {false, true}) {
                const ArrayOnDevice y(before);
                cuda::multiply_planned(queue(),
                        {Dtype::Bf16, rows, cols, depth, x.get(), depth, false, w.get(), depth, false, bias.get(), true,
                                y.get(), Dtype::Bf16, cols},
                        {tile, spread});
                const Array result = y.download();
                if (expected.size() == 0) expected = result;
                CHECK_MSG(result.same_bits(expected), "depth %lld tile %d spread %d", static_cast<long long>(depth),
                        static_cast<int>(tile), spread ? 1 : 0);
            }
        }
    }
}

// Outputs that end within a tile of each width; against the product and the activation one after the other.
TBRM_TEST(a_gated_product_has_the_bits_of_its_two_steps_by_every_tile) {
    const int64_t rows = 18, width = 88, depth = 1064;
    const Matrix x(Dtype::Bf16, rows, depth, 0, 61), w(Dtype::Bf16, 2 * width, depth, 0, 62);
    const ArrayOnDevice both(Array(Dtype::Bf16, rows * 2 * width)), one(Array(Dtype::Bf16, rows * width));
    cuda::linear_forward(queue(), Dtype::Bf16, rows, depth, 2 * width, x.get(), depth, w.get(), nullptr,
            Epilogue::Store, both.get(), 2 * width);
    for (const Activation activation : {Activation::Silu, Activation::GeluTanh}) {
        cuda::glu_forward(queue(), activation, Dtype::Bf16, rows, width, both.get(), one.get());
        const Array expected = one.download();
        for (int tile = 0; tile < cuda::kGatedTiles; ++tile) {
            const bool spread = (tile % 2 == 0) == (activation == Activation::Silu);
            const ArrayOnDevice y(random_array(Dtype::Bf16, rows * width, 63));
            cuda::gated_product(
                    queue(), activation, rows, {depth, 2 * width, x.get(), w.get(), nullptr}, y.get(), {tile, spread});
            CHECK_MSG(y.download().same_bits(expected), "activation %d tile %d spread %d", static_cast<int>(activation),
                    tile, spread ? 1 : 0);
        }
    }
}

// The layouts of the backward pass, in case the library has no kernel for one: each tile against sums in fp64, and the same bits from all.
TBRM_TEST(a_product_of_a_gradient_has_the_same_bits_by_every_tile) {
    const int64_t rows = 136, cols = 72, depth = 40;
    for (const bool a_depth_major : {false, true}) {
        const Matrix a(Dtype::Bf16, a_depth_major ? depth : rows, a_depth_major ? rows : depth, 0, 51);
        const Matrix b(Dtype::Bf16, depth, cols, 0, 52);
        std::vector<float> expected;
        for (const cuda::ProductTile tile :
                {cuda::ProductTile::Middle, cuda::ProductTile::Large, cuda::ProductTile::Flat}) {
            if (a_depth_major && tile == cuda::ProductTile::Flat) continue;
            const OnDevice<float> c(std::vector<float>(static_cast<size_t>(rows * cols), NAN));
            cuda::multiply_planned(queue(),
                    {Dtype::Bf16, rows, cols, depth, a.get(), a.ld, a_depth_major, b.get(), b.ld, true, nullptr, false,
                            c.get(), Dtype::F32, cols},
                    {tile, false});
            const std::vector<float> result = c.download();
            if (expected.empty()) expected = result;
            CHECK_MSG(float_bits_equal(result, expected), "tile %d", static_cast<int>(tile));
        }
        for_each_element(rows, cols, [&](int64_t r, int64_t col) {
            const Sum sum =
                    sum_of(depth, [&](int64_t k) { return (a_depth_major ? a.at(k, r) : a.at(r, k)) * b.at(k, col); });
            check_close(static_cast<double>(expected[static_cast<size_t>(r * cols + col)]), sum.value,
                    sum_tolerance(Dtype::F32, depth, sum.magnitude, sum.value), "by tile", r, col);
        });
    }
}

TBRM_TEST(the_parts_of_a_depth_cover_it) {
    for (int64_t depth = 0; depth < 40000; depth += depth < 3000 ? 1 : 61) {
        const cuda::DepthParts parts = cuda::parts_of(depth);
        const int64_t steps = (depth + cuda::kStepDepth - 1) / cuda::kStepDepth;
        CHECK(parts.count >= 1 && parts.count <= 8 && parts.steps >= 1);
        CHECK(parts.count * parts.steps >= steps && (parts.count - 1) * parts.steps < std::max<int64_t>(steps, 1));
    }
}

// Few rows leave multiprocessors idle unless the depth is spread; many do not.
TBRM_TEST(depth_is_spread_where_rows_are_few) {
    const Matrix one(Dtype::Bf16, 1, 8, 0, 41);
    const auto plan = [&](int64_t rows, int64_t cols, int64_t depth) {
        return cuda::plan_product(queue(), {Dtype::Bf16, rows, cols, depth, one.get(), depth, false, one.get(), depth,
                                                   false, nullptr, false, one.get(), Dtype::Bf16, cols});
    };
    CHECK(plan(8, 1536, 8960).spread && plan(8, 1536, 8960).tile == cuda::ProductTile::Flat);
    CHECK(plan(128, 1536, 8960).spread);
    CHECK(!plan(8192, 1536, 8960).spread && plan(8192, 1536, 8960).tile == cuda::ProductTile::Large);
    CHECK(!plan(8, 1536, 256).spread);  // one part
    CHECK(plan(128, 2048, 1536).spread && plan(128, 2048, 1536).tile == cuda::ProductTile::Broad);
    CHECK(plan(256, 2048, 1536).spread && plan(256, 2048, 1536).tile == cuda::ProductTile::Tall);
    // Qwen2.5-1.5B's MLP: 125 blocks of 72 outputs.
    CHECK(cuda::plan_gated_product(queue(), 128, 1536, 8960).tile == 3);
    CHECK(!cuda::plan_gated_product(queue(), 128, 1536, 8960).spread);
    CHECK(cuda::plan_gated_product(queue(), 8, 1536, 8960).tile == 0);
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
