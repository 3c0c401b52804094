#!/usr/bin/env bash
# LoRA: an adapter is trained over frozen weights, exported for PEFT, and merged into them: examples/lora/run.sh [key=value ...]
# OUT: the folder (runs/example-lora). BASE: a folder that examples/gsm8k/base.sh made, so that it need not be made again. STEPS: the size.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-lora}
[ -n "${BASE:-}" ] || { BASE=$out/base; "$here/../gsm8k/base.sh" "$BASE" "$@"; }

# The base is the reference as well: no second copy of the weights. An adapter wants a higher learning rate than all weights do.
tbrm-native train -c "$here/../gsm8k/config.yaml" "data.train_files=[$BASE/train.parquet]" "data.val_files=[$BASE/test.parquet]" \
    "model.path=$BASE/sft" model.lora_rank=8 model.lora_alpha=16 actor.optim.lr=3e-3 \
    "trainer.total_training_steps=${STEPS:-12}" trainer.test_freq=6 --run-dir "$out/train" "$@"

tbrm-native export adapter --run-dir "$out/train" --out "$out/adapter"     # peft.PeftModel.from_pretrained loads it
tbrm-native export merge --run-dir "$out/train" --out "$out/merged"        # an ordinary model folder
tbrm-native eval "model.path=$out/merged" -c "$here/../gsm8k/config.yaml" "data.val_files=[$BASE/test.parquet]" --out "$out/merged.jsonl"
