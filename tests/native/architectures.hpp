#pragma once
// architectures.hpp - architectures as tbrm_model_config_t::architecture spells them.

#define TBRM_TEST_GRANITE "embedding_multiplier=1.7 residual_multiplier=0.22 attention_scale=0.3 logits_scaling=1.6"
#define TBRM_TEST_GEMMA3 "qk_norm=1 activation=gelu_tanh post_norms=1 norm_shift=1 scaled_embedding=1"

namespace tbrm::testing {

constexpr const char* kLlama = "";
constexpr const char* kQwen2 = "qkv_bias=1";
constexpr const char* kQwen3 = "qk_norm=1";
constexpr const char* kGranite = TBRM_TEST_GRANITE;
constexpr const char* kGemma3 = TBRM_TEST_GEMMA3;

}  // namespace tbrm::testing
