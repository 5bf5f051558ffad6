# shellcheck shell=bash
# What scripts/cluster is told, remembers and tells the processes: topology, ports, addresses, databases, secrets.

CONTEXTS=(member notification point coupon mypage donation deal settlement dashboard product membership payment gifticon cart)
ON_MARIADB=(notification coupon)
# The gateway looks so often whether a process is ready; one that is to end is not ready for three looks before it ends.
CHECK_MS=200
SEEN_AFTER_S=0.7

is_one_of() {
    local wanted=$1 one
    shift
    for one in "$@"; do [ "$one" != "$wanted" ] || return 0; done
    return 1
}

random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

# What up was told, kept for the commands after it.
choose() {
    TOPOLOGY=split
    case "${1:-}" in
        "") ;;
        --topology)
            TOPOLOGY=${2:-}
            is_one_of "$TOPOLOGY" split pair single || fail "there is no topology '$TOPOLOGY': split, pair or single" ;;
        *) usage >&2; exit 2 ;;
    esac
    mkdir -p "$STATE"
    STATE=$(cd "$STATE" && pwd)
    if [ -e "$STATE/cluster.conf" ]; then
        local wanted=$TOPOLOGY
        recall
        [ $# -eq 0 ] || [ "$wanted" = "$TOPOLOGY" ] || fail "here is a set of topology $TOPOLOGY; down --purge removes it"
    else
        BASE=${ONEPOINT_CLUSTER_PORT:-7800}
        BIN=$(program)
        # Servers that do not run as root have to reach their folders, and a socket's path has to be short.
        ENGINES=$(mktemp -d "${TMPDIR:-/tmp}/onepoint-cluster.XXXXXX")
        chmod 711 "$ENGINES"
        SECRET=$(random 32) MARIADB_PASSWORD=$(random 16) PAYMENT_KEY=$(random 16)
        (umask 077 && declare -p TOPOLOGY BASE BIN ENGINES SECRET MARIADB_PASSWORD PAYMENT_KEY >"$STATE/cluster.conf")
        set_out
    fi
    mkdir -p "$STATE"/{run,log,data,stopped}
}

recall() {
    [ -r "$STATE/cluster.conf" ] || fail "there is no set in $STATE; scripts/cluster up makes one"
    STATE=$(cd "$STATE" && pwd)
    # Declared by itself, in a folder of its own that nobody else may write to.
    local line
    while read -r line; do eval "${line/declare --/}"; done <"$STATE/cluster.conf"
    set_out
}

program() {
    local found
    for found in "${ONEPOINT_BIN:-}" "${CARGO_TARGET_DIR:-target}"/{release,debug}/onepoint; do
        [ -z "$found" ] || [ ! -x "$found" ] || { realpath "$found"; return; }
    done
    fail "there is no program: cargo build --release, or name one in ONEPOINT_BIN"
}

# What follows from the topology.
set_out() {
    MARIADB_PORT=$((BASE + 1)) KAFKA_PORT=$((BASE + 2))
    case $TOPOLOGY in
        split)
            SERVICES=(postgres mariadb kafka sandbox "${CONTEXTS[@]}" gateway) DATABASES=(access)
            local context
            for context in "${CONTEXTS[@]}"; do
                is_one_of "$context" "${ON_MARIADB[@]}" || DATABASES+=("$context")
            done ;;
        pair) SERVICES=(postgres sandbox first second) DATABASES=(onepoint) ;;
        single) SERVICES=(sandbox first) DATABASES=() ;;
    esac
}

# port_of NAME SLOT
port_of() {
    local i slot=0
    [ "$2" = a ] || slot=1
    case $1 in
        gateway) echo "$BASE" ;;
        postgres) echo socket ;;
        mariadb) echo "$MARIADB_PORT" ;;
        kafka) echo "$KAFKA_PORT" ;;
        sandbox) echo $((BASE + 4 + slot)) ;;
        first) echo $((BASE + 6 + slot)) ;;
        second) echo $((BASE + 8 + slot)) ;;
        *)
            for i in "${!CONTEXTS[@]}"; do
                [ "${CONTEXTS[i]}" != "$1" ] || echo $((BASE + 12 + 4 * i + slot))
            done ;;
    esac
}

internal_port_of() { echo $(($(port_of "$1" "$2") + 2)); }

# Where requests go, and links begin.
address() {
    if [ "$TOPOLOGY" = split ]; then echo "http://127.0.0.1:$BASE"; else echo "http://127.0.0.1:$(port_of first a)"; fi
}

# row KEY VALUE: a line of a settings file.
row() {
    local value=${2//\\/\\\\}
    printf '%s = "%s"\n' "$1" "${value//\"/\\\"}"
}

# Settings of a variable, one KEY=VALUE a line.
rows_of() {
    local line
    while IFS= read -r line; do
        [ -z "${line// /}" ] || row "${line%%=*}" "${line#*=}"
    done <<<"$1"
}

# The databases and what seals them.
store_rows() {
    local name folder=${ENGINES//\//%2F}%2Fpostgres
    row programme.secret "$SECRET"
    case $TOPOLOGY in
        single) row data "$STATE/data/onepoint" ;;
        pair) row data "$STATE/data/onepoint"; row database.url "postgres://postgres@$folder/onepoint" ;;
        split)
            row data "$STATE/data"
            for name in "${DATABASES[@]}"; do row "$name.database.url" "postgres://postgres@$folder/$name"; done
            for name in "${ON_MARIADB[@]}"; do
                row "$name.database.url" "mysql://onepoint:$MARIADB_PASSWORD@127.0.0.1:$MARIADB_PORT/onepoint"
            done ;;
    esac
}

# Both slots of a context, as others find it: `both NAME port_of` or `both NAME internal_port_of`.
both() { echo "http://127.0.0.1:$("$2" "$1" a),http://127.0.0.1:$("$2" "$1" b)"; }

# Of several rows of one key the last one stays.
last_of_each() { tac | awk '!seen[$1]++' | tac; }

write_settings() {
    local name
    (
        umask 077
        store_rows >"$STATE/stores.toml"
        {
            for name in "${CONTEXTS[@]}"; do row "gateway.$name" "$(both "$name" port_of)"; done
            row gateway.check_ms "$CHECK_MS"
            row http.share_port true
            row http.base_url "$(address)"
            row drain.grace_ms $((3 * CHECK_MS + 100))
            rows_of "${ONEPOINT_CLUSTER_GATEWAY_SETS:-}"
        } | last_of_each >"$STATE/gateway.toml"
        {
            store_rows
            row http.workers 1
            row drain.grace_ms $((3 * CHECK_MS + 100))
            row payment.url "http://127.0.0.1:$(port_of sandbox a)"
            row payment.key "$PAYMENT_KEY"
            [ "$TOPOLOGY" != split ] || {
                row http.base_url "$(address)"
                row bus.url "kafka://127.0.0.1:$KAFKA_PORT"
                for name in "${CONTEXTS[@]}"; do
                    case $name in
                        payment) row payment.internal_url "$(both payment internal_port_of)" ;;
                        *) row "$name.url" "$(both "$name" internal_port_of)" ;;
                    esac
                done
            }
            rows_of "${ONEPOINT_CLUSTER_SETS:-}"
        } | last_of_each >"$STATE/services.toml"
    )
}

# The key with which processes ask each other; made once, and known by its hash alone in the store of keys.
make_service_key() {
    [ "$TOPOLOGY" = split ] || return 0
    if [ ! -e "$STATE/data/service.key" ]; then
        (umask 077 && "$BIN" keys create --role service --config "$STATE/stores.toml" \
            >"$STATE/data/service.key.new" 2>>"$STATE/log/keys.log") || { last_words keys; fail "no key was made"; }
        mv "$STATE/data/service.key.new" "$STATE/data/service.key"
    fi
    local file
    for file in "$STATE"/{services,gateway}.toml; do row internal.key "$(cat "$STATE/data/service.key")" >>"$file"; done
}
