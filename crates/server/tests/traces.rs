//! Traces: one request through two processes is one trace, told to a collector in OpenTelemetry's own messages.

mod support;

#[path = "traces/collector.rs"]
mod collector;
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
#[path = "recovery/process.rs"]
mod process;

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use serde_json::json;
use support::{Answer, Client, Engine, PATIENCE, Request};

use collector::{Collector, Sent};
use process::{Serving, Store};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const PHONE: &str = "01085581234";
/// What kinds of span there are, as OTLP numbers them.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const CONSUMER: i32 = 5;

/// A free port; nobody else takes it in the moment until it is used.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A server on this store with these settings; it sends traces to `collector` if that is one.
fn serve(store: &Store, collector: Option<SocketAddr>, sets: &[String]) -> Serving {
    let mut command = store.command(&["serve", "--listen", "127.0.0.1:0", "--set", "log.format=json"]);
    for set in sets {
        command.args(["--set", set]);
    }
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    if let Some(address) = collector {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"));
    }
    Store::start(command)
}

/// A server for point, and one for all else that asks it.
fn two_processes(store: &Store, collector: SocketAddr) -> (Serving, Serving) {
    let made = store.run(&["keys", "create", "--role", "service"]);
    let key = String::from_utf8(made.stdout).expect("a key").trim().to_owned();
    let internal = free_address();
    let asked = [format!("internal.listen={internal}"), "contexts=point".to_owned()];
    let point = serve(store, Some(collector), &asked);
    let asking = [
        format!("point.url=http://{internal}"),
        format!("internal.key={key}"),
        "contexts=member,coupon,notification,mypage".to_owned(),
    ];
    (point, serve(store, Some(collector), &asking))
}

fn traced<'a>(client: &'a Client, method: &'a str, path: &str, flags: &str) -> Request<'a> {
    Request::new(client, method, path).header("traceparent", &format!("00-{TRACE}-{PARENT}-{flags}"))
}

fn join(client: &Client, number: i64, flags: &str) -> Answer {
    let body = json!({"memberId": number, "phoneNo": PHONE, "nickname": "SEQ1", "memberStatus": "READY"});
    let answer = traced(client, "POST", "/members", flags).json(&body).send().must_be(201);
    until("the member is NORMAL", || {
        Request::new(client, "GET", &format!("/members/{number}")).send().json["memberStatus"] == "NORMAL"
    });
    answer
}

fn only<'a>(spans: &'a [Sent], what: &str, is: impl Fn(&Sent) -> bool) -> &'a Sent {
    let found: Vec<&Sent> = spans.iter().filter(|span| is(span)).collect();
    assert_eq!(found.len(), 1, "{what}: {spans:#?}");
    found[0]
}

#[test]
fn a_request_through_two_processes_is_one_trace_without_anything_personal() {
    let store = Store::fresh(Engine::Postgres);
    let collector = Collector::start();
    let (point, member) = two_processes(&store, collector.address);
    let client = Client::new(member.address);
    join(&client, 1, "01");
    until("the account is open", || Request::new(&Client::new(point.address), "GET", "/points/1").send().status == 200);
    let left = traced(&client, "DELETE", "/members/1", "01").header("X-Request-Id", "leave-1").send().must_be(204);
    assert_eq!(left.header("x-request-id"), Some("leave-1"));
    assert!(member.end().success() && point.end().success());

    let spans = collector.spans();
    let of_trace: Vec<Sent> = spans.iter().filter(|span| span.trace_id == TRACE).cloned().collect();
    let root = only(&of_trace, "the request", |span| span.name == "DELETE /members");
    assert_eq!((root.kind, root.parent_id.as_str(), root.service.as_str()), (SERVER, PARENT, "onepoint"));
    assert_eq!(root.attribute("http.response.status_code"), "204");
    assert_eq!(root.attribute("onepoint.request_id"), "leave-1");
    let asked = only(&of_trace, "the question", |span| span.name == "ask point");
    assert_eq!((asked.kind, &asked.parent_id), (INTERNAL, &root.span_id));
    assert_eq!(asked.attribute("onepoint.outcome"), "answered");
    let sent = only(&of_trace, "what was sent", |span| span.name == "POST /internal/point/withdrawals");
    assert_eq!((sent.kind, &sent.parent_id), (CLIENT, &asked.span_id));
    let answered =
        only(&of_trace, "what point answered", |span| span.service == "onepoint-point" && span.kind == SERVER);
    assert_eq!((answered.name.as_str(), &answered.parent_id), ("POST /internal", &sent.span_id));
    // The same question in one process needs no sending.
    only(&of_trace, "the question to coupon", |span| span.name == "ask coupon");

    // What follows by event belongs to the request that brought it about, in whichever process.
    let joined = only(&of_trace, "the join", |span| span.name == "POST /members");
    let opened = only(&of_trace, "the account", |span| span.name == "point<member MemberJoined");
    assert_eq!(
        (opened.kind, opened.service.as_str(), &opened.parent_id),
        (CONSUMER, "onepoint-point", &joined.span_id)
    );
    assert_eq!(opened.attribute("onepoint.outcome"), "taken in");

    let named_otherwise: Vec<&Sent> = spans.iter().filter(|span| span.trace_id != TRACE).collect();
    assert!(named_otherwise.iter().any(|span| span.name == "GET /members"), "a request without a header has its own");
    for span in &spans {
        let texts = span.attributes.iter().map(|(_, value)| value.as_str()).chain([span.name.as_str()]);
        for text in texts {
            assert!(!text.contains(PHONE) && !text.contains("SEQ1") && !text.ends_with("/1"), "{span:?}");
        }
    }
}

#[test]
fn a_stranger_does_not_choose_what_is_traced() {
    let store = Store::fresh(Engine::Sqlite);
    let collector = Collector::start();
    let serving = serve(&store, Some(collector.address), &["otel.sample_bp=0".to_owned()]);
    let client = Client::new(serving.address);
    for _ in 0..3 {
        // Passed on by a proxy, so that nobody knows who it is.
        let stranger = traced(&client, "GET", "/members/1", "01").header("X-Forwarded-For", "203.0.113.9");
        stranger.send().must_be(401);
        let unknown = traced(&client, "GET", "/members/2", "01").header("Authorization", "Bearer op_nobody");
        unknown.send().must_be(401);
    }
    traced(&client, "GET", "/points/1", "01").send();
    assert!(serving.end().success());
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["GET /points"], "control: the operator's is");
}

#[test]
fn an_event_says_which_trace_it_belongs_to() {
    let store = Store::fresh(Engine::Sqlite);
    let collector = Collector::start();
    let serving = serve(&store, Some(collector.address), &[]);
    let client = Client::new(serving.address);
    join(&client, 1, "01");
    // Not kept: there would be nothing to look up.
    traced(&client, "PATCH", "/members/1", "00").json(&json!({"nickname": "SEQ2"})).send().must_be(200);
    assert!(serving.end().success());
    let spans = collector.spans();
    let request = only(&spans, "the request", |span| span.name == "POST /members");
    let correlations = store.with("member", |session| {
        let rows = session.query("SELECT type, correlation FROM event ORDER BY position", &[])?;
        Ok(rows.into_iter().map(|mut row| (row.take_text(0), row.take_text(1))).collect::<Vec<_>>())
    });
    let expected = format!("00-{TRACE}-{}-01", request.span_id);
    let of = |kind: &str| -> Vec<Option<String>> {
        correlations.iter().filter(|(found, _)| found.as_deref() == Some(kind)).map(|(_, text)| text.clone()).collect()
    };
    assert_eq!(of("MemberJoined"), [Some(expected)], "{correlations:?}");
    assert!(correlations.iter().filter(|(_, text)| text.is_some()).count() < correlations.len(), "{correlations:?}");
    assert!(spans.iter().all(|span| span.name != "PATCH /members"), "its sender said that it is not kept");
}

#[test]
fn without_a_collector_nothing_is_sent_and_one_that_is_gone_holds_nobody_up() {
    let store = Store::fresh(Engine::Sqlite);
    let collector = Collector::start();
    let off = serve(&store, None, &[]);
    join(&Client::new(off.address), 1, "01");
    assert!(off.end().success());
    assert!(collector.spans().is_empty());
    let correlations =
        store.with("member", |session| session.query("SELECT position FROM event WHERE correlation IS NOT NULL", &[]));
    assert!(correlations.is_empty(), "no trace, no place for it");

    let gone = serve(&store, Some(free_address()), &[]);
    let client = Client::new(gone.address);
    let answered = traced(&client, "GET", "/members/1", "01").send().must_be(200);
    assert!(answered.took.as_secs() < 1, "{:?}", answered.took);
    let started = Instant::now();
    assert!(gone.end().success());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn a_collector_that_cannot_be_asked_is_refused_at_the_start() {
    let store = Store::fresh(Engine::Sqlite);
    let refused = store.run(&["serve", "--listen", "127.0.0.1:0", "--set", "otel.endpoint=https://example.org"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("otel.endpoint must look like http://host:4318"));
}
