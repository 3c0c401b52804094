#!/usr/bin/env bash
# An objective whose derivative nobody wrote: examples/autograd/run.sh [key=value ...]. It needs the C++ library of GCC 13 or newer, and 130 MB of packages.
# OUT, BASE, STEPS as in examples/objective/run.sh.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-autograd}
[ -n "${BASE:-}" ] || { BASE=$out/base; "$here/../gsm8k/base.sh" "$BASE" "$@"; }
dotnet build "$here" -c Release --verbosity quiet
objective=assembly:$here/../../artifacts/bin/HuberAutograd/release_linux-x64/HuberAutograd.dll#Example.HuberAutogradLoss
tbrm-native objective check "$objective" beta=0.1
tbrm-native train -c "$here/../gsm8k/config.yaml" "data.train_files=[$BASE/train.parquet]" "data.val_files=[$BASE/test.parquet]" \
    "model.path=$BASE/sft" "algorithm.name=$objective" "algorithm.options={beta: 0.05}" \
    "trainer.total_training_steps=${STEPS:-12}" trainer.test_freq=6 --run-dir "$out/train" "$@"
tbrm-native eval --run-dir "$out/train"
