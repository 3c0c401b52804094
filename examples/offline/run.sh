#!/usr/bin/env bash
# Offline: TBRM learns from a file of responses and rewards, and generates nothing itself: examples/offline/run.sh [key=value ...]
# OUT: the folder (runs/example-offline). BASE: a folder that examples/gsm8k/base.sh made, so that it need not be made again. STEPS: the size.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-offline}
[ -n "${BASE:-}" ] || { BASE=$out/base; "$here/../gsm8k/base.sh" "$BASE" "$@"; }
model=$(ls -d "$BASE"/sft/checkpoints/global_step_*/actor/huggingface | sort -V | tail -n 1)
mkdir -p "$out"

# 1. Somebody's responses with their rewards: the worked answer is worth 1, the chatty one nothing. No log-probs are needed.
paste -d '\n' <(sed -e 's/^{"question": "\(.*\)", "answer": "\(.*\)"}$/{"prompt": "\1 FORM", "response": "\2", "reward": 1}/' \
    -e "s/FORM/Let's think step by step and output the final answer after \\\\\"####\\\\\"./" "$BASE/train.jsonl") \
    <(sed 's/}$/, "reward": 0}/' "$BASE/chat.jsonl") >"$out/responses.jsonl"

# 2. The reference policy's log-probs, computed once, so that training needs no reference in memory.
tbrm-native data prepare "$out/responses.jsonl" --reference "$model" --out "$out/trajectories.jsonl" --set data.max_prompt_length=96 \
    --set data.max_response_length=48

tbrm-native train -c "$here/../gsm8k/config.yaml" "data.trajectories=[$out/trajectories.jsonl]" "data.val_files=[$BASE/test.parquet]" \
    "model.path=$model" "trainer.total_training_steps=${STEPS:-24}" trainer.test_freq=6 --run-dir "$out/train" "$@" rollout.n=0
tbrm-native eval --run-dir "$out/train" --checkpoint best
