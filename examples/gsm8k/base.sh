#!/usr/bin/env bash
# Rows and a model that can talk about them, the beginning of several examples: examples/gsm8k/base.sh FOLDER [key=value ...]
# ROWS, STEPS: training rows and supervised steps.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=$1
[ ! -e "$out" ] || { echo "$out is there already; OUT=ANOTHER_FOLDER names another" >&2; exit 2; }
mkdir -p "$out"
awk -v train="${ROWS:-2000}" -v test=200 -v out="$out" -f "$here/rows.awk"

# 1. From raw rows to verl's schema: prompt, ground truth, data source.
tbrm-native data prepare "$out/train.jsonl" --out "$out/train.parquet"
tbrm-native data prepare "$out/test.jsonl" --out "$out/test.parquet"

# 2. Supervised fine-tuning on worked answers and on chatty ones, half and half; the chatty ones earn nothing later.
tbrm-native sft -c "$here/config.yaml" "sft.train_files=[$out/train.jsonl,$out/chat.jsonl]" "data.val_files=[$out/test.parquet]" \
    "steps=${SFT_STEPS:-250}" --run-dir "$out/sft" "${@:2}"
