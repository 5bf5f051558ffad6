//! What the tests stand on: a real server in this process on a fresh store, asked over real connections.
//!
//! A test is an ordinary `#[test]` function (the server brings its own runtime) whose body takes an [`Engine`] and is
//! run once on each:
//!
//! ```ignore
//! let app = TestApp::open(Engine::Sqlite);
//! app.join(1, "01085581234");
//! eventually("member 1 is NORMAL", || app.get("/members/1").json["memberStatus"] == "NORMAL");
//! ```

#![allow(dead_code, reason = "each test program uses its own part of the kit")]

pub mod between;
pub mod clock;
pub mod cluster;
pub mod http;
pub mod mariadb;
pub mod older;
pub mod postgres;
pub mod settled;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::assembly::{App, Betweens, Options};
use server::config::Settings;
use server::serve::Running;
use tokio::runtime::Runtime;

pub use clock::TestClock;
#[allow(unused_imports, reason = "each test program uses its own part of the kit")]
pub use http::{Answer, Client, Request};

/// "Eventually" in the scenarios is within this, on an idle machine.
pub const EVENTUALLY: Duration = Duration::from_secs(2);
/// What is not about time waits so long for what follows, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Fixed, so that a restarted server knows the digests of the one before.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Where the contexts keep their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Files of their own in a temporary folder.
    Sqlite,
    /// Schemas in a fresh database of a real server.
    Postgres,
    /// As SQLite, but with coupon and notification in databases of a real MariaDB.
    Mixed,
}

/// How a server is to be started.
pub struct Setup {
    /// Where the contexts keep their data.
    pub engine: Engine,
    /// `key=value`, as after `--set`.
    pub sets: Vec<String>,
    /// Remember idempotency keys; off only in a control run.
    pub remembers_keys: bool,
    /// Wipe what is deleted where personal data lies; off only in a control run.
    pub wipes: bool,
    /// What the server's clock shows in the beginning, in milliseconds since 1970; otherwise the real time.
    pub starts_at_ms: Option<i64>,
    /// Bring a sandbox for card payments along where no provider is set.
    pub sandbox: bool,
    /// Stands between contexts.
    pub betweens: Betweens,
}

impl Setup {
    /// The default settings on this engine.
    pub fn on(engine: Engine) -> Self {
        Self {
            engine,
            sets: Vec::new(),
            remembers_keys: true,
            wipes: true,
            starts_at_ms: None,
            sandbox: true,
            betweens: Betweens::default(),
        }
    }

    /// With a clock that begins at this instant.
    pub fn starting_at(mut self, instant: &str) -> Self {
        self.starts_at_ms = Some(platform::zone::parse_instant(instant).expect("an instant"));
        self
    }

    /// With these settings too.
    pub fn with(mut self, sets: &[&str]) -> Self {
        self.sets.extend(sets.iter().map(|set| (*set).to_owned()));
        self
    }
}

/// A server on a store that nobody else uses. Dropping it ends the server and removes the store.
pub struct TestApp {
    /// The server's clock: the real time, plus whatever a test adds.
    pub clock: Arc<TestClock>,
    setup: Setup,
    data: tempfile::TempDir,
    database: Option<postgres::Database>,
    mariadb: Option<mariadb::Databases>,
    server: Option<Server>,
}

struct Server {
    runtime: Runtime,
    running: Running,
    client: Client,
}

impl TestApp {
    /// A server with the default settings.
    pub fn open(engine: Engine) -> Self {
        Self::start_up(Setup::on(engine))
    }

    /// A server with these settings (`key=value`).
    pub fn open_with(engine: Engine, sets: &[&str]) -> Self {
        Self::start_up(Setup::on(engine).with(sets))
    }

    /// A server as described.
    pub fn start_up(setup: Setup) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let database = (setup.engine == Engine::Postgres).then(postgres::Database::fresh);
        let mariadb = (setup.engine == Engine::Mixed).then(mariadb::Databases::fresh);
        let clock = Arc::new(setup.starts_at_ms.map_or_else(TestClock::default, TestClock::starting_at));
        let mut app = Self { clock, setup, data, database, mariadb, server: None };
        app.server = Some(app.serve());
        app
    }

    fn serve(&self) -> Server {
        let mut sets = self.store_settings();
        sets.push("listen=127.0.0.1:0".to_owned());
        // On a busy machine nobody is to be told that stock could not be asked for; tests of the limits set their own.
        sets.extend(["gifticon", "product"].map(|callee| format!("questions.{callee}.time_limit_ms=10000")));
        sets.extend(self.setup.sets.iter().cloned());
        let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
        let runtime = server::serve::runtime(&settings).expect("a runtime");
        let options = Options {
            clock: Some(Arc::clone(&self.clock) as _),
            remembers_keys: self.setup.remembers_keys,
            wipes: self.setup.wipes,
            sandbox: self.setup.sandbox,
            betweens: self.setup.betweens.clone(),
            ..Options::default()
        };
        let running = Running::start(&settings, options, &runtime).expect("the server starts");
        let client = Client::new(running.address);
        Server { runtime, running, client }
    }

    /// The settings that lead to this store, for another process that is to work on it.
    pub fn store_settings(&self) -> Vec<String> {
        let url = self.database.as_ref().map_or("sqlite:", |database| &database.url);
        let own = vec![
            format!("data={}", self.data.path().display()),
            format!("database.url={url}"),
            format!("programme.secret={SECRET}"),
        ];
        own.into_iter().chain(self.mariadb.iter().flat_map(mariadb::Databases::sets)).collect()
    }

    /// The folder of the SQLite files.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The database, if it is on a server.
    pub fn postgres(&self) -> Option<&postgres::Database> {
        self.database.as_ref()
    }

    /// The databases on MariaDB, if there are any.
    pub fn mariadb(&self) -> Option<&mariadb::Databases> {
        self.mariadb.as_ref()
    }

    /// The engine of its store.
    pub fn engine(&self) -> Engine {
        self.setup.engine
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// The contexts behind the server.
    pub fn app(&self) -> &Arc<App> {
        &self.server().running.app
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server().running.address
    }

    /// Links begin with this.
    pub fn base(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Stops a context: its routes answer 503 and it takes nothing in.
    pub fn stop(&self, context: &str) {
        self.app().set_running(context, false).expect("a context's name");
    }

    /// Starts a stopped context again.
    pub fn start(&self, context: &str) {
        self.app().set_running(context, true).expect("a context's name");
    }

    /// Delays questions to point by a random time between both, or no more.
    pub fn delay_point(&self, range_ms: Option<(u64, u64)>) {
        self.app().point_delay.set(range_ms);
    }

    /// Ends the server in good order; the store stays. For work on the store by others.
    pub fn shut_down(&mut self) {
        if let Some(Server { runtime, running, client }) = self.server.take() {
            drop(client);
            running.stop(&runtime, Duration::ZERO);
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// Ends the server and starts it again on the same store.
    pub fn restart(&mut self) {
        self.shut_down();
        self.server = Some(self.serve());
    }

    /// As [`TestApp::restart`], with these settings instead of the ones before.
    pub fn restart_with(&mut self, sets: &[&str]) {
        self.setup.sets = sets.iter().map(|set| (*set).to_owned()).collect();
        self.restart();
    }

    /// A member joins under this number.
    pub fn join(&self, member_id: i64, phone_no: &str) -> Answer {
        let answer = self.post("/members", &json!({"memberId": member_id, "phoneNo": phone_no, "nickname": "N"}));
        assert_eq!(answer.status, 201, "joining as {member_id}: {}", answer.text);
        answer
    }

    /// A member joins under this number and is NORMAL with an account before this returns.
    pub fn join_normal(&self, member_id: i64) {
        self.join(member_id, &format!("010{:08}", member_id % 100_000_000));
        eventually("a new member is NORMAL with an account and a page", || {
            self.get(&format!("/members/{member_id}")).json["memberStatus"] == "NORMAL"
                && self.get(&format!("/points/{member_id}")).json["memberStatus"] == "NORMAL"
                && self.get(&format!("/mypages/{member_id}")).json["memberStatus"] == "NORMAL"
                && self.can_leave(member_id)
        });
    }

    /// Whether coupon, if it runs here, has opened the member's wallet; before that it lets nobody go.
    fn can_leave(&self, member_id: i64) -> bool {
        let coupon = &self.app().coupons.funnel;
        let sql = "SELECT member_id FROM coupon_wallet WHERE member_id = $1";
        let found = || coupon.with_session(|tx| tx.query(sql, &[member_id.into()])).expect("wallets can be read");
        !coupon.is_open() || !found().is_empty()
    }

    /// A member leaves: decided when this returns. The rest follows, on a busy machine later (202), so whoever looks at
    /// it settles first.
    pub fn leave(&self, member_id: i64) {
        let left = self.delete(&format!("/members/{member_id}"));
        assert!(matches!(left.status, 202 | 204), "leaving as {member_id}: {} {}", left.status, left.text);
    }

    /// The points of a member, or nothing without an account.
    pub fn points_of(&self, member_id: i64) -> Option<i64> {
        self.get(&format!("/points/{member_id}")).json["remainPoint"].as_i64()
    }

    /// A member gives points to the general fund.
    pub fn donate(&self, member_id: i64, points: i64) -> Answer {
        self.post("/donations", &json!({"memberId": member_id, "amount": points}))
    }

    /// A merchant posts a deal.
    pub fn deal(&self, body: &Value) -> Answer {
        self.post("/deals", body)
    }

    /// Changes the points of a member.
    pub fn change_points(&self, member_id: i64, points: i64) -> Answer {
        self.patch(&format!("/points/{member_id}"), &json!({"requirePoint": points}))
    }
}

/// Whoever asks the app asks its server.
impl Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.server().client
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Waits until `holds`, at most for [`PATIENCE`]; how long it took. Where the time is promised, use [`promptly`].
pub fn eventually(what: &str, holds: impl FnMut() -> bool) -> Duration {
    within(PATIENCE, what, holds)
}

/// Waits until `holds`, at most for [`EVENTUALLY`]; how long it took.
pub fn promptly(what: &str, holds: impl FnMut() -> bool) -> Duration {
    within(EVENTUALLY, what, holds)
}

/// Waits until `holds`, at most for `limit`; how long it took.
pub fn within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    loop {
        // The time is read first: what is seen later than the limit was too late.
        let waited = started.elapsed();
        if holds() {
            return waited;
        }
        assert!(waited <= limit, "not within {limit:?}: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
