#include "model/model.hpp"

#include <cmath>

#include "core/guard.hpp"
#include "gradient/training_pass.hpp"
#include "ops/rope.hpp"

namespace tbrm {
namespace {

// Parameters, masters, gradients and rotation tables of a model of this configuration.
int64_t bytes_needed(Device& device, const ModelConfig& c) {
    const bool train = c.trainable != 0;
    const auto bytes = [&](int64_t rows, int64_t cols) {
        const ParameterShape shape = cols > 0 ? ParameterShape::weight(rows, cols) : ParameterShape::vector(rows);
        return Parameter::bytes(device, c.element(), shape, train);
    };
    int64_t layer = 2 * bytes(c.hidden_size, 0) + bytes(c.qkv_width(), c.hidden_size) +
                    bytes(c.hidden_size, c.attention_width()) + bytes(2 * int64_t{c.intermediate_size}, c.hidden_size) +
                    bytes(c.hidden_size, c.intermediate_size);
    if (c.qkv_bias != 0) layer += bytes(c.qkv_width(), 0);
    if (c.qk_norm != 0) layer += 2 * bytes(c.head_dim, 0);
    const int64_t embedding = bytes(c.vocab_size, c.hidden_size);
    return layer * c.n_layers + embedding * (c.has_untied_head() ? 2 : 1) + bytes(c.hidden_size, 0) +
           int64_t{c.max_positions} * c.head_dim * 4;
}

}  // namespace

Model::Model(std::shared_ptr<Context> context, const ModelConfig& config)
    : context_(std::move(context)), config_(config) {
    require_device_memory(device(), bytes_needed(device(), config_),
            config_.trainable != 0 ? "weights, masters and gradients" : "weights",
            "use a smaller model, bf16, or trainable = 0");
    embedding_ = add_parameter(config_.vocab_size, config_.hidden_size);
    add_tensor("model.embed_tokens.weight", embedding_, 0, config_.vocab_size);
    for (int64_t i = 0; i < config_.n_layers; ++i)
        add_layer(i);
    final_norm_ = add_parameter(config_.hidden_size, 0);
    add_tensor("model.norm.weight", final_norm_, 0, config_.hidden_size);
    n_body_parameters_ = parameters_.size();
    add_head();
    fill_norms();
    build_rope();
    build_view();
}

Model::~Model() = default;

void Model::add_head() {
    if (!config_.has_value_head()) {
        head_ = embedding_;
        if (!config_.has_untied_head()) return;
        head_ = add_parameter(config_.vocab_size, config_.hidden_size);
        add_tensor("lm_head.weight", head_, 0, config_.vocab_size);
        return;
    }
    score_ = add_parameter(ParameterShape::row(config_.hidden_size));
    add_tensor("score.weight", score_, 0, 1);
    if (config_.head_kind != TBRM_HEAD_KIND_VALUE_BIAS) return;
    score_bias_ = add_parameter(1, 0);
    add_tensor("score.bias", score_bias_, 0, 1);
}

Parameter* Model::add_parameter(int64_t rows, int64_t cols) {
    return add_parameter(cols > 0 ? ParameterShape::weight(rows, cols) : ParameterShape::vector(rows));
}

Parameter* Model::add_parameter(const ParameterShape& shape) {
    parameters_.push_back(std::make_unique<Parameter>(device(), config_.element(), shape, config_.trainable != 0));
    return parameters_.back().get();
}

void Model::add_tensor(
        const std::string& name, Parameter* parameter, int64_t first_row, int64_t rows, bool residual_output) {
    tensors_.push_back({name, rows, parameter->cols(), parameter, first_row, residual_output, false, false});
}

void Model::add_layer(int64_t index) {
    const ModelConfig& c = config_;
    const int64_t hidden = c.hidden_size, inner = c.intermediate_size, queries = c.attention_width(),
                  keys = c.kv_width();
    LayerParameters p{};
    p.input_norm = add_parameter(hidden, 0);
    p.qkv = add_parameter(c.qkv_width(), hidden);
    if (c.qkv_bias != 0) p.qkv_bias = add_parameter(c.qkv_width(), 0);
    if (c.qk_norm != 0) {
        p.q_norm = add_parameter(c.head_dim, 0);
        p.k_norm = add_parameter(c.head_dim, 0);
    }
    p.o = add_parameter(hidden, queries);
    p.post_attention_norm = add_parameter(hidden, 0);
    p.gate_up = add_parameter(2 * inner, hidden);
    p.down = add_parameter(hidden, inner);
    layers_.push_back(p);

    const std::string prefix = "model.layers." + std::to_string(index) + '.', attention = prefix + "self_attn.";
    const auto add_projection = [&](const char* name, int64_t first, int64_t rows) {
        add_tensor(attention + name + ".weight", p.qkv, first, rows);
        if (p.qkv_bias != nullptr) add_tensor(attention + name + ".bias", p.qkv_bias, first, rows);
    };
    add_projection("q_proj", 0, queries);
    add_projection("k_proj", queries, keys);
    add_projection("v_proj", queries + keys, keys);
    add_tensor(attention + "o_proj.weight", p.o, 0, hidden, true);
    if (p.q_norm != nullptr) {
        add_tensor(attention + "q_norm.weight", p.q_norm, 0, c.head_dim);
        add_tensor(attention + "k_norm.weight", p.k_norm, 0, c.head_dim);
    }
    add_tensor(prefix + "mlp.gate_proj.weight", p.gate_up, 0, inner);
    add_tensor(prefix + "mlp.up_proj.weight", p.gate_up, inner, inner);
    add_tensor(prefix + "mlp.down_proj.weight", p.down, 0, hidden, true);
    add_tensor(prefix + "input_layernorm.weight", p.input_norm, 0, hidden);
    add_tensor(prefix + "post_attention_layernorm.weight", p.post_attention_norm, 0, hidden);
}

void Model::fill_norms() {
    std::vector<Parameter*> norms = {final_norm_};
    for (const LayerParameters& p : layers_) {
        for (Parameter* norm : {p.input_norm, p.post_attention_norm, p.q_norm, p.k_norm}) {
            if (norm != nullptr) norms.push_back(norm);
        }
    }
    for (Parameter* norm : norms) {
        const std::vector<float> ones(static_cast<size_t>(norm->rows()), 1.0f);
        norm->write_rows(TBRM_TENSOR_KIND_WEIGHT, 0, norm->rows(), ones.data());
    }
}

void Model::build_rope() {
    const int64_t half = config_.head_dim / 2, n = int64_t{config_.max_positions} * half;
    std::vector<float> cosines(static_cast<size_t>(n)), sines(static_cast<size_t>(n));
    rope_table(config_.max_positions, half, config_.inv_freq.data(), config_.rope_attention_factor, cosines.data(),
            sines.data());
    rope_cos_.assign(device(), cosines.data(), n);
    rope_sin_.assign(device(), sines.data(), n);
}

void Model::build_view() {
    const ModelConfig& c = config_;
    view_.dtype = c.element();
    view_.vocab = c.vocab_size;
    view_.hidden = c.hidden_size;
    view_.intermediate = c.intermediate_size;
    view_.max_positions = c.max_positions;
    view_.attention = {
            c.n_heads, c.n_kv_heads, c.head_dim, static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim)))};
    view_.rms_norm_eps = c.rms_norm_eps;
    view_.rope_cos = rope_cos_.data();
    view_.rope_sin = rope_sin_.data();
    view_.embedding = embedding_->weight();
    view_.final_norm = final_norm_->vector();
    const auto vector_or_null = [](const Parameter* p) { return p != nullptr ? p->vector() : nullptr; };
    view_.head = head_ != nullptr ? head_->weight() : nullptr;
    view_.score = vector_or_null(score_);
    view_.score_bias = vector_or_null(score_bias_);
    for (const LayerParameters& p : layers_) {
        view_.layers.push_back({p.input_norm->vector(), p.qkv->weight(), vector_or_null(p.qkv_bias),
                vector_or_null(p.q_norm), vector_or_null(p.k_norm), p.o->weight(), p.post_attention_norm->vector(),
                p.gate_up->weight(), p.down->weight()});
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
    auto copy = std::make_shared<Model>(context_, frozen);
    if (adapter_) {
        AdapterConfig same = *adapter_;
        same.trainable = 0;
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
    TBRM_REQUIRE(context_ == source.context_, "the models live in different contexts");
    require_no_kept_forward("copying weights");
    for (size_t i = 0; i < parameters_.size(); ++i)
        parameters_[i]->copy_from(*source.parameters_[i]);
}

double Model::gradient_norm() {
    std::vector<FloatSpan> gradients;
    for (const auto& parameter : parameters_) {
        if (parameter->trainable()) gradients.push_back({parameter->gradient(), parameter->layout_elements()});
    }
    return std::sqrt(device().sum_of_squares(gradients));
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
