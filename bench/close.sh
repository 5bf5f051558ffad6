#!/usr/bin/env bash
# New deals while a month is closed: their p99 before and during the close, and how long the close takes.
#
#   bash bench/close.sh [-d DEALS] [-m MEMBERS] [-r RATE] [SETTING...]
#
# DEALS use deals (100,000) of MEMBERS members (20,000) are posted at 1,000 merchants in July 2020. Then RATE new deals a
# second (1,000) are posted for 10 s, first alone, then while July is closed, again and again, so that all of the time is
# time of a close: the first one bills what was posted before, the others what came since. SETTINGs go to the server after --set, for instance
# database.url=postgres://… . ONEPOINT is the program; without it the release build is taken, and made if need be.
set -euo pipefail
ONEPOINT_BIN=${ONEPOINT:-${ONEPOINT_BIN:-}}
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

deals=100000 members=20000 rate=1000
while getopts d:m:r:h option; do
    case $option in
        d) deals=$OPTARG ;;
        m) members=$OPTARG ;;
        r) rate=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
settings=()
for setting in "$@"; do settings+=(--set "$setting"); done

find_program
serve --set clock.now=2020-07-10T12:00:00+09:00 "${settings[@]}"

load() { "$onepoint" bench "$2" --url "$url" --members "$members" --json "${@:3}" >"$folder/$1.json"; }

"$onepoint" bench prepare --url "$url" --members "$members" --points 1000000
posted=0
while [ "$posted" -lt "$deals" ]; do
    load posting deal-use --seconds 2
    posted=$((posted + $(figure posting requests)))
done
echo "$posted use deals at 1,000 merchants are there"

load before deal-mixed --seconds 10 --rate "$rate"
load during deal-mixed --seconds 10 --rate "$rate" &
running=$!
# Connections and threads of the load are there by then.
sleep 0.5
close() { "$onepoint" settle --url "$url" --month 202007 >"$folder/settled"; }
began=$(date +%s%N)
close
took_ms=$((($(date +%s%N) - began) / 1000000))
cat "$folder/settled"
closes=1
while kill -0 "$running" 2>/dev/null; do
    close
    closes=$((closes + 1))
done
wait "$running"
echo "closed in $took_ms ms, then $((closes - 1)) times more while deals came in"
for run in before during; do
    echo "$run: $(figure $run requests_per_s) deals/s, p99 $(figure $run p99_ms) ms, max $(figure $run max_ms) ms," \
        "errors $(figure $run errors), unsent $(figure $run unsent)"
done
