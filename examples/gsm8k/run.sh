#!/usr/bin/env bash
# GSM8K from raw rows to a model that can be served, on a made-up set of its shape: examples/gsm8k/run.sh [key=value ...]
# OUT: the folder (runs/example-gsm8k). ROWS, SFT_STEPS, STEPS: the size.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=${OUT:-runs/example-gsm8k}
"$here/base.sh" "$out" "$@"

# 3. TBRM from the supervised model: reward 1 where the number behind #### is right.
tbrm-native train -c "$here/config.yaml" "data.train_files=[$out/train.parquet]" "data.val_files=[$out/test.parquet]" \
    "model.path=$out/sft" "trainer.total_training_steps=${STEPS:-24}" trainer.test_freq=6 --run-dir "$out/train" "$@"

# 4. The trained model on the test rows, and one question of your own.
tbrm-native eval --run-dir "$out/train" --checkpoint best
tbrm-native generate --run-dir "$out/train" --prompt "Ann has 7 pens and gets 8 more. How many pens does Ann have now? Let's think step by step and output the final answer after \"####\"."

# 5. What other programs load is an ordinary Hugging Face folder.
model=$(ls -d "$out"/train/checkpoints/global_step_*/actor/huggingface | sort -V | tail -n 1)
echo "model: $model"
cat <<TEXT
serve it elsewhere:
  vllm serve $model
  python -m sglang.launch_server --model-path $model
  tbrm-native export gguf --model $model --out model.gguf      # for llama.cpp
TEXT
