//! The statement: newest first, by pages, filters and as CSV, for those whom it concerns.

use platform::access::Role;
use serde_json::{Value, json};

use crate::moves;
use crate::support::{Answer, Client, Engine, Request, TestApp};

const ENTRIES: &str = "/points/1/entries";

fn entries(answer: &Answer) -> Vec<Value> {
    answer.json["_embedded"]["entries"].as_array().expect("entries").clone()
}

fn next(app: &TestApp, answer: &Answer) -> Option<String> {
    let href = answer.json["_links"]["next"]["href"].as_str()?;
    Some(href.strip_prefix(&app.base()).expect("links lead to this server").to_owned())
}

#[test]
fn a_statement_is_read_page_by_page_on_sqlite() {
    a_statement_is_read_page_by_page(Engine::Sqlite);
}

#[test]
fn a_statement_is_read_page_by_page_on_postgres() {
    a_statement_is_read_page_by_page(Engine::Postgres);
}

fn a_statement_is_read_page_by_page(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    let mut balance = 1_000;
    let mut expected = vec![("WELCOME", 1_000, balance)];
    for round in 1..=24 {
        let (kind, amount) = if round % 3 == 0 { ("USE", -round) } else { ("EARN", round) };
        app.transact(1, kind, round).must_be(201);
        app.transact(2, "EARN", 1).must_be(201);
        balance += amount;
        expected.insert(0, (kind, amount, balance));
    }
    let first = app.get(&format!("{ENTRIES}?limit=10")).must_be(200);
    assert_eq!(first.header("content-type"), Some("application/hal+json"));
    assert_eq!(first.json["page"], json!({"size": 10}));
    let entry = &entries(&first)[0];
    let href = format!("{}/points/1/entries/{}", app.base(), entry["entryId"]);
    assert_eq!(entry["_links"]["self"]["href"], href);
    // What comes later does not shift what is read.
    app.transact(1, "EARN", 5).must_be(201);
    let second = app.get(&next(&app, &first).expect("there is more")).must_be(200);
    let third = app.get(&next(&app, &second).expect("there is more")).must_be(200);
    assert_eq!(next(&app, &third), None);
    let read: Vec<Value> = [first, second, third].iter().flat_map(entries).collect();
    let fields = |entry: &Value| (entry["amount"].as_i64(), entry["balanceAfter"].as_i64(), entry["memberId"].as_i64());
    assert_eq!(read.len(), 25);
    for (entry, (kind, amount, balance)) in read.iter().zip(&expected) {
        assert_eq!(entry["kind"], *kind);
        assert_eq!(fields(entry), (Some(*amount), Some(*balance), Some(1)));
    }
    assert_eq!(app.get(ENTRIES).must_be(200).json["page"]["size"], 20, "20 by default");
    assert_eq!(app.statement(1, "").len(), 26);
    assert_eq!(app.statement(2, "").len(), 25);
    app.join(3, "0101");
    app.settle();
    let nothing = app.get("/points/3/entries").must_be(200);
    assert_eq!((entries(&nothing).len(), next(&app, &nothing)), (0, None));
    app.verify();
}

#[test]
fn kinds_and_times_are_chosen_on_sqlite() {
    kinds_and_times_are_chosen(Engine::Sqlite);
}

#[test]
fn kinds_and_times_are_chosen_on_postgres() {
    kinds_and_times_are_chosen(Engine::Postgres);
}

fn kinds_and_times_are_chosen(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let day = |app: &TestApp| {
        let (year, month, day) = app.today();
        format!("{year:04}-{month:02}-{day:02}")
    };
    app.clock.advance_days(3);
    let first_day = day(&app);
    let earned = app.transact(1, "EARN", 1).must_be(201);
    // Times are in milliseconds, and the two must differ.
    std::thread::sleep(std::time::Duration::from_millis(5));
    app.transact(1, "USE", 2).must_be(201);
    app.clock.advance_days(3);
    let second_day = day(&app);
    app.transact(1, "EARN", 3).must_be(201);
    app.transact(1, "ADJUST", -4).must_be(201);

    let all = [("ADJUST", -4), ("EARN", 3), ("USE", -2), ("EARN", 1), ("WELCOME", 1_000)];
    for (query, chosen) in [
        (String::new(), &all[..]),
        ("kind=EARN".to_owned(), &[all[1], all[3]]),
        ("kind=EARN,USE".to_owned(), &all[1..4]),
        ("kind=EXPIRE".to_owned(), &[]),
        (format!("from={second_day}"), &all[..2]),
        (format!("to={first_day}"), &all[2..]),
        (format!("from={first_day}&to={first_day}"), &all[2..4]),
        (format!("from={first_day}&kind=EARN"), &[all[1], all[3]]),
        (format!("from={first_day}T00:00:00%2B09:00&to={first_day}T23:59:59Z"), &all[2..4]),
        // A plus sign that was not escaped comes as a blank.
        (format!("from={second_day}T00:00:00+09:00"), &all[..2]),
        (format!("to={}", earned.json["at"].as_str().expect("a time").replace('+', "%2B")), &all[3..]),
        ("from=2001-01-01".to_owned(), &all[..]),
        ("from=2999-01-01".to_owned(), &[]),
        ("to=2001-01-01".to_owned(), &[]),
    ] {
        assert_eq!(moves(&app.statement(1, &query)), chosen, "{query}");
        let csv = app.get(&format!("{ENTRIES}?format=csv&{query}")).must_be(200);
        assert_eq!(csv.text.lines().count(), chosen.len() + 1, "{query}: {}", csv.text);
    }
    // The link to the next page asks for the same.
    let page = app.get(&format!("{ENTRIES}?kind=EARN&from={first_day}&limit=1")).must_be(200);
    let rest = app.get(&next(&app, &page).expect("there is more")).must_be(200);
    assert_eq!((moves(&entries(&page)), moves(&entries(&rest))), (vec![("EARN", 3)], vec![("EARN", 1)]));
}

#[test]
fn a_statement_comes_as_csv_on_sqlite() {
    a_statement_comes_as_csv(Engine::Sqlite);
}

#[test]
fn a_statement_comes_as_csv_on_postgres() {
    a_statement_comes_as_csv(Engine::Postgres);
}

fn a_statement_comes_as_csv(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    let reference = json!({"type": "deal", "id": "a,b"});
    let body = json!({"kind": "USE", "amount": 7, "reference": reference, "reason": "=HYPERLINK(\"x\")"});
    let used = app.post("/points/1/transactions", &body).must_be(201);
    many(&app, 1, 1_100);

    let csv = app.request("GET", ENTRIES).header("Accept", "text/csv;q=0.9, */*;q=0.1").send().must_be(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"points-1-entries.csv\""));
    let lines: Vec<&str> = csv.text.split("\r\n").collect();
    assert_eq!(lines.len(), 1 + 1_102 + 1, "a head, all entries however many, and an end of line");
    assert_eq!(lines[0], "entryId,at,kind,amount,balanceAfter,referenceType,referenceId,reason");
    let (id, at) = (&used.json["entryId"], used.json["at"].as_str().expect("a time"));
    let line = format!("{id},{at},USE,-7,993,deal,\"a,b\",\"'=HYPERLINK(\"\"x\"\")\"");
    assert_eq!(lines[1_101], line, "texts are quoted, and none is a formula");
    let ids = |lines: &[&str]| -> Vec<i64> {
        lines.iter().map(|line| line.split(',').next().and_then(|id| id.parse().ok()).expect("an id")).collect()
    };
    let listed: Vec<i64> = app.statement(1, "").iter().map(|entry| entry["entryId"].as_i64().expect("an id")).collect();
    assert_eq!(ids(&lines[1..=1_102]), listed);
    assert_eq!(app.get(&format!("{ENTRIES}?format=csv&limit=3")).text, csv.text, "no pages");
    let asked = app.request("GET", &format!("{ENTRIES}?format=json")).header("Accept", "text/csv").send();
    assert_eq!(asked.must_be(200).json["page"]["size"], 20);
}

/// So many earnings of one point.
fn many(app: &TestApp, member_id: i64, count: usize) {
    let address = app.address();
    std::thread::scope(|scope| {
        for part in 0..8 {
            scope.spawn(move || {
                let client = Client::new(address);
                for _ in (part..count).step_by(8) {
                    let request = Request::new(&client, "POST", &format!("/points/{member_id}/transactions"));
                    request.json(&json!({"kind": "EARN", "amount": 1})).send().must_be(201);
                }
            });
        }
    });
}

#[test]
fn a_page_looks_at_so_many_entries_and_the_next_one_goes_on() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    many(&app, 1, 5_100);
    let page = app.get(&format!("{ENTRIES}?kind=WELCOME")).must_be(200);
    assert_eq!(entries(&page).len(), 0, "not yet");
    let rest = app.get(&next(&app, &page).expect("it goes on")).must_be(200);
    assert_eq!((moves(&entries(&rest)), next(&app, &rest)), (vec![("WELCOME", 1_000)], None));
    app.verify();
}

#[test]
fn statements_that_cannot_be_are_refused_on_sqlite() {
    statements_that_cannot_be_are_refused(Engine::Sqlite);
}

#[test]
fn statements_that_cannot_be_are_refused_on_postgres() {
    statements_that_cannot_be_are_refused(Engine::Postgres);
}

fn statements_that_cannot_be_are_refused(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    app.transact(2, "EARN", 1).must_be(201);
    let foreign = app.get("/points/2/entries?limit=1").must_be(200);
    let foreign = next(&app, &foreign).expect("there is more").rsplit_once("after=").expect("a place").1.to_owned();
    for (query, pointer) in [
        ("kind=", "/query/kind"),
        ("kind=STEAL", "/query/kind"),
        ("kind=EARN,,USE", "/query/kind"),
        ("kind=earn", "/query/kind"),
        ("from=yesterday", "/query/from"),
        ("from=2026-02-30", "/query/from"),
        ("from=", "/query/from"),
        ("to=2026-13-01", "/query/to"),
        ("to=20260101", "/query/to"),
        ("from=2026-02-02&to=2026-02-01", "/query/to"),
        ("from=%00", "/query/from"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("after=x", "/query/after"),
        ("after=n7fffffffffffffff", "/query/after"),
        (&format!("after={foreign}"), "/query/after"),
        ("format=xml", "/query/format"),
        ("kind=EARN&kind=USE", "/query"),
    ] {
        let refused = app.request("GET", &format!("{ENTRIES}?{query}")).header("Accept", "application/json").send();
        refused.must_be_problem(422);
        assert_eq!(refused.json["pointer"], pointer, "{query}: {}", refused.text);
    }
    for path in ["/points/99/entries", "/points/99/lots", "/points/99/entries?format=csv"] {
        let missing = app.get(path);
        assert_eq!((missing.status, missing.text.as_str()), (404, ""), "{path}");
    }
    app.leave(2);
    app.settle();
    for path in ["/points/2/entries", "/points/2/lots"] {
        assert_eq!(app.get(path).status, 404, "{path}: the member is gone");
    }
}

#[test]
fn a_member_sees_the_own_statement_and_no_other_on_sqlite() {
    a_member_sees_the_own_statement_and_no_other(Engine::Sqlite);
}

#[test]
fn a_member_sees_the_own_statement_and_no_other_on_postgres() {
    a_member_sees_the_own_statement_and_no_other(Engine::Postgres);
}

fn a_member_sees_the_own_statement_and_no_other(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    let (member, merchant) = (app.key(Role::Owner("member"), Some(1)), app.key(Role::Owner("merchant"), Some(1)));
    let service = app.key(Role::Service, None);
    for part in ["entries", "lots", "entries?format=csv"] {
        app.with_key(&member, &format!("/points/1/{part}")).must_be(200);
        app.with_key(&service, &format!("/points/2/{part}")).must_be(200);
        // Whether there is such a member is nobody else's business.
        for other in [2, 99] {
            app.with_key(&member, &format!("/points/{other}/{part}")).must_be_problem(403);
        }
        app.with_key(&merchant, &format!("/points/1/{part}")).must_be_problem(403);
        app.with_key("op_no_such_key", &format!("/points/1/{part}")).must_be_problem(401);
    }
}

#[test]
fn a_clock_that_was_put_back_hides_no_entry() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    app.clock.advance_days(5);
    let (year, month, day) = app.today();
    app.transact(1, "EARN", 7).must_be(201);
    app.clock.advance_days(-1);
    app.transact(1, "USE", 8).must_be(201);
    let chosen = app.statement(1, &format!("from={year:04}-{month:02}-{day:02}"));
    assert_eq!(moves(&chosen), [("EARN", 7)], "though a later entry has an earlier time");
    app.verify();
}
