#!/usr/bin/env bash
# PPO beside TBRM: the same first weights, prompts and seeds, the same number of sampled tokens: examples/compare/run.sh [key=value ...]
# OUT: the folder (runs/example-compare). BASE: a folder that examples/gsm8k/base.sh made, so that it need not be made again. STEPS, SEEDS: the size.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-compare}
[ -n "${BASE:-}" ] || { BASE=$out/base; "$here/../gsm8k/base.sh" "$BASE" "$@"; }
model=$(ls -d "$BASE"/sft/checkpoints/global_step_*/actor/huggingface | sort -V | tail -n 1)
tbrm-native compare tbrm "ppo: ppo critic.optim.lr=1e-3" -c "$here/../gsm8k/config.yaml" "data.train_files=[$BASE/train.parquet]" \
    "data.val_files=[$BASE/test.parquet]" "model.path=$model" rollout.n=1 data.train_batch_size=256 "trainer.total_training_steps=${STEPS:-16}" \
    trainer.test_freq=4 --seeds "${SEEDS:-1,2}" --samples 2 --run-dir "$out/comparison" "$@"
echo "page: $out/comparison/comparison.html"
