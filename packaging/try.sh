#!/usr/bin/env bash
# Tries what build.sh package made, as those who get it would: the archive without .NET on PATH, the tool, and a program of another project that references the packages.
# packaging/try.sh FOLDER (artifacts/package); with --root DIR: the archive inside that Debian root (as root, by chroot).
set -euo pipefail
folder=$(readlink -f "$1")
root=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tiny=(sft.total_training_steps=2 sft.train_batch_size=4 trainer.total_training_steps=2 data.train_batch_size=2 data.task_val_size=4 rollout.n=2
    data.max_response_length=8 model.scratch.hidden_size=32 model.scratch.intermediate_size=64 model.scratch.num_hidden_layers=1
    model.scratch.num_attention_heads=2 model.scratch.num_key_value_heads=2 trainer.threads=1)

archive=$(ls "$folder"/tbrm-native-*.tar.gz)
(cd "$folder" && sha256sum --check --quiet "$(basename "$archive").sha256")
where=$work
[ -z "$root" ] || { where=$root/opt/tbrm-native-try; rm -rf "$where"; mkdir -p "$where"; }
tar -xzf "$archive" -C "$where"
program=$(ls -d "$where"/tbrm-native-*/)tbrm-native
if [ -n "$root" ]; then
    in_root() { env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"; }
    program=${program#"$root"}
else
    in_root() { env -i HOME="$work" PATH=/usr/bin:/bin DOTNET_ROOT=/nowhere "$@"; }
fi
in_root "$program" --version
in_root "$program" doctor >/dev/null
in_root "$program" train --run-dir "${where#"$root"}/run" "${tiny[@]}" >/dev/null
in_root "$program" eval --run-dir "${where#"$root"}/run"
[ -z "$root" ] || { rm -rf "$where"; exit 0; }
echo "archive: ok"

# Packages of this version may be in the machine's cache from another build.
export NUGET_PACKAGES=$work/cache
cat >"$work/nuget.config" <<TEXT
<configuration><packageSources><add key="here" value="$folder" /></packageSources></configuration>
TEXT
version=$(basename "$(ls "$folder"/tbrm-native.*.nupkg)" .nupkg)
(cd "$work" && dotnet tool install --tool-path "$work/tools" --version "${version#tbrm-native.}" tbrm-native >/dev/null)
"$work/tools/tbrm-native" doctor >/dev/null
echo "tool: ok"

cp -r "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../examples/library" "$work/consumer"
(cd "$work/consumer" && dotnet run --configuration Release --verbosity quiet -p:TbrmVersion="${version#tbrm-native.}" -- trainer.run_dir=../library-run "${tiny[@]}")
echo "packages: ok"
