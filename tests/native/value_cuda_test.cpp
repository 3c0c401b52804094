// value_cuda_test.cpp - the value head on a GPU against the CPU twin.
#include "value/value.hpp"

#include "cuda_testing.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

void check(Dtype dtype, int64_t rows, int64_t d, int64_t shift) {
    const Array x(dtype, normals(rows * d, 1));
    const std::vector<float> w = normals(d, 2), dv = normals(rows, 3), bias{0.25f};
    std::vector<float> out(static_cast<size_t>(rows), NAN), dw(static_cast<size_t>(d), 0.5f), dbias{0.5f};
    Array dx(dtype, rows * d);
    cpu::value_forward(dtype, rows, d, x.data(), w.data(), bias.data(), out.data());
    cpu::value_backward(dtype, rows, d, x.data(), w.data(), dv.data(), dx.data(), dw.data(), dbias.data());

    const ArrayOnDevice d_x(x, shift), d_dx(Array(dtype, rows * d), shift);
    const OnDevice<float> d_w(w), d_dv(dv), d_bias(bias), d_out(std::vector<float>(out.size(), NAN)),
            d_dw(std::vector<float>(dw.size(), 0.5f)), d_dbias(std::vector<float>{0.5f});
    cuda::value_forward(queue(), dtype, rows, d, d_x.get(), d_w.get(), d_bias.get(), d_out.get());
    cuda::value_backward(
            queue(), dtype, rows, d, d_x.get(), d_w.get(), d_dv.get(), d_dx.get(), d_dw.get(), d_dbias.get());
    const std::vector<float> out2 = d_out.download(), dw2 = d_dw.download(), dbias2 = d_dbias.download();
    const Array dx2 = d_dx.download();
    // Sums of d (or rows) products of size about 1 in two orders: sqrt(d) roundings of 2^-24 of sums of size sqrt(d), times 4.
    for (size_t r = 0; r < out.size(); ++r)
        CHECK(close(out2[r], out[r], 2.4e-7 * (1 + static_cast<double>(d))));
    for (size_t k = 0; k < dw.size(); ++k)
        CHECK(close(dw2[k], dw[k], 2.4e-7 * (1 + static_cast<double>(rows))));
    CHECK(close(dbias2[0], dbias[0], 2.4e-7 * (1 + static_cast<double>(rows))));
    for (int64_t i = 0; i < rows * d; ++i)
        CHECK(dx2[i] == dx[i]);  // one product, rounded once
    // A row alone has the bits that it has in a batch.
    const int64_t last = rows - 1;
    const ArrayOnDevice alone(Array(dtype, [&] {
        std::vector<float> row(static_cast<size_t>(d));
        for (int64_t k = 0; k < d; ++k)
            row[static_cast<size_t>(k)] = static_cast<float>(x[last * d + k]);
        return row;
    }()));
    const OnDevice<float> d_alone(std::vector<float>{NAN});
    cuda::value_forward(queue(), dtype, 1, d, alone.get(), d_w.get(), d_bias.get(), d_alone.get());
    CHECK(d_alone.download()[0] == out2[static_cast<size_t>(last)]);
}

}  // namespace

TBRM_TEST(value_head_agrees_with_the_cpu_twin) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16})
        for (const int64_t d : {1, 8, 18, 256, 896, 1537})
            for (const int64_t rows : {1, 5, 300})
                for (const int64_t shift : {0, 1})
                    check(dtype, rows, d, shift);
}
