// model_cuda_test.cpp - a training step of a whole model on the GPU against the same step on the CPU: loss, log-probs, the gradient of every
// parameter, the updated weights. The stages alone are held to the fp64 decoder (TBRM_TEST_DEVICE=cuda, CMakeLists.txt).
#include "cuda_testing.hpp"
#include "device/device.hpp"
#include "tiny_model.hpp"

using namespace tbrm;
using namespace tbrm::testing;

namespace {

struct Step {
    std::vector<float> q, v, residual;
    double loss = NAN;
    std::vector<TensorValues> gradients, weights;
};

#define EXPECT_OK(call)                            \
    do {                                           \
        tbrm_error_t err{};                        \
        const tbrm_status_t expect_status_ = call; \
        expect_ok(expect_status_, err, #call);     \
    } while (0)

// TBRM's residual over three trajectories, one of them longer than a KV page, and one step of AdamW.
Step step_on(std::unique_ptr<Device> device, const tbrm_model_config_t& config) {
    const ContextHandle context = make_context(std::move(device));
    const ModelHandle model = make_model(context.get(), config, 500);
    const OptimizerHandle optimizer = make_optimizer(model.get(), 0.01f);
    Batch batch;
    const int64_t lengths[] = {70, 12, 131}, responses[] = {50, 11, 60};
    std::vector<int64_t> row_offsets{0};
    for (size_t b = 0; b < 3; ++b) {
        batch.add_sequence(lengths[b], responses[b], config.vocab_size, 60 + b);
        row_offsets.push_back(static_cast<int64_t>(batch.n_rows()));
    }
    const std::vector<float> ref_logp = normals(row_offsets.back(), 64, 0.1), ref_v1(3, 0.0f);
    const std::vector<double> reward{1, 0, 1}, weight{1, 1, 1};
    tbrm_residual_args_t args{};
    args.struct_size = static_cast<int32_t>(sizeof args);
    args.kind = TBRM_RESIDUAL_KIND_TBRM;
    args.beta = 0.1;
    args.loss_scale = 1.0 / 3;
    args.n_seqs = 3;
    args.n_rows = row_offsets.back();
    args.row_offsets = row_offsets.data();
    args.ref_logp = ref_logp.data();
    args.ref_v1 = ref_v1.data();
    args.reward = reward.data();
    args.weight = weight.data();
    Step step;
    step.q.assign(batch.n_rows(), NAN);
    step.v = step.q;
    step.residual.assign(3, NAN);
    const tbrm_batch_t view = batch.view();
    EXPECT_OK(tbrm_gradient_residual(
            model.get(), &view, &args, step.q.data(), step.v.data(), step.residual.data(), &step.loss, &err));
    step.gradients = read_tensors(model.get(), TBRM_TENSOR_KIND_GRADIENT);
    tbrm_step_result_t result{};
    EXPECT_OK(tbrm_optimizer_step(optimizer.get(), 1e-3f, 1.0f, &result, &err));
    CHECK(result.applied == 1);
    step.weights = read_tensors(model.get(), TBRM_TENSOR_KIND_WEIGHT);
    return step;
}

tbrm_model_config_t shape_of(tbrm_dtype_t dtype, bool aligned, const char* architecture) {
    tbrm_model_config_t config = tiny_config(dtype);
    config.architecture = architecture;
    config.tie_word_embeddings = architecture == kQwen2 ? 1 : 0;
    if (!aligned) return config;
    config.vocab_size = 152;
    config.hidden_size = 64;
    config.intermediate_size = 96;
    config.head_dim = 16;
    return config;
}

// A thinned run takes one of them with each width.
constexpr const char* kSlidingGemma = TBRM_TEST_GEMMA3 " sliding_window=7 sliding_layers=0";
std::vector<const char*> architectures(bool aligned) {
    return shapes<const char*>({kQwen2, kQwen3, kSlidingGemma, kGranite}, {aligned ? kSlidingGemma : kQwen3});
}

void check_step(const Step& gpu, const Step& cpu, double tolerance, const char* what) {
    const auto rows = static_cast<int64_t>(cpu.q.size());
    const double q = relative_error(gpu.q, cpu.q, rows), v = relative_error(gpu.v, cpu.v, rows);
    CHECK_MSG(q <= tolerance && v <= tolerance, "%s: Q off by %.3g, V by %.3g", what, q, v);
    CHECK_MSG(
            close(gpu.loss, cpu.loss, 20 * tolerance * cpu.loss), "%s: loss %g, expected %g", what, gpu.loss, cpu.loss);
    CHECK(gpu.gradients.size() == cpu.gradients.size() && !cpu.gradients.empty());
    for (size_t i = 0; i < cpu.gradients.size(); ++i) {
        const auto n = static_cast<int64_t>(cpu.gradients[i].values.size());
        const double error = relative_error(gpu.gradients[i].values, cpu.gradients[i].values, n);
        CHECK_MSG(
                error <= 10 * tolerance, "%s: gradient of %s off by %.3g", what, cpu.gradients[i].name.c_str(), error);
        // AdamW's first step moves every weight by about the learning rate, in the direction of a sign.
        for (size_t e = 0; e < cpu.weights[i].values.size(); ++e)
            CHECK(close(gpu.weights[i].values[e], cpu.weights[i].values[e],
                    2.1e-3 + 0x1p-7 * std::fabs(cpu.weights[i].values[e])));
    }
}

}  // namespace

// fp32: two layers of sums of at most 150 products, in another order: a few dozen roundings of 2^-24 times the conditioning (about 10), as
// gradient_test.cpp. The residual multiplies by up to 60 tokens and the loss squares it.
TBRM_TEST(model_step_in_fp32_is_the_cpus) {
    for (const bool aligned : {false, true}) {
        for (const char* architecture : architectures(aligned)) {
            const tbrm_model_config_t config = shape_of(TBRM_DTYPE_F32, aligned, architecture);
            check_step(step_on(make_cuda_device(0), config), step_on(make_cpu_device(1), config), 2e-5, "fp32");
        }
    }
}

// bf16: about 16 activations per layer are rounded by up to 2^-9, and a different order of additions moves each rounding by one step.
TBRM_TEST(model_step_in_bf16_is_near_the_cpus) {
    for (const bool aligned : {false, true}) {
        for (const char* architecture : architectures(aligned)) {
            const tbrm_model_config_t config = shape_of(TBRM_DTYPE_BF16, aligned, architecture);
            check_step(step_on(make_cuda_device(0), config), step_on(make_cpu_device(1), config), 1e-2, "bf16");
        }
    }
}

TBRM_TEST(model_step_by_the_librarys_products_is_near_the_invariant_one) {
    for (const tbrm_dtype_t dtype : {TBRM_DTYPE_F32, TBRM_DTYPE_BF16}) {
        const tbrm_model_config_t config = shape_of(dtype, true, kQwen2);
        std::unique_ptr<Device> fast = make_cuda_device(0);
        CHECK(fast->batch_invariant());
        fast->set_batch_invariant(false);
        check_step(step_on(std::move(fast), config), step_on(make_cuda_device(0), config),
                dtype == TBRM_DTYPE_F32 ? 2e-5 : 1e-2, "cuBLASLt");
    }
}

TBRM_TEST(model_step_twice_has_the_same_bits) {
    const tbrm_model_config_t config = shape_of(TBRM_DTYPE_BF16, true, kLlama);
    const Step one = step_on(make_cuda_device(0), config), two = step_on(make_cuda_device(0), config);
    CHECK(one.q == two.q && one.v == two.v && one.loss == two.loss);
    CHECK(same_bits(one.gradients, two.gradients) && same_bits(one.weights, two.weights));
}
