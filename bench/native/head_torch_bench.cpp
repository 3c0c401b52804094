// head_torch_bench.cpp - the head forward and backward against libtorch: its three matrix products alone (whatever library it was built
// with) and the naive composition, log_softmax + gather + autograd over [N, V] logits. Same inputs, same run, taking turns.
//     bench_head_torch [rows=1024] [hidden=896] [vocab=151936] [rounds=5] [budget_mib=256] [dtype=bf16|fp32 as 1|0, both when absent]
// extra_bytes is resident memory at the peak beyond what stood before the call, without the gradient of W that every contender leaves.
#include <unistd.h>

#include "core/isa.hpp"
#include "head_contenders.hpp"

// Last: libtorch's headers define CHECK and other common names.
#include <torch/torch.h>

using namespace tbrm;
using namespace tbrm::bench;

namespace {

struct TorchInputs {
    torch::Tensor x, w, labels, dq;

    explicit TorchInputs(HeadInputs& in) {
        const auto type = in.shape.dtype == Dtype::F32 ? torch::kFloat32 : torch::kBFloat16;
        x = torch::from_blob(in.x.data(), {in.rows, in.shape.hidden}, type).requires_grad_();
        w = torch::from_blob(in.w.data(), {in.shape.vocab, in.shape.hidden}, type).requires_grad_();
        labels = torch::from_blob(in.labels.data(), {in.rows}, torch::kInt32).to(torch::kInt64).unsqueeze(1);
        dq = torch::from_blob(in.dq.data(), {in.rows}, torch::kFloat32);
    }

    // The products of y = x W^T and of its two gradients; the library may keep bf16 where ours adds into fp32.
    void three_products() const {
        torch::NoGradGuard guard;
        const torch::Tensor z = torch::mm(x, w.t()), dx = torch::mm(z, w), dw = torch::mm(z.t(), x);
    }

    // log pi from fp32 log_softmax, as a trainer that cares about the residual must write it, and the loss whose gradient is dq.
    void naive() {
        x.mutable_grad() = w.mutable_grad() = torch::Tensor();
        const torch::Tensor logp =
                torch::log_softmax(torch::mm(x, w.t()), 1, torch::kFloat32).gather(1, labels).squeeze(1);
        (logp * dq).sum().backward();
    }
};

void report(const Contender& c, const HeadInputs& in, double head_median, double head_cpu, int64_t extra) {
    std::printf(
            "{\"bench\":\"head_torch\",\"contender\":\"%s\",\"dtype\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"rows\":%"
            "lld,"
            "\"hidden\":%lld,\"vocab\":%lld,\"median_ms\":%.1f,\"best_ms\":%.1f,\"cpu_ms\":%.1f,\"over_head\":%.3f,"
            "\"cpu_over_head\":%.3f,\"extra_bytes\":%lld}\n",
            c.name.c_str(), in.shape.dtype == Dtype::F32 ? "fp32" : "bf16", isa_name(active_isa()), max_threads(),
            static_cast<long long>(in.rows), static_cast<long long>(in.shape.hidden),
            static_cast<long long>(in.shape.vocab), 1e3 * c.median(), 1e3 * c.best(), 1e3 * c.cpu_median(),
            c.median() / head_median, c.cpu_median() / head_cpu, static_cast<long long>(extra));
}

void run(Dtype dtype, int64_t rows, int64_t hidden, int64_t vocab, int rounds, int64_t budget) {
    HeadInputs in(dtype, rows, hidden, vocab);
    TorchInputs torch_in(in);
    std::vector<Contender> contenders{
            {"head", [&] { in.head_forward_backward(budget); }, {}, {}},
            {"libtorch, three products", [&] { torch_in.three_products(); }, {}, {}},
            {"libtorch, log_softmax + gather + autograd", [&] { torch_in.naive(); }, {}, {}},
    };
    take_turns(contenders, rounds);
    torch_in.x.mutable_grad() = torch_in.w.mutable_grad() = torch::Tensor();
    const int64_t dw_bytes = vocab * hidden * dtype_bytes(dtype);
    for (const Contender& c : contenders) {
        const bool leaves_dw = &c != &contenders[0];  // ours adds into what stands
        const int64_t extra = peak_extra_bytes(c.run) - (leaves_dw ? dw_bytes : 0);
        report(c, in, contenders[0].median(), contenders[0].cpu_median(), extra);
        torch_in.x.mutable_grad() = torch_in.w.mutable_grad() = torch::Tensor();
    }
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    // OpenBLAS reads its core type while it is loaded, and takes some processors for far older ones.
    if (std::getenv("OPENBLAS_CORETYPE") == nullptr && best_isa() >= Isa::Avx512) {
        setenv("OPENBLAS_CORETYPE", best_isa() == Isa::Avx512Bf16 ? "COOPERLAKE" : "SKYLAKEX", 1);
        execv("/proc/self/exe", argv);
    }
    torch::set_num_threads(max_threads());
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
