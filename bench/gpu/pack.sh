#!/usr/bin/env bash
# Puts what a bare GPU machine lacks into artifacts/gpu: tbrm-native with its .NET runtime in one compressed file, and the JSON header that the
# native build needs. Copy the tree with that folder to the machine and call bench/gpu/run.sh there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pack=artifacts/gpu
rm -rf "$pack"
mkdir -p "$pack/include"
json=${NLOHMANN_INCLUDE:-/usr/include/nlohmann}
[ -e "$json/json.hpp" ] || { echo "pack.sh: expected json.hpp in $json; install nlohmann-json3-dev or set NLOHMANN_INCLUDE" >&2; exit 1; }
cp -r "$json" "$pack/include/"
dotnet publish src/Tbrm.Cli --configuration Release --runtime linux-x64 --self-contained --output "$pack/publish" --verbosity quiet \
    -p:PublishSingleFile=true -p:EnableCompressionInSingleFile=true -p:DebugType=none
mv "$pack/publish/tbrm-native" "$pack/tbrm-native"
rm -rf "$pack/publish"
du -sh "$pack" >&2
