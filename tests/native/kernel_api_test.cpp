// kernel_api_test.cpp - the exports tbrm_kernel_head_* and tbrm_residual_forward: right answers through the contract, and a message that
// names what is wrong for everything that the contract forbids.
#include <functional>

#include "core/context.hpp"
#include "device/device.hpp"
#include "head_oracle.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

tbrm_context_t* context() {
    static tbrm_context handle{[] {
                                   auto made = std::make_shared<Context>();
                                   made->device = make_cpu_device(2);
                                   return made;
                               }(),
            {}};
    return &handle;
}

tbrm_head_args_t view(const HeadCase& c) {
    tbrm_head_args_t args{};
    args.struct_size = sizeof args;
    args.dtype = static_cast<tbrm_dtype_t>(c.shape.dtype);
    args.n_rows = c.rows;
    args.vocab_size = c.shape.vocab;
    args.hidden_size = c.shape.hidden;
    args.budget_bytes = c.shape.budget_bytes;
    args.temperature = c.shape.temperature;
    args.x = c.x.data();
    args.w = c.w.data();
    args.labels = c.labels.data();
    return args;
}

// The status of a call must be INVALID_ARGUMENT, and its message must hold `words`.
void refused(tbrm_status_t status, const tbrm_error_t& err, const char* words) {
    CHECK_MSG(
            status == TBRM_STATUS_INVALID_ARGUMENT && err.code == status && std::strstr(err.message, words) != nullptr,
            "status %d, message \"%s\", expected \"%s\" in it", status, err.message, words);
}

}  // namespace

TBRM_TEST(the_head_through_the_contract) {
    for (const Dtype dtype : {Dtype::F32, Dtype::Bf16}) {
        for (const bool with_dh : {false, true}) {
            const HeadCase c(dtype, 37, 1100, 40, 3, 3.0, 0.8f);
            const HeadOracle o(c, with_dh);
            const tbrm_head_args_t args = view(c);
            std::vector<float> q(37, NAN), v(37, NAN), h(37, NAN), dx(37 * 40, NAN), dw(1100 * 40, NAN);
            tbrm_error_t err{};
            CHECK(tbrm_kernel_head_forward(context(), &args, q.data(), v.data(), h.data(), &err) == TBRM_STATUS_OK);
            CHECK(tbrm_kernel_head_backward(context(), &args, c.dq.data(), c.dv.data(), with_dh ? c.dh.data() : nullptr,
                          dx.data(), dw.data(), &err) == TBRM_STATUS_OK);
            for (size_t r = 0; r < 37; ++r) {
                CHECK(close(q[r], o.q[r], 1e-5) && close(v[r], o.v[r], 1e-5) && close(h[r], o.h[r], 1e-4));
            }
            const double tolerance = dtype == Dtype::F32 ? 1e-5 : 3e-3;  // as head_test.cpp
            CHECK(relative_error(dx, o.dx, 37 * 40) <= tolerance && relative_error(dw, o.dw, 1100 * 40) <= tolerance);
        }
    }
}

TBRM_TEST(no_rows_give_a_zero_gradient_of_the_weights) {
    HeadCase c(Dtype::F32, 1, 70, 8, 5);
    tbrm_head_args_t args = view(c);
    args.n_rows = 0;
    args.x = nullptr;
    args.labels = nullptr;
    std::vector<float> dw(70 * 8, NAN);
    CHECK(tbrm_kernel_head_forward(context(), &args, nullptr, nullptr, nullptr, nullptr) == TBRM_STATUS_OK);
    CHECK(tbrm_kernel_head_backward(context(), &args, nullptr, nullptr, nullptr, nullptr, dw.data(), nullptr) ==
            TBRM_STATUS_OK);
    for (const float value : dw)
        CHECK(value == 0.0f);
}

TBRM_TEST(head_arguments_that_the_contract_forbids) {
    HeadCase c(Dtype::F32, 3, 70, 8, 7);
    const auto expect = [&](const char* words, const std::function<void(tbrm_head_args_t&)>& spoil) {
        tbrm_head_args_t args = view(c);
        spoil(args);
        std::vector<float> q(3), v(3), dx(24), dw(560);
        tbrm_error_t err{};
        refused(tbrm_kernel_head_forward(context(), &args, q.data(), v.data(), nullptr, &err), err, words);
        refused(tbrm_kernel_head_backward(
                        context(), &args, c.dq.data(), c.dv.data(), nullptr, dx.data(), dw.data(), &err),
                err, words);
    };
    using Args = tbrm_head_args_t;
    expect("struct_size", [](Args& a) { a.struct_size = 4; });
    expect("dtype is 7", [](Args& a) { a.dtype = 7; });
    expect("n_rows is -1", [](Args& a) { a.n_rows = -1; });
    expect("vocab_size is 0", [](Args& a) { a.vocab_size = 0; });
    expect("hidden_size is 0", [](Args& a) { a.hidden_size = 0; });
    expect("budget_bytes is -5", [](Args& a) { a.budget_bytes = -5; });
    expect("temperature is 0", [](Args& a) { a.temperature = 0.0f; });
    expect("temperature is nan", [](Args& a) { a.temperature = NAN; });
    expect("w is null", [](Args& a) { a.w = nullptr; });
    expect("x or labels is null", [](Args& a) { a.x = nullptr; });
    c.labels[1] = 70;
    expect("labels[1] is 70", [](Args&) {});
    c.labels[1] = -1;
    expect("labels[1] is -1", [](Args&) {});
    c.labels[1] = 0;
    tbrm_error_t err{};
    const tbrm_head_args_t args = view(c);
    refused(tbrm_kernel_head_forward(nullptr, &args, nullptr, nullptr, nullptr, &err), err, "context");
    refused(tbrm_kernel_head_forward(context(), &args, nullptr, nullptr, nullptr, &err), err, "out_q");
}

TBRM_TEST(the_residual_through_the_contract) {
    const int64_t offsets[] = {0, 2, 3};
    const float q[] = {1, 2, -1}, v[] = {3, 2.5f, 0.5f}, ref[] = {-1, -0.25f, -2};
    const double reward[] = {1, 0}, weight[] = {0.5, 0.5};
    tbrm_residual_args_t args{};
    args.struct_size = sizeof args;
    args.beta = 0.5;
    args.loss_scale = 1.0;
    args.n_seqs = 2;
    args.n_rows = 3;
    args.row_offsets = offsets;
    args.ref_logp = ref;
    args.reward = reward;
    args.weight = weight;
    float f[2], dq[3], dv[3];
    double loss = NAN;
    tbrm_error_t err{};
    CHECK(tbrm_residual_forward(context(), &args, q, v, f, &loss, dq, dv, &err) == TBRM_STATUS_OK);
    CHECK(f[0] == -0.25f && f[1] == 1.0f && loss == 0.53125 && dq[2] == 1.0f && dv[1] == 0.25f && dv[2] == 0.0f);
    refused(tbrm_residual_forward(context(), &args, q, nullptr, f, &loss, dq, dv, &err), err, "n_rows is 3");
    refused(tbrm_residual_forward(context(), &args, q, v, nullptr, &loss, dq, dv, &err), err, "out_residual");
    refused(tbrm_residual_forward(context(), &args, q, v, f, nullptr, dq, dv, &err), err, "out_loss");
    args.beta = -1;
    refused(tbrm_residual_forward(context(), &args, q, v, f, &loss, dq, dv, &err), err, "beta is -1");
    tbrm_residual_args_t none{};
    none.struct_size = sizeof none;
    none.beta = none.loss_scale = 1.0;
    none.row_offsets = offsets;  // [0]
    CHECK(tbrm_residual_forward(context(), &none, nullptr, nullptr, nullptr, &loss, nullptr, nullptr, &err) ==
                    TBRM_STATUS_OK &&
            loss == 0.0);
}

int main(int argc, char** argv) {
    return tbrm::testing::run(argc, argv);
}
