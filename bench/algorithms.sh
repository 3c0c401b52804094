#!/bin/sh
# The algorithms on the default task: five paired seeds, four trials each over the learning rate on another seed, both budgets.
# 512 responses a step for every arm. Goes on where it was stopped.
#   bench/algorithms.sh [FOLDER] [more options of compare, such as --parallel 2 or --controls]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-runs/algorithms}
[ $# -eq 0 ] || shift
tbrm-native compare "tbrm-n4: tbrm rollout.n=4 data.train_batch_size=128" "tbrm-n1: tbrm rollout.n=1 data.train_batch_size=512" \
    "ppo: ppo rollout.n=1 data.train_batch_size=512" "grpo: grpo rollout.n=4 data.train_batch_size=128" \
    "rloo: rloo rollout.n=4 data.train_batch_size=128" "reval: reval rollout.n=4 data.train_batch_size=128" \
    "a-star-po: a_star_po rollout.n=1 data.train_batch_size=512" \
    -c default --run-dir "$folder" --grid actor.optim.lr=1.0e-4,2.5e-4,5.0e-4,1.0e-3 --trials 4 "$@"
"$here/publish.sh" "$folder" comparison
