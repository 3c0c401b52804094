#pragma once
// replica.hpp - what rank 0 gives the other processes before the first step: weights, and an optimizer's state.
#include "group/remote_group.hpp"

namespace tbrm {

// Weights of rank 0's model, in full precision where it trains them, row by row: devices may lay them out differently.
void broadcast_weights(RemoteGroup& group, Model& model);

// Moments and step count.
void broadcast_optimizer(RemoteGroup& group, Optimizer& optimizer);

}  // namespace tbrm
