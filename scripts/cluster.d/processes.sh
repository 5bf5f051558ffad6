# shellcheck shell=bash
# Processes that scripts/cluster started: each has a file with its number and the moment at which it began, so that a
# number that has passed on to another program is never touched.

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'scripts/cluster: %s\n' "$*" >&2; exit 1; }

now_ms() { local at=${EPOCHREALTIME/[.,]/}; echo $((at / 1000)); }

# What the system says of a process beyond its name: state first, the start in ticks as the twentieth.
stat_of() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    echo "${stat##*) }"
}

# The number of a running process by its name here; nothing and 1 if it does not run.
pid_of() {
    local pid began fields
    [ -r "$STATE/run/$1" ] || return 1
    read -r pid began <"$STATE/run/$1" || return 1
    fields=$(stat_of "$pid") || return 1
    read -ra fields <<<"$fields"
    [ "${fields[0]}" != Z ] && [ "${fields[19]}" = "$began" ] || return 1
    echo "$pid"
}

# launch NAME COMMAND…: starts it apart from this shell, its output behind what its log has.
launch() {
    local name=$1 pid fields
    shift
    printf '== %s %s starts\n' "$(date -u +%FT%TZ)" "$name" >>"$STATE/log/$name.log"
    setsid "$@" </dev/null >>"$STATE/log/$name.log" 2>&1 &
    pid=$!
    fields=$(stat_of "$pid") || { last_words "$name"; fail "$name ended at once"; }
    read -ra fields <<<"$fields"
    echo "$pid ${fields[19]}" >"$STATE/run/$name"
}

# What a process said last.
last_words() {
    say "--- the end of $STATE/log/$1.log"
    tail -n 20 "$STATE/log/$1.log" >&2 || true
}

# wait_for NAME SECONDS COMMAND…: until the command succeeds; ends with the last words if the process does, or is late.
wait_for() {
    local name=$1 until=$(($(now_ms) + $2 * 1000)) limit=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        pid_of "$name" >/dev/null || { last_words "$name"; fail "$name has ended"; }
        [ "$(now_ms)" -lt "$until" ] || { last_words "$name"; fail "$name was not ready within $limit s"; }
        sleep 0.05
    done
}

# The status of GET http://127.0.0.1:PORT PATH; 000 without an answer.
asked() {
    curl --silent --output /dev/null --max-time 2 --write-out '%{http_code}' "http://127.0.0.1:$1$2" || true
}

is_ready() { [ "$(asked "$1" /readyz)" = 200 ]; }

# signal NAME SIGNAL: sent if it runs.
signal() {
    local pid
    pid=$(pid_of "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
}

# gone NAME SECONDS: waits for the end of a process that was told to end.
gone() {
    local until=$(($(now_ms) + $2 * 1000))
    while pid_of "$1" >/dev/null; do
        [ "$(now_ms)" -lt "$until" ] || { last_words "$1"; fail "$1 did not end within $2 s"; }
        sleep 0.02
    done
    rm -f "$STATE/run/$1"
}

# Memory of a process and those that it started, in MiB: what each has for itself, and its share of what they share.
memory_of() {
    local pid files=("/proc/$1/smaps_rollup")
    for pid in $(ps -o pid= --ppid "$1"); do files+=("/proc/$pid/smaps_rollup"); done
    { cat "${files[@]}" 2>/dev/null || true; } | awk '/^Pss:/ { kib += $2 } END { printf "%d", kib / 1024 }'
}
