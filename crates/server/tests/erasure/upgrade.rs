//! A store of an older program, in which contact data stands in the open, is brought up to date.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use platform::db::Database;
use serde_json::json;
use server::config::Settings;
use server::stores::{CONTEXTS, location};

use super::search::Needles;
use crate::support::{Engine, TestApp, within};

const MEMBERS: i64 = 40;

fn phone(member_id: i64) -> String {
    format!("0106{:07}", 2_340_917 + 613 * member_id)
}

fn earlier_phone(member_id: i64) -> String {
    format!("0105{:07} and a few words, so that it stands elsewhere", 8_230_119 + 419 * member_id)
}

fn nickname(member_id: i64) -> String {
    format!("옛날 이름 {member_id}호")
}

/// Puts the tables back to what they were when contact data stood in the open, remains of earlier data included.
fn make_old(sets: &[String]) {
    let settings = Settings::from_sources(None, std::iter::empty(), sets).expect("settings");
    let run = |context: &str, sql: &str| {
        let context = CONTEXTS.iter().find(|known| known.name == context).expect("a context");
        let place = location(&settings, context.name).expect("a place");
        // As older programs did: without wiping.
        let database = Database::open(context.name, &place, context.durability).expect("the store opens");
        let mut session = database.session().expect("a session");
        session.run_script(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    let six = ["phone_no", "nickname", "name", "email", "address", "login_id"];
    let add = |table: &str, columns: &[&str]| {
        let columns = columns.iter().map(|column| format!("ALTER TABLE {table} ADD COLUMN {column} TEXT;"));
        format!("{} ALTER TABLE {table} DROP COLUMN contacts;", columns.collect::<String>())
    };
    let forget = "DELETE FROM migration WHERE number IN (22, 23, 24); DROP TABLE seal_mark;";
    run("member", &format!("{forget} {}", add("member", &six)));
    run("mypage", &format!("{forget} {}", add("page", &six[..2])));
    for member_id in 1..=MEMBERS {
        for (context, table) in [("member", "member"), ("mypage", "page")] {
            for phone in [earlier_phone(member_id), phone(member_id)] {
                let nickname = nickname(member_id);
                let set = format!("SET phone_no = '{phone}', nickname = '{nickname}' WHERE member_id = {member_id};");
                run(context, &format!("UPDATE {table} {set}"));
            }
        }
    }
}

fn files(app: &TestApp) -> PathBuf {
    let Some(database) = app.postgres() else { return app.data().to_path_buf() };
    database.run("CHECKPOINT");
    database.server_folder().join("base")
}

fn what_stood_in_the_open_is_sealed(engine: Engine) {
    let mut app = TestApp::open(engine);
    for member_id in 1..=MEMBERS {
        app.join(member_id, &format!("0104{member_id:07}"));
    }
    app.settle();
    app.delete(&format!("/members/{MEMBERS}"));
    app.settle();
    app.shut_down();
    make_old(&app.store_settings());
    if let Some(database) = app.postgres() {
        // The server's own statistics hold samples of what stands there.
        database.run("ANALYZE");
    }
    let needles = Needles::new(
        (1..=MEMBERS).flat_map(|member_id| [phone(member_id), earlier_phone(member_id), nickname(member_id)]),
    );
    let found = needles.found_below(&files(&app)).len();
    println!("{found} of {} stand in the open before", needles.len());
    assert!(found > 2 * needles.len() / 3, "control: those that stand there, and some of the earlier ones");

    app.restart();
    let took = within(Duration::from_secs(60), "nothing stands in the open", || {
        std::thread::sleep(Duration::from_millis(100));
        needles.found_below(&files(&app)) == BTreeMap::new()
    });
    println!("sealed {took:?} after the start");
    app.settle();
    for member_id in 1..MEMBERS {
        let shown = json!([phone(member_id), nickname(member_id)]);
        let member = app.get(&format!("/members/{member_id}")).must_be(200).json;
        assert_eq!(json!([member["phoneNo"], member["nickname"]]), shown);
        let page = app.get(&format!("/mypages/{member_id}")).must_be(200).json;
        assert_eq!(json!([page["phoneNo"], page["nickname"]]), shown, "the page came back from the logs");
        assert_eq!(page["remainPoint"], 1_000);
    }
    app.get(&format!("/members/{MEMBERS}")).must_be(404);
    app.get(&format!("/mypages/{MEMBERS}")).must_be(404);
    app.verify();
}

#[test]
fn what_stood_in_the_open_is_sealed_on_sqlite() {
    what_stood_in_the_open_is_sealed(Engine::Sqlite);
}

#[test]
fn what_stood_in_the_open_is_sealed_on_postgres() {
    what_stood_in_the_open_is_sealed(Engine::Postgres);
}
