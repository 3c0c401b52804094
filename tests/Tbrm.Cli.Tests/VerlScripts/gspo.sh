#!/usr/bin/env bash
# Keys with + and ++, names cut out of a path, and a default within a default.
MODEL_PATH=${MODEL:-${MODEL_ROOT:-Qwen}/Qwen3-8B}
NAME=$(basename "$MODEL_PATH")
LOW=${LOW:-3e-4} HIGH=${HIGH:-4e-4}
GPUS=${GPUS:-8}
declare -a ARGS=(
    algorithm.adv_estimator=grpo
    algorithm.use_kl_in_reward=False
    "data.train_files=['${DATA_DIR:-$HOME/data}/gsm8k/train.parquet']"
    "data.val_files=['${DATA_DIR:-$HOME/data}/gsm8k/test.parquet']"
    data.train_batch_size=512
    data.max_prompt_length=2048
    data.max_response_length=8192
    data.filter_overlong_prompts=True
    data.truncation='error'
    actor_rollout_ref.model.path="${MODEL_PATH}"
    actor_rollout_ref.model.use_remove_padding=True
    actor_rollout_ref.model.enable_gradient_checkpointing=True
    actor_rollout_ref.actor.policy_loss.loss_mode=gspo
    actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean
    actor_rollout_ref.actor.clip_ratio_low=$LOW
    actor_rollout_ref.actor.clip_ratio_high=$HIGH
    actor_rollout_ref.actor.clip_ratio_c=10.0
    actor_rollout_ref.actor.optim.lr=1e-6
    actor_rollout_ref.actor.ppo_mini_batch_size=128
    actor_rollout_ref.actor.use_kl_loss=False
    actor_rollout_ref.actor.entropy_coeff=0
    +actor_rollout_ref.actor.fsdp_config.model_dtype=bfloat16
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.n=16
    ++actor_rollout_ref.rollout.quantization=null
    +actor_rollout_ref.rollout.engine_kwargs.vllm.compilation_config.cudagraph_mode=FULL_DECODE_ONLY
    actor_rollout_ref.rollout.gpu_memory_utilization=0.6
    actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu=20480
    trainer.critic_warmup=0
    trainer.logger='["console","wandb"]'
    trainer.project_name=gspo_gsm8k_math
    trainer.experiment_name="gspo_${NAME,,}"
    trainer.n_gpus_per_node=$GPUS
    trainer.nnodes=1
    trainer.balance_batch=True
    trainer.save_freq=20
    trainer.test_freq=10
    trainer.total_epochs=10
)
python3 -m verl.trainer.main_ppo "${ARGS[@]}" "$@" 2>&1 | tee train.log
