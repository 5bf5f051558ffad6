//! MariaDB for tests: the server that `ONEPOINT_TEST_MARIADB` names, or a temporary one that this process starts and
//! that ends with it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

/// Names the URL of a server where databases may be made: `mysql://user@host`, with parameters if need be.
pub const VARIABLE: &str = "ONEPOINT_TEST_MARIADB";

/// Makes a data folder, says where it is, and ends the server when its input ends, which it does however this process
/// ends. For each line that it is told the server crashes and is started again. What is made in advance need not be on
/// the disk; what the tests write has to be.
const WATCHDOG: &str = r#"
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/onepoint-mariadb.XXXXXX")
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
owner=$(id -un)
# Temporary files of its own: a server that starts removes those of every other one in the same folder.
mkdir "$dir/tmp"
if [ "$owner" = root ]; then owner=mysql; chown mysql "$dir" "$dir/tmp"; fi
small="--innodb-log-file-size=32M --innodb-buffer-pool-size=64M --skip-log-bin"
mariadb-install-db --no-defaults --datadir="$dir/data" --user="$owner" --auth-root-authentication-method=normal \
    --tmpdir="$dir/tmp" --skip-test-db --skip-name-resolve $small --innodb-flush-method=nosync >"$dir/log" 2>&1 || {
    cat "$dir/log"
    exit 1
}
start() {
    mariadbd --no-defaults --datadir="$dir/data" --user="$owner" --socket="$dir/socket" --pid-file="$dir/pid" \
        --tmpdir="$dir/tmp" --skip-networking --skip-name-resolve --max-connections=400 $small \
        --innodb-flush-log-at-trx-commit=1 </dev/null >>"$dir/log" 2>&1 &
    server=$!
    tries=0
    until mariadb-admin --no-defaults --socket="$dir/socket" --user=root --silent ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 $server; then cat "$dir/log"; kill $server; exit 1; fi
        sleep 0.05
    done
    echo "ready $dir"
}
start
while read -r _; do
    kill -KILL $server
    wait $server || true
    start
done
kill -KILL $server
wait $server || true
"#;

/// The server, and the process that ends it.
struct Server {
    /// `mysql://…` up to the name of a database.
    url: String,
    /// Parameters after the name.
    parameters: String,
    _watchdog: Option<Own>,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A name for databases that nobody else uses; they are gone when this is dropped.
pub struct Databases {
    /// Where contexts make their databases.
    pub url: String,
    name: String,
}

impl Databases {
    /// A fresh name; the contexts make their databases under it.
    ///
    /// # Panics
    /// If there is no MariaDB, saying what to do.
    pub fn fresh() -> Self {
        let server = SERVER.get_or_init(Server::find);
        let name = format!("onepoint_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { url: server.database_url(&name), name }
    }

    /// The settings with which the contexts that may lie here do.
    pub fn sets(&self) -> Vec<String> {
        ["coupon", "notification"].map(|name| format!("{name}.database.url={}", self.url)).into()
    }

    /// The database of a context.
    pub fn of(&self, context: &str) -> String {
        format!("{}_{context}", self.name)
    }

    /// Runs statements without parameters, beside the program; the rows of the last, each value as text.
    pub fn run(&self, sql: &str) -> Vec<Vec<String>> {
        SERVER.get().expect("it was started").run(sql)
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let found = self.run(&format!("SHOW DATABASES LIKE '{}\\_%'", self.name.replace('_', "\\_")));
        for database in found.into_iter().flatten() {
            self.run(&format!("DROP DATABASE IF EXISTS `{database}`"));
        }
    }
}

/// A temporary server and the process that ends it.
pub struct Own {
    watchdog: Child,
    says: Lines<BufReader<ChildStdout>>,
    folder: String,
}

impl Own {
    /// Starts one.
    ///
    /// # Panics
    /// If there is no MariaDB, saying what to do.
    pub fn start() -> Self {
        let mut command = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-c", WATCHDOG, "mariadb-for-tests"]).current_dir("/").env("PATH", format!("{path}:/usr/sbin"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt from the keyboard must reach the tests, not the cleaning up.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut watchdog = command.spawn().expect("a shell to start MariaDB with");
        let says = BufReader::new(watchdog.stdout.take().expect("its output is piped")).lines();
        let mut own = Self { watchdog, says, folder: String::new() };
        own.folder = own.ready();
        own
    }

    /// Lets it crash, as a machine does that loses its power while the disk keeps what it has, and starts it again.
    pub fn crash(&mut self) {
        let input = self.watchdog.stdin.as_mut().expect("its input is piped");
        input.write_all(b"crash\n").expect("it listens");
        self.ready();
    }

    /// Where a context makes its database under this name.
    pub fn url(&self, name: &str) -> String {
        format!("mysql://root@localhost/{name}{}", self.parameters())
    }

    fn parameters(&self) -> String {
        format!("?socket={}/socket", self.folder)
    }

    /// Waits until it is up; its folder.
    fn ready(&mut self) -> String {
        let mut said = String::new();
        for line in self.says.by_ref() {
            let line = line.expect("the shell writes text");
            if let Some(folder) = line.strip_prefix("ready ") {
                return folder.to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        }
        let _ = self.watchdog.wait();
        panic!(
            "the tests on MariaDB need a server: apt-get install mariadb-server, or name one in {VARIABLE}; it did \
             not start:\n{said}"
        );
    }
}

impl Server {
    fn find() -> Self {
        match std::env::var(VARIABLE) {
            Ok(url) => Self::named(&url),
            Err(_) => Self::temporary(),
        }
    }

    fn named(url: &str) -> Self {
        let (url, parameters) =
            url.split_once('?').map_or((url, String::new()), |(url, rest)| (url, format!("?{rest}")));
        Self { url: url.trim_end_matches('/').to_owned(), parameters, _watchdog: None }
    }

    fn temporary() -> Self {
        let own = Own::start();
        Self { url: "mysql://root@localhost".to_owned(), parameters: own.parameters(), _watchdog: Some(own) }
    }

    fn database_url(&self, name: &str) -> String {
        format!("{}/{name}{}", self.url, self.parameters)
    }

    fn run(&self, sql: &str) -> Vec<Vec<String>> {
        let opts = Opts::from_url(&self.database_url("")).expect("a URL");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let rows: Vec<mysql_async::Row> = runtime.block_on(async {
            let mut conn = Conn::new(opts).await.expect("MariaDB answers");
            conn.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
        });
        let text = |value: mysql_async::Value| mysql_async::from_value_opt::<String>(value).unwrap_or_default();
        rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()
    }
}
