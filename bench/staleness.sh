#!/bin/sh
# How much staleness each algorithm bears: accuracy at the end of the default task when the rollout samples from the weights
# of 0, 1, 8, 64 and 400 updates ago. 160 small steps, so that 400 updates ago is always the weights that the run began with, at
# one learning rate for all. Five seeds; goes on where it was stopped. About 25 processor seconds a run, 125 runs.
#   bench/staleness.sh [FOLDER] [more options of compare, such as --seeds 1 --parallel 2]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-runs/staleness}
[ $# -eq 0 ] || shift
tbrm-native compare tbrm reval oapl grpo "grpo-is: grpo algorithm.rollout_correction.rollout_is=token" \
    --sweep rollout.lag=0,1,8,64,400 -c default --run-dir "$folder" --samples 0 --clock cpu \
    trainer.threads=1 actor.optim.lr=1.0e-4 data.train_batch_size=8 trainer.total_training_steps=160 trainer.test_freq=40 trainer.save_freq=160 trainer.dump_rollouts=false "$@"
"$here/publish.sh" "$folder" staleness
