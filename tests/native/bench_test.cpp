// bench_test.cpp - the microbenchmarks refuse to be timed when a result is wrong: what they compare passes as it is, and fails with any one
// result off.
#include <cmath>

#include "bench/kernel_bench.hpp"
#include "testing.hpp"

using namespace tbrm;
using namespace tbrm::testing;

TBRM_TEST(every_kernel_gives_what_fp64_gives_and_one_wrong_number_shows) {
    const std::unique_ptr<Device> device = make_cpu_device(2);
    for (const KernelBenchSpec& spec : kernel_benches()) {
        const KernelBench bench = spec.make(*device);
        CHECK_MSG(bench.bytes > 0 && bench.flops >= 0, "%s", spec.name.c_str());
        BenchValues values;
        bench.check(values);
        CHECK_MSG(values.worst_share() <= 1, "%s %s: %g", spec.name.c_str(), spec.shape.c_str(), values.worst_share());
        for (size_t group = 0; group < values.size(); ++group) {
            for (const float factor : {-1.0f, NAN}) {
                BenchValues wrong = values;
                std::vector<float>& got = wrong.got(group);
                size_t largest = 0;
                for (size_t i = 0; i < got.size(); ++i)
                    if (std::fabs(got[i]) > std::fabs(got[largest])) largest = i;
                got[largest] *= factor;
                CHECK_MSG(!(wrong.worst_share() <= 1), "%s, result %zu", spec.name.c_str(), group);
            }
        }
    }
}

TBRM_TEST(nothing_compared_is_nothing_right) {
    CHECK(!(BenchValues().worst_share() <= 1));
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
