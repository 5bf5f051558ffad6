//! A store of an older program, in which contact data stands in the open, is brought up to date.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::search::Needles;
use crate::support::older::UNDO_BOUGHT;
use crate::support::{Engine, TestApp, within};

/// Prime, so that their numbers can be taken in an order of its own; several pages of every kind.
const MEMBERS: i64 = 1_009;
const FIELDS: [&str; 6] = ["phone_no", "nickname", "name", "email", "address", "login_id"];

/// Everyone, in no order.
fn members() -> impl Iterator<Item = i64> {
    (0..MEMBERS).map(|place| place * 617 % MEMBERS + 1)
}

/// The first bytes of a text, so that texts differ there.
fn start(member_id: i64) -> i64 {
    member_id * 40_503 % 65_536
}

fn phone(member_id: i64) -> String {
    format!("0106{:07}", 2_340_917 + 613 * member_id)
}

fn nickname(member_id: i64) -> String {
    format!("{:04x} 옛날 이름 {member_id}호", start(member_id))
}

/// What stands in the open, in the order of [`FIELDS`].
fn contacts(member_id: i64) -> [String; 6] {
    let start = format!("{:04x}", start(member_id));
    let lane = "Finch Lane ".repeat(usize::try_from(1 + member_id % 9).expect("a few"));
    let name = format!("{start} full name of {member_id}");
    let email = format!("{start}.{member_id}@upgrade.example");
    let login_id = format!("{start}-login-{member_id}");
    [phone(member_id), nickname(member_id), name, email, format!("{start} No. {member_id} {lane}"), login_id]
}

/// What stood there before; longer, so that rows move.
fn earlier(member_id: i64) -> [String; 6] {
    contacts(member_id).map(|text| format!("e{text} and a few words"))
}

/// Puts the tables back to what they were when contact data stood in the open, remains of earlier data included.
fn make_old(app: &TestApp, members: &[i64]) {
    let tables = [("member", "member", &FIELDS[..], ""), ("mypage", "page", &FIELDS[..2], UNDO_BOUGHT)];
    for (context, table, fields, undo_later) in tables {
        let mut run = app.scripts(context);
        run(undo_later);
        run("DELETE FROM migration WHERE number IN (22, 23, 24, 25, 26); DROP TABLE seal_mark;");
        for field in fields {
            run(&format!("ALTER TABLE {table} ADD COLUMN {field} TEXT;"));
        }
        run(&format!("ALTER TABLE {table} DROP COLUMN contacts;"));
        for texts in [contacts, earlier, contacts] {
            let mut changes = String::new();
            for &member_id in members {
                let set = fields.iter().zip(texts(member_id)).map(|(field, text)| format!("{field} = '{text}'"));
                let set = set.collect::<Vec<_>>().join(", ");
                changes += &format!("UPDATE {table} SET {set} WHERE member_id = {member_id};\n");
            }
            run(&format!("BEGIN; {changes} COMMIT;"));
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
    for member_id in members() {
        app.join(member_id, &format!("0104{member_id:07}"));
    }
    app.settle();
    app.delete(&format!("/members/{MEMBERS}"));
    app.settle();
    app.shut_down();
    make_old(&app, &members().collect::<Vec<_>>());
    if let Some(database) = app.postgres() {
        // The server's own statistics hold samples of what stands there.
        database.run("ANALYZE");
    }
    let needles = Needles::new(members().flat_map(|member_id| [contacts(member_id), earlier(member_id)].concat()));
    let found = needles.found_below(&files(&app)).len();
    println!("{found} of {} stand in the open before", needles.len());
    assert!(found > needles.len() / 2, "control: those that stand there, and some of the earlier ones");

    app.restart();
    let took = within(Duration::from_secs(120), "nothing stands in the open", || {
        std::thread::sleep(Duration::from_millis(100));
        needles.found_below(&files(&app)) == BTreeMap::new()
    });
    println!("sealed {took:?} after the start");
    app.settle();
    for member_id in (1..MEMBERS).step_by(7) {
        let member = app.get(&format!("/members/{member_id}")).must_be(200).json;
        let texts = ["phoneNo", "nickname", "name", "email", "address", "loginId"].map(|field| member[field].as_str());
        assert_eq!(texts.map(Option::unwrap_or_default), contacts(member_id).each_ref().map(String::as_str));
        let shown = json!([phone(member_id), nickname(member_id)]);
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

/// Nobody but the owner of the database may have the server's statistics written anew. That is skipped with a warning,
/// and the upgrade goes on.
#[test]
fn a_role_that_owns_only_its_schemas_is_upgraded() {
    let mut app = TestApp::open(Engine::Postgres);
    app.shut_down();
    let url = app.postgres().expect("a database").url.clone();
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (authority, place) = rest.split_once('/').expect("the name of a database");
    let host = authority.split_once('@').map_or(authority, |(_, host)| host);
    let database = place.split('?').next().expect("a name");
    let role = format!("{database}_plain");
    let run = |app: &TestApp, sql: &str| app.postgres().expect("a database").run(sql);
    let empty = "DO $$ DECLARE name text; BEGIN FOR name IN SELECT nspname FROM pg_namespace \
                 WHERE nspname !~ '^(pg_|information_schema$|public$)' \
                 LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP; END $$";
    run(&app, empty);
    run(&app, &format!("CREATE ROLE {role} LOGIN PASSWORD 'plain'; GRANT CREATE ON DATABASE {database} TO {role}"));
    app.restart_with(&[&format!("database.url={scheme}://{role}:plain@{host}/{place}")]);
    app.join(1, "01047770001");
    app.settle();
    app.shut_down();
    make_old(&app, &[1]);
    run(&app, "ANALYZE");
    // Control: this role may not.
    let may = format!(
        "DO $$ BEGIN ASSERT (SELECT NOT rolsuper FROM pg_roles WHERE rolname = '{role}'); \
         ASSERT (SELECT pg_get_userbyid(datdba) <> '{role}' FROM pg_database WHERE datname = '{database}'); \
         ASSERT (SELECT tableowner = '{role}' FROM pg_tables WHERE schemaname = 'member' AND tablename = 'member'); END $$"
    );
    run(&app, &may);
    app.restart();
    app.settle();
    let shown = json!([phone(1), nickname(1)]);
    let member = app.get("/members/1").must_be(200).json;
    assert_eq!(json!([member["phoneNo"], member["nickname"]]), shown);
    app.verify();
    app.shut_down();
    run(&app, &format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}
