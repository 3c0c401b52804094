#!/usr/bin/env bash
# A reward of your own as a program (Python): examples/grader/python.sh [key=value ...]
# OUT: the folder (runs/example-python). ROWS, SFT_STEPS, STEPS: the size. PYTHON: the interpreter.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-python}
"$here/rows.sh" "$out" "${ROWS:-2000}"
command="command=[\"${PYTHON:-python3}\",\"$here/grade.py\"]"

# First alone, on answers of which the grades are known.
printf '%s\n' '{"data_source":"sums","solution_str":"It is 19.","ground_truth":"19"}' \
    '{"data_source":"sums","solution_str":"16","ground_truth":"19"}' >"$out/answers.jsonl"
tbrm-native score --grader command --in "$out/answers.jsonl" --out "$out/scored.jsonl" "$command"
cat "$out/scored.jsonl"

tbrm-native train -c "$here/config.yaml" "data.train_files=[$out/train.jsonl]" "data.val_files=[$out/test.jsonl]" \
    reward.grader=command "reward.grader_options={$(echo "$command" | sed 's/=/: /')}" \
    "sft.total_training_steps=${SFT_STEPS:-100}" "trainer.total_training_steps=${STEPS:-40}" trainer.test_freq=10 --run-dir "$out/train" "$@"
tbrm-native eval --run-dir "$out/train"
