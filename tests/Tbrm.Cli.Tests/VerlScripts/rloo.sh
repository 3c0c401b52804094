#!/bin/bash
# Arithmetic, a command with (( )), and an array that grows.
GPUS=8 ; PER_GPU=${PER_GPU:-128}
if (( GPUS * PER_GPU < 512 || PER_GPU % 2 != 0 )); then
    echo "too few" ; exit 1
fi
DATA=${DATA_DIR:-$HOME/data}
common=(
    algorithm.adv_estimator=rloo
    algorithm.use_kl_in_reward=True
    algorithm.kl_penalty=kl
    algorithm.kl_ctrl.kl_coef=0.001
    data.train_files=[$DATA/gsm8k/train.parquet,$DATA/math/train.parquet]
    data.val_files=[$DATA/gsm8k/test.parquet]
    data.train_batch_size=$((GPUS * PER_GPU))
    data.max_prompt_length=1024
    data.max_response_length=$((2 * 1024))
    data.filter_overlong_prompts=True
    data.truncation=error
)
common+=(actor_rollout_ref.model.path=${MODEL:-Qwen/Qwen3-8B} actor_rollout_ref.model.use_remove_padding=True)
common+=(
    actor_rollout_ref.model.enable_gradient_checkpointing=True
    actor_rollout_ref.actor.optim.lr=1e-6
    actor_rollout_ref.actor.ppo_mini_batch_size=256
    actor_rollout_ref.actor.use_kl_loss=False
    actor_rollout_ref.actor.entropy_coeff=0
    actor_rollout_ref.actor.use_dynamic_bsz=True
    actor_rollout_ref.actor.fsdp_config.optimizer_offload=False
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.n=5
    actor_rollout_ref.rollout.tensor_model_parallel_size=2
    actor_rollout_ref.rollout.gpu_memory_utilization=0.6
    actor_rollout_ref.ref.log_prob_use_dynamic_bsz=True
    actor_rollout_ref.ref.fsdp_config.param_offload=True
    trainer.critic_warmup=0
    trainer.logger='["console","wandb"]'
    trainer.project_name=rloo_gsm8k_math
    trainer.experiment_name=qwen3_8b_vllm
    trainer.n_gpus_per_node=$GPUS
    trainer.nnodes=1
    trainer.balance_batch=True
    trainer.save_freq=20
    trainer.test_freq=5
    trainer.total_epochs=15
)
python3 -m verl.trainer.main_ppo "${common[@]}" "${@:1}"
