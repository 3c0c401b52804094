#!/usr/bin/env bash
# Builds the library with CUDA on a machine that has a GPU, tests its kernels, trains and generates with them, and measures them, in one call of
# less than ten minutes.
#     bench/gpu/run.sh [RESULTS]      RESULTS: a folder; else $OUT, else bench/results/gpu-<commit>
# Needs nvcc (12 or later), CMake, Ninja, a C++ compiler and the GPU; nothing is downloaded. bench/gpu/pack.sh, called where .NET is installed,
# makes artifacts/gpu, which brings along tbrm-native itself; without it the kernels are tested and measured, and training is left out.
# Goes on after a part that fails or runs out of its time. What must be right comes first, what is measured last; RESULTS/log.txt and
# results.jsonl grow as it goes. Exits with 1 when a part failed, 77 when there is no GPU, 2 when a tool is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
results=${1:-${OUT:-bench/results/gpu-$commit}}
pack=${TBRM_PACK:-artifacts/gpu}
runs=artifacts/gpu-runs
native=artifacts/native/cuda
deadline=${TBRM_GPU_SECONDS:-560} # all parts together
failed=()

say() { printf 'run.sh: %s\n' "$*" | tee -a "$log"; }

# part NAME SECONDS COMMAND...: its output goes to the log; a failure is noted, shown, and does not stop the others.
part() {
    local name=$1 limit=$2 start=$SECONDS rc=0 before
    shift 2
    [ $((deadline - SECONDS)) -gt "$limit" ] || limit=$((deadline - SECONDS))
    if [ "$limit" -lt 5 ]; then
        failed+=("$name")
        say "$name: left out, the time is up"
        return 1
    fi
    printf '\n==== %s\n' "$name" >>"$log"
    before=$(wc -c <"$log")
    timeout --kill-after=5 "$limit" "$@" >>"$log" 2>&1 || rc=$?
    tail -c +$((before + 1)) "$log" >"$last"
    say "$name: exit $rc after $((SECONDS - start)) s"
    [ $rc -eq 0 ] || { failed+=("$name"); tail -25 "$last"; }
    return $rc
}

# Like part, for programs that print one JSON object per measurement; those are collected, also of one that was stopped.
bench() {
    [ -x "$3" ] || { failed+=("$1"); say "$1: $3 was not built"; return; }
    part "$@"
    grep '^{' "$last" | tee -a "$results/results.jsonl"
}

machine() {
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem --format=csv
    nvcc --version
    cmake --version
    "${CXX:-c++}" --version
    python3 -c 'import importlib.metadata as m; print("torch", m.version("torch"))'
    uname -r
    echo "commit $commit"
}

# The compute capability of the first GPU, as CMake names it; 9.0 gets the features of its own family (wgmma, TMA).
architecture() {
    local capability
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader)
    capability=${capability%%$'\n'*}
    capability=${capability//[. ]/}
    case "$capability" in 90) echo 90a-real ;; *) echo "$capability-real" ;; esac
}

# Found without importing it, which takes long.
torch_folder() {
    [ -z "${TBRM_TORCH_DIR:-}" ] || { echo "$TBRM_TORCH_DIR"; return; }
    python3 -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")' 2>/dev/null
}

# A toolkit without cuBLAS borrows the one that Python's torch brought along, whose files have no development names: CMake arguments, one a line.
borrowed_cublas() {
    local header root name
    [ -z "$(find -L "$toolkit/include" "$toolkit/targets" -maxdepth 3 -name cublas_v2.h -print -quit 2>/dev/null)" ] || return 0
    header=$(find -L "$(torch_folder)/../nvidia" -name cublas_v2.h -print -quit 2>/dev/null)
    [ -n "$header" ] || return 0
    root=$(cd "$(dirname "$header")/.." && pwd)
    mkdir -p "$runs/cublas"
    for name in cublas cublasLt; do ln -sf "$(find "$root/lib" -name "lib$name.so*" -print -quit)" "$runs/cublas/lib$name.so"; done
    printf '%s\n' "-DCMAKE_LIBRARY_PATH=$PWD/$runs/cublas" "-DCMAKE_CXX_FLAGS=-isystem $root/include" "-DCMAKE_CUDA_FLAGS=-isystem $root/include" \
        "-DCMAKE_BUILD_RPATH=$root/lib"
}

configure() { (cd native && cmake --preset cuda -Wno-dev "$@"); }

# libtorch serves one comparison on the CPU only: without it, or with one that does not fit, the rest is built. A compiler that nobody has tried
# may warn of what others do not: no reason to stop here. -k 0: a file that does not compile leaves the programs that do without it.
build() {
    local arguments=("-DCMAKE_CUDA_ARCHITECTURES=$(architecture)" -DTBRM_WARNINGS_AS_ERRORS=OFF) torch
    [ ! -e "$pack/include/nlohmann/json.hpp" ] || arguments+=("-DTBRM_NLOHMANN_INCLUDE=$PWD/$pack/include")
    mapfile -t -O "${#arguments[@]}" arguments < <(borrowed_cublas)
    torch=$(torch_folder)
    if [ -z "$torch" ] || ! configure "${arguments[@]}" -DTBRM_WITH_TORCH=ON -DTBRM_TORCH_DIR="$torch"; then
        configure "${arguments[@]}" -DTBRM_WITH_TORCH=OFF || return
    fi
    (cd native && cmake --build --preset cuda -- -k 0)
}

tests() { TBRM_REQUIRE_CUDA=1 ctest --test-dir "$native" -R cuda -j 4 --timeout 120 --output-on-failure; }

# What failed, again: every launch waited for, so that a fault shows where it is; and under the checker of memory accesses, where there is one.
faults() {
    TBRM_REQUIRE_CUDA=1 TBRM_SYNC_LAUNCHES=1 ctest --test-dir "$native" -R cuda --rerun-failed --timeout 60 --output-on-failure
    ! command -v compute-sanitizer >/dev/null || timeout 60 compute-sanitizer --print-limit 20 "$native/tests/test_cuda_twins"
}

# The program finds the library just built before any other.
program() { TBRM_NATIVE_DIR="$PWD/$native" DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$pack/tbrm-native" "$@"; }

weights=checkpoints/global_step_8/actor/huggingface

train_twice() {
    local steps="sft.total_training_steps=200 trainer.total_training_steps=8 trainer.test_freq=-1 trainer.save_freq=-1"
    # shellcheck disable=SC2086
    program train --run-dir "$runs/one" trainer.device=cuda $steps &&
        program train --run-dir "$runs/two" trainer.device=cuda $steps || return 1
    # The same command gives the same bits, and the rollout's log-probs are the trainer's.
    cmp "$runs/one/$weights/model.safetensors" "$runs/two/$weights/model.safetensors" || return
    [ "$(grep -o '"training/rollout_probs_diff_max":[^,}]*' "$runs/one/metrics.jsonl" | sort -u)" = '"training/rollout_probs_diff_max":0' ] ||
        { echo "training/rollout_probs_diff_max is not 0 in every step"; return 1; }
}

# Every answer to the same prompt, greedy, is one; the processor's answers stand beside them.
generate() {
    local device
    printf '{"prompt": "What is 12 + 34?"}\n%.0s' 1 2 3 4 5 6 7 8 >"$runs/prompts.jsonl"
    for device in cuda cpu; do
        program generate --in "$runs/prompts.jsonl" --out "$runs/$device.jsonl" trainer.device=$device \
            model.path="$runs/one/$weights" rollout.temperature=0 || return 1
        echo "$device:"
        head -2 "$runs/$device.jsonl"
        [ "$(sed 's/"index":[0-9]*,//' "$runs/$device.jsonl" | sort | uniq -c | awk '{print $1}')" = 8 ] ||
            { echo "expected 8 equal answers"; return 1; }
    done
}

mkdir -p "$results" || exit 2
log=$results/log.txt
last=$(mktemp)
trap 'rm -f "$last"' EXIT
: >"$log"
: >"$results/results.jsonl"
export PATH="$PATH:/usr/local/cuda/bin"
for tool in nvcc cmake ninja; do
    command -v "$tool" >/dev/null || { say "$tool is missing; install the CUDA toolkit, CMake and Ninja, or put them on PATH"; exit 2; }
done
if ! nvidia-smi -L >/dev/null 2>&1; then
    say "nvidia-smi finds no GPU: nothing to test or to measure here"
    exit 77
fi
toolkit=$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")
export LD_LIBRARY_PATH=$toolkit/lib64:$toolkit/targets/x86_64-linux/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export -f machine build architecture torch_folder borrowed_cublas configure tests faults program train_twice generate
export commit pack native runs weights toolkit
rm -rf "$runs"
mkdir -p "$runs"

part machine 30 bash -c machine
part build 280 bash -c build
if [ -x "$native/tests/test_cuda_twins" ]; then
    part tests 150 bash -c tests || part faults 100 bash -c faults
fi
if [ ! -x "$pack/tbrm-native" ]; then
    say "$pack/tbrm-native is not there (bench/gpu/pack.sh makes it): training is left out"
elif [ -e "$native/libtbrm.so" ]; then
    part doctor 20 bash -c 'program doctor'
    part training 90 bash -c train_twice
    for file in report.html metrics.jsonl; do
        [ ! -e "$runs/one/$file" ] || cp "$runs/one/$file" "$results/train-$file"
    done
    [ ! -e "$runs/one/$weights/model.safetensors" ] || part generate 40 bash -c generate
fi
bench gemm 60 "$native/bench/bench_gemm_cuda" rounds=10 dtype=1
bench attention 45 "$native/bench/bench_attention_cuda"
bench head 60 "$native/bench/bench_head_cuda" rounds=10 dtype=1
bench head_long 60 "$native/bench/bench_head_cuda" rows=32768 rounds=3 dtype=1
bench head_fp32 60 "$native/bench/bench_head_cuda" rounds=3 dtype=0
bench gemm_fp32 60 "$native/bench/bench_gemm_cuda" rounds=3 dtype=0
say "$SECONDS s in all; results in $results"
[ ${#failed[@]} -eq 0 ] || { say "failed: ${failed[*]}"; exit 1; }
