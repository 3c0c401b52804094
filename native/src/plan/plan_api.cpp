// plan_api.cpp - exports of the section "plan". Contract: tbrm.h.
#include "core/guard.hpp"
#include "plan/memory_plan.hpp"

extern "C" tbrm_status_t tbrm_memory_plan(const tbrm_model_config_t* config, int32_t n_inv_freq,
        const float* rope_inv_freq, const tbrm_adapter_config_t* adapter, const tbrm_memory_load_t* load,
        tbrm_memory_bytes_t* out_plan, tbrm_error_t* err) noexcept {
    return tbrm::guard(err, __func__, [&] {
        TBRM_REQUIRE(out_plan != nullptr, "out_plan is null");
        TBRM_REQUIRE(out_plan->struct_size == static_cast<int32_t>(sizeof *out_plan),
                "out_plan.struct_size is %d, expected %zu", out_plan->struct_size, sizeof *out_plan);
        const tbrm::ModelConfig checked = tbrm::check_model_config(config, n_inv_freq, rope_inv_freq);
        tbrm::AdapterConfig with;
        if (adapter != nullptr) with = tbrm::check_adapter_config(adapter, checked.n_layers);
        *out_plan = tbrm::plan_memory(checked, adapter != nullptr ? &with : nullptr, tbrm::check_memory_load(load));
    });
}
