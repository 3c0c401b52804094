#pragma once
// optimizer.hpp - AdamW over the trained parameters of a model. What tbrm_optimizer_t points to.
#include <tbrm/tbrm.h>

#include <cstdint>
#include <memory>

#include "core/context.hpp"
#include "device/device.hpp"

namespace tbrm {

class Model;
class Parameter;

class Optimizer {
public:
    // Moments are zero. Throws INVALID_ARGUMENT for a frozen model, one that has an optimizer, or a config out of range.
    Optimizer(std::shared_ptr<Model> model, const tbrm_optimizer_config_t* config);
    ~Optimizer();
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;

    // One update, then zero gradients. A norm that is not finite changes neither weights nor moments nor the step count.
    tbrm_step_result_t step(float learning_rate, float max_grad_norm);

    Model& model() { return *model_; }
    int64_t steps() const { return steps_; }
    void set_steps(int64_t steps) { steps_ = steps; }

private:
    double gradient_norm();
    void update(Parameter& parameter, float learning_rate, double grad_scale);

    std::shared_ptr<Model> model_;
    tbrm_optimizer_config_t config_;
    int64_t steps_ = 0;
    DeviceBuffer<float> unchanged_;  // where the weights of an update with learning rate 0 go
};

}  // namespace tbrm

struct tbrm_optimizer {
    std::unique_ptr<tbrm::Optimizer> impl;
    tbrm::LiveObject live;
};
