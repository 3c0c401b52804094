#!/usr/bin/env bash
# Builds the native library for 64-bit Arm and runs tests of kernels there, on a machine of another kind: with Debian's g++-aarch64-linux-gnu and
# qemu-user, which it only names when they are missing. Arguments: the tests, without test_; gemm, head_rows and sampler take the emulator long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
    command -v "$tool" >/dev/null || { echo "test-arm64.sh: $tool is missing (apt-get install g++-aarch64-linux-gnu qemu-user)" >&2; exit 1; }
done
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(core residual adamw micro_kernel ops)
build=artifacts/native/arm64
cmake -S native -B "$build" -G Ninja -Wno-dev -DCMAKE_BUILD_TYPE=Release -DTBRM_WITH_TORCH=OFF -DCMAKE_SYSTEM_NAME=Linux \
    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ >/dev/null
cmake --build "$build" --target tbrm "${tests[@]/#/test_}" -- --quiet
for name in "${tests[@]}"; do
    echo "test-arm64.sh: $name"
    # The emulator's loader looks for the target's libraries there.
    TBRM_TEST_SMALL=1 OMP_NUM_THREADS=2 qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/tests/test_$name"
done
