// head_test.cpp - the head against an fp64 oracle.
#include "logprob/head.hpp"

#include "core/guard.hpp"
#include "gemm/panels.hpp"
#include "testing.hpp"

using namespace tbrm;
using tbrm::testing::close;

TBRM_TEST(a_head_of_two_columns_by_hand) {
    // W = [[1, 0], [0, 2]], x = [1, 1]: z = [1, 2].
    const HeadShape shape{Dtype::F32, 2, 2, 1.0f, 0};
    std::vector<float> w(static_cast<size_t>(panel_elements(Dtype::F32, 2, 2)));
    w[static_cast<size_t>(panel_index(Dtype::F32, 0, 0, 2))] = 1.0f;
    w[static_cast<size_t>(panel_index(Dtype::F32, 1, 1, 2))] = 2.0f;
    const float x[] = {1.0f, 1.0f};
    const int32_t label = 1;
    float q = NAN, v = NAN, h = NAN;
    cpu::head_forward(shape, 1, x, w.data(), &label, &q, &v, &h);
    const double p = 1 / (1 + std::exp(-1.0)), lse = std::log(std::exp(1.0) + std::exp(2.0));
    CHECK(close(q, 2.0, 0) && close(v, lse, 1e-6) && close(h, -p * std::log(p) - (1 - p) * std::log(1 - p), 1e-6));
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
