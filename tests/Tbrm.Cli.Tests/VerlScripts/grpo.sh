#!/usr/bin/env bash
# Arrays, a case, defaults that the environment may set, and the caller's own keys at the end.
set -euo pipefail
DEVICE=${DEVICE:-$(python3 -c 'import torch_npu' 2>/dev/null && echo npu || echo gpu)}
MODEL=${MODEL:-Qwen/Qwen3-8B}
GPUS=${GPUS:-8}
BATCH=${BATCH:-}
TOKENS=${TOKENS:-24576}
DATA_DIR=${DATA_DIR:-$HOME/data}
STAMP=$(date +%Y%m%d)

case "$DEVICE" in
    gpu) batch=${BATCH:-1024}; tp=2 ;;
    npu) batch=${BATCH:-256}; tp=4; export HYDRA_FULL_ERROR=1 ;;
    *) echo "no such device: $DEVICE" >&2; exit 1 ;;
esac

LAUNCH=(python3)
RAY=(ray_kwargs.ray_init.runtime_env.py_executable=null)
if [ "${USE_UV:-1}" != 0 ] && [ "$DEVICE" = gpu ]; then
    LAUNCH=(uv run --extra vllm python3)
    RAY=(ray_kwargs.ray_init.runtime_env.py_executable="uv -v run --extra vllm")
fi

ALGORITHM=(algorithm.adv_estimator=grpo algorithm.use_kl_in_reward=False)
DATA=(
    data.train_files="['$DATA_DIR/gsm8k/train.parquet', '$DATA_DIR/math/train.parquet']"
    data.val_files="['$DATA_DIR/gsm8k/test.parquet']"
    data.train_batch_size=$batch
    data.max_prompt_length=1024
    data.max_response_length=2048
    data.filter_overlong_prompts=True
    data.truncation='error'
)
ACTOR=(
    actor_rollout_ref.model.path="$MODEL"
    actor_rollout_ref.model.use_remove_padding=True
    actor_rollout_ref.model.enable_gradient_checkpointing=True
    actor_rollout_ref.actor.optim.lr=1e-6
    actor_rollout_ref.actor.ppo_mini_batch_size=256
    actor_rollout_ref.actor.use_dynamic_bsz=True
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=$TOKENS
    actor_rollout_ref.actor.use_kl_loss=True
    actor_rollout_ref.actor.kl_loss_coef=0.001
    actor_rollout_ref.actor.kl_loss_type=low_var_kl
    actor_rollout_ref.actor.entropy_coeff=0
    actor_rollout_ref.actor.fsdp_config.param_offload=False
    actor_rollout_ref.actor.fsdp_config.optimizer_offload=False
)
ROLLOUT=(
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.tensor_model_parallel_size=$tp
    actor_rollout_ref.rollout.gpu_memory_utilization=0.6
    actor_rollout_ref.rollout.n=5
    actor_rollout_ref.rollout.log_prob_use_dynamic_bsz=True
    actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu=$TOKENS
    actor_rollout_ref.ref.log_prob_use_dynamic_bsz=True
    actor_rollout_ref.ref.log_prob_max_token_len_per_gpu=$TOKENS
    actor_rollout_ref.ref.fsdp_config.param_offload=True
)
TRAINER=(
    trainer.logger='["console","wandb"]'
    trainer.project_name=grpo_gsm8k_math
    trainer.experiment_name=qwen3_8b_$STAMP
    trainer.n_gpus_per_node=$GPUS
    trainer.nnodes=1
    trainer.balance_batch=True
    trainer.save_freq=20
    trainer.test_freq=5
    trainer.total_epochs=15
)
"${LAUNCH[@]}" -m verl.trainer.main_ppo "${ALGORITHM[@]}" "${DATA[@]}" "${ACTOR[@]}" \
    "${ROLLOUT[@]}" "${TRAINER[@]}" "${RAY[@]}" "$@"
