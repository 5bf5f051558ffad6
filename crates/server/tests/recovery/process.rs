//! The program as a process on a store of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::db::Session;
use server::config::Settings;
use server::stores::{CONTEXTS, open};

use crate::support::{Engine, mariadb, postgres};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A store that outlives its servers.
pub struct Store {
    engine: Engine,
    data: tempfile::TempDir,
    database: Option<Arc<postgres::Database>>,
    mariadb: Option<mariadb::Databases>,
}

impl Store {
    /// An empty one.
    pub fn fresh(engine: Engine) -> Self {
        let database = (engine == Engine::Postgres).then(|| Arc::new(postgres::Database::fresh()));
        let mariadb = (engine == Engine::Mixed).then(mariadb::Databases::fresh);
        Self { engine, data: tempfile::tempdir().expect("a temporary folder"), database, mariadb }
    }

    /// A copy of this one, whose server must not run and which lies nowhere on MariaDB.
    pub fn copy(&self) -> Self {
        assert!(self.mariadb.is_none(), "databases on MariaDB are not copied");
        let copy = Self::fresh(self.engine);
        for entry in std::fs::read_dir(self.data.path()).expect("the data folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                std::fs::copy(&path, copy.data.path().join(name)).expect("a file is copied");
            }
        }
        if let (Some(from), Some(to)) = (&self.database, &copy.database) {
            let name = |database: &postgres::Database| {
                database.url.rsplit('/').next().and_then(|rest| rest.split('?').next()).unwrap_or_default().to_owned()
            };
            from.run(&format!("DROP DATABASE {}", name(to)));
            from.run(&format!("CREATE DATABASE {} TEMPLATE {}", name(to), name(from)));
        }
        copy
    }

    /// The databases on MariaDB, if there are any.
    pub fn mariadb(&self) -> Option<&mariadb::Databases> {
        self.mariadb.as_ref()
    }

    /// The settings that lead to it.
    pub fn sets(&self) -> Vec<String> {
        let url = self.database.as_ref().map_or("sqlite:", |database| &database.url);
        let data = self.data.path().display();
        let own = vec![format!("data={data}"), format!("database.url={url}"), format!("programme.secret={SECRET}")];
        own.into_iter().chain(self.mariadb.iter().flat_map(mariadb::Databases::sets)).collect()
    }

    /// The program with this store and these words behind it.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
        command.args(words);
        for set in self.sets() {
            command.args(["--set", &set]);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the program runs")
    }

    /// Reads or changes a context's tables, past the program.
    pub fn with<T>(&self, context: &str, work: impl FnOnce(&mut dyn Session) -> platform::error::Result<T>) -> T {
        let settings = Settings::from_sources(None, std::iter::empty(), &self.sets()).expect("settings");
        let context = CONTEXTS.iter().find(|known| known.name == context).expect("a context");
        let database = open(&settings, context).expect("the store opens");
        let mut session = database.shared_session().expect("a session");
        work(&mut *session).expect("the store can be used")
    }

    /// A folder for files beside the store.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Starts a server and waits until it is ready.
    pub fn serve(&self) -> Serving {
        Self::start(self.command(&["serve", "--listen", "127.0.0.1:0"]))
    }

    /// Starts a server by this command and waits until it is ready.
    pub fn start(mut command: Command) -> Serving {
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut serving = Serving { child, address: SocketAddr::from(([0; 4], 0)), started_in: Duration::ZERO };
        let lines = BufReader::new(serving.child.stderr.take().expect("it is piped")).lines();
        let (told, tells) = std::sync::mpsc::channel();
        // Reads to the end, or the server would stop at a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(told.send(line))));
        let (started, mut said) = (Instant::now(), String::new());
        while started.elapsed() < STARTS_WITHIN {
            let Ok(line) = tells.recv_timeout(STARTS_WITHIN) else { break };
            if let Some(address) = ready_at(&line) {
                (serving.address, serving.started_in) = (address, started.elapsed());
                return serving;
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("the server did not become ready:\n{said}");
    }
}

/// What a server says when it is ready, or the sandbox for payments.
fn ready_at(line: &str) -> Option<SocketAddr> {
    let behind = ["open http://", "payment.url=http://"].iter().find_map(|words| Some(line.split_once(words)?.1))?;
    behind.split(|c: char| c.is_whitespace() || c == '"').next()?.parse().ok()
}

/// A running server. Dropping it kills it.
pub struct Serving {
    child: Child,
    pub address: SocketAddr,
    /// How long it took until it was ready.
    pub started_in: Duration,
}

impl Serving {
    /// Stops it where it is, as a machine that is suspended does, or lets it go on.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Asks it to end, and waits until it has.
    #[allow(dead_code, reason = "for the tests of traces, which are delivered at the end")]
    pub fn end(mut self) -> std::process::ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().expect("it ends")
    }

    /// Ends it as a crash would: at once, and without a word.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
