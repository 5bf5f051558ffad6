//! A whole set of processes that `scripts/cluster` starts, stops and replaces, asked over HTTP alone.

use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, Client, PATIENCE, within};

/// What follows over a broker is there within this, on a machine that runs the whole set and its clients; readers find a
/// topic that is new within some seconds, and a chain of events passes through several.
const FOLLOWS: Duration = Duration::from_secs(30);
/// Ports of a set, one after the other.
const PORTS: u16 = 80;
/// Sets do not share a machine well.
static ONE: Mutex<()> = Mutex::new(());

/// How the contexts are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One process on SQLite.
    Single,
    /// Two processes of all contexts on one PostgreSQL.
    Pair,
    /// A process and a database for each context, Kafka between them, a gateway before them.
    Split,
}

impl Topology {
    fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Pair => "pair",
            Self::Split => "split",
        }
    }
}

/// A running set. Dropping it ends its processes and removes what they stored.
pub struct Cluster {
    topology: Topology,
    sets: Vec<String>,
    gateway_sets: String,
    folder: tempfile::TempDir,
    port: u16,
    clients: Vec<Client>,
    bases: Vec<String>,
    next: AtomicUsize,
    _one: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts a set with these settings (`key=value`) and waits until it is ready. One at a time.
    pub fn up(topology: Topology, sets: &[&str]) -> Self {
        Self::up_with_gateway(topology, sets, &[])
    }

    /// As [`Cluster::up`], with these settings of the gateway.
    pub fn up_with_gateway(topology: Topology, sets: &[&str], gateway_sets: &[&str]) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let (clients, bases, next) = (Vec::new(), Vec::new(), AtomicUsize::new(0));
        let gateway_sets = gateway_sets.join("\n");
        let mut set =
            Self { topology, sets, gateway_sets, folder, port: free_ports(), clients, bases, next, _one: one };
        let started = Instant::now();
        set.script(&["up", "--topology", topology.name()]);
        set.bases = set.script(&["url"]).lines().map(str::to_owned).collect();
        set.clients = set.bases.iter().map(|base| Client::new(address_of(base))).collect();
        println!("{}: up after {:.1} s", topology.name(), started.elapsed().as_secs_f64());
        set
    }

    /// Whether every context is a process of its own.
    pub fn is_split(&self) -> bool {
        self.topology == Topology::Split
    }

    /// Runs `scripts/cluster` with these words; what it printed.
    ///
    /// # Panics
    /// If it fails, with what it said.
    pub fn script(&self, words: &[&str]) -> String {
        let mut command = cluster_script();
        command.args(words).env("ONEPOINT_CLUSTER_DIR", self.folder.path());
        command.env("ONEPOINT_CLUSTER_PORT", self.port.to_string()).env("ONEPOINT_CLUSTER_SETS", self.sets.join("\n"));
        command.env("ONEPOINT_CLUSTER_GATEWAY_SETS", &self.gateway_sets);
        command.env("ONEPOINT_BIN", env!("CARGO_BIN_EXE_onepoint"));
        let output = command.output().expect("bash runs the script");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/cluster {}: {said}", words.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs the program on all databases of the set.
    pub fn program(&self, words: &[&str]) -> Output {
        let settings = self.folder.path().join("stores.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
        command.stdin(Stdio::null()).current_dir(root()).args(words).arg("--config").arg(settings);
        command.output().expect("the program runs")
    }

    /// Stops a context, an engine or the gateway in good order.
    pub fn stop(&self, name: &str) {
        self.script(&["stop", name]);
    }

    /// Starts what is stopped or was killed, and waits until it is ready.
    pub fn start(&self, name: &str) {
        self.script(&["start", name]);
    }

    /// Everything that is stored holds, in all databases.
    pub fn verify(&self) {
        let started = Instant::now();
        let verified = self.program(&["verify"]);
        let said = String::from_utf8_lossy(&verified.stdout);
        let wrong: Vec<_> = said.lines().filter(|line| !line.starts_with("ok ")).collect();
        let errors = String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success(), "verify: {}\n{errors}", wrong.join("\n"));
        assert!(!said.contains("events that are parked"), "{said}");
        println!("{}: verify is clean ({:.1} s)", self.topology.name(), started.elapsed().as_secs_f64());
    }

    /// Waits until `holds`, and says how long it took.
    pub fn eventually(&self, what: &str, holds: impl FnMut() -> bool) {
        let took = within(if self.is_split() { FOLLOWS } else { PATIENCE }, what, holds);
        println!("{}: {what}: {} ms", self.topology.name(), took.as_millis());
    }

    /// Where the first process or the gateway listens.
    pub fn address(&self) -> SocketAddr {
        address_of(&self.bases[0])
    }

    /// Whether this link leads to the path here.
    pub fn leads_to(&self, link: Option<&str>, path: &str) -> bool {
        self.bases.iter().any(|base| link.is_some_and(|link| link == format!("{base}{path}")))
    }

    /// What is shown at this path, with links that are the same whoever shows it.
    pub fn shown(&self, path: &str) -> Value {
        let mut text = self.get(path).must_be(200).text;
        for base in &self.bases {
            text = text.replace(base, "");
        }
        serde_json::from_str(&text).expect("JSON")
    }

    /// A member joins and has everything that follows: points, a coupon, a page.
    pub fn join_normal(&self, member_id: i64) {
        let phone_no = format!("010{:08}", 70_000_000 + member_id);
        let body = json!({"memberId": member_id, "phoneNo": phone_no, "nickname": "N"});
        self.post("/members", &body).must_be(201);
        self.has_everything(member_id);
    }

    /// Waits until a new member is NORMAL everywhere.
    pub fn has_everything(&self, member_id: i64) {
        self.eventually("a new member is NORMAL with points, a coupon and a page", || {
            let member = self.get(&format!("/members/{member_id}")).json;
            // The page follows each context on its own: that the member has a coupon does not say that it shows it.
            let page = self.get(&format!("/mypages/{member_id}")).json;
            member["memberStatus"] == "NORMAL"
                && member["couponStatus"] == "ISSUED"
                && member["notified"] == "Y"
                && self.get(&format!("/points/{member_id}")).json["memberStatus"] == "NORMAL"
                && page["memberStatus"] == "NORMAL"
                && page["coupons"].as_array().is_some_and(|coupons| !coupons.is_empty())
        });
    }

    /// Waits until my page shows the points for joining.
    pub fn is_welcomed(&self, member_id: i64) {
        let path = format!("/mypages/{member_id}");
        self.eventually("the page shows the welcome points", || self.get(&path).json["remainPoint"] == 1_000);
    }

    /// A member leaves: 204, or 202 where it is decided but over a broker not complete in time; then nothing of it is left.
    pub fn leave(&self, member_id: i64) {
        let left = self.delete(&format!("/members/{member_id}"));
        let decided = left.status == 204 || (self.is_split() && left.status == 202);
        assert!(decided, "leaving as {member_id}: {} {}", left.status, left.text);
        for path in [format!("/members/{member_id}"), format!("/points/{member_id}")] {
            self.eventually("nothing is left of who left", || {
                let gone = self.get(&path);
                (gone.status, gone.text.as_str()) == (404, "")
            });
        }
    }

    /// The points of a member, or nothing without an account.
    pub fn points_of(&self, member_id: i64) -> Option<i64> {
        self.get(&format!("/points/{member_id}")).json["remainPoint"].as_i64()
    }

    /// The items of a page of a collection.
    pub fn listed(&self, path: &str, collection: &str) -> Vec<Value> {
        let page = self.get(path).must_be(200).json;
        page["_embedded"][collection].as_array().cloned().unwrap_or_default()
    }
}

fn cluster_script() -> Command {
    let mut command = Command::new(root().join("scripts/cluster"));
    command.stdin(Stdio::null()).current_dir(root());
    command
}

/// Whoever is asked, in turn where there are several.
impl Deref for Cluster {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.clients[self.next.fetch_add(1, Ordering::Relaxed) % self.clients.len()]
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Before the logs are gone.
            let mut logs = cluster_script();
            let said = logs.arg("logs").env("ONEPOINT_CLUSTER_DIR", self.folder.path()).output();
            eprintln!("{}", said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default());
        }
        let mut down = cluster_script();
        let _ = down.args(["down", "--purge"]).env("ONEPOINT_CLUSTER_DIR", self.folder.path()).output();
    }
}

/// Every field of `expected` is in the answer with this value.
pub fn must_hold(answer: &Answer, expected: &Value) {
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&answer.json[field], value, "{field} in {}", answer.text);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn address_of(base: &str) -> SocketAddr {
    base.trim_start_matches("http://").parse().expect("an address of the set")
}

/// The first of some ports in a row that nobody listens on; below those that the system gives to clients.
fn free_ports() -> u16 {
    let begin = u16::try_from(std::process::id() % 180).expect("a small number");
    let firsts = (0..180).map(|step| 12_000 + (begin + step) % 180 * 100);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    firsts.into_iter().find(|first| (*first..first + PORTS).all(is_free)).expect("free ports")
}
