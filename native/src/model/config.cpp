#include "model/config.hpp"

#include <cmath>

#include "core/guard.hpp"

namespace tbrm {
namespace {

void check_range(const char* field, int64_t value, int64_t low, int64_t high) {
    TBRM_REQUIRE(value >= low && value <= high, "%s is %lld, expected %lld to %lld", field,
            static_cast<long long>(value), static_cast<long long>(low), static_cast<long long>(high));
}

void check_flag(const char* field, int32_t value) {
    TBRM_REQUIRE(value == 0 || value == 1, "%s is %d, expected 0 or 1", field, value);
}

// head_dim / 2 frequencies, or twice as many.
void check_rotations(const tbrm_model_config_t& config, int32_t n_inv_freq, const float* inv_freq) {
    TBRM_REQUIRE(n_inv_freq == config.head_dim / 2 || n_inv_freq == config.head_dim,
            "n_inv_freq is %d, expected head_dim / 2 = %d, or head_dim with a table of the sliding layers", n_inv_freq,
            config.head_dim / 2);
    TBRM_REQUIRE(inv_freq != nullptr, "rope_inv_freq is null");
    for (int32_t i = 0; i < n_inv_freq; ++i)
        TBRM_REQUIRE(std::isfinite(inv_freq[i]), "rope_inv_freq[%d] is not finite", i);
}

}  // namespace

bool ModelConfig::same_weights(const ModelConfig& other) const {
    return same_body(other) && head_kind == other.head_kind && has_untied_head() == other.has_untied_head();
}

bool ModelConfig::same_body(const ModelConfig& other) const {
    return dtype == other.dtype && vocab_size == other.vocab_size && hidden_size == other.hidden_size &&
           intermediate_size == other.intermediate_size && n_layers == other.n_layers && n_heads == other.n_heads &&
           n_kv_heads == other.n_kv_heads && head_dim == other.head_dim && max_positions == other.max_positions &&
           kind == other.kind && rms_norm_eps == other.rms_norm_eps &&
           rope_attention_factor == other.rope_attention_factor && inv_freq == other.inv_freq &&
           sliding_inv_freq == other.sliding_inv_freq;
}

ModelConfig check_model_config(const tbrm_model_config_t* config, int32_t n_inv_freq, const float* inv_freq) {
    TBRM_REQUIRE(config != nullptr, "config is null");
    TBRM_REQUIRE(config->struct_size == static_cast<int32_t>(sizeof(tbrm_model_config_t)),
            "config.struct_size is %d, expected %d: caller and library were built from different headers",
            config->struct_size, static_cast<int>(sizeof(tbrm_model_config_t)));
    TBRM_REQUIRE(config->dtype == TBRM_DTYPE_F32 || config->dtype == TBRM_DTYPE_BF16,
            "dtype is %d, expected 0 (fp32) or 1 (bf16)", config->dtype);
    check_range("zero_stage", config->zero_stage, 0, 2);
    check_range("n_ranks", config->n_ranks, 0, 1024);
    // The upper limits keep every size in bytes far below 2^63.
    check_range("vocab_size", config->vocab_size, 1, 1 << 24);
    check_range("hidden_size", config->hidden_size, 1, 1 << 17);
    check_range("intermediate_size", config->intermediate_size, 1, 1 << 20);
    check_range("n_layers", config->n_layers, 1, LayerSet::kMost);
    check_range("n_heads", config->n_heads, 1, 1024);
    check_range("n_kv_heads", config->n_kv_heads, 1, config->n_heads);
    TBRM_REQUIRE(config->n_heads % config->n_kv_heads == 0, "n_kv_heads is %d, expected a divisor of n_heads = %d",
            config->n_kv_heads, config->n_heads);
    check_range("head_dim", config->head_dim, 2, 256);
    TBRM_REQUIRE(config->head_dim % 2 == 0, "head_dim is %d, expected an even number", config->head_dim);
    check_range("max_positions", config->max_positions, 1, 1 << 24);
    check_range("head_kind", config->head_kind, TBRM_HEAD_KIND_LM, TBRM_HEAD_KIND_LM_VALUE);
    check_flag("tie_word_embeddings", config->tie_word_embeddings);
    check_flag("trainable", config->trainable);
    check_flag("recompute", config->recompute);
    TBRM_REQUIRE(config->rms_norm_eps > 0 && config->rms_norm_eps < 1,
            "rms_norm_eps is %g, expected a number between 0 and 1", static_cast<double>(config->rms_norm_eps));
    TBRM_REQUIRE(config->rope_attention_factor > 0 && std::isfinite(config->rope_attention_factor),
            "rope_attention_factor is %g, expected a positive number (1 unless the checkpoint uses YaRN)",
            static_cast<double>(config->rope_attention_factor));
    TBRM_REQUIRE(config->head_budget_bytes >= 0, "head_budget_bytes is %lld, expected 0 (256 MiB) or more",
            static_cast<long long>(config->head_budget_bytes));
    check_rotations(*config, n_inv_freq, inv_freq);
    ModelConfig checked{};
    static_cast<tbrm_model_config_t&>(checked) = *config;
    checked.kind = parse_architecture(config->architecture, config->n_layers);
    checked.architecture = nullptr;
    checked.inv_freq.assign(inv_freq, inv_freq + config->head_dim / 2);
    checked.sliding_inv_freq.assign(inv_freq + config->head_dim / 2, inv_freq + n_inv_freq);
    return checked;
}

}  // namespace tbrm
