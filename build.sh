#!/usr/bin/env bash
# build.sh - builds, tests and runs tbrm-native. ./build.sh help lists the verbs.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
cd "$root"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDTERMINALLOGGER=off
app=artifacts/bin/Tbrm.Cli/release/tbrm-native.dll

usage() {
    cat <<'TEXT'
./build.sh [VERB] [--no-install] [ARGUMENT...]

  build     builds everything and puts tbrm-native on PATH (the default verb)
  train     builds, then runs `tbrm-native train` with the arguments given
  test      builds, then runs every test that this machine can run
  bench     builds, then runs `tbrm-native bench`: every group, the one that is named (kernels decode step text grader), or a program of bench/native by name
  package   builds, then writes artifacts/package: a self-contained archive with its checksum, and NuGet packages (libraries, .NET tool)
  format    formats C++ and C#; `format --check` only reports
  doctor    says what was found on this machine and what is missing
  clean     removes everything that was built

With libtorch the plug-in libtbrm_torch is built (trainer.device=torch:cpu); TBRM_WITH_TORCH=0 leaves it out, and installs no libtorch.
With nvcc (12 or 13) on PATH the library gets its CUDA kernels; TBRM_CUDA=0 leaves them out, TBRM_CUDA=1 fails when it cannot have them.
On Debian and Ubuntu what is missing is installed first (as root, or with sudo), and named; --no-install only reports it.
TEXT
}

say() { printf 'build.sh: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# ---- what the build needs ------------------------------------------------------------------------------------------

with_torch() {
    case "${TBRM_WITH_TORCH:-}" in
        0) return 1 ;;
        1 | "") return 0 ;;
        *) fail "TBRM_WITH_TORCH is '$TBRM_WITH_TORCH', expected 1, 0 or nothing" ;;
    esac
}

# libtorch comes from TBRM_TORCH_DIR, from an active Python's torch, or from the system, in that order (cmake/FindTbrmTorch.cmake).
own_torch() {
    [ -n "${TBRM_TORCH_DIR:-}" ] || { command -v python3 >/dev/null && python3 -c 'import torch' 2>/dev/null; }
}

missing_packages() {
    command -v g++ >/dev/null || echo g++
    command -v cmake >/dev/null || echo cmake
    command -v ninja >/dev/null || echo ninja-build
    [ -e /usr/include/nlohmann/json.hpp ] || echo nlohmann-json3-dev
    if with_torch && ! own_torch; then
        [ -e /usr/include/torch/csrc/autograd/custom_function.h ] || echo libtorch-dev
        [ -e /usr/include/gloo/config.h ] || echo libgloo-dev
        ls /usr/lib/*/libopenblas.so >/dev/null 2>&1 || echo libopenblas-dev
    fi
}

ensure_tools() {
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing; install it from https://dot.net (or your distribution's dotnet-sdk-10.0)"
    local sdks
    sdks=$(dotnet --list-sdks)
    grep -q '^10\.' <<<"$sdks" || fail "expected a .NET 10 SDK, found: $(tr '\n' ' ' <<<"$sdks")"
    local packages
    packages=$(missing_packages | sort -u | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    [ "$install" = yes ] || fail "missing: $packages(run without --no-install to install them)"
    command -v apt-get >/dev/null || fail "missing: $packages; install them with your package manager, or set TBRM_TORCH_DIR to a libtorch folder"
    local sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "missing: $packages; installing them needs root or sudo"
        sudo=sudo
    fi
    say "installing $packages"
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

# ---- build ---------------------------------------------------------------------------------------------------------

# With CUDA when nvcc is on PATH; TBRM_CUDA=1 insists on it, TBRM_CUDA=0 does without.
preset() {
    case "${TBRM_CUDA:-}" in
        0) echo cpu ;;
        1) command -v nvcc >/dev/null || fail "TBRM_CUDA=1, but nvcc is not on PATH (usually /usr/local/cuda/bin)"; echo cuda ;;
        "") if command -v nvcc >/dev/null; then echo cuda; else echo cpu; fi ;;
        *) fail "TBRM_CUDA is '$TBRM_CUDA', expected 1, 0 or nothing" ;;
    esac
}

# CMake does not take a folder that was configured under another path: a clone that was moved or copied is built anew.
forget_moved_build() {
    local cache=artifacts/native/$1/CMakeCache.txt
    [ -f "$cache" ] || return 0
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root/native" "$cache" && return 0
    say "artifacts/native/$1 was built under another path; building it anew"
    rm -rf "artifacts/native/$1"
}

build_native() {
    local p
    p=$(preset)
    forget_moved_build "$p"
    # The program prefers a library with CUDA: one of an earlier build must not be taken for this one.
    [ "$p" = cuda ] || rm -f artifacts/native/cuda/libtbrm.so
    local torch=ON
    with_torch || { torch=OFF; rm -f "artifacts/native/$p/libtbrm_torch.so"; }
    (cd native && cmake --preset "$p" -Wno-dev "-DTBRM_WITH_TORCH=$torch" >"$root/artifacts/configure.log" 2>&1) || { cat artifacts/configure.log >&2; fail "cmake could not configure native/"; }
    (cd native && cmake --build --preset "$p" -- --quiet)
}

# Names, times and sizes of everything that the managed build reads: unchanged means that there is nothing to do.
managed_stamp() {
    find src tests bench native/include Tbrm.sln Directory.Build.props Directory.Packages.props .editorconfig \
        -type f -printf '%p %T@ %s\n' 2>/dev/null | sort | sha256sum
}

build_managed() {
    local stamp
    stamp=$(managed_stamp)
    if [ -e "$app" ] && [ "$(cat artifacts/managed.stamp 2>/dev/null)" = "$stamp" ]; then return; fi
    dotnet restore Tbrm.sln --verbosity quiet
    dotnet build Tbrm.sln --configuration Release --no-restore --verbosity quiet -p:WarningLevel=4
    echo "$stamp" >artifacts/managed.stamp
}

# A word for sh, whatever it holds.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# A launcher rather than a link: it finds the dotnet that built the program.
put_on_path() {
    local target=/usr/local/bin
    [ "$(id -u)" = 0 ] || target=$HOME/.local/bin
    mkdir -p "$target"
    local launcher="$target/tbrm-native" program text
    program=$(quoted "$root/$app")
    text="#!/bin/sh
[ -e $program ] || { printf 'tbrm-native: %s is not there; run build.sh in its clone\n' $program >&2; exit 127; }
exec $(quoted "$(readlink -f "$(command -v dotnet)")") $program \"\$@\""
    if [ "$(cat "$launcher" 2>/dev/null)" != "$text" ]; then
        printf '%s\n' "$text" >"$launcher.tmp"
        chmod +x "$launcher.tmp"
        mv "$launcher.tmp" "$launcher"
        say "put tbrm-native into $target"
    fi
    case ":$PATH:" in *":$target:"*) ;; *) say "$target is not on your PATH; add: export PATH=\"$target:\$PATH\"" ;; esac
}

build() {
    ensure_tools
    mkdir -p artifacts
    build_native
    build_managed
    put_on_path
}

# ---- verbs ---------------------------------------------------------------------------------------------------------

# Runs CTest and NUnit, and ends with one line that adds them up.
# The command line's tests start the program many hundred times, and most of a short run is the compiling of it: they get assemblies that are
# compiled already (ReadyToRun), as the archive does. Without that compiler, which is a package, they take longer.
compile_ahead() {
    local ahead=artifacts/ahead tests=artifacts/bin/Tbrm.Cli.Tests/release
    if dotnet publish src/Tbrm.Cli --configuration Release --use-current-runtime --self-contained false --verbosity quiet --output "$ahead" \
        -p:PublishReadyToRun=true -p:RunAnalyzers=false -p:PackAsTool=false >"$ahead.log" 2>&1; then
        cp "$ahead"/Tbrm.*.dll "$ahead"/tbrm-native.dll "$tests/"
    else
        say "the program was not compiled ahead ($ahead.log says why); its tests take longer"
    fi
}

run_tests() {
    local log=artifacts/test.log status=0
    compile_ahead
    : >"$log"
    (cd native && ctest --preset "$(preset)" -j1 "$@") 2>&1 | tee -a "$log" || status=1
    dotnet test Tbrm.sln --configuration Release --no-build --verbosity quiet --logger "console;verbosity=minimal" 2>&1 | tee -a "$log" || status=1
    # CTest: "12% tests passed, 1 tests failed out of 8". NUnit: "Failed: 0, Passed: 22, Skipped: 1".
    awk -v status=$status '
        /tests passed, [0-9]+ tests? failed out of [0-9]+/ { for (i = 1; i <= NF; i++) if ($i == "passed,") failed_now = $(i + 1); total = $NF; failed += failed_now; passed += total - failed_now }
        /Failed: *[0-9]+, Passed: *[0-9]+, Skipped: *[0-9]+/ {
            line = $0; gsub(/[^0-9,]/, "", line); split(line, n, ","); failed += n[1]; passed += n[2]; skipped += n[3] }
        END { if (status != 0 && failed == 0) failed = 1; printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
    return $status
}

bench_groups='kernels decode step text grader'

# A group of `tbrm-native bench` with its options; else the programs of bench/native whose name holds the word; without a word, every group.
run_bench() {
    local word=${1:-} group program found=no
    if [ -z "$word" ] || [ "${word#-}" != "$word" ]; then
        for group in $bench_groups; do
            say "bench $group"
            dotnet "$app" bench "$group" "$@"
        done
        return
    fi
    case " $bench_groups " in *" $word "*) dotnet "$app" bench "$@"; return ;; esac
    shift
    for program in artifacts/native/"$(preset)"/bench/bench_*; do
        [ -x "$program" ] || continue
        case "$(basename "$program")" in *"$word"*) found=yes; say "$(basename "$program")"; "$program" "$@" ;; esac
    done
    [ "$found" = yes ] || fail "bench $word: expected one of $bench_groups, or part of the name of a program in artifacts/native/$(preset)/bench"
}

run_package() {
    local native out=$root/artifacts/package
    native=artifacts/native/$(preset)
    rm -rf "$out"
    mkdir -p "$out"
    packaging/archive.sh "$native" "$out"
    packaging/packages.sh "$native" "$out"
}

cpp_files() { git ls-files '*.cpp' '*.hpp' '*.h' '*.cu' '*.cuh'; }

run_format() {
    local formatter
    formatter=$(command -v clang-format-14 || command -v clang-format) || fail "clang-format 14 is missing (apt-get install clang-format-14)"
    if [ "${1:-}" = --check ]; then
        cpp_files | xargs "$formatter" --dry-run --Werror
        dotnet format Tbrm.sln whitespace --verify-no-changes --no-restore
    else
        cpp_files | xargs "$formatter" -i
        dotnet format Tbrm.sln whitespace --no-restore
    fi
}

run_doctor() {
    local packages
    packages=$(missing_packages | sort -u | tr '\n' ' ')
    say "native build: $(preset)"
    say ".NET SDKs: $({ command -v dotnet >/dev/null && dotnet --list-sdks | cut -d' ' -f1 | tr '\n' ' '; } || echo none)"
    say "missing packages: ${packages:-none}"
    if [ -e "$app" ]; then dotnet "$app" doctor; else say "nothing is built yet: ./build.sh"; fi
}

verb=build
install=yes
arguments=()
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then verb=$1; shift; fi
for argument in "$@"; do
    case "$verb $argument" in
        *" --no-install") install=no ;;
        train*) arguments+=("$argument") ;;
        *" --help" | *" -h") usage; exit 0 ;;
        build* | package* | doctor* | clean*) fail "$verb takes no argument '$argument'; ./build.sh help lists the verbs" ;;
        *) arguments+=("$argument") ;;
    esac
done

case "$verb" in
    build) build ;;
    train) build; exec dotnet "$app" train "${arguments[@]}" ;;
    test) build; run_tests "${arguments[@]}" ;;
    bench) build; run_bench "${arguments[@]}" ;;
    package) build; run_package ;;
    format) run_format "${arguments[@]}" ;;
    doctor) run_doctor ;;
    clean) rm -rf artifacts; say "removed artifacts/" ;;
    help) usage ;;
    *) usage >&2; fail "there is no verb '$verb'" ;;
esac
