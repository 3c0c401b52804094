#!/usr/bin/env bash
# A launch in a branch that only running the script would decide, and a switch between two sets of keys.
device_name=$(python3 -c 'print("cuda")')
KL=${KL:-on}
if [[ $KL == on ]]; then
    KL_KEYS=(actor_rollout_ref.actor.use_kl_loss=True actor_rollout_ref.actor.kl_loss_coef=0.001 actor_rollout_ref.actor.kl_loss_type=low_var_kl)
else
    KL_KEYS=(actor_rollout_ref.actor.use_kl_loss=False)
fi
GPUS=8
PARAMS=(
    algorithm.adv_estimator=grpo
    algorithm.use_kl_in_reward=False
    data.train_files="[\"${DATA_DIR:-$HOME/data}/gsm8k/train.parquet\"]"
    data.val_files="[\"${DATA_DIR:-$HOME/data}/gsm8k/test.parquet\"]"
    data.train_batch_size=1024
    data.max_prompt_length=1024
    data.max_response_length=2048
    data.filter_overlong_prompts=True
    data.truncation='error'
    actor_rollout_ref.model.path=${MODEL:-Qwen/Qwen3-8B}
    actor_rollout_ref.model.enable_gradient_checkpointing=True
    actor_rollout_ref.actor.policy_loss.loss_mode=cispo
    actor_rollout_ref.actor.clip_ratio_low=10
    actor_rollout_ref.actor.clip_ratio_high=0.2
    actor_rollout_ref.actor.optim.lr=1e-6
    actor_rollout_ref.actor.ppo_mini_batch_size=256
    actor_rollout_ref.actor.entropy_coeff=0
    "${KL_KEYS[@]}"
    actor_rollout_ref.rollout.n=5
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.gpu_memory_utilization=0.6
    trainer.logger='["console","wandb"]'
    trainer.project_name=cispo_gsm8k_math
    trainer.experiment_name=qwen3_8b_vllm
    trainer.n_gpus_per_node=$GPUS
    trainer.nnodes=1
    trainer.balance_batch=True
    trainer.save_freq=20
    trainer.test_freq=5
    trainer.total_epochs=15
)
if [ -n "$device_name" ] && [ "$device_name" == "cuda" ]; then
    python3 -m verl.trainer.main_ppo "${PARAMS[@]}" "$@"
elif [ "$device_name" == "npu" ]; then
    python3 -m verl.trainer.main_ppo "${PARAMS[@]}" trainer.device=npu "$@"
fi
