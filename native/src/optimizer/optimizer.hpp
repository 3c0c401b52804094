#pragma once
// optimizer.hpp - AdamW over the trained parameters of a model, with moments of its own. What tbrm_optimizer_t points to.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/context.hpp"
#include "device/device.hpp"

namespace tbrm {

class Model;
class Parameter;

class Optimizer {
public:
    // Moments are zero. Throws INVALID_ARGUMENT for a frozen model or a config out of range.
    Optimizer(std::shared_ptr<Model> model, const tbrm_optimizer_config_t* config);
    ~Optimizer();
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;

    // update() by the norm of the gradients as they are.
    tbrm_step_result_t step(float learning_rate, float max_grad_norm);

    // One update with gradients whose norm counts as grad_norm, clipped to max_grad_norm (<= 0: not), then zero gradients. A norm that is
    // not finite changes neither weights nor moments nor the step count.
    tbrm_step_result_t update(float learning_rate, double grad_norm, float max_grad_norm);

    // First (0) or second (1) moment of a parameter's own() (model/parameter.hpp), laid out as its master; null when the optimizer has
    // none for it.
    float* moment(const Parameter* parameter, tbrm_moment_t which);

    Model& model() { return *model_; }
    int64_t steps() const { return steps_; }
    void set_steps(int64_t steps) { steps_ = steps; }

private:
    struct State {
        Parameter* parameter;
        DeviceBuffer<float> m, v;  // of its own()
        int64_t size() const { return m.size(); }
    };
    void update(State& state, float learning_rate, double grad_scale);

    std::shared_ptr<Model> model_;
    tbrm_optimizer_config_t config_;
    std::vector<State> states_;  // in the order of the model's parameters
    int64_t largest_ = 0;        // elements of a state
    int64_t steps_ = 0;
    DeviceBuffer<float> unchanged_;  // where the weights of an update with learning rate 0 go
};

}  // namespace tbrm

struct tbrm_optimizer {
    std::unique_ptr<tbrm::Optimizer> impl;
    tbrm::LiveObject live;
};
