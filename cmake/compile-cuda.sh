#!/usr/bin/env bash
# Compiles every .cu file of the tree for sm_80 and sm_90a with nvcc 12, and every .cpp file that includes CUDA's headers, on a machine that
# needs no GPU. The compiler is taken from PATH, or unpacked once into a cache (TBRM_CUDA_CACHE, else ~/.cache/tbrm-native/cuda).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t files < <(git ls-files '*.cu')
mapfile -t host_files < <(git grep -l -E '#include "(core/cuda|core/cuda_staging|device/cuda_handles|gemm/cublas_lt|cuda_testing)\.hpp"' -- '*.cpp')
[ ${#files[@]} -gt 0 ] || { echo "compile-cuda.sh: the tree has no .cu files"; exit 0; }
nvcc=$(command -v nvcc || true)
if [ -z "$nvcc" ]; then
    cache=${TBRM_CUDA_CACHE:-$HOME/.cache/tbrm-native/cuda}
    cmake/fetch-nvcc.sh "$cache"
    nvcc=$cache/bin/nvcc
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
compile() { # FILE ARCH
    "$nvcc" -std=c++17 -O3 -arch="$2" -c "$1" -o "$out/$(basename "$1").$2.o" -Inative/include -Inative/src -I"$(dirname "$1")" \
        --expt-relaxed-constexpr -Werror all-warnings -Xcompiler -Wall,-Wextra,-fopenmp -DTBRM_WITH_CUDA
}
export -f compile
export nvcc out
for arch in sm_80 sm_90a; do printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} bash -c 'compile {} '"$arch"; done
printf '%s\n' "${host_files[@]}" | xargs -P "$(nproc)" -I{} bash -c 'compile {} sm_80'
echo "compile-cuda.sh: ${#files[@]} files for sm_80 and sm_90a, ${#host_files[@]} host files"
