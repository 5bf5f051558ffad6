//! What is asked of all processes at once: parked events, and what they know of themselves.

use platform::access::Role;
use platform::db::Value;
use platform::funnel::{Funnel, Writer};

use crate::kit::{Beside, Gate, Raw, good, nobody};
use crate::routing::{FIRST, key, split, split_between};
use crate::support::{Engine, TestApp, eventually};

fn park<W: Writer>(funnel: &Funnel<W>, consumer: &str, count: i64) {
    let sql = "INSERT INTO parked_event (id, consumer, xid, position, subject, sequence, type, at, data, reason, tries, parked_at) \
        VALUES ($2, $1, $2, $2, $2, 1, 'MemberJoined', 0, '{}', 'test', 3, 0)";
    for number in 1..=count {
        let params: [Value; 2] = [consumer.into(), number.into()];
        funnel.with_session(|tx| tx.execute(sql, &params)).expect("it is parked");
    }
}

/// All parked events by the gateway's pages: context and number.
fn all(gate: &Gate, query: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    let mut path = format!("/parked?{query}");
    for _ in 0..50 {
        let page = gate.get(&path).must_be(200);
        let items = page.json["_embedded"]["parked"].as_array().expect("items").clone();
        found.extend(items.iter().map(|item| {
            (item["context"].as_str().expect("a context").to_owned(), item["parkedId"].as_i64().expect("a number"))
        }));
        match page.json["_links"]["next"]["href"].as_str() {
            Some(next) => path = next[next.find("/parked").expect("a path")..].to_owned(),
            None => return found,
        }
    }
    panic!("the pages do not end");
}

#[test]
fn parked_events_of_all_processes_are_one_list_whatever_the_pages() {
    let (app, beside, gate) = split(&[]);
    let second = &beside.running.as_ref().expect("it runs").app;
    park(&app.app().members.funnel, "member<point", 4);
    park(&second.points.funnel, "point<member", 5);
    park(&app.app().pages.funnel, "mypage<member", 3);
    park(&second.purchases.carts.funnel, "cart<payment", 2);
    let expected = all(&gate, "limit=200");
    assert_eq!(expected.len(), 14, "{expected:?}");
    assert_eq!(expected[0].0, "point", "context by context, in the order of a single process");
    for limit in [1, 2, 3, 5, 14] {
        assert_eq!(all(&gate, &format!("limit={limit}")), expected, "{limit} a page");
    }
    assert_eq!(all(&gate, "limit=2&consumer=mypage%3Cmember").len(), 3);
    gate.get("/parked?limit=0").must_be_problem(422);
    // One of them is shown, retried and dropped where it is.
    gate.get("/parked/cart/1").must_be(200);
    gate.request("DELETE", "/parked/cart/1").send().must_be(204);
    assert_eq!(all(&gate, "limit=200").len(), 13);
    drop(gate);
    // A list without a process that is away would say that all is well there.
    let mut gate = Gate::open(&split_between(&app.base(), &format!("http://{}", nobody())));
    let refused = gate.get("/parked");
    refused.must_be_problem(503);
    assert_eq!(refused.code(), "point.unreachable");
    gate.get("/parked?consumer=mypage%3Cmember").must_be(200);
    gate.stop(std::time::Duration::ZERO);
}

#[test]
fn the_dashboard_shows_what_the_other_process_knows_of_itself() {
    let internal = nobody();
    let listen = format!("internal.listen={internal}");
    let first = format!("contexts={}", FIRST.join(","));
    let app = TestApp::open_with(Engine::Postgres, &[&first, &listen]);
    let alone = Gate::open(&split_between(&app.base(), &app.base()));
    let service = key(&app, &alone, Role::Service);
    let second: Vec<&str> = server::stores::context_names().into_iter().filter(|name| !FIRST.contains(name)).collect();
    let contexts = format!("contexts={}", second.join(","));
    let (url, own) = (format!("member.url=http://{internal}"), format!("internal.key={service}"));
    let beside = Beside::of(&app, &[&contexts, &url, &own]);
    let gate = Gate::open(&split_between(&app.base(), &format!("http://{}", beside.address)));
    // A breaker of the first process opens; the second one, which has the dashboard, tells.
    let guard = app.app().pages.member_guard();
    for _ in 0..3 {
        guard.breaker().admit().expect("it is closed").failed();
    }
    let state = |gate: &Gate| {
        let live = gate.get("/dashboards/summary").must_be(200).json["live"].clone();
        let breakers = live["breakers"].as_array().expect("breakers").clone();
        let of_page = breakers.iter().find(|one| one["caller"] == "mypage" && one["callee"] == "member");
        of_page.expect("it is shown")["state"].as_str().expect("a state").to_owned()
    };
    eventually("it is shown as it is there", || state(&gate) != "CLOSED");
    assert_eq!(
        beside.running.as_ref().expect("it runs").app.pages.member_guard().breaker().state().name(),
        "CLOSED",
        "control"
    );
}

#[test]
fn lags_are_told_to_whoever_may_know_however_the_key_comes() {
    let (app, beside, gate) = split(&[]);
    let text = key(&app, &gate, Role::Operator);
    // To a gateway that passes somebody else's requests on, so that only a key counts.
    let ask = |name: &str, value: &str| {
        let asked = gate.request("GET", "/lags").header("X-Forwarded-For", "203.0.113.9").header(name, value);
        asked.send()
    };
    for (name, value) in [("X-Api-Key", text.clone()), ("Authorization", format!("Bearer {text}"))] {
        let told = ask(name, &value).must_be(200).json;
        // What is followed in one process, and in the other.
        assert!(told["mypage<point"].is_i64() && told["point<member"].is_i64(), "{name}: {told}");
    }
    ask("X-Api-Key", "op_nobody").must_be_problem(401);
    assert!(gate.get("/lags").must_be(200).json["point<member"].is_i64(), "somebody at this machine");
    drop(beside);
}

#[test]
fn of_a_consumer_in_several_processes_the_worst_is_told() {
    let (one, other) = (Raw::new(good()), Raw::new(good()));
    one.lags(r#"{"point<member": 12, "point<deal": 900}"#);
    other.lags(r#"{"point<member": 700, "point<deal": 3}"#);
    let gate = Gate::open(&[format!("gateway.point={},{}", one.url(), other.url())]);
    eventually("both are asked", || {
        let told = gate.get("/lags").must_be(200).json;
        told == serde_json::json!({"point<member": 700, "point<deal": 900})
    });
}
