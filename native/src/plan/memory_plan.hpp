#pragma once
// memory_plan.hpp - the memory that a model takes with what is done with it. Contract: tbrm.h, section "plan".
#include <tbrm/tbrm.h>

#include "model/adapter.hpp"
#include "model/config.hpp"

namespace tbrm {

// Throws INVALID_ARGUMENT naming the field.
tbrm_memory_load_t check_memory_load(const tbrm_memory_load_t* load);

// adapter may be null.
tbrm_memory_bytes_t plan_memory(
        const ModelConfig& config, const AdapterConfig* adapter, const tbrm_memory_load_t& load);

}  // namespace tbrm
