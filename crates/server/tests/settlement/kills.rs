//! A server is killed in the middle of a closing: the next one carries on, and each merchant is billed once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Serving, Store};
use crate::support::{Client, Engine, Request, within};
use crate::told::Told;

const MERCHANTS: i64 = 8_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn serve(store: &Store) -> Serving {
    let words = ["serve", "--listen", "127.0.0.1:0", "--contexts", "deal,settlement"];
    let clock = ["--set", "clock.now=2020-07-15T12:00:00+09:00"];
    Store::start(store.command(&[words.as_slice(), &clock].concat()))
}

fn closing(client: &Client) -> Value {
    Request::new(client, "GET", "/closings/202007").try_send().map_or(Value::Null, |answer| answer.json)
}

fn count(store: &Store, sql: &str) -> i64 {
    store.with("settlement", |session| Ok(session.query(sql, &[])?[0].int(0)))
}

fn kill_and_carry_on(engine: Engine) {
    let store = Store::fresh(engine);
    serve(&store).kill();
    let mut told = Told::default();
    for merchant_id in 1..=MERCHANTS {
        told.opened(merchant_id, None);
        told.used(merchant_id, 100, 1_594_782_000_000);
    }
    while !told.is_written() {
        store.with("deal", |session| platform::db::transaction(session, |tx| told.write_piece(tx)));
    }
    let server = serve(&store);
    let client = Client::new(server.address);
    within(PATIENCE, "settlement knows of every deal", || {
        Request::new(&client, "GET", &format!("/billingAmountViews/{MERCHANTS}")).send().status == 200
    });
    Request::new(&client, "POST", "/closings").json(&json!({"billingMonth": "202007"})).send().must_be(201);
    let started = Instant::now();
    while closing(&client)["billed"].as_i64().unwrap_or(0) == 0 {
        assert!(started.elapsed() < PATIENCE, "nothing is billed");
    }
    server.kill();
    let before = count(&store, "SELECT count(*) FROM settlement_billing");
    assert!((1..MERCHANTS).contains(&before), "it was killed in the middle: {before} of {MERCHANTS}");

    let server = serve(&store);
    let client = Client::new(server.address);
    within(PATIENCE, "the closing is over", || closing(&client)["status"] == "DONE");
    let shown = closing(&client);
    assert_eq!((&shown["merchants"], &shown["billed"]), (&MERCHANTS.into(), &MERCHANTS.into()), "{shown}");
    assert_eq!(shown["billingAmount"], MERCHANTS * 98);
    drop(server);
    assert_eq!(count(&store, "SELECT count(*) FROM settlement_billing"), MERCHANTS);
    assert_eq!(count(&store, "SELECT count(*) FROM settlement_billing WHERE run <> 1"), 0);
    assert_eq!(count(&store, "SELECT count(*) FROM event WHERE type = 'Billed'"), MERCHANTS);
    println!("{engine:?}: killed after {before} of {MERCHANTS}");
    let said = verdicts(&store);
    assert!(said.iter().all(|line| line.starts_with("ok ")) && said.len() == 4, "{said:?}");
    damage_is_seen(&store);
}

/// What `verify` says of settlement.
fn verdicts(store: &Store) -> Vec<String> {
    let output = store.run(&["verify"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains(" settlement: ")).map(str::to_owned).collect()
}

/// The control: `verify` on copies in which something is another.
fn damage_is_seen(store: &Store) {
    let (in_tally, summed) = ("every line is in exactly one tally", "a tally = sum of its lines");
    let (billed, from_log) =
        ("a billing = sum of its tallies, less the fee", "a line for every use and every cancel of one, and no other");
    for (table, sql, check) in [
        ("line", "UPDATE settlement_line SET point = point + 1 WHERE deal_id = 3", summed),
        ("line", "UPDATE settlement_line SET point = point + 1 WHERE deal_id = 3", from_log),
        ("line", "DELETE FROM settlement_line WHERE deal_id = 3", in_tally),
        ("line", "DELETE FROM settlement_line WHERE deal_id = 3", from_log),
        ("line", "UPDATE settlement_line SET tally_id = 4 WHERE tally_id = 3", in_tally),
        ("tally", "UPDATE settlement_tally SET billing_id = 999999 WHERE tally_id = 3", billed),
        ("billing", "UPDATE settlement_billing SET billing_amount = 99 WHERE billing_id = 3", billed),
        ("billing", "DELETE FROM settlement_billing WHERE billing_id = 3", billed),
    ] {
        let copy = store.copy();
        copy.with("settlement", |session| {
            for verb in ["UPDATE", "DELETE"] {
                session.run_script(&format!("DROP TRIGGER IF EXISTS settlement_{table}_no_{verb}"))?;
            }
            session.execute(sql, &[])
        });
        let said = verdicts(&copy);
        assert!(said.contains(&format!("WRONG  settlement: {check}")), "{sql}: {said:?}");
    }
}

#[test]
fn a_killed_closing_is_carried_on_on_sqlite() {
    kill_and_carry_on(Engine::Sqlite);
}

#[test]
fn a_killed_closing_is_carried_on_on_postgres() {
    kill_and_carry_on(Engine::Postgres);
}
