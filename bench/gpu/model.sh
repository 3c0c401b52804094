#!/usr/bin/env bash
# What the CUDA kernels ask for, part by part of a decode and a training step of Qwen2.5-1.5B, against what the part cannot do without: a MODEL from
# the emulator's counters, not a measurement. Needs no GPU; builds preset simt. Of each launch SIMT_SAMPLE blocks run and stand for the others.
#     model.sh [PART...]
#
# launches, blocks: of one run of the part. tensor: tensor-core operations issued, over the floor's. L2: bytes between L2 and the multiprocessors,
# over the floor's (each operand once). sect/req: 32-byte sectors per warp request (4 bytes a lane: 4 is coalesced). bank: passes over the banks of
# shared memory per phase (1: no conflict). model: the slowest of tensor operations at 790 TFLOP/s, L2 bytes at 5.5 TB/s and the floor's bytes at
# 4.3 TB/s, stretched where the last wave leaves some of 132 multiprocessors idle, and 2 us per launch; floor: without any of that. The library's
# products count as what they must do. Rates: cuBLAS and device copy on an H200; of L2: an estimate.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=artifacts/native/simt program=artifacts/native/simt/bench/bench_model_cuda
(cd native && cmake --preset simt -Wno-dev >/dev/null) && ninja -C "$build" bench/bench_model_cuda >/dev/null || exit 1
export SIMT_COUNTERS=1 SIMT_SAMPLE=${SIMT_SAMPLE:-3} SIMT_THREADS=1 OMP_WAIT_POLICY=passive

shapes() { # PART: the shapes that it is run at
    case "$1" in
        decode_attention) echo "rows=8,context=1024 rows=128,context=1024 rows=256,context=4096" ;;
        decode_*) echo "rows=8 rows=128 rows=256" ;;
        train_attention*) echo "rows=8192,context=4096" ;;
        *) echo "rows=8192" ;;
    esac
}

printf '%-26s %-20s %8s %8s %7s %7s %8s %6s %10s %10s\n' part shape launches blocks tensor L2 sect/req bank model_us floor_us
for part in ${*:-$("$program")}; do
    for shape in $(shapes "$part"); do
        # shellcheck disable=SC2086
        "$program" "$part" ${shape//,/ } 2>&1 | awk -F'\t' -v part="$part" -v shape="$shape" '
            /^\{/ { match($0, /"floor_bytes":[0-9]+/); bytes = substr($0, RSTART + 14, RLENGTH - 14)
                    match($0, /"floor_flops":[0-9]+/); flops = substr($0, RSTART + 14, RLENGTH - 14) }
            $1 == "SIMT-COUNT" && $3 != "launches" {
                launches += $3; blocks += $4; tensor += $12 + $13; l2 += $7
                if ($13 > 0) l2 += $8 + $9
                requests += ($6 > 0 ? $7 / 32 / $6 : 0); sectors += $7 / 32
                phases += ($10 > 0 ? $11 / $10 : 0); passes += $11
                waves = $4 / $3 / 132; full = waves == int(waves) ? waves : int(waves) + 1
                idle = $4 > 0 && $13 == 0 ? full / waves : 1
                time = ($12 + $13) / 790e12; if ($7 / 5.5e12 > time) time = $7 / 5.5e12
                total += time * idle + $3 * 2e-6 }
            END {
                floor = flops / 790e12; if (bytes / 4.3e12 > floor) floor = bytes / 4.3e12
                if (floor > total) total = floor
                share = flops > 0 ? sprintf("%.2f", tensor / flops) : "-"
                if (requests > 0) sectors /= requests
                if (phases > 0) passes /= phases
                printf "%-26s %-20s %8d %8d %7s %7.2f %8.2f %6.2f %10.1f %10.1f\n", part, shape, launches, blocks, share, l2 / bytes, sectors,
                    passes, total * 1e6, floor * 1e6 }'
    done
done
