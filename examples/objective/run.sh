#!/usr/bin/env bash
# An objective of your own: its gradient is checked, then it trains: examples/objective/run.sh [key=value ...]
# OUT: the folder (runs/example-objective). BASE: a folder that examples/gsm8k/base.sh made, so that it need not be made again. STEPS: the size.
# OBJECTIVE: the assembly, when it is built already.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-objective}
[ -n "${BASE:-}" ] || { BASE=$out/base; "$here/../gsm8k/base.sh" "$BASE" "$@"; }
if [ -z "${OBJECTIVE:-}" ]; then
    dotnet build "$here" -c Release --verbosity quiet
    OBJECTIVE=$here/../../artifacts/bin/HuberBellman/release/HuberBellman.dll
fi
tbrm-native objective check "assembly:$OBJECTIVE#Example.HuberBellmanLoss" beta=0.1
tbrm-native train -c "$here/../gsm8k/config.yaml" "data.train_files=[$BASE/train.parquet]" "data.val_files=[$BASE/test.parquet]" \
    "model.path=$BASE/sft" "algorithm.name=assembly:$OBJECTIVE#Example.HuberBellmanLoss" "algorithm.options={beta: 0.05}" \
    "trainer.total_training_steps=${STEPS:-12}" trainer.test_freq=6 --run-dir "$out/train" "$@"
tbrm-native eval --run-dir "$out/train"
