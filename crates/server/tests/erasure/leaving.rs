//! Members leave, and every file is searched for what was known of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use platform::funnel::{Funnel, Writer};
use serde_json::json;
use server::config::Settings;
use server::stores::{CONTEXTS, open};

use super::canaries::{Person, people, populate};
use super::search::Needles;
use crate::support::{Engine, Setup, TestApp};

/// Nothing is left after this.
const ERASED_WITHIN: Duration = Duration::from_secs(60);
/// In the control runs enough time to erase, if it were done.
const LONG_ENOUGH: Duration = Duration::from_secs(6);

/// Where the engine keeps what is searched. On a server its write-ahead log lies beside.
fn files(app: &TestApp) -> PathBuf {
    let Some(database) = app.postgres() else { return app.data().to_path_buf() };
    database.run("VACUUM");
    database.run("CHECKPOINT");
    database.server_folder().join("base")
}

fn plain(people: &[Person]) -> Needles {
    let strings: Vec<String> = people.iter().flat_map(Person::strings).collect();
    assert!(strings.len() >= 50);
    Needles::new(strings)
}

/// What member and my page store of these members, sealed.
fn sealed(app: &TestApp, people: &[Person]) -> Needles {
    let ids = people.iter().map(|person| person.member_id.to_string()).collect::<Vec<_>>().join(", ");
    let of = |table: &str| format!("SELECT contacts FROM {table} WHERE member_id IN ({ids})");
    let app = app.app();
    let mut all = blobs(&app.members.funnel, &of("member"));
    all.extend(blobs(&app.pages.funnel, &of("page")));
    assert_eq!(all.len(), 2 * people.len());
    Needles::new(all)
}

fn blobs<W: Writer>(funnel: &Funnel<W>, sql: &str) -> Vec<Vec<u8>> {
    let rows = funnel.with_session(|tx| tx.query(sql, &[])).expect("the store can be read");
    rows.iter().filter_map(|row| row.blob(0)).map(<[u8]>::to_vec).collect()
}

/// What the ledger holds, beside the points that were lost by leaving.
fn totals(app: &TestApp) -> Vec<(String, i64, i64)> {
    let sql = "SELECT kind, count(*), CAST(sum(amount) AS BIGINT) FROM point_entry WHERE kind <> 'FORFEIT' \
               GROUP BY kind ORDER BY kind";
    let rows = app.app().points.funnel.with_session(|tx| tx.query(sql, &[])).expect("the ledger can be read");
    rows.iter().map(|row| (row.text(0).to_owned(), row.int(1), row.int(2))).collect()
}

/// Everyone leaves; when the last answer was there.
fn leave(app: &TestApp, people: &[Person]) -> Instant {
    for person in people {
        let answer = app.delete(&format!("/members/{}", person.member_id));
        assert!(matches!(answer.status, 202 | 204), "{}: {}", answer.status, answer.text);
    }
    Instant::now()
}

/// Waits until nothing is found, which is to be soon enough after this moment.
fn must_vanish(app: &TestApp, needles: &Needles, since: Instant) {
    must_vanish_but(app, needles, since, 0);
}

/// The same of what was sealed: when rows move to another page an embedded store leaves copies of some in the gap.
fn sealed_must_vanish(app: &TestApp, needles: &Needles, since: Instant) {
    must_vanish_but(app, needles, since, needles.len() / 4);
}

fn must_vanish_but(app: &TestApp, needles: &Needles, since: Instant, may_stay: usize) {
    loop {
        let found = needles.found_below(&files(app));
        println!("{:?} after the last answer {} of {} are found", since.elapsed(), found.len(), needles.len());
        if found.len() <= may_stay {
            return;
        }
        assert!(since.elapsed() < ERASED_WITHIN, "{found:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Everyone reads every log from its start again, but the dashboard, whose sums rely on the cursor.
fn read_everything_again(app: &mut TestApp) {
    let sets = app.store_settings();
    app.shut_down();
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    for context in CONTEXTS.iter().filter(|context| context.name != "dashboard") {
        let database = open(&settings, context).expect("the store opens");
        let sql = "UPDATE cursor_position SET xid = 0, position = 0";
        database.session().expect("a session").execute(sql, &[]).expect("cursors are set back");
    }
    app.restart();
    app.settle();
}

fn must_be_gone(app: &TestApp, people: &[Person]) {
    for Person { member_id, .. } in people {
        for collection in ["members", "mypages"] {
            app.get(&format!("/{collection}/{member_id}")).must_be(404);
        }
        let again = app.post("/members", &json!({"memberId": member_id, "phoneNo": "01000000000"}));
        assert_eq!((again.status, again.code()), (409, "member.number_taken"));
    }
}

fn nothing_is_left(engine: Engine, mode: &str) {
    let mut app = TestApp::open_with(engine, &[&format!("withdrawal.mode={mode}")]);
    let people = people();
    populate(&app, &people);
    let (plain, sealed) = (plain(&people), sealed(&app, &people));
    assert_eq!(plain.found_below(&files(&app)), BTreeMap::new(), "nothing stands in the open while they are here");
    assert_eq!(sealed.found_below(&files(&app)).len(), sealed.len(), "control: what is stored is found");
    let before = totals(&app);

    let since = leave(&app, &people);
    must_vanish(&app, &plain, since);
    if engine == Engine::Sqlite {
        sealed_must_vanish(&app, &sealed, since);
    } else {
        let folder = app.postgres().expect("a database").server_folder();
        assert_eq!(plain.found_below(&folder), BTreeMap::new(), "not even in the write-ahead log");
    }
    app.settle();
    assert_eq!(totals(&app), before, "the ledger has the same entries");
    app.verify();
    must_be_gone(&app, &people);

    read_everything_again(&mut app);
    must_be_gone(&app, &people);
    assert_eq!(totals(&app), before);
    app.verify();
    must_vanish(&app, &plain, Instant::now());
    if engine == Engine::Sqlite {
        sealed_must_vanish(&app, &sealed, Instant::now());
    }
}

#[test]
fn nothing_is_left_of_who_leaves_on_sqlite() {
    nothing_is_left(Engine::Sqlite, "strict");
}

#[test]
fn nothing_is_left_of_who_leaves_on_postgres() {
    nothing_is_left(Engine::Postgres, "strict");
}

#[test]
fn nothing_is_left_of_who_leaves_deferred_on_sqlite() {
    nothing_is_left(Engine::Sqlite, "deferred");
}

#[test]
fn nothing_is_left_of_who_leaves_deferred_on_postgres() {
    nothing_is_left(Engine::Postgres, "deferred");
}

/// What somebody was called or could be reached at before lingers no longer than what is erased.
#[test]
fn nothing_is_left_of_what_was_changed() {
    let app = TestApp::open(Engine::Sqlite);
    let people = people();
    populate(&app, &people);
    let before = sealed(&app, &people);
    for person in &people {
        let change = json!({"nickname": "Anew", "phoneNo": format!("0103{:07}", person.member_id)});
        app.patch(&format!("/members/{}", person.member_id), &change).must_be(200);
    }
    let since = Instant::now();
    app.settle();
    sealed_must_vanish(&app, &before, since);
    let now = sealed(&app, &people);
    assert_eq!(now.found_below(&files(&app)).len(), now.len(), "control: what they are called now is there");
}

/// The control of what wipes: without it the same search finds what was sealed.
#[test]
fn without_wiping_what_was_sealed_is_still_there() {
    let app = TestApp::start_up(Setup { wipes: false, ..Setup::on(Engine::Sqlite) });
    let people = people();
    populate(&app, &people);
    let sealed = sealed(&app, &people);
    leave(&app, &people);
    std::thread::sleep(LONG_ENOUGH);
    let found = sealed.found_below(&files(&app));
    println!("{} of {} sealed pieces are still there", found.len(), sealed.len());
    assert!(found.len() > sealed.len() / 4);
}

/// The control of what seals: the same search finds what somebody writes into a store in the open.
fn what_is_written_in_the_open_is_found(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let needles = Needles::new(["Canary in the open", "카나리아"]);
    assert_eq!(needles.found_below(&files(&app)).len(), 0);
    let plant = "CREATE TABLE scratch (told TEXT); INSERT INTO scratch VALUES ('Canary in the open'), ('카나리아');";
    app.app().members.funnel.with_session(|tx| tx.run_script(plant)).expect("it is written");
    assert_eq!(needles.found_below(&files(&app)).len(), 2);
}

#[test]
fn what_is_written_in_the_open_is_found_on_sqlite() {
    what_is_written_in_the_open_is_found(Engine::Sqlite);
}

#[test]
fn what_is_written_in_the_open_is_found_on_postgres() {
    what_is_written_in_the_open_is_found(Engine::Postgres);
}
