#include "model/model.hpp"

#include <cmath>

#include "core/guard.hpp"
#include "gradient/training_pass.hpp"
#include "model/model_parameters.hpp"
#include "ops/rope.hpp"

namespace tbrm {
namespace {

// Parameters, masters, gradients and rotation tables of a model of this configuration. What ranks share has no gradients yet.
int64_t bytes_needed(Device& device, const ModelConfig& c) {
    int64_t bytes = c.rope_bytes();
    for (const ParameterShape& shape : model_parameters(c)) {
        const ParameterBytes each = parameter_bytes(device.sizes(), c.element(), shape, c.trainable != 0);
        bytes += each.weight + each.master + (c.is_shared() ? 0 : each.gradient);
    }
    return bytes;
}

// Masters are copied along.
void require_whole_masters(const Model& to, const Model& from) {
    const bool is_shared = to.is_shared() || from.is_shared();
    TBRM_REQUIRE(!is_shared || !to.trains(), "ranks share the model: no rank has all of its masters to copy");
}

}  // namespace

ModelView sizes_of(const ModelConfig& c) {
    ModelView view{};
    view.dtype = c.element();
    view.vocab = c.vocab_size;
    view.hidden = c.hidden_size;
    view.intermediate = c.intermediate_size;
    view.max_positions = c.max_positions;
    view.attention = {c.n_heads, c.n_kv_heads, c.head_dim, c.score_scale()};
    view.rms_norm_eps = c.rms_norm_eps;
    view.architecture = &c.kind;
    view.layers.resize(static_cast<size_t>(c.n_layers));
    for (size_t i = 0; i < view.layers.size(); ++i)
        view.layers[i].window = c.window(static_cast<int64_t>(i));
    return view;
}

Model::Model(std::shared_ptr<Context> context, const ModelConfig& config)
    : context_(std::move(context)), config_(config) {
    require_device_memory(device(), bytes_needed(device(), config_),
            config_.trainable != 0 ? "weights, masters and gradients" : "weights",
            "use a smaller model, bf16, or trainable = 0");
    const MemoryScope scope(owner(), MemoryUse::Weights);
    embedding_ = add_parameter(ParameterShape::weight(config_.vocab_size, config_.hidden_size));
    add_tensor("model.embed_tokens.weight", embedding_, 0, config_.vocab_size);
    for (int64_t i = 0; i < config_.n_layers; ++i)
        add_layer(i);
    final_norm_ = add_parameter(final_norm_shape(config_.layer_shape()));
    add_tensor("model.norm.weight", final_norm_, 0, config_.hidden_size);
    n_body_parameters_ = parameters_.size();
    add_head();
    fill(ParameterRole::Norm, 1.0f);
    build_rope(config_.inv_freq, config_.rope_attention_factor, rope_);
    if (!config_.sliding_inv_freq.empty()) build_rope(config_.sliding_inv_freq, 1.0f, sliding_rope_);
    build_view();
}

Model::~Model() = default;

void Model::add_head() {
    if (config_.has_untied_head()) {
        head_ = add_parameter(ParameterShape::weight(config_.vocab_size, config_.hidden_size));
        add_tensor("lm_head.weight", head_, 0, config_.vocab_size);
    } else if (config_.has_lm_head()) {
        head_ = embedding_;
    }
    const std::vector<ParameterShape> value = value_head_parameters(config_);
    if (value.empty()) return;
    score_ = add_parameter(value[0]);
    add_tensor("score.weight", score_, 0, 1);
    if (value.size() == 1) return;
    score_bias_ = add_parameter(value[1]);
    add_tensor("score.bias", score_bias_, 0, 1);
}

Parameter* Model::add_parameter(const ParameterShape& shape) {
    parameters_.push_back(std::make_unique<Parameter>(
            device(), config_.element(), shape, config_.trainable != 0, !config_.is_shared()));
    return parameters_.back().get();
}

void Model::add_tensor(
        const std::string& name, Parameter* parameter, int64_t first_row, int64_t rows, bool residual_output) {
    tensors_.push_back({name, rows, parameter->cols(), parameter, first_row, residual_output, false, false});
}

void Model::add_layer(int64_t index) {
    LayerParameters p{};
    for (const ParameterSpec& spec : layer_parameters(config_.layer_shape()))
        p[spec.tensor] = add_parameter(spec.shape);
    layers_.push_back(p);
    const std::string prefix = "model.layers." + std::to_string(index) + '.';
    for (const TensorSpec& tensor : layer_tensors(config_.layer_shape()))
        add_tensor(prefix + tensor.name, p[tensor.tensor], tensor.first_row, tensor.rows, tensor.residual_output);
}

void Model::fill(ParameterRole role, float value) {
    const auto set = [&](Parameter* vector) {
        const std::vector<float> values(static_cast<size_t>(vector->rows()), value - vector->shape().shift);
        vector->write_rows(TBRM_TENSOR_KIND_WEIGHT, 0, vector->rows(), values.data());
    };
    for (const LayerParameters& p : layers_) {
        for (const ParameterSpec& spec : layer_parameters(config_.layer_shape())) {
            if (spec.role == role) set(p[spec.tensor]);
        }
    }
    if (role == ParameterRole::Norm) set(final_norm_);
    if (role == ParameterRole::Bias && score_bias_ != nullptr) set(score_bias_);
}

void Model::build_rope(const std::vector<float>& inv_freq, float factor, RopeTable& table) {
    const int64_t half = config_.head_dim / 2, n = int64_t{config_.max_positions} * half;
    std::vector<float> cosines(static_cast<size_t>(n)), sines(static_cast<size_t>(n));
    rope_table(config_.max_positions, half, inv_freq.data(), factor, cosines.data(), sines.data());
    table.cos.assign(device(), cosines.data(), n);
    table.sin.assign(device(), sines.data(), n);
}

void Model::build_view() {
    view_ = sizes_of(config_);
    view_.embedding = embedding_->weight();
    view_.final_norm = final_norm_->vector();
    const auto vector_or_null = [](const Parameter* p) { return p != nullptr ? p->vector() : nullptr; };
    view_.head = head_ != nullptr ? head_->weight() : nullptr;
    view_.score = vector_or_null(score_);
    view_.score_bias = vector_or_null(score_bias_);
    for (size_t l = 0; l < layers_.size(); ++l) {
        LayerView& layer = view_.layers[l];
        for (size_t i = 0; i < kLayerTensors; ++i) {
            const Parameter* tensor = layers_[l].tensors[i];
            layer.tensors[i] = tensor != nullptr ? tensor->operand() : nullptr;
        }
        const bool own = layer.window > 0 && !config_.sliding_inv_freq.empty();
        layer.rope_cos = (own ? sliding_rope_ : rope_).cos.data();
        layer.rope_sin = (own ? sliding_rope_ : rope_).sin.data();
    }
}

ModelTensor* Model::find(const std::string& name) {
    for (ModelTensor& tensor : tensors_) {
        if (tensor.name == name) return &tensor;
    }
    return nullptr;
}

ModelTensor& Model::require(const char* name) {
    TBRM_REQUIRE(name != nullptr, "the tensor name is null");
    ModelTensor* tensor = find(name);
    TBRM_REQUIRE(tensor != nullptr, "the model has no tensor '%s'; tbrm_model_tensor_info lists the %zu it has", name,
            tensors_.size());
    return *tensor;
}

std::shared_ptr<Model> Model::clone_frozen() {
    ModelConfig frozen = config_;
    frozen.trainable = 0;
    frozen.recompute = 0;
    frozen.zero_stage = 0;
    frozen.is_copy = true;
    auto copy = std::make_shared<Model>(context_, frozen);
    if (adapter_) {
        AdapterConfig same = *adapter_;
        same.trainable = false;
        copy->attach_adapter(same);
        copy->enable_adapter(view_.adapter.on);
    }
    copy->copy_weights(*this);
    return copy;
}

void Model::copy_body(Model& source) {
    TBRM_REQUIRE(config_.same_body(source.config_),
            "the models differ in more than their heads, trainable, recompute and head_budget_bytes");
    TBRM_REQUIRE(context_ == source.context_, "the models live in different contexts");
    require_whole_masters(*this, source);
    require_no_kept_forward("copying weights");
    for (size_t i = 0; i < n_body_parameters_; ++i)
        parameters_[i]->copy_from(*source.parameters_[i]);
}

void Model::copy_weights(Model& source) {
    TBRM_REQUIRE(config_.same_weights(source.config_),
            "the models differ in more than trainable, recompute and head_budget_bytes");
    TBRM_REQUIRE(adapter_.has_value() == source.adapter_.has_value() &&
                         (!adapter_ || adapter_->same_weights(*source.adapter_)),
            "the models differ in rank, scale or targets of their adapters, or one has none");
    // Ranks of a group have a context each.
    const bool is_reachable =
            context_ == source.context_ || (device().is_host() && device().kind() == source.device().kind());
    TBRM_REQUIRE(is_reachable, "the models live in the memory of different devices");
    require_no_kept_forward("copying weights");
    require_whole_masters(*this, source);
    for (size_t i = 0; i < parameters_.size(); ++i)
        parameters_[i]->copy_from(*source.parameters_[i]);
}

TrainingPass& Model::training_pass() {
    if (training_pass_ == nullptr) training_pass_ = std::make_unique<TrainingPass>(*this);
    return *training_pass_;
}

void Model::require_no_kept_forward(const char* what) const {
    TBRM_REQUIRE(training_pass_ == nullptr || !training_pass_->kept(),
            "a forward was kept and %s would change the weights under it; call tbrm_gradient_backward or "
            "tbrm_gradient_discard first",
            what);
}

}  // namespace tbrm
