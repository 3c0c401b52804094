#!/usr/bin/env bash
# Everything that CI leaves out on the emulator: full shapes, threads in other orders, and kernels whose multiplies and adds are never fused.
# Hours on two cores.     full.sh [NAME]: only tests whose name CTest matches with NAME
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../native" || exit 1
name=${1:-cuda|simt}
export TBRM_REQUIRE_CUDA=1 OMP_WAIT_POLICY=passive SIMT_THREADS=${SIMT_THREADS:-1}
failed=()
part() { # TITLE FOLDER VARIABLE=VALUE...
    local title=$1 folder=$2
    shift 2
    printf '== %s\n' "$title"
    env "$@" ctest --test-dir "$folder" -R "$name" -j "$(nproc)" --timeout 14400 --output-on-failure || failed+=("$title")
}
build() { # FOLDER CMAKE-ARGUMENT...
    local folder=$1
    shift
    cmake --preset simt -B "$folder" -Wno-dev "$@" >/dev/null && cmake --build "$folder" -- --quiet || exit 1
}
fused=../artifacts/native/simt plain=../artifacts/native/simt-plain
build "$fused"
build "$plain" -DSIMT_CONTRACT=off
part "full shapes" "$fused" TBRM_TEST_SMALL=0
part "no fused multiply-add" "$plain" TBRM_TEST_SMALL=1
part "threads in reversed order" "$fused" TBRM_TEST_SMALL=1 SIMT_ORDER=1
for seed in 7 8 9; do part "threads shuffled by seed $seed" "$fused" TBRM_TEST_SMALL=1 SIMT_ORDER=$seed; done
part "shared memory of an A100" "$fused" TBRM_TEST_SMALL=1 SIMT_SHARED=166912
part "without a kernel of cuBLASLt" "$fused" TBRM_TEST_SMALL=1 SIMT_NO_CUBLASLT=1
[ ${#failed[@]} -eq 0 ] || { printf 'full.sh: failed: %s\n' "${failed[*]}"; exit 1; }
