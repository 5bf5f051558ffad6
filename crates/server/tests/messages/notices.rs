//! Notices to the operator: one for each member who joins, by mail where a setting names an address, otherwise nowhere
//! but at `/notifications`.

use std::time::Duration;

use platform::access::Role;
use platform::db::Cursor;
use platform::log::{Event, Scope};
use serde_json::{Value, json};
use server::config::Settings;
use server::stores::open_access;

use super::gateway::Gateway;
use super::mail_server::MailServer;
use crate::support::{Engine, Setup, TestApp, eventually, within};

/// The first retries come after one, two and four seconds.
const RETRIED: Duration = Duration::from_secs(12);
const DESK: &str = "notification.operator=desk@example.org";

fn app(engine: Engine, server: &MailServer, more: &[&str]) -> TestApp {
    let settings = server.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    TestApp::start_up(Setup::on(engine).with(&settings))
}

fn notice(app: &TestApp, notification_id: i64) -> Value {
    app.get(&format!("/notifications/{notification_id}")).json
}

fn mails_to(server: &MailServer, address: &str) -> Vec<Value> {
    server.mails().into_iter().filter(|mail| mail["to"] == json!([address])).collect()
}

#[test]
fn the_operator_gets_one_mail_for_each_member_who_joins_on_sqlite() {
    the_operator_gets_one_mail_for_each_member_who_joins(Engine::Sqlite);
}

#[test]
fn the_operator_gets_one_mail_for_each_member_who_joins_on_postgres() {
    the_operator_gets_one_mail_for_each_member_who_joins(Engine::Postgres);
}

#[test]
fn the_operator_gets_one_mail_for_each_member_who_joins_on_mariadb() {
    the_operator_gets_one_mail_for_each_member_who_joins(Engine::Mixed);
}

fn the_operator_gets_one_mail_for_each_member_who_joins(engine: Engine) {
    let server = MailServer::start();
    let app = app(engine, &server, &[DESK]);
    app.join_by_mail(7, "gildong@example.org");
    // Whom the member's mail cannot reach, the operator is told of all the same.
    app.join_by_mail(8, "refused@example.org");
    for (notification_id, member_id) in [(1, 7), (2, 8)] {
        eventually("the notice was sent", || notice(&app, notification_id)["status"] == "SUCCESS");
        let seen = notice(&app, notification_id);
        assert_eq!((&seen["kind"], &seen["memberId"]), (&json!("MEMBER_JOINED"), &json!(member_id)));
        assert_eq!((&seen["attempts"], &seen["failure"]), (&json!(1), &Value::Null), "{seen}");
    }
    // Several are on their way at once.
    let mut mails = mails_to(&server, "desk@example.org");
    mails.sort_by_key(|mail| mail["text"].to_string());
    let texts: Vec<_> = mails.iter().map(|mail| mail["text"].as_str().unwrap_or_default()).collect();
    assert_eq!(texts, ["[OnePoint] 회원 7번이 가입했습니다.", "[OnePoint] 회원 8번이 가입했습니다."]);
    assert_eq!(mails[0]["headers"]["subject"], "[OnePoint] 새 회원이 가입했습니다");
    // A message and a notice of the same number and moment are two things to a mail server.
    let number = mails[0]["headers"]["message-id"].as_str().expect("a number").to_owned();
    assert!(number.starts_with("<n1."), "{number}");
    for mail in &mails {
        let text = mail.to_string();
        assert!(!text.contains("길동님") && !text.contains("01085581234"), "nothing personal: {text}");
    }
    eventually("both count as notified", || {
        [7, 8].iter().all(|member_id| app.get(&format!("/members/{member_id}")).json["notified"] == "Y")
    });
    // Another phone number is no other member.
    app.patch("/members/7", &json!({"phoneNo": "01012344321"})).must_be(200);
    app.settle();
    assert_eq!(app.all_of("notifications").as_array().map(Vec::len), Some(2));
    assert_eq!(mails_to(&server, "desk@example.org").len(), 2);
    app.verify();
}

#[test]
fn a_notice_that_cannot_be_sent_is_tried_again_and_given_up_in_the_end() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mixed] {
        let server = MailServer::start();
        let app = app(engine, &server, &["notification.operator=busy2@example.org"]);
        app.join_by_mail(1, "one@example.org");
        eventually("member 1 is NORMAL", || app.status(1) == "NORMAL");
        eventually("it was tried", || notice(&app, 1)["attempts"] == 1);
        let seen = notice(&app, 1);
        assert_eq!((&seen["status"], &seen["failure"]), (&json!("READY"), &json!("smtp.450")));
        assert_eq!(app.get("/members/1").json["notified"], "N");
        within(RETRIED, "the operator was told", || app.get("/members/1").json["notified"] == "Y");
        assert_eq!((&notice(&app, 1)["attempts"], server.mails().len()), (&json!(3), 2));
    }
    let server = MailServer::start();
    let app = app(Engine::Sqlite, &server, &["notification.operator=refused@example.org"]);
    app.join_by_mail(1, "one@example.org");
    eventually("it has ended", || notice(&app, 1)["status"] == "FAIL");
    assert_eq!(notice(&app, 1)["failure"], "smtp.550");
    let mut server = MailServer::start();
    server.stop();
    let app = self::app(Engine::Sqlite, &server, &[DESK, "notification.give_up_h=0"]);
    app.join_by_mail(1, "one@example.org");
    eventually("it is given up", || notice(&app, 1)["status"] == "FAIL");
    app.settle();
    assert_eq!(app.get("/members/1").json["notified"], "N", "who was not told is not told");
    app.verify();
}

#[test]
fn a_gateway_takes_notices_under_keys_of_their_own() {
    let gateway = Gateway::start();
    let settings = gateway.settings();
    let settings: Vec<&str> =
        settings.iter().map(String::as_str).chain(["notification.operator=010-9999-0000"]).collect();
    let app = TestApp::open_with(Engine::Sqlite, &settings);
    app.join(1, "01085581234");
    eventually("the operator was told", || app.get("/members/1").json["notified"] == "Y");
    let sent = gateway.sent_to("01099990000");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body["text"], "[OnePoint] 회원 1번이 가입했습니다.");
    let reference = |number: &str| gateway.sent_to(number)[0].body["ref"].as_str().unwrap_or_default().to_owned();
    assert_eq!(reference("01099990000"), format!("n{}", reference("01085581234")));
}

#[test]
fn where_nobody_is_named_a_notice_has_arrived_as_soon_as_it_stands_there() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mixed] {
        let server = MailServer::start();
        let mut app = app(engine, &server, &[]);
        app.join_by_mail(1, "one@example.org");
        eventually("the operator was told", || app.get("/members/1").json["notified"] == "Y");
        let seen = notice(&app, 1);
        assert_eq!((&seen["status"], &seen["attempts"]), (&json!("SUCCESS"), &json!(0)));
        assert!(seen["at"].as_str().is_some_and(|at| at.ends_with("+09:00")), "{seen}");
        app.settle();
        assert_eq!(server.mails().len(), 1, "the member's alone");

        // One that waits to be sent when the address is taken away has arrived where it stands.
        let mut settings = server.settings();
        settings.push("notification.operator=busy9@example.org".to_owned());
        app.restart_with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        app.join_by_mail(2, "two@example.org");
        eventually("it was tried", || notice(&app, 2)["attempts"].as_i64() > Some(0));
        settings.pop();
        app.restart_with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        within(RETRIED, "it has arrived", || notice(&app, 2)["status"] == "SUCCESS");
        app.settle();
        app.verify();
    }
}

#[test]
fn an_event_asks_for_one_notice_however_often_it_comes() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mixed] {
        let app = TestApp::open(engine);
        app.join_normal(1);
        app.join_normal(2);
        app.leave(2);
        app.settle();
        let (notices, members) = (app.all_of("notifications"), app.all_of("members"));
        assert_eq!(notices.as_array().map(Vec::len), Some(2));
        let mut log = app.app().members.log.reader(Scope::Everything).expect("member's log");
        let past: Vec<Event> = log.read(Cursor::default(), 1_000).expect("it can be read").events;
        let mut consumer = app.app().notifications.follow_members(std::sync::Arc::clone(&app.app().members.log));
        let cursor = app.app().notifications.funnel.cursor("notification<member").expect("a cursor");
        for _ in 0..3 {
            consumer.take_in(&past, cursor).expect("they are taken in");
        }
        app.settle();
        assert_eq!(app.all_of("notifications"), notices);
        assert_eq!(app.all_of("members"), members);
        app.verify();
    }
}

#[test]
fn only_the_operator_reads_notices() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    for (role, allowed) in [
        (Role::Owner("member"), false),
        (Role::Owner("merchant"), false),
        (Role::Operator, true),
        (Role::Service, true),
    ] {
        let owner = matches!(role, Role::Owner(_)).then_some(1);
        let (_, text) = keys.create(role, owner, "test", 1).expect("a key");
        let ask = |path: &str| app.request("GET", path).header("Authorization", &format!("Bearer {text}")).send();
        within(Duration::from_secs(5), "the server knows the key", || ask("/members/1").status != 401);
        for path in ["/notifications", "/notifications/1"] {
            if allowed {
                ask(path).must_be(200);
            } else {
                ask(path).must_be_problem(403);
            }
        }
    }
    let unknown = app.request("GET", "/notifications/99").header("Accept", "application/json").send();
    unknown.must_be_problem(404);
    assert_eq!(unknown.code(), "notification.unknown");
    app.stop("notification");
    app.get("/notifications").must_be_problem(503);
}
