#!/usr/bin/env bash
# Unpacks the CUDA 12 compiler of a newer Debian into PREFIX, without installing anything and without a GPU: enough to compile every .cu
# file. Uses the machine's own Debian mirror. Does nothing when PREFIX has it already.     fetch-nvcc.sh PREFIX
set -euo pipefail
prefix=$(readlink -m "${1:?PREFIX}")
release=trixie
if [ -x "$prefix/bin/nvcc" ] && "$prefix/bin/nvcc" --version >/dev/null 2>&1; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$(dirname "${BASH_SOURCE[0]}")/fetch-debs.sh" "$release" "$work/tree" \
    nvidia-cuda-toolkit nvidia-cuda-dev libcudart12 libnvvm4 libcublas12 libcublaslt12 libcu++-dev libcub-dev libthrust-dev
rm -rf "$prefix"
mkdir -p "$prefix"
mv "$work/tree/usr" "$prefix/usr"

toolkit=$prefix/usr/lib/nvidia-cuda-toolkit
rm -f "$toolkit/bin/nvcc.profile"
cat >"$toolkit/bin/nvcc.profile" <<PROFILE
NVVMIR_LIBRARY_DIR = $toolkit/libdevice
PATH += $toolkit/bin:$prefix/usr/bin:
INCLUDES += "-I$prefix/usr/include"
LIBRARIES =+ -L$prefix/usr/lib/x86_64-linux-gnu/stubs -L$prefix/usr/lib/x86_64-linux-gnu
PROFILE
# What CMake's FindCUDAToolkit looks for beside nvcc.
mkdir -p "$prefix/bin" "$prefix/nvvm"
ln -sfn ../usr/lib/nvidia-cuda-toolkit/libdevice "$prefix/nvvm/libdevice"
ln -sfn usr/include "$prefix/include"
ln -sfn usr/lib/x86_64-linux-gnu "$prefix/lib64"
for tool in ptxas fatbinary cuobjdump nvdisasm nvlink bin2c cudafe++ nvprune; do ln -sfn "../usr/bin/$tool" "$prefix/bin/$tool"; done
# Last: its presence says that everything before it is there.
printf '#!/bin/sh\nexport PATH="%s/usr/bin:%s/bin:$PATH" LD_LIBRARY_PATH="%s/usr/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"\nexec "%s/bin/nvcc" "$@"\n' \
    "$prefix" "$toolkit" "$prefix" "$toolkit" >"$prefix/bin/nvcc.tmp"
chmod +x "$prefix/bin/nvcc.tmp"
mv "$prefix/bin/nvcc.tmp" "$prefix/bin/nvcc"
