// micro_kernel_test.cpp - the building blocks of the products (gemm/micro_kernel.hpp) on the active instruction set: the tile's chain of
// additions to the bit, and the repackings against what they are defined to do.
#include <algorithm>
#include <cstring>

#include "gemm/micro_kernel.hpp"
#include "rounding.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

// Index of (row, column) of a slab of `cols` columns.
int64_t slab_at(Dtype dtype, int64_t row, int64_t col, int64_t cols) {
    return dtype == Dtype::F32 ? row * cols + col : (row / 2 * cols + col) * 2 + row % 2;
}

Array random_slab(Dtype dtype, int64_t k, int64_t cols, uint64_t seed) {
    return random_array(dtype, cpu::slab_elements(dtype, k, cols), seed);
}

// Whether products are fused multiply-adds in the order of k; the others' chains are bounded by gemm_test.cpp.
bool is_fused_chain(Dtype dtype) {
    return active_isa() == Isa::Avx2 || active_isa() == Isa::Avx512 ||
           (active_isa() == Isa::Avx512Bf16 && dtype == Dtype::F32);
}

struct TileCase {
    int64_t rows, cols, k;
};

// Every number of rows about the tiles' heights, columns of whole and part vectors, k about the pieces (96 and 192 with AVX2) and odd.
std::vector<TileCase> tile_cases() {
    std::vector<TileCase> cases;
    for (int64_t rows = 0; rows <= 20; ++rows)
        cases.push_back({rows, 64, 37});
    for (const int64_t k : {0, 1, 2, 95, 96, 97, 191, 192, 193, 400})
        cases.push_back({13, 64, k});
    for (const int64_t cols : {8, 16, 24, 32, 40, 48})
        for (const int64_t rows : {1, 2, 3, 6, 8})
            cases.push_back({rows, cols, 99});
    return cases;
}

}  // namespace

TBRM_TEST(a_tile_is_one_chain_of_fused_additions) {
    for (const Dtype dtype : kDtypes) {
        if (!is_fused_chain(dtype)) continue;
        for (const TileCase& c : tile_cases()) {
            const int64_t lda = c.k + 3, ldacc = c.cols + 5;
            Array a(dtype, c.rows * lda);
            a.fill(NAN);  // what lies between the rows must not be used
            const std::vector<float> values = normals(c.rows * c.k, 11);
            for (int64_t r = 0; r < c.rows; ++r) {
                for (int64_t i = 0; i < c.k; ++i)
                    a.set(r * lda + i, values[static_cast<size_t>(r * c.k + i)]);
            }
            Array b = random_slab(dtype, c.k, c.cols, 12);
            if (dtype == Dtype::Bf16 && c.k % 2 != 0) {
                for (int64_t col = 0; col < c.cols; ++col)
                    b.set(slab_at(dtype, c.k, col, c.cols), NAN);  // the half of a pair that is never used
            }
            for (const bool accumulate : {false, true}) {
                std::vector<float> acc = normals(c.rows * ldacc, 13);
                const std::vector<float> before = acc;
                cpu::micro_kernels().tile(dtype)(
                        c.rows, c.cols, c.k, a.data(), lda, b.data(), acc.data(), ldacc, accumulate);
                for (int64_t r = 0; r < c.rows; ++r) {
                    for (int64_t col = 0; col < ldacc; ++col) {
                        const size_t at = static_cast<size_t>(r * ldacc + col);
                        float expected = col < c.cols && !accumulate ? 0.0f : before[at];
                        for (int64_t i = 0; i < c.k && col < c.cols; ++i) {
                            expected = std::fma(static_cast<float>(a[r * lda + i]),
                                    static_cast<float>(b[slab_at(dtype, i, col, c.cols)]), expected);
                        }
                        CHECK_MSG(std::memcmp(&acc[at], &expected, sizeof expected) == 0,
                                "%s rows %lld cols %lld k %lld [%lld, %lld]: %g, expected %g", name_of(dtype),
                                static_cast<long long>(c.rows), static_cast<long long>(c.cols),
                                static_cast<long long>(c.k), static_cast<long long>(r), static_cast<long long>(col),
                                static_cast<double>(acc[at]), static_cast<double>(expected));
                    }
                }
            }
        }
    }
}

TBRM_TEST(transposed_slabs_hold_every_element_and_zeros_beyond_k) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t k : {1, 7, 8, 33, 63, 64}) {
            const Array src = random_slab(dtype, k, 64, 21);
            Array dst(dtype, 64 * 64), expected(dtype, 64 * 64);
            dst.fill(NAN);
            for (int64_t c = 0; c < 64; ++c) {
                for (int64_t i = 0; i < 64; ++i) {
                    const double value = i < k ? src[slab_at(dtype, i, c, 64)] : 0.0;
                    expected.set(slab_at(dtype, c, i, 64), static_cast<float>(value));
                }
            }
            cpu::micro_kernels().transpose_slab(dtype)(k, src.data(), dst.data());
            CHECK_MSG(dst.same_bits(expected), "%s k %lld element %lld", name_of(dtype), static_cast<long long>(k),
                    static_cast<long long>(dst.first_difference(expected)));
        }
    }
}

TBRM_TEST(rows_are_interleaved_into_slabs) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {0, 1, 2, 7, 16, 33}) {
            for (const int64_t cols : {1, 8, 16, 24, 40, 63, 64}) {
                for (const int64_t slab_cols : {cols, int64_t{64}}) {
                    const int64_t ld = cols + 9;
                    const Array src = random_array(dtype, n * ld, 22);
                    Array slab(dtype, cpu::slab_elements(dtype, n, slab_cols)), expected = slab;
                    slab.fill(NAN);
                    for (int64_t i = 0; i < n; ++i) {
                        for (int64_t c = 0; c < cols; ++c)
                            expected.set(slab_at(dtype, i, c, slab_cols), static_cast<float>(src[i * ld + c]));
                    }
                    cpu::micro_kernels().interleave_rows(dtype)(n, cols, src.data(), ld, slab_cols, slab.data());
                    CHECK_MSG(slab.same_bits(expected), "%s n %lld cols %lld of %lld", name_of(dtype),
                            static_cast<long long>(n), static_cast<long long>(cols), static_cast<long long>(slab_cols));
                }
            }
        }
    }
}

TBRM_TEST(rows_are_transposed) {
    for (const Dtype dtype : kDtypes) {
        for (const int64_t n : {0, 1, 7, 8, 16, 31, 50, 64}) {
            for (const int64_t cols : {1, 7, 8, 16, 41, 64}) {
                const int64_t ld = cols + 5, ldd = n + 3;
                const Array src = random_array(dtype, n * ld, 23), before = random_array(dtype, cols * ldd, 24);
                Array dst = before, expected = before;
                for (int64_t i = 0; i < n; ++i) {
                    for (int64_t c = 0; c < cols; ++c)
                        expected.set(c * ldd + i, static_cast<float>(src[i * ld + c]));
                }
                cpu::micro_kernels().transpose_rows(dtype)(n, cols, src.data(), ld, dst.data(), ldd);
                CHECK_MSG(dst.same_bits(expected), "%s n %lld cols %lld element %lld", name_of(dtype),
                        static_cast<long long>(n), static_cast<long long>(cols),
                        static_cast<long long>(dst.first_difference(expected)));
            }
        }
    }
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
