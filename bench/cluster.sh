#!/usr/bin/env bash
# What the gateway and a whole set of services carry: PostgreSQL, MariaDB and Kafka beside 14 contexts, on this machine.
#
#   bash bench/cluster.sh [-m MEMBERS] [-r ROUNDS] [-s SECONDS] [SETTING...]
#
# MEMBERS (20,000) join. Then ROUNDS times (3), for SECONDS each (5): an echo asked of one service directly, the same echo
# through the gateway, `points` through the gateway. Then `points` for 20 s at half of its rate and for 20 s at its full
# rate, with how far the furthest follower is behind, asked of the gateway each half second. SETTINGs go to every process,
# for instance otel.endpoint=… . ONEPOINT_BIN is the program; without it the release build is taken, and made if need be.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

members=20000 rounds=3 seconds=5
while getopts m:r:s:h option; do
    case $option in
        m) members=$OPTARG ;;
        r) rounds=$OPTARG ;;
        s) seconds=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))

find_program
export ONEPOINT_BIN
port=${ONEPOINT_CLUSTER_PORT:-7800}
export ONEPOINT_CLUSTER_DIR=$folder/set ONEPOINT_CLUSTER_PORT=$port
export ONEPOINT_CLUSTER_SETS ONEPOINT_CLUSTER_GATEWAY_SETS=bench.echo=true
ONEPOINT_CLUSTER_SETS=$(printf '%s\n' bench.echo=true "$@")
trap 'scripts/cluster down --purge >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
scripts/cluster up
gateway=http://127.0.0.1:$port
point=http://127.0.0.1:$(scripts/cluster status | awk '$1 == "point-a" { print $3 }')

load() { "$onepoint" bench "$2" --url "$3" --members "$members" --json "${@:4}" >"$folder/$1.json"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
furthest_ms() { curl -sf -m 5 "$gateway/lags" | grep -o '":[0-9]*' | cut -c3- | sort -n | tail -n 1; }
# How far the furthest is behind while this load runs: every half second, the highest of it at the end.
followed() {
    local name=$1 most=0 last=0
    load "$@" &
    local running=$!
    while kill -0 "$running" 2>/dev/null; do
        last=$(furthest_ms || echo 0)
        [ "${last:-0}" -le "$most" ] || most=$last
        sleep 0.5
    done
    wait "$running"
    echo "$name: $(figure "$name" requests_per_s) requests/s, p99 $(figure "$name" p99_ms) ms," \
        "errors $(figure "$name" errors), furthest behind $most ms, at the end $last ms"
}

"$onepoint" bench prepare --url "$gateway" --members "$members"
rate=0
for round in $(seq "$rounds"); do
    load direct echo "$point" --seconds "$seconds"
    load through echo "$gateway" --seconds "$seconds"
    load points points "$gateway" --seconds "$seconds"
    reached=$(figure points requests_per_s)
    echo "round $round: echo $(figure direct requests_per_s)/s, through the gateway $(figure through requests_per_s)/s," \
        "points $reached/s: $(ratio "$reached" "$(figure direct requests_per_s)") of the echo," \
        "$(ratio "$reached" "$(figure through requests_per_s)") of the echo through the gateway"
    rate=$(awk -v a="$rate" -v b="$reached" 'BEGIN { print (a + 0 > b + 0 ? a : b) }')
done
# Followers come to the end of what the rounds left.
for _ in $(seq 60); do [ "$(furthest_ms)" != 0 ] || break; sleep 1; done
followed half points "$gateway" --seconds 20 --rate "$(awk -v a="$rate" 'BEGIN { printf "%d", a / 2 }')"
followed full points "$gateway" --seconds 20
