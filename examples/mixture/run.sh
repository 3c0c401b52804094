#!/usr/bin/env bash
# Several tasks at once, with an accuracy of each: examples/mixture/run.sh [key=value ...]
# OUT: the folder (runs/example-mixture). SFT_STEPS, STEPS: the size.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-mixture}
tbrm-native train -c "$here/config.yaml" "sft.total_training_steps=${SFT_STEPS:-150}" "trainer.total_training_steps=${STEPS:-40}" \
    trainer.test_freq=10 --run-dir "$out" "$@"
tbrm-native eval --run-dir "$out" --checkpoint best
