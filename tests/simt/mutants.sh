#!/usr/bin/env bash
# Plants the defects of mutants/mutants.txt, one at a time, and says who notices: the emulator's checks, the tests, or nobody.
#     mutants.sh [WORD]: only blocks that hold WORD.     Exit code 1 when one that matters goes unnoticed.
# A mutant's unit is compiled with the command that the build of preset simt used, and linked before the library that holds its original.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=$PWD build=$PWD/artifacts/native/simt work=$PWD/artifacts/native/mutants word=${1:-}
export TBRM_TEST_SMALL=1 TBRM_REQUIRE_CUDA=1 OMP_WAIT_POLICY=passive SIMT_THREADS=${SIMT_THREADS:-1} SIMT_REPORTS=1
[ -x "$build/tests/test_cuda_twins" ] || { echo "mutants.sh: build preset simt first"; exit 2; }
link=$(ninja -C "$build" -t commands tests/test_cuda_twins | tail -1)
planted=0 noticed=0 wrong=()

# Runs the cases; how the program ended, and what it printed, is left in rc and text.
run() { # PROGRAM CASE,CASE
    local name
    rc=0 text=
    for name in ${2//,/ }; do
        text+=$( (ulimit -t 600; "$1" "$name") 2>&1) || rc=$?
        [ "$rc" = 0 ] || break
    done
}

# The planted file in the work tree, rewritten; its unit compiled and linked to $work/program.
plant() { # FILE UNIT OLD NEW
    local text rest command unit=$build/simt/rewritten/$2.cpp
    rm -rf "$work"
    mkdir -p "$work/src/$(dirname "$1")"
    text=$(<"$root/native/src/$1") rest=
    rest=${text#*"$3"}
    [ "$rest" != "$text" ] && [ "${rest#*"$3"}" = "$rest" ] || { echo "expected the old text once in $1"; return 1; }
    printf '%s\n' "${text%%"$3"*}$4$rest" >"$work/src/$1"
    "$build/simt/simt_rewrite" "$work/src" "$work/rewritten" || return 1
    [ ! -e "$work/rewritten/$2.cpp" ] || unit=$work/rewritten/$2.cpp
    command=$(ninja -C "$build" -t commands "simt/CMakeFiles/tbrm_cuda.dir/rewritten/$2.cpp.o" | tail -1)
    command=${command/"-I$build/simt/rewritten "/"-I$work/rewritten -I$build/simt/rewritten "}
    command=${command/"$build/simt/rewritten/$2.cpp"/$unit}
    command=${command/ -O2 / -O1 } command=${command/ -O3 / -O1 }
    command=$(sed -E "s| -o [^ ]+| -o $work/unit.o|; s| -MF [^ ]+| -MF $work/unit.d|" <<<"$command")
    (cd "$build" && eval "$command") || return 1
    command=${link/" -o tests/test_cuda_twins "/" $work/unit.o -o $work/program "}
    (cd "$build" && eval "$command")
}

# One block of mutants.txt.
test_mutant() { # FILE UNIT TESTS NOTE OLD NEW
    local who="" finding
    planted=$((planted + 1))
    if ! plant "$1" "$2" "$5" "$6"; then
        wrong+=("$planted: $1 could not be planted")
        return
    fi
    run "$work/program" "$3"
    finding=$(grep -m1 '^SIMT: ' <<<"$text" | cut -c7-110)
    if [ -n "$finding" ]; then who="emulator: $finding"; fi
    grep -qE '^[0-9]+ cases, [1-9][0-9]* failed' <<<"$text" && who+="${who:+; }test"
    [ -n "$who" ] || [ "$rc" = 0 ] || who="exit code $rc"
    printf '%2d %-34s %s\n' "$planted" "$1" "${who:-nobody}${4:+ ($4)}"
    if [ -n "$who" ]; then noticed=$((noticed + 1)); fi
    if [ -z "$who" ] && [ -z "$4" ]; then wrong+=("$planted: nobody notices a defect in $1"); fi
    if [ -n "$who" ] && [ -n "$4" ]; then wrong+=("$planted: noticed, though harmless, in $1"); fi
}

file='' harmless=0
block() {
    [ -n "$file" ] || return 0
    case "$file $unit $tests $old" in *"$word"*) ;; *) return 0 ;; esac
    [ -z "$note" ] || harmless=$((harmless + 1))
    test_mutant "$file" "$unit" "$tests" "$note" "${old%$'\n'}" "${new%$'\n'}"
}
while IFS= read -r line || [ -n "$line" ]; do
    case "$line" in
        '== '*)
            block
            IFS='|' read -r file unit tests note <<<"${line#== }"
            file=${file// /} unit=${unit// /} tests=${tests// /} note=$(sed 's/^ *//; s/ *$//' <<<"$note") old='' new=''
            ;;
        -*) old+=${line#-}$'\n' ;;
        +*) new+=${line#+}$'\n' ;;
    esac
done <tests/simt/mutants/mutants.txt
block
rm -rf "$work"
printf '%s planted, %s noticed, %s harmless\n' "$planted" "$noticed" "$harmless"
[ ${#wrong[@]} -eq 0 ] || { printf 'mutants.sh: %s\n' "${wrong[@]}"; exit 1; }
