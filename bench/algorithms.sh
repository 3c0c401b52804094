#!/bin/sh
# The algorithms on the default task: five paired seeds, three trials each over the learning rate on another seed, both budgets, of which the
# seconds are the processor's. 512 responses a step for every arm. Goes on where it was stopped. About two hours of one core.
#   bench/algorithms.sh [FOLDER] [more options of compare, such as --parallel 2 or --controls]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-runs/algorithms}
[ $# -eq 0 ] || shift
tbrm-native compare "tbrm-n4: tbrm rollout.n=4 data.train_batch_size=128" "tbrm-n1: tbrm rollout.n=1 data.train_batch_size=512" \
    "ppo: ppo rollout.n=1 data.train_batch_size=512" "ppo-shared: ppo critic.shared_trunk=true rollout.n=1 data.train_batch_size=512" \
    "grpo: grpo rollout.n=4 data.train_batch_size=128" \
    "rloo: rloo rollout.n=4 data.train_batch_size=128" "reval: reval rollout.n=4 data.train_batch_size=128" \
    "a-star-po: a_star_po rollout.n=1 data.train_batch_size=512" \
    -c default --run-dir "$folder" --grid actor.optim.lr=2.5e-4,5.0e-4,1.0e-3 --trials 3 --clock cpu \
    trainer.threads=1 trainer.dump_rollouts=false trainer.test_freq=6 "$@"
"$here/publish.sh" "$folder" algorithms
