// head_bench.cpp - the head forward and backward against the three matrix products alone, ours on both sides.
//     bench_head [rows=1024] [hidden=896] [vocab=151936] [rounds=5] [budget_mib=256] [dtype=bf16|fp32 as 1|0, both when absent]
// One JSON object per measurement: median and best of interleaved rounds.
#include "core/isa.hpp"
#include "head_contenders.hpp"

using namespace tbrm;
using namespace tbrm::bench;

namespace {

void run(Dtype dtype, int64_t rows, int64_t hidden, int64_t vocab, int rounds, int64_t budget) {
    HeadInputs in(dtype, rows, hidden, vocab);
    HostBuffer<char> z(rows * vocab * dtype_bytes(dtype));
    std::vector<Contender> contenders{
            {"three products", [&] { in.three_products(z); }, {}, {}},
            {"head", [&] { in.head_forward_backward(budget); }, {}, {}},
            {"head forward", [&] { in.head_forward(); }, {}, {}},
    };
    take_turns(contenders, rounds);
    const int64_t before = host_memory().in_use();
    host_memory().reset_peak();
    in.head_forward_backward(budget);
    const int64_t extra = host_memory().peak() - before;
    for (const Contender& c : contenders) {
        const double products = c.name == "head forward" ? 1.0 : 3.0;
        std::printf(
                "{\"bench\":\"head\",\"contender\":\"%s\",\"dtype\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"rows\":%lld,"
                "\"hidden\":%lld,\"vocab\":%lld,\"budget_bytes\":%lld,\"median_ms\":%.1f,\"best_ms\":%.1f,\"cpu_ms\":%."
                "1f,"
                "\"gflops_of_products\":%.0f,\"over_products\":%.3f,\"cpu_over_products\":%.3f,\"extra_bytes\":%lld}\n",
                c.name.c_str(), dtype == Dtype::F32 ? "fp32" : "bf16", isa_name(active_isa()), max_threads(),
                static_cast<long long>(rows), static_cast<long long>(hidden), static_cast<long long>(vocab),
                static_cast<long long>(budget), 1e3 * c.median(), 1e3 * c.best(), 1e3 * c.cpu_median(),
                1e-9 * products * in.product_flops() / c.best(), c.median() / contenders[0].median(),
                c.cpu_median() / contenders[0].cpu_median(), static_cast<long long>(c.name == "head" ? extra : 0));
    }
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    const auto argument = [&](const char* name, int64_t otherwise) {
        return integer_argument(argc, argv, name, otherwise);
    };
    const int64_t rows = argument("rows", 1024), hidden = argument("hidden", 896), vocab = argument("vocab", 151936);
    const int64_t only = argument("dtype", -1);
    for (const Dtype dtype : {Dtype::Bf16, Dtype::F32}) {
        if (only >= 0 && only != static_cast<int64_t>(dtype)) continue;
        run(dtype, rows, hidden, vocab, static_cast<int>(argument("rounds", 5)), argument("budget_mib", 256) << 20);
    }
    return 0;
}
