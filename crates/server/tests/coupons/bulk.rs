//! Codes made in advance: a server that is killed half way, and two processes at once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::assembly::Options;
use server::config::Settings;
use server::serve::Running;

use crate::kit::{ALONE, SOON, alone, campaign, csv, figures, verify, wish};
use crate::process::{Serving, Store};
use crate::support::{Client, Engine, Request, TestApp, within};

const CODES: i64 = 12_000;
/// A bulk issue may be done before the kill on a busy machine; so many are tried.
const TRIES: i64 = 5;
const PATIENCE: Duration = Duration::from_secs(90);

fn serve(store: &Store) -> Serving {
    let words = ["serve", "--listen", "127.0.0.1:0", "--contexts", "coupon"];
    let clock = ["--set", "clock.now=2026-08-31T12:00:00+09:00"];
    Store::start(store.command(&[words.as_slice(), &clock].concat()))
}

fn shown(client: &Client, path: &str) -> Value {
    Request::new(client, "GET", path).try_send().map_or(Value::Null, |answer| answer.json)
}

fn count(store: &Store, sql: &str) -> i64 {
    store.with("coupon", |session| Ok(session.query(sql, &[])?[0].int(0)))
}

/// Kills a server that makes the codes of a new campaign; how many there were of them then.
fn kill_half_way(store: &Store, campaign_id: i64) -> i64 {
    let server = serve(store);
    let client = Client::new(server.address);
    Request::new(&client, "POST", "/couponCampaigns").json(&crate::kit::terms(CODES, 1)).send().must_be(201);
    let issues = format!("/couponCampaigns/{campaign_id}/issues");
    let begun = Request::new(&client, "POST", &issues).json(&json!({"count": CODES})).send();
    assert_eq!(begun.must_be(201).json["status"], "RUNNING");
    let path = format!("{issues}/{campaign_id}");
    let started = Instant::now();
    while shown(&client, &path)["issued"].as_i64().unwrap_or(0) == 0 {
        assert!(started.elapsed() < PATIENCE, "no code is made");
    }
    server.kill();
    let made = count(store, &format!("SELECT count(*) FROM coupon WHERE campaign_id = {campaign_id}"));
    let issued = format!("SELECT issued FROM coupon_bulk_issue WHERE issue_id = {campaign_id}");
    assert_eq!(count(store, &issued), made, "codes and place are one commit");
    assert!(made > 0, "a code that was shown is there");
    made
}

fn kill_and_carry_on(engine: Engine) {
    let store = Store::fresh(engine);
    let mut killed = (1..=TRIES).map(|campaign_id| (campaign_id, kill_half_way(&store, campaign_id)));
    let met = killed.find(|(_, made)| *made < CODES);
    let (campaign_id, before) = met.expect("a kill meets a bulk issue half way");

    let server = serve(&store);
    let client = Client::new(server.address);
    let path = format!("/couponCampaigns/{campaign_id}");
    let issue = format!("{path}/issues/{campaign_id}");
    within(PATIENCE, "all codes are made", || shown(&client, &issue)["status"] == "DONE");
    let campaign = shown(&client, &path);
    assert_eq!((&campaign["issued"], &campaign["inStock"]), (&json!(CODES), &json!(CODES)), "{campaign}");
    drop(server);
    let all = campaign_id * CODES;
    assert_eq!(count(&store, "SELECT count(*) FROM coupon"), all);
    assert_eq!(count(&store, "SELECT count(DISTINCT code) FROM coupon"), all);
    println!("{engine:?}: kill {campaign_id} after {before} of {CODES}");
    let said = store.run(&["verify"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && text.contains("coupon: the figures of a campaign"), "{text}");
    // The control: a store in which one code is gone.
    store.with("coupon", |session| session.execute("DELETE FROM coupon WHERE coupon_id = 5", &[]));
    let said = store.run(&["verify"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("WRONG  coupon: the figures of a campaign"), "{text}");
}

#[test]
fn a_killed_bulk_issue_is_carried_on_on_sqlite() {
    kill_and_carry_on(Engine::Sqlite);
}

#[test]
fn a_killed_bulk_issue_is_carried_on_on_postgres() {
    kill_and_carry_on(Engine::Postgres);
}

#[test]
fn a_killed_bulk_issue_is_carried_on_on_mariadb() {
    kill_and_carry_on(Engine::Mixed);
}

/// A second server on the store of the first.
fn second(app: &TestApp) -> (Running, tokio::runtime::Runtime) {
    let mut sets = app.store_settings();
    sets.extend(["listen=127.0.0.1:0".to_owned(), ALONE.to_owned()]);
    let settings = Settings::from_sources(None, std::iter::empty(), &sets).expect("settings");
    let runtime = server::serve::runtime(&settings).expect("a runtime");
    let options = Options { clock: Some(app.clock.clone()), ..Options::default() };
    (Running::start(&settings, options, &runtime).expect("the second server starts"), runtime)
}

#[test]
fn two_processes_make_and_give_what_there_is_and_no_more() {
    let app = alone(Engine::Postgres, 600);
    let (running, runtime) = second(&app);
    let campaign_id = campaign(&app, 3_400, 1);
    let issues = format!("/couponCampaigns/{campaign_id}/issues");
    std::thread::scope(|scope| {
        for (address, from) in [(app.address(), 1), (running.address, 301)] {
            let issues = issues.clone();
            scope.spawn(move || {
                let client = Client::new(address);
                Request::new(&client, "POST", &issues).json(&json!({"count": 1_500})).send().must_be(201);
                for member_id in from..from + 300 {
                    let answer = Request::new(&client, "POST", "/coupons").json(&wish(campaign_id, member_id)).send();
                    assert!(matches!(answer.status, 201 | 409 | 503), "{}", answer.text);
                }
            });
        }
    });
    within(SOON * 3, "both bulk issues are done", || figures(&app, campaign_id)[1] == 0);
    let [issued, promised, in_stock, ..] = figures(&app, campaign_id);
    let lines = csv(&app, campaign_id);
    let held = lines.iter().filter(|line| !line[3].is_empty()).count();
    assert!((3_000..=3_400).contains(&issued) && promised == 0, "{issued}");
    assert_eq!(i64::try_from(lines.len()).expect("a count"), issued);
    assert_eq!(i64::try_from(lines.len() - held).expect("a count"), in_stock);
    verify(&app);
    running.stop(&runtime, Duration::ZERO);
}
