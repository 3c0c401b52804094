#!/usr/bin/env bash
# Builds the library with CUDA on a machine that has a GPU, tests its kernels, and measures them, in one call of less than ten minutes.
#     bench/gpu/run.sh [RESULTS]      RESULTS: a folder; else $OUT, else bench/results/gpu-<commit>
# Needs nvcc (12 or later), CMake, Ninja, a C++ compiler and the GPU; nothing is downloaded. bench/gpu/pack.sh, called where .NET is installed,
# makes artifacts/gpu, which brings along tbrm-native itself; without it the kernels are tested and measured, and training is left out.
# Goes on after a part that fails; exits with 1 when a build or a test failed, 77 when there is no GPU, 2 when a tool is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
results=${1:-${OUT:-bench/results/gpu-$commit}}
pack=${TBRM_PACK:-artifacts/gpu}
native=artifacts/native/cuda
failed=()

say() { printf 'run.sh: %s\n' "$*" | tee -a "$results/log.txt"; }

# part NAME SECONDS COMMAND...: its output goes to NAME.txt; a failure is noted and does not stop the others.
part() {
    local name=$1 limit=$2 start=$SECONDS rc=0
    shift 2
    timeout --kill-after=10 "$limit" "$@" >"$results/$name.txt" 2>&1 || rc=$?
    say "$name: exit $rc after $((SECONDS - start)) s"
    [ $rc -eq 0 ] || { failed+=("$name"); tail -25 "$results/$name.txt"; }
    return $rc
}

# Like part, for programs that print one JSON object per measurement; those are collected.
bench() {
    local name=$1
    part "$@"
    grep '^{' "$results/$name.txt" | tee -a "$results/results.jsonl"
}

machine() {
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem --format=csv
    nvcc --version
    cmake --version
    "${CXX:-c++}" --version
    python3 -c 'import torch; print("torch", torch.__version__)'
    uname -r
    echo "commit $commit"
}

# The compute capability of the first GPU, as CMake names it; 9.0 gets the features of its own family (wgmma, TMA).
architecture() {
    local capability
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d '. ')
    case "$capability" in 90) echo 90a-real ;; *) echo "$capability-real" ;; esac
}

build() {
    local torch=ON json=()
    python3 -c 'import torch' 2>/dev/null || [ -n "${TBRM_TORCH_DIR:-}" ] || torch=OFF
    [ ! -e "$pack/include/nlohmann/json.hpp" ] || json=(-DTBRM_NLOHMANN_INCLUDE="$PWD/$pack/include")
    (cd native && cmake --preset cuda -Wno-dev -DTBRM_WITH_TORCH="$torch" "${json[@]}" -DCMAKE_CUDA_ARCHITECTURES="$(architecture)" &&
        cmake --build --preset cuda -- -k 0)
}

# The program finds the library just built before any other.
program() { TBRM_NATIVE_DIR="$PWD/$native" DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$pack/tbrm-native" "$@"; }

train_twice() {
    local steps="sft.total_training_steps=200 trainer.total_training_steps=8 trainer.test_freq=-1 trainer.save_freq=-1"
    # shellcheck disable=SC2086
    program train --run-dir "$results/train" trainer.device=cuda $steps &&
        program train --run-dir "$results/train-again" trainer.device=cuda $steps || return 1
    # The same command gives the same bits: weights, and every metric but the times.
    cmp "$results"/train/checkpoints/global_step_8/actor/huggingface/model.safetensors \
        "$results"/train-again/checkpoints/global_step_8/actor/huggingface/model.safetensors
}

mkdir -p "$results" || exit 2
: >"$results/log.txt"
: >"$results/results.jsonl"
export PATH="$PATH:/usr/local/cuda/bin"
for tool in nvcc cmake ninja; do
    command -v "$tool" >/dev/null || { say "$tool is missing; install the CUDA toolkit, CMake and Ninja, or put them on PATH"; exit 2; }
done
if ! nvidia-smi -L >/dev/null 2>&1; then
    say "nvidia-smi finds no GPU: nothing to test or to measure here"
    exit 77
fi
export -f machine build architecture program train_twice
export commit results pack native
part machine 30 bash -c machine
if part build 270 bash -c build; then
    part tests 150 env TBRM_REQUIRE_CUDA=1 ctest --test-dir "$native" -R cuda --output-on-failure
    bench head 60 "$native/bench/bench_head_cuda" rounds=10
    bench head_long 60 "$native/bench/bench_head_cuda" rows=32768 rounds=3 dtype=1
    for program in "$native"/bench/bench_*_cuda; do
        name=$(basename "$program")
        case "$name" in bench_head_cuda) ;; *) bench "${name#bench_}" 45 "$program" ;; esac
    done
    if [ -x "$pack/tbrm-native" ]; then
        part doctor 20 bash -c 'program doctor'
        part training 90 bash -c train_twice
    else
        say "$pack/tbrm-native is not there (bench/gpu/pack.sh makes it): training is left out"
    fi
fi
rm -rf "$results"/train*/checkpoints
say "$SECONDS s in all; results in $results"
[ ${#failed[@]} -eq 0 ] || { say "failed: ${failed[*]}"; exit 1; }
