#!/usr/bin/env bash
# Formatting that needs no build: clang-format over C++ and CUDA, and plain text rules over everything. C# style is part of the C# build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v clang-format-14 >/dev/null; then
    [ "$(id -u)" = 0 ] && apt-get install -y -qq --no-install-recommends clang-format-14 >/dev/null
fi
git ls-files -z '*.cpp' '*.hpp' '*.h' '*.cu' '*.cuh' | xargs -0 -r clang-format-14 --dry-run --Werror
if git grep -n -I -E '[[:blank:]]+$' -- '*.cs' '*.cpp' '*.hpp' '*.h' '*.cu' '*.cuh' '*.sh' '*.cmake' '*.md' '*.yaml' '*.props' '*.csproj'; then
    echo "check-format.sh: trailing blanks" >&2
    exit 1
fi
