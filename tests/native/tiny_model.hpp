#pragma once
// tiny_model.hpp - small models behind the exports of tbrm.h, with every parameter random, and packed batches for them.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "architectures.hpp"
#include "reference_decoder.hpp"

namespace tbrm {
class Device;
}

namespace tbrm::testing {

// Fails the test with the library's message unless `status` is OK.
void expect_ok(tbrm_status_t status, const tbrm_error_t& err, const char* call);

struct ContextDeleter {
    void operator()(tbrm_context_t* p) const { delete_context(p); }
    static void delete_context(tbrm_context_t* p);
};
using ContextHandle = std::unique_ptr<tbrm_context_t, ContextDeleter>;
struct ModelDeleter {
    void operator()(tbrm_model_t* p) const { tbrm_model_destroy(p); }
};
using ModelHandle = std::unique_ptr<tbrm_model_t, ModelDeleter>;
struct OptimizerDeleter {
    void operator()(tbrm_optimizer_t* p) const { tbrm_optimizer_destroy(p); }
};
using OptimizerHandle = std::unique_ptr<tbrm_optimizer_t, OptimizerDeleter>;

// On the device of test_device.hpp, or on a given one.
ContextHandle make_context(int32_t n_threads);
ContextHandle make_context(std::unique_ptr<Device> device);

// Two layers, hidden 18, 4 heads of 6 over 2 kv heads, inner 14, 29 words: no size is a multiple of a vector or a panel.
tbrm_model_config_t tiny_config(tbrm_dtype_t dtype);
std::vector<float> tiny_inv_freq(int32_t head_dim);
// As tbrm_model_create takes them: with a table of their own for the layers that slide, where there are any.
std::vector<float> tiny_inv_freq(const tbrm_model_config_t& config);

// Trainable model of `config` whose every parameter (norms and biases too) is random, the same for the same seed.
ModelHandle make_model(tbrm_context_t* context, const tbrm_model_config_t& config, uint64_t seed);
OptimizerHandle make_optimizer(tbrm_model_t* model, float weight_decay);

// One tensor as tbrm_model_tensor_info and tbrm_model_tensor_read give it.
struct TensorValues {
    std::string name;
    int64_t rows, cols;
    std::vector<float> values;
};
std::vector<TensorValues> read_tensors(tbrm_model_t* model, tbrm_tensor_kind_t kind);
// The same of an optimizer's moments over `model`, of the tensors that it trains.
std::vector<TensorValues> read_moments(tbrm_model_t* model, tbrm_optimizer_t* optimizer, tbrm_moment_t moment);
bool same_bits(const std::vector<TensorValues>& a, const std::vector<TensorValues>& b);

ReferenceDecoder reference_of(tbrm_model_t* model, const tbrm_model_config_t& config);

// Sequences with their scored rows; view() borrows.
struct Batch {
    std::vector<int32_t> ids, labels;
    std::vector<int64_t> offsets{0}, rows;
    float temperature = 1;

    // Appends a sequence of random tokens, of which the last `response` are scored.
    void add_sequence(int64_t length, int64_t response, int32_t vocab, uint64_t seed);
    // Sequences [first, last) of this batch with their rows; row_of receives their indices here.
    Batch slice(int64_t first, int64_t last, std::vector<size_t>* row_of) const;
    tbrm_batch_t view() const;
    size_t n_rows() const { return rows.size(); }
};

struct Scores {
    std::vector<float> q, v, h;
};
Scores forward(tbrm_model_t* model, const Batch& batch, bool keep);
void backward(
        tbrm_model_t* model, const std::vector<float>& dq, const std::vector<float>& dv, const std::vector<float>& dh);

}  // namespace tbrm::testing
