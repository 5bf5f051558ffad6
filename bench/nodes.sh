#!/usr/bin/env bash
# Several processes of all contexts on one store: what they carry together, and what each of them costs at rest.
#
#   bash bench/nodes.sh -n PROCESSES [-m MEMBERS] [-s SECONDS] [-p PROFILE,…] SETTING...
#
# SETTINGs go to every process; one of them names the store: database.url=postgres://… , which is empty before. MEMBERS
# (20,000) join. Then each PROFILE (points, mypage) is sent to all processes at once, with 64 connections in all, for SECONDS (5).
# ONEPOINT_BIN is the program; without it the release build is taken, and made if need be.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

processes=1 members=20000 seconds=5 profiles=points,mypage
while getopts n:m:s:p:h option; do
    case $option in
        n) processes=$OPTARG ;;
        m) members=$OPTARG ;;
        s) seconds=$OPTARG ;;
        p) profiles=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
settings=()
for setting in "$@"; do settings+=(--set "$setting"); done
find_program

urls=()
for _ in $(seq "$processes"); do
    serve "${settings[@]}"
    urls+=("$url")
done

cpu_s() { awk '/^process_cpu_seconds_total/ { print $2 }' <(curl -sf "$1/metrics"); }
"$onepoint" bench prepare --url "${urls[0]}" --members "$members"
sleep 5
before=() after=()
for url in "${urls[@]}"; do before+=("$(cpu_s "$url")"); done
sleep 10
for url in "${urls[@]}"; do after+=("$(cpu_s "$url")"); done
for number in "${!urls[@]}"; do
    awk -v n=$((number + 1)) -v a="${before[number]}" -v b="${after[number]}" \
        'BEGIN { printf "process %d at rest: %.1f %% of a core\n", n, (b - a) * 10 }'
done
for profile in ${profiles//,/ }; do
    running=()
    for number in "${!urls[@]}"; do
        "$onepoint" bench "$profile" --url "${urls[number]}" --members "$members" --seconds "$seconds" \
            --connections $((64 / processes)) --json >"$folder/$profile-$number.json" &
        running+=($!)
    done
    wait "${running[@]}"
    sed -n 's/.*"requests_per_s":\([0-9.]*\).*/\1/p' "$folder/$profile"-*.json |
        awk -v profile="$profile" '{ sum += $1; each = each sprintf(" %.0f", $1) } END { printf "%s: %.0f/s (%s )\n", profile, sum, each }'
done
