# shellcheck shell=bash
# PostgreSQL, MariaDB and Kafka of scripts/cluster, each with a folder of its own below $ENGINES.

# as USER COMMAND…: servers of databases refuse to run as root; distributions bring users for them. Prints the words that
# go before the command.
as() {
    [ "$(id -u)" -eq 0 ] || return 0
    id "$1" >/dev/null 2>&1 || fail "there is no user $1, as whom its server could run"
    echo "setpriv --reuid=$1 --regid=$1 --init-groups --"
}

postgres_bin() {
    local found
    found=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -t/ -k5 -n | tail -n 1) || true
    [ -n "$found" ] || found=$(command -v initdb) || fail "PostgreSQL is missing. On Debian: apt-get install postgresql"
    dirname "$found"
}

start_postgres() {
    local bin folder=$ENGINES/postgres user
    bin=$(postgres_bin)
    user=$(as postgres)
    if [ ! -f "$folder/data/PG_VERSION" ]; then
        mkdir -p "$folder"
        [ -z "$user" ] || chown postgres "$folder"
        # shellcheck disable=SC2086 # the words before the command
        (cd / && $user "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C --no-sync) \
            >>"$STATE/log/postgres.log" 2>&1 || { last_words postgres; fail "initdb failed"; }
    fi
    # shellcheck disable=SC2086
    (cd / && launch postgres $user "$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= \
        -c max_connections=600 -c shared_buffers=64MB -c wal_init_zero=off -c max_wal_size=2GB)
}

postgres_ready() { "$(postgres_bin)/pg_isready" --quiet -h "$ENGINES/postgres" -U postgres; }

# Databases that are not there yet.
make_databases() {
    local bin known name
    bin=$(postgres_bin)
    known=$("$bin/psql" -h "$ENGINES/postgres" -U postgres -AXtc 'SELECT datname FROM pg_database')
    for name in "$@"; do
        grep -qxF "$name" <<<"$known" || echo "CREATE DATABASE \"$name\";"
    done | "$bin/psql" -h "$ENGINES/postgres" -U postgres -Xq -v ON_ERROR_STOP=1
}

start_mariadb() {
    local folder=$ENGINES/mariadb user server
    server=$(command -v mariadbd || command -v mysqld) ||
        fail "MariaDB is missing. On Debian: apt-get install mariadb-server"
    user=$(as mysql)
    # Temporary files of its own: a server that starts removes those of every other one in the same folder.
    mkdir -p "$folder/tmp"
    [ -z "$user" ] || chown mysql "$folder" "$folder/tmp"
    if [ ! -d "$folder/data/mysql" ]; then
        # shellcheck disable=SC2086
        (cd / && $user mariadb-install-db --no-defaults --datadir="$folder/data" --tmpdir="$folder/tmp" \
            --skip-test-db) >>"$STATE/log/mariadb.log" 2>&1 || { last_words mariadb; fail "mariadb-install-db failed"; }
        (
            umask 077
            echo "CREATE USER IF NOT EXISTS onepoint@'127.0.0.1' IDENTIFIED BY '$MARIADB_PASSWORD';"
            # Each context makes a database of its own: onepoint_coupon.
            echo "GRANT ALL ON \`onepoint\\_%\`.* TO onepoint@'127.0.0.1';"
        ) >"$folder/first.sql"
        [ -z "$user" ] || chown mysql "$folder/first.sql"
    fi
    # shellcheck disable=SC2086
    (cd / && launch mariadb $user "$server" --no-defaults --datadir="$folder/data" --tmpdir="$folder/tmp" \
        --socket="$folder/socket" --pid-file="$folder/pid" --bind-address=127.0.0.1 --port="$MARIADB_PORT" \
        --init-file="$folder/first.sql" --skip-name-resolve --max-connections=200 \
        --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=1)
}

# It takes connections before it has read its first file, so the port alone says nothing.
mariadb_ready() {
    grep -q 'ready for connections' <(awk '/^== / { said = "" } { said = said "\n" $0 } END { print said }' \
        "$STATE/log/mariadb.log")
}

kafka_jars() {
    local folder
    for folder in "${ONEPOINT_TEST_KAFKA_JARS:-}" "${CARGO_TARGET_DIR:-target}/kafka-jars" target/kafka-jars; do
        if [ -n "$folder" ] && compgen -G "$folder/kafka_*.jar" >/dev/null; then
            (cd "$folder" && pwd)
            return
        fi
    done
    fail "Kafka is missing: scripts/kafka-jars fetches it (it needs maven)"
}

java_of() { command -v java || fail "Java is missing. On Debian: apt-get install openjdk-17-jre-headless"; }

start_kafka() {
    local folder=$ENGINES/kafka jars java
    jars=$(kafka_jars)
    java=$(java_of)
    mkdir -p "$folder/data"
    cat >"$folder/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((KAFKA_PORT + 1))
listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,CONTROLLER://127.0.0.1:$((KAFKA_PORT + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# After a crash it may come back once its session is over.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
END
    if [ ! -f "$folder/data/meta.properties" ]; then
        "$java" -cp "$jars/*" kafka.tools.StorageTool format --cluster-id onepoint-cluster-0000A \
            --config "$folder/server.properties" >>"$STATE/log/kafka.log" 2>&1 ||
            { last_words kafka; fail "Kafka's folder cannot be made"; }
    fi
    launch kafka "$java" -Xms64m -Xmx320m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -cp "$jars/*" kafka.Kafka "$folder/server.properties"
}

kafka_ready() { (exec 3<>"/dev/tcp/127.0.0.1/$KAFKA_PORT"); }
