#!/usr/bin/env bash
# NuGet packages: the libraries under src/, and tbrm-native as a .NET tool. The native library of this machine is inside Tbrm.Interop and the tool.
# build.sh package calls it after the native build: packaging/packages.sh FOLDER-OF-LIBTBRM OUTPUT-FOLDER
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
native=$(readlink -f "$1") out=$2
[ -e "$native/libtbrm.so" ] || { printf 'packaging: %s/libtbrm.so is not there; ./build.sh first\n' "$native" >&2; exit 1; }
mkdir -p "$out"
rm -f "$out"/*.nupkg
dotnet restore Tbrm.sln --verbosity quiet
dotnet msbuild packaging/packages.proj -maxCpuCount -verbosity:quiet -p:Configuration=Release -p:PackageOutputPath="$(readlink -f "$out")" -p:RunAnalyzers=false \
    -p:TbrmNativeLibrary="$native/libtbrm.so"
ls "$out"/*.nupkg
