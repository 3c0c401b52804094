#!/usr/bin/env bash
# Sums in verl's row schema, the same on every machine: examples/grader/rows.sh FOLDER ROWS
set -euo pipefail
[ ! -e "$1" ] || { echo "$1 is there already; OUT=ANOTHER_FOLDER names another" >&2; exit 2; }
mkdir -p "$1"
awk -v train="$2" -v test=200 -v out="$1" '
function below(n) { seed = (seed * 16807) % 2147483647; return seed % n }
BEGIN {
    seed = 1
    for (i = 0; i < train + test; i++) {
        a = 2 + below(19); b = 2 + below(19)
        printf "{\"data_source\": \"sums\", \"prompt\": \"How much is %d and %d?\", \"reward_model\": {\"ground_truth\": \"%d\"}}\n",
            a, b, a + b >(out (i < train ? "/train.jsonl" : "/test.jsonl"))
    }
}'
