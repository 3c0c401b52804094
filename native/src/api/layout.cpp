// layout.cpp - sizeof and offsetof of every struct of tbrm.h, as this library was compiled. AbiTests compares them with C#.
#include <tbrm/tbrm.h>

#include <cstddef>
#include <string>

namespace {

std::string layout_text() {
    std::string text;
    const auto begin = [&](const char* name, size_t size) {
        text += (text.empty() ? "" : ";") + std::string(name) + ':' + std::to_string(size);
    };
    const auto field = [&](size_t offset) { text += ',' + std::to_string(offset); };
    begin("tbrm_error", sizeof(tbrm_error_t));
    field(offsetof(tbrm_error_t, code));
    field(offsetof(tbrm_error_t, device_code));
    field(offsetof(tbrm_error_t, where));
    field(offsetof(tbrm_error_t, message));
    begin("tbrm_model_config", sizeof(tbrm_model_config_t));
    field(offsetof(tbrm_model_config_t, struct_size));
    field(offsetof(tbrm_model_config_t, dtype));
    field(offsetof(tbrm_model_config_t, vocab_size));
    field(offsetof(tbrm_model_config_t, hidden_size));
    field(offsetof(tbrm_model_config_t, intermediate_size));
    field(offsetof(tbrm_model_config_t, n_layers));
    field(offsetof(tbrm_model_config_t, n_heads));
    field(offsetof(tbrm_model_config_t, n_kv_heads));
    field(offsetof(tbrm_model_config_t, head_dim));
    field(offsetof(tbrm_model_config_t, max_positions));
    field(offsetof(tbrm_model_config_t, tie_word_embeddings));
    field(offsetof(tbrm_model_config_t, qkv_bias));
    field(offsetof(tbrm_model_config_t, qk_norm));
    field(offsetof(tbrm_model_config_t, trainable));
    field(offsetof(tbrm_model_config_t, recompute));
    field(offsetof(tbrm_model_config_t, rms_norm_eps));
    field(offsetof(tbrm_model_config_t, rope_attention_factor));
    field(offsetof(tbrm_model_config_t, head_kind));
    field(offsetof(tbrm_model_config_t, head_budget_bytes));
    begin("tbrm_adapter_config", sizeof(tbrm_adapter_config_t));
    field(offsetof(tbrm_adapter_config_t, struct_size));
    field(offsetof(tbrm_adapter_config_t, rank));
    field(offsetof(tbrm_adapter_config_t, targets));
    field(offsetof(tbrm_adapter_config_t, trainable));
    field(offsetof(tbrm_adapter_config_t, scale));
    field(offsetof(tbrm_adapter_config_t, reserved));
    field(offsetof(tbrm_adapter_config_t, seed));
    begin("tbrm_rollout_config", sizeof(tbrm_rollout_config_t));
    field(offsetof(tbrm_rollout_config_t, struct_size));
    field(offsetof(tbrm_rollout_config_t, max_seqs));
    field(offsetof(tbrm_rollout_config_t, max_batched_tokens));
    field(offsetof(tbrm_rollout_config_t, reserved));
    field(offsetof(tbrm_rollout_config_t, kv_budget_bytes));
    begin("tbrm_sampling", sizeof(tbrm_sampling_t));
    field(offsetof(tbrm_sampling_t, struct_size));
    field(offsetof(tbrm_sampling_t, max_new_tokens));
    field(offsetof(tbrm_sampling_t, min_new_tokens));
    field(offsetof(tbrm_sampling_t, top_k));
    field(offsetof(tbrm_sampling_t, top_p));
    field(offsetof(tbrm_sampling_t, min_p));
    field(offsetof(tbrm_sampling_t, temperature));
    field(offsetof(tbrm_sampling_t, repetition_penalty));
    field(offsetof(tbrm_sampling_t, seed));
    field(offsetof(tbrm_sampling_t, sampled_vocab_size));
    field(offsetof(tbrm_sampling_t, n_stop_ids));
    field(offsetof(tbrm_sampling_t, stop_ids));
    field(offsetof(tbrm_sampling_t, n_stop_strings));
    field(offsetof(tbrm_sampling_t, reserved));
    field(offsetof(tbrm_sampling_t, stop_string_offsets));
    field(offsetof(tbrm_sampling_t, stop_string_bytes));
    begin("tbrm_finished", sizeof(tbrm_finished_t));
    field(offsetof(tbrm_finished_t, trajectory_id));
    field(offsetof(tbrm_finished_t, n_tokens));
    field(offsetof(tbrm_finished_t, reason));
    begin("tbrm_rollout_status", sizeof(tbrm_rollout_status_t));
    field(offsetof(tbrm_rollout_status_t, n_waiting));
    field(offsetof(tbrm_rollout_status_t, n_running));
    field(offsetof(tbrm_rollout_status_t, n_finished));
    field(offsetof(tbrm_rollout_status_t, reserved));
    field(offsetof(tbrm_rollout_status_t, n_pages));
    field(offsetof(tbrm_rollout_status_t, n_pages_free));
    field(offsetof(tbrm_rollout_status_t, n_preemptions));
    field(offsetof(tbrm_rollout_status_t, n_prefill_tokens));
    field(offsetof(tbrm_rollout_status_t, n_decode_tokens));
    begin("tbrm_batch", sizeof(tbrm_batch_t));
    field(offsetof(tbrm_batch_t, struct_size));
    field(offsetof(tbrm_batch_t, temperature));
    field(offsetof(tbrm_batch_t, n_seqs));
    field(offsetof(tbrm_batch_t, n_tokens));
    field(offsetof(tbrm_batch_t, n_rows));
    field(offsetof(tbrm_batch_t, ids));
    field(offsetof(tbrm_batch_t, offsets));
    field(offsetof(tbrm_batch_t, rows));
    field(offsetof(tbrm_batch_t, labels));
    begin("tbrm_residual_args", sizeof(tbrm_residual_args_t));
    field(offsetof(tbrm_residual_args_t, struct_size));
    field(offsetof(tbrm_residual_args_t, kind));
    field(offsetof(tbrm_residual_args_t, beta));
    field(offsetof(tbrm_residual_args_t, loss_scale));
    field(offsetof(tbrm_residual_args_t, detach_value));
    field(offsetof(tbrm_residual_args_t, reserved));
    field(offsetof(tbrm_residual_args_t, n_seqs));
    field(offsetof(tbrm_residual_args_t, n_rows));
    field(offsetof(tbrm_residual_args_t, row_offsets));
    field(offsetof(tbrm_residual_args_t, ref_logp));
    field(offsetof(tbrm_residual_args_t, ref_v1));
    field(offsetof(tbrm_residual_args_t, reward));
    field(offsetof(tbrm_residual_args_t, weight));
    field(offsetof(tbrm_residual_args_t, bootstrap));
    field(offsetof(tbrm_residual_args_t, v_frozen));
    field(offsetof(tbrm_residual_args_t, ref_v_end));
    begin("tbrm_optimizer_config", sizeof(tbrm_optimizer_config_t));
    field(offsetof(tbrm_optimizer_config_t, struct_size));
    field(offsetof(tbrm_optimizer_config_t, beta1));
    field(offsetof(tbrm_optimizer_config_t, beta2));
    field(offsetof(tbrm_optimizer_config_t, eps));
    field(offsetof(tbrm_optimizer_config_t, weight_decay));
    begin("tbrm_step_result", sizeof(tbrm_step_result_t));
    field(offsetof(tbrm_step_result_t, grad_norm));
    field(offsetof(tbrm_step_result_t, step));
    field(offsetof(tbrm_step_result_t, applied));
    field(offsetof(tbrm_step_result_t, reserved));
    begin("tbrm_head_args", sizeof(tbrm_head_args_t));
    field(offsetof(tbrm_head_args_t, struct_size));
    field(offsetof(tbrm_head_args_t, dtype));
    field(offsetof(tbrm_head_args_t, n_rows));
    field(offsetof(tbrm_head_args_t, vocab_size));
    field(offsetof(tbrm_head_args_t, hidden_size));
    field(offsetof(tbrm_head_args_t, budget_bytes));
    field(offsetof(tbrm_head_args_t, temperature));
    field(offsetof(tbrm_head_args_t, reserved));
    field(offsetof(tbrm_head_args_t, x));
    field(offsetof(tbrm_head_args_t, w));
    field(offsetof(tbrm_head_args_t, labels));
    return text;
}

}  // namespace

extern "C" const char* tbrm_abi_layout(void) noexcept {
    static const std::string text = layout_text();
    return text.c_str();
}
