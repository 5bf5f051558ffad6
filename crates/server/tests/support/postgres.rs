//! PostgreSQL for tests: the server that `ONEPOINT_TEST_POSTGRES` names, or a temporary one that this process starts
//! and that ends with it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the URL of a server where databases may be made.
pub const VARIABLE: &str = "ONEPOINT_TEST_POSTGRES";

/// Makes a cluster, says where it is, and ends it when its input ends, which it does however this process ends.
const WATCHDOG: &str = r#"
set -eu
bin=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/onepoint-pg.XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 || {
    cat "$dir/log"
    exit 1
}
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=on -c max_connections=400 \
    -c shared_buffers=64MB -c wal_init_zero=off -c max_wal_size=4GB </dev/null >>"$dir/log" 2>&1 &
server=$!
tries=0
until "$bin/pg_isready" -q -h "$dir" -U postgres; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 $server; then cat "$dir/log"; kill $server; exit 1; fi
    sleep 0.05
done
echo "ready $dir"
read -r _ || true
kill -INT $server
wait $server || true
"#;

/// The server, and the process that ends it.
struct Server {
    /// `postgres://…` up to the name of a database.
    url: String,
    /// Parameters after the name, if the variable has any.
    parameters: String,
    _watchdog: Option<Child>,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database that nobody else uses; gone when this is dropped.
pub struct Database {
    /// Where it is.
    pub url: String,
    name: String,
}

impl Database {
    /// A new, empty database.
    ///
    /// # Panics
    /// If there is no PostgreSQL, saying what to do.
    pub fn fresh() -> Self {
        let server = SERVER.get_or_init(Server::find);
        let name = format!("onepoint_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        server.run(&format!("CREATE DATABASE {name}"));
        Self { url: server.database_url(&name), name }
    }

    /// Runs statements without parameters in this database, beside the program.
    pub fn run(&self, sql: &str) {
        run(&self.url, sql);
    }

    /// The folder of the server's files.
    ///
    /// # Panics
    /// If the server is on another machine.
    pub fn server_folder(&self) -> PathBuf {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder: PathBuf = runtime.block_on(async {
            let connected = tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await;
            let (client, connection) = connected.expect("PostgreSQL answers");
            tokio::spawn(connection);
            let row = client.query_one("SHOW data_directory", &[]).await.expect("a superuser may ask");
            row.get::<_, String>(0).into()
        });
        assert!(folder.join("base").is_dir(), "{} is not here: unset {VARIABLE}", folder.display());
        folder
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(server) = SERVER.get() {
            server.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
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
        let authority = url.find("://").map_or(0, |place| place + 3);
        let end = url[authority..].find('/').map_or(url.len(), |slash| authority + slash);
        Self { url: url[..end].to_owned(), parameters, _watchdog: None }
    }

    fn temporary() -> Self {
        let bin = binaries();
        // PostgreSQL refuses to run as root; distributions bring a user for it.
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", WATCHDOG, "postgres-for-tests"]).arg(&bin).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt from the keyboard must reach the tests, not the cleaning up.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut watchdog = command.spawn().expect("a shell to start PostgreSQL with");
        let mut said = String::new();
        let output = BufReader::new(watchdog.stdout.take().expect("its output is piped"));
        for line in output.lines() {
            let line = line.expect("the shell writes text");
            if let Some(folder) = line.strip_prefix("ready ") {
                let folder = folder.replace('/', "%2F");
                let url = format!("postgres://postgres@{folder}");
                return Self { url, parameters: String::new(), _watchdog: Some(watchdog) };
            }
            said.push_str(&line);
            said.push('\n');
        }
        let _ = watchdog.wait();
        panic!("PostgreSQL in {} did not start:\n{said}", bin.display());
    }

    fn database_url(&self, name: &str) -> String {
        format!("{}/{name}{}", self.url, self.parameters)
    }

    fn run(&self, sql: &str) {
        run(&self.database_url("postgres"), sql);
    }
}

fn run(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("PostgreSQL answers");
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    });
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The newest PostgreSQL of this machine.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let newest = versions.map(|entry| entry.path()).max_by_key(number).map(|path| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = newest.into_iter().chain(std::env::split_paths(&path));
    known.into_iter().find(|folder| folder.join("initdb").exists()).unwrap_or_else(|| {
        panic!("the tests on PostgreSQL need a server: apt-get install postgresql, or name one in {VARIABLE}")
    })
}
