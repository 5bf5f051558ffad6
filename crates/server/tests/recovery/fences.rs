//! Two processes on one database, of which one sends the messages. It is stopped in the middle of a job, for longer
//! than its lease lasts, and goes on when the other one has taken over: what it was about to write is refused. The
//! control is the same program with that check turned off, and there the stale write gets through.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use platform::db::Session;
use rustix::process::Signal;
use serde_json::json;
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use super::process::{Serving, Store};
use crate::support::{Client, Engine, Request, within};

/// Settings of a server that a test runs without a check, one a line.
const VARIABLE: &str = "ONEPOINT_TEST_UNFENCED";
const CONTACTS: &str = r#"{"contacts": {"1": {"phoneNo": "01012345678", "nickname": "ONE"}}}"#;
/// The lease lasts 10 s; the rest is for a busy machine.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30);
/// Long enough for a process that goes on to write what it was about to.
const GOES_ON: Duration = Duration::from_secs(2);

/// Context member as a server sees it from afar: says when it is asked, and answers once it may.
struct SlowMember {
    address: SocketAddr,
    asked: Receiver<()>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl SlowMember {
    fn listening() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tells, asked) = channel();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&gate);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tells, gate) = (tells.clone(), Arc::clone(&shared));
                std::thread::spawn(move || answer(stream, &tells, &gate));
            }
        });
        Self { address, asked, gate }
    }

    fn must_be_asked_within(&self, limit: Duration) {
        self.asked.recv_timeout(limit).expect("the server asks for a phone number");
    }

    fn let_answer(&self) {
        *self.gate.0.lock().expect("no panic") = true;
        self.gate.1.notify_all();
    }
}

fn answer(stream: TcpStream, tells: &Sender<()>, gate: &(Mutex<bool>, Condvar)) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let _ = tells.send(());
    let mut open = gate.0.lock().ok()?;
    while !*open {
        open = gate.1.wait(open).ok()?;
    }
    drop(open);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let text = format!("{head}Content-Length: {}\r\n\r\n{CONTACTS}", CONTACTS.len());
    (&stream).write_all(text.as_bytes()).ok()
}

/// My page asks member too and is left out, so that whoever asks is the one that sends.
fn sets(member: &SlowMember) -> [String; 4] {
    [
        "contexts=member,notification,point".to_owned(),
        format!("member.url=http://{}", member.address),
        "internal.key=none".to_owned(),
        "questions.member.time_limit_ms=120000".to_owned(),
    ]
}

/// The program, as anyone would run it.
fn fenced(store: &Store, member: &SlowMember) -> Serving {
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0"]);
    for set in sets(member) {
        command.args(["--set", &set]);
    }
    Store::start(command)
}

/// This test program, run again as a server that does not look whether a lease has passed on.
fn unfenced(store: &Store, member: &SlowMember) -> Serving {
    let mut all = store.sets();
    all.extend(sets(member));
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "fences::serves_without_the_check_for_a_control", "--ignored", "--nocapture"]);
    command.env(VARIABLE, all.join("\n")).stdin(Stdio::piped());
    Store::start(command)
}

#[test]
#[ignore = "a server for the control below; by itself it does nothing"]
fn serves_without_the_check_for_a_control() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let mut sets: Vec<String> = text.lines().map(str::to_owned).collect();
    sets.push("listen=127.0.0.1:0".to_owned());
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let options = Options { checks_fences: false, ..Options::default() };
    let running = Running::start(&settings, options, &runtime).expect("the server starts");
    eprintln!("ready: open http://{} or wait", running.address);
    // Until the test lets go of it, however that comes about.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

/// Status of the one message, and how often it was tried to send it.
fn message(store: &Store) -> (String, i64) {
    let sql = "SELECT status, attempts FROM message";
    store.with("notification", |session: &mut dyn Session| {
        let rows = session.query(sql, &[])?;
        assert_eq!(rows.len(), 1, "one message");
        Ok((rows[0].text(0).to_owned(), rows[0].int(1)))
    })
}

fn count(store: &Store, context: &str, sql: &'static str) -> i64 {
    store.with(context, |session: &mut dyn Session| Ok(session.query(sql, &[])?[0].int(0)))
}

/// Lets the holder of the lease sleep past it, and go on while the other one is at work. The message as it then is.
fn sleep_past_the_lease(start: fn(&Store, &SlowMember) -> Serving) -> (String, i64) {
    let store = Store::fresh(Engine::Postgres);
    let (of_sleeper, of_heir) = (SlowMember::listening(), SlowMember::listening());
    let sleeper = start(&store, &of_sleeper);
    let client = Client::new(sleeper.address);
    let body = json!({"memberId": 1, "phoneNo": "01012345678", "nickname": "ONE"});
    assert_eq!(Request::new(&client, "POST", "/members").json(&body).send().status, 201);
    of_sleeper.must_be_asked_within(Duration::from_secs(10));
    let heir = start(&store, &of_heir);
    sleeper.signal(Signal::STOP);
    of_heir.must_be_asked_within(TAKEN_OVER_WITHIN);
    // Now the heir holds the lease and has written nothing yet.
    of_sleeper.let_answer();
    sleeper.signal(Signal::CONT);
    std::thread::sleep(GOES_ON);
    let seen = message(&store);

    of_heir.let_answer();
    let client = Client::new(heir.address);
    let points = || Request::new(&client, "GET", "/points/1").send().json["remainPoint"].as_i64();
    within(Duration::from_secs(20), "the member is welcomed", || points() == Some(1_000));
    assert_eq!(message(&store), ("SUCCESS".to_owned(), 1), "recorded once");
    assert_eq!(count(&store, "notification", "SELECT count(*) FROM event WHERE type = 'MessageEnded'"), 1);
    assert_eq!(count(&store, "point", "SELECT count(*) FROM point_entry"), 1);
    assert_eq!(Request::new(&client, "GET", "/members/1").send().json["memberStatus"], "NORMAL");
    let verified = store.run(&["verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    seen
}

#[test]
fn a_holder_that_was_stopped_past_its_lease_writes_nothing_when_it_goes_on() {
    assert_eq!(sleep_past_the_lease(fenced), ("READY".to_owned(), 0));
}

#[test]
fn control_without_the_check_the_stale_write_gets_through() {
    assert_eq!(sleep_past_the_lease(unfenced), ("SUCCESS".to_owned(), 1));
}
