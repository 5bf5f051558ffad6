# Sourced by scripts that need servers of their own: $folder is theirs, and goes with the servers when the script ends.
# $onepoint is the program.

folder=$(mktemp -d)
servers=()
end_servers() {
    [ ${#servers[@]} -eq 0 ] || { kill "${servers[@]}" 2>/dev/null && wait "${servers[@]}" 2>/dev/null; } || true
    servers=()
}
trap 'end_servers; rm -rf "$folder"' EXIT

# Starts a server with these options and waits until it is ready; $url is its address. All of them share one folder of
# data, in which the secret lies under which they seal.
serve() {
    local log=$folder/log-${#servers[@]}
    : >"$log"
    "$onepoint" serve --listen 127.0.0.1:0 --data "$folder/data" --set log.format=json "$@" 2>"$log" &
    servers+=($!)
    for _ in $(seq 200); do
        url=$(sed -n 's/.*OnePoint is ready: open \(http:[^ "]*\).*/\1/p' "$log" | head -n 1)
        [ -z "$url" ] || return 0
        kill -0 "${servers[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    echo "${0##*/}: the server did not become ready" >&2
    exit 1
}
