#!/usr/bin/env bash
# Checks that every file that includes libtorch also compiles against libtorch 2, whose headers a newer Debian has (about 2 MB, unpacked once
# into TBRM_TORCH2_CACHE, else ~/.cache/tbrm-native/torch2). Nothing is linked: the machine's own libtorch is 1.13.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=${TBRM_TORCH2_CACHE:-$HOME/.cache/tbrm-native/torch2}
if [ ! -e "$cache/.done" ]; then
    rm -rf "$cache"
    cmake/fetch-debs.sh trixie "$cache" libtorch-dev
    touch "$cache/.done"
fi
include=$cache/usr/include
header=$(find "$include" -path '*/torch/version.h' -print -quit)
version=$(awk '/#define TORCH_VERSION_(MAJOR|MINOR) /{printf "%s%s", sep, $3; sep = "."}' "$header")
case "$version" in 2.*) ;; *) echo "compile-torch2.sh: expected libtorch 2 in $cache, found '$version'" >&2; exit 1 ;; esac
mapfile -t files < <(git grep -l -E '#include (<(torch|ATen|c10)/|"torch/aten)' -- '*.cpp')
[ ${#files[@]} -gt 0 ] || { echo "compile-torch2.sh: no file includes libtorch" >&2; exit 1; }
syntax() {
    "${CXX:-g++}" -std=c++17 -fsyntax-only -fopenmp -x c++ -Inative/include -Inative/src -Ibench/native \
        -DTBRM_BUILD -DTBRM_TORCH_INTERFACE_SHA256='""' -isystem "$include" -isystem "$include/torch/csrc/api/include" "$@"
}
for file in "${files[@]}"; do syntax "$file"; done
# With the compiler's own headers at hand (cmake/compile-cuda.sh), what is only there beside a GPU too.
cuda=${TBRM_CUDA_CACHE:-$HOME/.cache/tbrm-native/cuda}/include
if [ -e "$cuda/cuda_runtime_api.h" ]; then
    syntax -DTBRM_TORCH_CUDA -DC10_CUDA_NO_CMAKE_CONFIGURE_FILE -isystem "$cuda" native/src/torch/aten_plugin.cpp
fi
echo "compile-torch2.sh: ${#files[@]} files against libtorch $version"
