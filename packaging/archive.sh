#!/usr/bin/env bash
# A self-contained archive of tbrm-native for this machine's system and processor, with its checksum: unpack it and run tbrm-native, without the .NET SDK.
# build.sh package calls it after the native build: packaging/archive.sh FOLDER-OF-LIBTBRM OUTPUT-FOLDER
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
native=$1 out=$2
fail() { printf 'packaging: %s\n' "$*" >&2; exit 1; }

library=$native/libtbrm.so
[ -e "$library" ] || fail "$library is not there; ./build.sh first"
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
case "$(uname -m)" in
    x86_64) rid=linux-x64 ;;
    aarch64) rid=linux-arm64 ;;
    *) fail "no archive for $(uname -m): the .NET runtime comes for x86_64 and aarch64" ;;
esac
name=tbrm-native-$version-$rid
stage=$out/$name
rm -rf "$stage"
mkdir -p "$stage/share/man/man1"

# Compiled ahead (ReadyToRun): a verb starts in half the time, and nothing else differs.
dotnet publish src/Tbrm.Cli --configuration Release --runtime "$rid" --self-contained true --verbosity quiet --output "$stage" \
    -p:PublishReadyToRun=true -p:DebugType=none -p:RunAnalyzers=false -p:PackAsTool=false
rm -f "$stage"/*.xml
cp "$library" "$stage/"

# What a bare system may lack, carried along: a library of the system's own of the same name goes before (CarriedLibraries.cs).
carried=(libgomp.so.1 libcrypto.so.3 libssl.so.3)
for file in "${carried[@]}"; do
    path=$(ldconfig -p | awk -v file="$file" '$1 == file && !found { print $NF; found = 1 }')
    [ -n "$path" ] || fail "$file is not on this machine; it belongs into the archive (Debian: libgomp1, libssl3)"
    cp -L "$path" "$stage/"
done

cp LICENSE THIRD-PARTY-NOTICES.md CHANGELOG.md README.md "$stage/"
"$stage/tbrm-native" man >"$stage/share/man/man1/tbrm-native.1"
for shell in bash zsh fish pwsh; do
    mkdir -p "$stage/share/completion"
    "$stage/tbrm-native" completion $shell >"$stage/share/completion/tbrm-native.$shell"
done

# The same input makes the same archive: names sorted, one owner, the time of the last commit.
time=@$(git log -1 --format=%ct 2>/dev/null || echo 0)
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="$time" -C "$out" -cf - "$name" | gzip -n -9 >"$out/$name.tar.gz"
rm -rf "$stage"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
printf '%s\n' "$out/$name.tar.gz"
