#!/usr/bin/env bash
# A reward of your own as a .NET class: examples/grader/csharp.sh [key=value ...]
# OUT: the folder (runs/example-csharp). ROWS, SFT_STEPS, STEPS: the size. GRADER: the assembly, when it is built already.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-csharp}
"$here/rows.sh" "$out" "${ROWS:-2000}"
if [ -z "${GRADER:-}" ]; then
    dotnet build "$here/csharp" -c Release --verbosity quiet
    GRADER=$here/../../artifacts/bin/NearestGrader/release/NearestGrader.dll
fi
printf '%s\n' '{"data_source":"sums","solution_str":"It is 19.","ground_truth":"19"}' \
    '{"data_source":"sums","solution_str":"16","ground_truth":"19"}' >"$out/answers.jsonl"
tbrm-native score --grader assembly --in "$out/answers.jsonl" --out "$out/scored.jsonl" "path=$GRADER" type=Example.NearestGrader reach=10
cat "$out/scored.jsonl"

tbrm-native train -c "$here/config.yaml" "data.train_files=[$out/train.jsonl]" "data.val_files=[$out/test.jsonl]" \
    reward.grader=assembly "reward.grader_options={path: $GRADER, type: Example.NearestGrader, reach: 10}" \
    "sft.total_training_steps=${SFT_STEPS:-100}" "trainer.total_training_steps=${STEPS:-40}" trainer.test_freq=10 --run-dir "$out/train" "$@"
tbrm-native eval --run-dir "$out/train"
