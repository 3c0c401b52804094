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
mapfile -t files < <(git grep -l -E '#include <(torch|ATen|c10)/' -- '*.cpp' '*.hpp')
[ ${#files[@]} -gt 0 ] || { echo "compile-torch2.sh: no file includes libtorch" >&2; exit 1; }
for file in "${files[@]}"; do
    "${CXX:-g++}" -std=c++17 -fsyntax-only -fopenmp -x c++ -Inative/include -Inative/src -Ibench/native \
        -isystem "$include" -isystem "$include/torch/csrc/api/include" "$file"
done
echo "compile-torch2.sh: ${#files[@]} files against libtorch $version"
