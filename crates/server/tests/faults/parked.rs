//! A poison event in a running server: its member waits, all others are served. The operator sees it by HTTP and by
//! command, retries it after the fix, or drops it.

use std::process::{Command, Output};
use std::time::Duration;

use app::notification::NotificationWriter;
use platform::db::Value;
use platform::funnel::{Funnel, Writer};
use serde_json::Value as Json;

use crate::support::{Answer, Engine, TestApp, within};

/// For a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
const SPOILED: &str = "{\"member_id\":\"nobody\"}";
const FOLLOWERS: [&str; 3] = ["notification<member", "point<member", "mypage<member"];

/// Changes rows of a context past the program.
fn change<W: Writer>(funnel: &Funnel<W>, sql: &str, params: &[Value]) -> u64 {
    funnel.with_session(|tx| tx.execute(sql, params)).expect("the store can be changed")
}

fn first_text<W: Writer>(funnel: &Funnel<W>, sql: &str) -> String {
    funnel.with_session(|tx| tx.query(sql, &[])).expect("the store can be read")[0].text(0).to_owned()
}

/// Without a coupon for joining: what it brings about would be parked behind the joining.
fn open(engine: Engine) -> TestApp {
    TestApp::open_with(engine, &["coupon.join_months=0"])
}

/// Members 1 to 3 join; the event of member 2's joining cannot be read. The data that it had.
fn with_poison(app: &TestApp) -> String {
    for context in ["notification", "point", "mypage"] {
        app.stop(context);
    }
    for member in 1..=3 {
        app.join(member, &format!("0100000000{member}"));
    }
    // The dashboard only glances at the log; it is to have read these events before one is spoiled.
    within(PATIENCE, "the dashboard has heard of them", || {
        app.get("/dashboards/summary").must_be(200).json["members"]["joined"]["value"] == 3
    });
    let members = &app.app().members.funnel;
    let good = first_text(members, "SELECT data FROM event WHERE subject = 2 AND sequence = 1");
    let spoil = "UPDATE event SET data = $1 WHERE subject = 2 AND sequence = 1";
    assert_eq!(change(members, spoil, &[SPOILED.into()]), 1);
    for context in ["notification", "point", "mypage"] {
        app.start(context);
    }
    within(PATIENCE, "members 1 and 3 are served", || {
        [1, 3].iter().all(|member| {
            app.points_of(*member) == Some(1_000)
                && app.get(&format!("/mypages/{member}")).json["remainPoint"] == 1_000
                && app.get(&format!("/members/{member}")).json["memberStatus"] == "NORMAL"
        })
    });
    within(PATIENCE, "each of the three has parked it", || parked(app, "").len() == 3);
    good
}

fn parked(app: &TestApp, query: &str) -> Vec<Json> {
    let page = app.get(&format!("/parked?limit=200{query}")).must_be(200);
    page.json["_embedded"]["parked"].as_array().cloned().unwrap_or_default()
}

fn retry(app: &TestApp, event: &Json) -> Answer {
    app.request("POST", &format!("{}/retry", path_of(app, event))).send()
}

fn path_of(app: &TestApp, event: &Json) -> String {
    let link = event["_links"]["self"]["href"].as_str().expect("a link");
    link.strip_prefix(&app.base()).expect("links lead to this server").to_owned()
}

/// As a fixed version would: what is parked can be read.
fn mend(app: &TestApp, good: &str) {
    let all = app.app();
    let sql = "UPDATE parked_event SET data = $1 WHERE sequence = 1";
    for mended in [
        change::<NotificationWriter>(&all.notifications.funnel, sql, &[good.into()]),
        change(&all.points.funnel, sql, &[good.into()]),
        change(&all.pages.funnel, sql, &[good.into()]),
    ] {
        assert_eq!(mended, 1);
    }
}

#[test]
fn a_poison_event_is_parked_retried_and_taken_in_once_on_sqlite() {
    is_parked_retried_and_taken_in_once(Engine::Sqlite);
}

#[test]
fn a_poison_event_is_parked_retried_and_taken_in_once_on_postgres() {
    is_parked_retried_and_taken_in_once(Engine::Postgres);
}

fn is_parked_retried_and_taken_in_once(engine: Engine) {
    let app = open(engine);
    let good = with_poison(&app);
    for consumer in FOLLOWERS {
        let found = parked(&app, &format!("&consumer={}", consumer.replace('<', "%3C")));
        assert_eq!(found.len(), 1, "{consumer}");
        let event = &found[0];
        assert_eq!(
            (&event["consumer"], &event["type"], &event["subject"]),
            (&consumer.into(), &"MemberJoined".into(), &2.into())
        );
        assert_eq!((&event["tries"], &event["sequence"]), (&3.into(), &1.into()));
        assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("cannot be read")), "{event}");
        assert_eq!(app.get(&path_of(&app, event)).must_be(200).json["consumer"], consumer);
        let in_vain = retry(&app, event).must_be(200).json;
        assert_eq!((&in_vain["delivered"], &in_vain["left"]), (&0.into(), &1.into()));
    }
    assert_eq!(parked(&app, "&consumer=nobody").len(), 0);
    eventually_gauged(&app, 3.0);

    mend(&app, &good);
    for event in parked(&app, "") {
        let done = retry(&app, &event).must_be(200).json;
        assert_eq!((&done["left"], &done["reason"]), (&0.into(), &Json::Null), "{done}");
        // With it goes what the retries before brought about and what waited behind it.
        assert!(done["delivered"].as_i64().is_some_and(|delivered| delivered >= 1), "{done}");
        retry(&app, &event).must_be_problem(404);
    }
    // What came of the retry may have been parked behind: the member's status follows the message.
    within(PATIENCE, "member 2 is served as the others are", || {
        for event in parked(&app, "") {
            retry(&app, &event);
        }
        app.points_of(2) == Some(1_000) && app.get("/mypages/2").json["remainPoint"] == 1_000
    });
    app.settle();
    assert_eq!(parked(&app, "").len(), 0);
    assert_eq!(app.entry_count(), 3, "each was welcomed once");
    app.verify();
}

#[test]
fn an_entry_that_the_dashboard_parked_is_summed_up_when_it_is_retried() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::open(engine);
        app.join_normal(1);
        app.settle();
        let dashboard = &app.app().dashboards.funnel;
        let set = "UPDATE dashboard_figure SET amount = $1 WHERE name = 'all.entry.WELCOME'";
        // So large that nothing can be added.
        assert_eq!(change(dashboard, set, &[i64::MAX.into()]), 1);
        app.join_normal(2);
        let waiting = || parked(&app, "&consumer=dashboard%3Cpoint");
        within(PATIENCE, "the entry is parked", || waiting().len() == 1);
        assert_eq!(change(dashboard, set, &[1_000.into()]), 1);
        app.join_normal(3);
        let welcomed = || app.get("/dashboards/summary").json["points"]["welcome"]["value"].clone();
        within(PATIENCE, "entries of others are summed up meanwhile", || welcomed() == 2_000);
        let done = retry(&app, &waiting()[0]).must_be(200).json;
        assert_eq!(done["delivered"], 1, "{done}");
        assert_eq!((welcomed(), waiting().len()), (Json::from(3_000), 0), "once");
        app.settle();
        app.verify();
    }
}

/// The consumers look every few seconds while they have parked something. Other tests of this program are counted by
/// the same meters, so that there may be more.
fn eventually_gauged(app: &TestApp, at_least: f64) {
    within(PATIENCE, "the gauge says how many there are", || {
        let metrics = app.get("/metrics").must_be(200).text;
        let figures = metrics.lines().filter(|line| line.starts_with("parked_events{") && line.contains("<member\""));
        figures.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() >= at_least
    });
}

fn onepoint(app: &TestApp, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onepoint"));
    command.arg("parked").args(words).args(["--url", &app.base()]).current_dir(app.data());
    command.output().expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_command_lists_retries_and_drops() {
    let app = open(Engine::Sqlite);
    let good = with_poison(&app);
    let listed = onepoint(&app, &["list"]);
    let text = said(&listed);
    assert!(listed.status.success() && FOLLOWERS.iter().all(|name| text.contains(name)), "{text}");
    let listed = onepoint(&app, &["list", "--json", "--consumer", "mypage<member"]);
    let listed: Json = serde_json::from_slice(&listed.stdout).expect("JSON");
    let name = format!("mypage/{}", listed[0]["parkedId"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));

    let mut verify = Command::new(env!("CARGO_BIN_EXE_onepoint"));
    for set in app.store_settings() {
        verify.args(["--set", &set]);
    }
    let verified = verify.arg("verify").output().expect("the program runs");
    let text = said(&verified);
    assert!(verified.status.success(), "what is stored is sound: {text}");
    assert!(text.contains("point<member: events that are parked: 1"), "{text}");

    let in_vain = onepoint(&app, &["retry", &name]);
    assert_eq!(in_vain.status.code(), Some(1), "{}", said(&in_vain));
    assert!(said(&in_vain).contains("cannot be read"), "{}", said(&in_vain));
    mend(&app, &good);
    let done = onepoint(&app, &["retry", &name]);
    assert!(done.status.success() && said(&done).contains("0 still parked"), "{}", said(&done));
    assert_eq!(app.get("/mypages/2").must_be(200).json["memberStatus"], "READY");

    let point = parked(&app, "&consumer=point%3Cmember")[0]["parkedId"].to_string();
    assert!(onepoint(&app, &["drop", &format!("point/{point}")]).status.success());
    assert_eq!(onepoint(&app, &["drop", &format!("point/{point}")]).status.code(), Some(1), "it is gone");
    assert_eq!(onepoint(&app, &["drop", "point"]).status.code(), Some(2));
    assert!(parked(&app, "&consumer=point%3Cmember").is_empty());
    assert_eq!(app.points_of(2), None, "what was dropped never happened");
}

#[test]
fn only_the_operator_sees_and_touches_what_is_parked() {
    let app = open(Engine::Sqlite);
    let _ = with_poison(&app);
    let settings = server::config::Settings::from_sources(None, std::iter::empty(), &app.store_settings());
    let keys = server::stores::open_access(&settings.expect("settings")).expect("the keys");
    let owner = platform::access::Role::Owner("member");
    let (_, member) = keys.create(owner, Some(2), "member", 0).expect("a key");
    let event = path_of(&app, &parked(&app, "")[0]);
    let retry = format!("{event}/retry");
    for (method, path) in [("GET", "/parked"), ("GET", &event), ("POST", &retry), ("DELETE", &event)] {
        let known = || app.request(method, path).header("Authorization", &format!("Bearer {member}")).send();
        within(PATIENCE, "the key is known", || known().status != 401);
        known().must_be_problem(403);
    }
    assert_eq!(parked(&app, "").len(), 3);
}
