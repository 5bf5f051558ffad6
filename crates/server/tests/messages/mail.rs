//! By mail: whether the message on joining arrives decides the member's status, and a server in trouble costs time only.

use std::time::{Duration, Instant};

use serde_json::json;

use super::mail_server::MailServer;
use crate::support::{Engine, Setup, TestApp, eventually, within};

/// The first retries come after one, two and four seconds.
const RETRIED: Duration = Duration::from_secs(12);

fn app(engine: Engine, server: &MailServer, more: &[&str]) -> TestApp {
    let settings = server.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    TestApp::start_up(Setup::on(engine).with(&settings))
}

#[test]
fn mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal_on_sqlite() {
    mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal(Engine::Sqlite);
}

#[test]
fn mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal_on_postgres() {
    mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal(Engine::Postgres);
}

#[test]
fn mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal_on_mariadb() {
    mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal(Engine::Mixed);
}

fn mail_that_arrives_makes_normal_and_mail_that_is_refused_abnormal(engine: Engine) {
    let server = MailServer::start();
    let app = app(engine, &server, &[]);
    app.join_by_mail(1, " gildong@example.org ");
    eventually("member 1 is NORMAL", || app.status(1) == "NORMAL");
    eventually("member 1 is welcomed", || app.points_of(1) == Some(1_000));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let (mail, headers) = (&mails[0], &mails[0]["headers"]);
    assert_eq!((&mail["from"], &mail["to"]), (&json!("club@example.org"), &json!(["gildong@example.org"])));
    assert_eq!(mail["text"], "[OnePoint] 길동님, 회원 가입이 완료되었습니다. 환영합니다!");
    assert_eq!(headers["subject"], "[OnePoint] 가입을 환영합니다");
    assert_eq!(headers["from"], "길동 클럽 <club@example.org>");
    assert_eq!(headers["to"], "gildong@example.org");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    let number = headers["message-id"].as_str().expect("a number");
    assert!(number.starts_with("<1.") && number.ends_with(".onepoint@example.org>"), "{number}");
    assert_eq!(app.message_of(1)["failure"], json!(null));

    for (member_id, email, failure) in [
        (2, "refused@example.org", "smtp.550"),
        (3, "spam@example.org", "smtp.554"),
        (4, "", "no_email"),
        (5, "not an address", "bad_email"),
        (6, "a@example.org\r\nRCPT TO:<b@example.org>", "bad_email"),
    ] {
        app.join_by_mail(member_id, email);
        eventually("the member is ABNORMAL", || app.status(member_id) == "ABNORMAL");
        let message = app.message_of(member_id);
        assert_eq!((&message["messageStatus"], &message["attempts"]), (&json!("FAIL"), &json!(1)));
        assert_eq!(message["failure"], failure);
    }
    // The phone number has to be one, however good the mail address is.
    app.join_with(7, &json!({"phoneNo": "0108558", "email": "seven@example.org"}));
    eventually("member 7 is ABNORMAL", || app.status(7) == "ABNORMAL");
    assert_eq!(app.message_of(7)["failure"], "no_phone");
    assert_eq!(server.mails().len(), 1, "nothing else arrived");
    app.settle();
    app.verify();
}

#[test]
fn mail_that_is_put_off_keeps_the_member_ready_until_it_arrives() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mixed] {
        let server = MailServer::start();
        let app = app(engine, &server, &[]);
        app.join_by_mail(1, "busy2@example.org");
        eventually("it was tried", || app.attempts(1) == 1);
        assert_eq!((app.status(1).as_str(), &app.message_of(1)["failure"]), ("READY", &json!("smtp.450")));
        within(RETRIED, "member 1 is NORMAL", || app.status(1) == "NORMAL");
        assert_eq!((app.attempts(1), server.mails().len()), (3, 1));
    }
}

#[test]
fn while_the_server_is_down_members_stay_ready_and_when_it_is_back_they_become_normal() {
    let mut server = MailServer::start();
    server.stop();
    let app = app(Engine::Sqlite, &server, &[]);
    for member_id in 1..=20 {
        app.join_by_mail(member_id, &format!("m{member_id}@example.org"));
    }
    eventually("all were tried", || (1..=20).all(|member_id| app.attempts(member_id) > 0));
    assert!((1..=20).all(|member_id| app.status(member_id) == "READY"));
    assert_eq!(app.message_of(1)["failure"], "smtp.unreachable");
    server.resume();
    within(RETRIED, "all are NORMAL", || (1..=20).all(|member_id| app.status(member_id) == "NORMAL"));
    assert_eq!(server.mails().len(), 20, "each got one");

    // Connections that were idle when the server ended are of no use, and cost no attempt.
    server.stop();
    server.resume();
    app.join_by_mail(21, "m21@example.org");
    eventually("member 21 is NORMAL", || app.status(21) == "NORMAL");
    assert_eq!(app.attempts(21), 1);
}

#[test]
fn a_message_that_cannot_be_sent_in_time_is_given_up() {
    let mut server = MailServer::start();
    server.stop();
    let app = app(Engine::Sqlite, &server, &["notification.give_up_h=0"]);
    app.join_by_mail(1, "one@example.org");
    eventually("member 1 is ABNORMAL", || app.status(1) == "ABNORMAL");
    assert_eq!(app.message_of(1)["failure"], "smtp.unreachable");
}

#[test]
fn a_server_that_hangs_holds_up_nobody_else_and_its_late_reply_is_taken_for_no_other() {
    let server = MailServer::start();
    let app = app(Engine::Sqlite, &server, &["notification.parallel=3", "notification.time_limit_ms=2500"]);
    app.join_by_mail(1, "slow1@example.org");
    app.join_by_mail(2, "slow2@example.org");
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    for member_id in 3..=12 {
        app.join_by_mail(member_id, &format!("m{member_id}@example.org"));
    }
    eventually("the others are NORMAL", || (3..=12).all(|member_id| app.status(member_id) == "NORMAL"));
    println!("ten members beside two that hang: {:?}", started.elapsed());
    assert_eq!((app.attempts(1), app.attempts(2)), (0, 0), "the two still hang");
    within(RETRIED, "the slow ones were late", || app.message_of(2)["failure"] == "late");
    assert_eq!((app.status(1).as_str(), app.status(2).as_str()), ("READY", "READY"));
    // A reply to one of the two that came while another message was under way would say that this one arrived.
    app.join_by_mail(13, "refused@example.org");
    app.join_by_mail(14, "fourteen@example.org");
    eventually("both were judged", || app.status(13) == "ABNORMAL" && app.status(14) == "NORMAL");
    assert_eq!(server.recipients().iter().filter(|to| *to == "fourteen@example.org").count(), 1);
}

#[test]
fn control_when_as_many_hang_as_may_be_on_their_way_the_others_wait() {
    let server = MailServer::start();
    let app = app(Engine::Sqlite, &server, &["notification.parallel=2", "notification.time_limit_ms=2500"]);
    app.join_by_mail(1, "slow1@example.org");
    app.join_by_mail(2, "slow2@example.org");
    std::thread::sleep(Duration::from_millis(200));
    app.join_by_mail(3, "three@example.org");
    std::thread::sleep(Duration::from_millis(1_000));
    assert_eq!((app.status(3).as_str(), app.attempts(3)), ("READY", 0));
    within(RETRIED, "member 3 is NORMAL", || app.status(3) == "NORMAL");
}

#[test]
fn many_messages_share_connections() {
    let server = MailServer::start();
    let app = app(Engine::Sqlite, &server, &["notification.parallel=4", "notification.language=en"]);
    let started = Instant::now();
    for member_id in 1..=100 {
        app.join_by_mail(member_id, &format!("m{member_id}@example.org"));
    }
    within(RETRIED, "all are NORMAL", || server.mails().len() == 100);
    println!("100 mails: {:?}", started.elapsed());
    let mails = server.mails();
    let mut peers: Vec<i64> = mails.iter().filter_map(|mail| mail["peer"].as_i64()).collect();
    peers.sort_unstable();
    peers.dedup();
    assert!(peers.len() <= 4, "{} connections", peers.len());
    assert_eq!(mails[0]["text"], "[OnePoint] Hello 길동, thank you for joining. Welcome!");
}

#[test]
fn a_nickname_writes_no_header_and_no_second_recipient() {
    let server = MailServer::start();
    let app = app(Engine::Sqlite, &server, &[]);
    let nickname = "a\r\nBcc: b@example.org\r\n.\r\n";
    app.join_with(1, &json!({"phoneNo": "01085581234", "nickname": nickname, "email": "one@example.org"}));
    eventually("member 1 is NORMAL", || app.status(1) == "NORMAL");
    let mails = server.mails();
    assert_eq!((mails.len(), &mails[0]["to"]), (1, &json!(["one@example.org"])));
    assert_eq!(mails[0]["headers"]["bcc"], json!(null));
    assert!(!mails[0]["text"].as_str().expect("a text").contains('\n'), "{}", mails[0]["text"]);
}
