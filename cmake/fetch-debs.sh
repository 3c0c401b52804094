#!/usr/bin/env bash
# Unpacks packages of a newer Debian into a folder, without installing them. Uses the machine's own Debian mirror.
#     fetch-debs.sh RELEASE FOLDER PACKAGE...
set -euo pipefail
release=${1:?RELEASE} folder=$(readlink -m "${2:?FOLDER}")
shift 2
sources=$(grep -l -s -E '^Suites:' /etc/apt/sources.list.d/*.sources || true)
sources=${sources%%$'\n'*}
[ -n "$sources" ] || { echo "fetch-debs.sh: expected a deb822 file in /etc/apt/sources.list.d to learn the mirror from" >&2; exit 1; }
mirror=$(awk '/^URIs:/{print $2; exit}' "$sources")
key=$(awk '/^Signed-By:/{print $2; exit}' "$sources")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/lists/partial "$work"/debs "$folder"
echo "deb [signed-by=$key] $mirror $release main contrib non-free" >"$work/release.list"
apt=(apt-get -qq -o Dir::Etc::SourceList="$work/release.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists" -o APT::Sandbox::User=root)
"${apt[@]}" update
(cd "$work/debs" && "${apt[@]}" download "$@")
for package in "$work"/debs/*.deb; do dpkg -x "$package" "$folder"; done
