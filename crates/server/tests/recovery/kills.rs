//! Kills under load, several in a row.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use platform::db::Session;
use serde_json::json;

use super::checker::{ledger, read_acked, replay, wrongs};
use super::process::{Serving, Store};
use crate::support::{Client, Engine, Request, within};

const ROUNDS: usize = 3;
const MEMBERS: &str = "2000";
const LOAD: Duration = Duration::from_millis(1_700);
/// A server that starts again after a crash is ready within this, in a debug build on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(15);

#[test]
fn killed_servers_keep_what_they_acknowledged_on_sqlite() {
    kill_and_check(Engine::Sqlite);
}

#[test]
fn killed_servers_keep_what_they_acknowledged_on_postgres() {
    kill_and_check(Engine::Postgres);
}

fn kill_and_check(engine: Engine) {
    let store = Store::fresh(engine);
    let mut server = store.serve();
    prepare(&server);
    let file = store.folder().join("acked");
    let mut acked_before = 0;
    for round in 0..ROUNDS {
        load_until_killed(&store, server, &file);
        let acked = read_acked(&file);
        assert!(acked.len() > acked_before + 100, "round {round}: so little was acknowledged that little is shown");
        acked_before = acked.len();
        assert!(wrongs(&acked, &ledger(&store)).is_empty(), "after kill {round}");
        must_verify(&store);
        server = store.serve();
        assert!(server.started_in < READY_WITHIN, "ready after {:?}", server.started_in);
    }
    let (acked, before) = (read_acked(&file), ledger(&store));
    assert_eq!(replay(server.address, &acked, &before), Vec::<String>::new());
    assert_eq!(ledger(&store).len(), before.len(), "sending all of it again moved nothing");
    println!("{engine:?}: {} acknowledged, {} entries, {ROUNDS} kills", acked.len(), before.len());
    rebuild_agrees(&store, server);
    must_verify(&store);
}

/// Joins the members that the load is about.
pub fn prepare(server: &Serving) {
    let url = format!("http://{}", server.address);
    let words = ["bench", "prepare", "--url", &url, "--members", MEMBERS, "--connections", "32"];
    let output = bench(&words).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn bench(words: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_onepoint"));
    command.args(words).stdin(Stdio::null());
    command
}

/// Puts load on the server and kills it in the middle.
pub fn load_until_killed(store: &Store, server: Serving, file: &Path) {
    let (url, file) = (format!("http://{}", server.address), file.display().to_string());
    let words = ["bench", "points", "--url", &url, "--members", MEMBERS, "--connections", "32", "--seconds", "20"];
    let errors = std::fs::File::create(store.folder().join("bench.log")).expect("a file");
    let mut load = bench(&words);
    let mut load =
        load.args(["--acked", &file]).stdout(Stdio::null()).stderr(errors).spawn().expect("the program runs");
    std::thread::sleep(LOAD);
    server.kill();
    // It ends by itself when nobody answers; a failed run is what is wanted here.
    within(Duration::from_secs(15), "the load has ended", || load.try_wait().expect("its status").is_some());
}

/// `onepoint verify` says that everything holds.
pub fn must_verify(store: &Store) {
    let output = store.run(&["verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Everything holds."), "{said}");
    assert!(!said.contains("WRONG"), "{said}");
}

#[test]
fn my_page_is_not_rebuilt_under_a_server_that_follows_for_it() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let store = Store::fresh(engine);
        let server = store.serve();
        let client = Client::new(server.address);
        let joined = json!({"memberId": 1, "phoneNo": "01012345678"});
        Request::new(&client, "POST", "/members").json(&joined).send().must_be(201);
        let page = || Request::new(&client, "GET", "/mypages/1").send();
        within(Duration::from_secs(5), "the page shows the welcome", || page().json["remainPoint"] == 1_000);
        let output = store.run(&["rebuild", "mypage"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("stop"), "{said}");
        assert_eq!(page().json["remainPoint"], 1_000, "nothing was thrown away");
    }
}

/// My page as it was followed through the crashes is the one that the logs give.
pub fn rebuild_agrees(store: &Store, server: Serving) {
    within(Duration::from_secs(20), "my page has read everything", || {
        has_read(store, "member", &["event"])
            && has_read(store, "point", &["event", "point_entry"])
            && has_read(store, "donation", &["event"])
            && has_read(store, "coupon", &["event"])
    });
    server.kill();
    let (before, after) = rebuild(store);
    assert_eq!(before, after);
    let copy = store.copy();
    copy.with("mypage", |session| {
        session.execute("UPDATE page SET remain_point = remain_point + 1 WHERE member_id = 7", &[])
    });
    let (wrong, right) = rebuild(&copy);
    assert!(wrong != before && right == before, "the control: an edited page is seen, and put right");
}

/// Runs `onepoint rebuild mypage`; the digests before and after.
fn rebuild(store: &Store) -> (String, String) {
    let output = store.run(&["rebuild", "mypage"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let digests: Vec<&str> = said.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 64).collect();
    assert_eq!(digests.len(), 2, "{said}");
    (digests[0].to_owned(), digests[1].to_owned())
}

/// Whether my page has read the log of this context to its end.
fn has_read(store: &Store, context: &str, tables: &[&str]) -> bool {
    let newest = store.with(context, |session: &mut dyn Session| {
        let mut newest = 0;
        for table in tables {
            newest = newest.max(session.query(&format!("SELECT max(position) FROM {table}"), &[])?[0].int(0));
        }
        Ok(newest)
    });
    let sql = format!("SELECT position FROM cursor_position WHERE consumer = 'mypage<{context}'");
    let read = store.with("mypage", |session| session.query(&sql, &[]));
    newest == 0 || read.first().is_some_and(|row| row.int(0) >= newest)
}

/// A store with some history, killed under load, and the file of what was acknowledged.
pub fn killed(engine: Engine) -> (Store, PathBuf) {
    let store = Store::fresh(engine);
    let server = store.serve();
    prepare(&server);
    let file = store.folder().join("acked");
    load_until_killed(&store, server, &file);
    (store, file)
}
