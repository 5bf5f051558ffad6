#!/usr/bin/env bash
# The relay alone: how many events a second it publishes from a log that is full.
#
#   bash bench/relay.sh [-d DEALS] [-r ROUNDS] bus.url=kafka://HOST:PORT [SETTING...]
#
# DEALS (300,000) are posted, each of which is an event in the log of deal, or two. Then the server ends, and ROUNDS times (5)
# the whole log is published; the first time with nothing sent, for what reading alone takes. SETTINGs go to both, for
# instance database.url=postgres://… , empty before. ONEPOINT_BIN is the program; without it the release build is taken.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

deals=300000 rounds=5
while getopts d:r:h option; do
    case $option in
        d) deals=$OPTARG ;;
        r) rounds=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
bus=() settings=()
for setting in "$@"; do
    case $setting in
        bus.*) bus+=(--set "$setting") ;;
        *) settings+=(--set "$setting") ;;
    esac
done
[ ${#bus[@]} -gt 0 ] || { echo "bench/relay.sh: name the broker: bus.url=kafka://HOST:PORT" >&2; exit 2; }
find_program

# Whoever fills the log is its own broker: nothing is published while deals come in.
serve "${settings[@]}"
"$onepoint" bench prepare --url "$url" --members 10000
posted=0
while [ "$posted" -lt "$deals" ]; do
    "$onepoint" bench deal-save --url "$url" --members 10000 --seconds 5 --json >"$folder/posting.json"
    posted=$((posted + $(figure posting requests)))
done
end_servers
relay=("$onepoint" relay --context deal --from START --data "$folder/data" "${bus[@]}" "${settings[@]}")
echo "reading alone: $("${relay[@]}" --dry-run)"
for round in $(seq "$rounds"); do echo "round $round: $("${relay[@]}")"; done
