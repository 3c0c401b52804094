#pragma once
// model.hpp - a decoder (architecture.hpp): its parameters, and their names in Hugging Face's files. What tbrm_model_t
// points to. One memory for rollout and training: both read view().
#include <tbrm/tbrm.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/context.hpp"
#include "device/device.hpp"
#include "model/adapter.hpp"
#include "model/config.hpp"
#include "model/model_view.hpp"
#include "model/parameter.hpp"

namespace tbrm {

// The parameters of one layer; null where the architecture has none.
struct LayerParameters {
    std::array<Parameter*, kLayerTensors> tensors{};

    Parameter*& operator[](LayerTensor tensor) { return tensors[static_cast<size_t>(tensor)]; }
    Parameter* operator[](LayerTensor tensor) const { return tensors[static_cast<size_t>(tensor)]; }
    Parameter& linear(Linear which) const { return *(*this)[kLinearTensors[static_cast<size_t>(which)]]; }
};

// A tensor as files name it: rows [first_row, first_row + rows) of a parameter. A vector has cols = 0.
struct ModelTensor {
    std::string name;
    int64_t rows;
    int64_t cols;
    Parameter* parameter;
    int64_t first_row;
    bool residual_output;  // writes into the residual stream: o_proj, down_proj
    bool loaded;           // by tbrm_checkpoint_load_weights since creation
    bool adapter;          // of a low-rank adapter, under PEFT's name

    int64_t elements() const { return rows * (cols > 0 ? cols : 1); }
};

class Group;
class TrainingPass;

class Model {
public:
    // All parameters zero, norm weights one. Throws OUT_OF_MEMORY naming the bytes before it allocates any.
    Model(std::shared_ptr<Context> context, const ModelConfig& config);
    ~Model();
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    const ModelConfig& config() const { return config_; }
    const std::shared_ptr<Context>& context() const { return context_; }
    Device& device() const { return *context_->device; }
    const ModelView& view() const { return view_; }
    // Whose memory it takes.
    MemoryOwner owner() const {
        return !config_.has_lm_head() ? MemoryOwner::Critic : config_.is_copy ? MemoryOwner::Copy : MemoryOwner::Policy;
    }

    // In the order of Hugging Face's state dict, then the adapter's. Norms and biases are vectors. Addresses last as long as the tensor:
    // tbrm_model_tensor_info hands out names.
    std::deque<ModelTensor>& tensors() { return tensors_; }
    ModelTensor* find(const std::string& name);
    ModelTensor& require(const char* name);  // throws INVALID_ARGUMENT

    // In fixed order: embedding, layers, final norm; heads; adapter. A tied head is the embedding and is listed once.
    const std::vector<std::unique_ptr<Parameter>>& parameters() const { return parameters_; }
    LayerParameters& layer(int64_t index) { return layers_[static_cast<size_t>(index)]; }
    Parameter& embedding() { return *embedding_; }
    Parameter& final_norm() { return *final_norm_; }
    Parameter& head() { return *head_; }             // of a model with an LM head
    Parameter& score() { return *score_; }           // of a model with a value head
    Parameter* score_bias() { return score_bias_; }  // null where it has none
    bool is_value_head(const Parameter* p) const { return p != nullptr && (p == score_ || p == score_bias_); }

    void init_random(uint64_t seed, float std);
    void init_value_head(uint64_t seed, float std);
    std::shared_ptr<Model> clone_frozen();
    void copy_weights(Model& source);
    void copy_body(Model& source);

    // 2-norm of the gradients of all that is trained, in the order of parameters(), over all ranks that share it.
    double gradient_norm();

    // Ranks that train the model together: tbrm_model_share. is_shared: each holds a share of what config().zero_stage names.
    void share(std::shared_ptr<Group> group, int32_t rank);
    Group* group() const { return group_.get(); }
    int32_t rank() const { return rank_; }
    bool is_shared() const { return group_ != nullptr && config_.is_shared(); }
    // Of a parameter, by rank; and what ranks compare before they add up or share: kind of device, elements of what is trained.
    std::vector<Range> ranges_of(const Parameter& parameter) const;
    std::vector<int64_t> trained_shape() const;
    // Every rank's weights after each has updated its share of them.
    void gather_weights();

    // Whether anything of the model is trained.
    bool trains() const { return config_.trainable != 0 || (adapter_ && adapter_->trainable); }

    // Low-rank adapters. attach freezes the base and frees its masters and gradients; merge adds them to the base and removes them.
    void attach_adapter(const AdapterConfig& config);
    void enable_adapter(bool on);
    void merge_adapter();
    const std::optional<AdapterConfig>& adapter() const { return adapter_; }
    const LinearAdapterParameters& adapter_of(int64_t layer, Linear linear) const {
        return adapter_parameters_[static_cast<size_t>(layer)][static_cast<size_t>(linear)];
    }

    // Forward with gradients, its buffers and what it keeps: gradient/training_pass.hpp.
    TrainingPass& training_pass();
    // Throws INVALID_ARGUMENT while a forward waits for its backward: `what` would change the weights under it.
    void require_no_kept_forward(const char* what) const;

    // Optimizers that hold state of the parameters: what is trained may not change under them.
    int32_t n_optimizers = 0;

private:
    struct RopeTable {
        DeviceBuffer<float> cos, sin;
    };

    Parameter* add_parameter(const ParameterShape& shape);
    void add_head();
    void draw_normal(const ModelTensor& tensor, uint64_t seed, double std);
    void add_tensor(const std::string& name, Parameter* parameter, int64_t first_row, int64_t rows,
            bool residual_output = false);
    void add_layer(int64_t index);
    void fill(ParameterRole role, float value);  // vectors of that role, as forward reads them
    void build_rope(const std::vector<float>& inv_freq, float factor, RopeTable& table);
    void build_view();
    void build_adapter_view();
    int64_t adapter_bytes(const AdapterConfig& config);
    void add_layer_adapter(int64_t index, const AdapterConfig& config);
    void remove_adapter();
    void share_parameters();
    struct MergeScratch;
    void merge_projection(int64_t layer, const Projection& projection, const AdapterPart& part, const Parameter& a,
            const Parameter& b, MergeScratch& scratch);

    std::shared_ptr<Context> context_;
    ModelConfig config_;
    std::vector<std::unique_ptr<Parameter>> parameters_;
    std::vector<LayerParameters> layers_;
    Parameter* embedding_ = nullptr;
    Parameter* final_norm_ = nullptr;
    Parameter* head_ = nullptr;  // null without an LM head
    Parameter* score_ = nullptr;
    Parameter* score_bias_ = nullptr;
    size_t n_body_parameters_ = 0;     // embedding, layers, final norm
    std::deque<ModelTensor> tensors_;  // a vector would move the short names that callers hold
    RopeTable rope_, sliding_rope_;    // of the layers, and of those that slide where they have their own
    std::optional<AdapterConfig> adapter_;
    std::vector<LayerAdapterParameters> adapter_parameters_;  // [layers] once there is an adapter
    size_t n_base_parameters_ = 0;                            // those before the adapter's
    ModelView view_{};
    std::shared_ptr<Group> group_;
    int32_t rank_ = 0;
    std::unique_ptr<TrainingPass> training_pass_;
};

}  // namespace tbrm

// The handle: shared ownership, so that handles may be destroyed in any order.
struct tbrm_model {
    std::shared_ptr<tbrm::Model> impl;
    tbrm::LiveObject live;
};
