//! Processes are replaced and killed under load, and the gateway itself ends: nothing that was sent gets lost.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use server::stores::context_names;

use crate::kit::{Beside, Gate};
use crate::support::{Client, Engine, Request, TestApp, eventually};

const SENDERS: usize = 3;

/// Reads and keyed writes from several threads until it is over: how many were sent, what was earned, and what failed.
fn load(address: std::net::SocketAddr, over: &AtomicBool, sent: &AtomicUsize, earned: &AtomicI64) -> Vec<String> {
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                scope.spawn(move || {
                    let client = Client::new(address);
                    let mut failed = Vec::new();
                    for number in 0.. {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let earn = json!({"kind": "EARN", "amount": 1});
                        let (read, write) = (
                            Request::new(&client, "GET", "/points/1").try_send(),
                            Request::new(&client, "POST", "/points/1/transactions")
                                .key(&format!("{sender}-{number}"))
                                .json(&earn)
                                .try_send(),
                        );
                        earned.fetch_add(
                            i64::from(write.as_ref().is_ok_and(|answer| answer.status == 201)),
                            Ordering::Relaxed,
                        );
                        sent.fetch_add(2, Ordering::Relaxed);
                        let wrong = [read, write].into_iter().filter_map(|answer| match answer {
                            Ok(answer) if matches!(answer.status, 200 | 201) => None,
                            Ok(answer) => Some(format!("{} {}", answer.status, answer.text)),
                            Err(error) => Some(error.to_string()),
                        });
                        failed.extend(wrong);
                    }
                    failed
                })
            })
            .collect();
        senders.into_iter().flat_map(|sender| sender.join().expect("no panic")).collect()
    })
}

fn before(urls: &str, sets: &[&str]) -> Gate {
    let mut all: Vec<String> = context_names().iter().map(|name| format!("gateway.{name}={urls}")).collect();
    all.extend(sets.iter().map(|set| (*set).to_owned()));
    Gate::open(&all)
}

#[test]
fn processes_are_replaced_one_after_the_other_and_every_request_succeeds() {
    let app = TestApp::open(Engine::Postgres);
    app.join_normal(1);
    let (mut second, mut third) = (Beside::of(&app, &[]), Beside::of(&app, &[]));
    let urls = format!("http://{},http://{}", second.address, third.address);
    let gate = before(&urls, &["gateway.wait_ms=5000"]);
    let (over, sent, earned) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicI64::new(0));
    let failed = std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(gate.address, &over, &sent, &earned));
        for process in [&mut second, &mut third] {
            let before = sent.load(Ordering::Relaxed);
            eventually("requests flow", || sent.load(Ordering::Relaxed) > before + 20);
            let address = format!("listen={}", process.address);
            process.stop(Duration::from_millis(400));
            *process = Beside::of(&app, &[&address]);
            let ready = format!("gateway_upstream_ready{{context=\"point\",address=\"{}\"}}", process.address);
            eventually("it is back", || gate.figure(&ready) == 1.0);
        }
        over.store(true, Ordering::Relaxed);
        loading.join().expect("no panic")
    });
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), sent.load(Ordering::Relaxed), failed.first());
    assert!(sent.load(Ordering::Relaxed) > 80, "only {}", sent.load(Ordering::Relaxed));
    assert_eq!(app.points_of(1), Some(1_000 + earned.load(Ordering::Relaxed)), "each write counts once");
    app.settle();
    app.verify();
}

#[test]
fn a_process_that_is_gone_without_a_word_costs_no_keyed_request_and_doubles_none() {
    let app = TestApp::open(Engine::Postgres);
    app.join_normal(1);
    let store = crate::kit::Process::serve(&app);
    let urls = format!("{},http://{}", app.base(), store.address);
    let gate = before(&urls, &[]);
    let (over, sent, earned) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicI64::new(0));
    let failed = std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(gate.address, &over, &sent, &earned));
        eventually("requests flow", || sent.load(Ordering::Relaxed) > 60);
        store.kill();
        let before = sent.load(Ordering::Relaxed);
        eventually("they go on", || sent.load(Ordering::Relaxed) > before + 60);
        over.store(true, Ordering::Relaxed);
        loading.join().expect("no panic")
    });
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), sent.load(Ordering::Relaxed), failed.first());
    assert_eq!(app.points_of(1), Some(1_000 + earned.load(Ordering::Relaxed)), "each write counts once");
}

#[test]
fn a_gateway_that_ends_is_not_ready_first_and_finishes_what_is_under_way() {
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    app.delay_point(Some((400, 400)));
    let mut gate = before(&app.base(), &[]);
    let address = gate.address;
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            let client = Client::new(address);
            Request::new(&client, "POST", "/deals")
                .json(&json!({"memberId": 1, "merchantId": 1, "type": "save", "dealAmount": 50_000, "point": 0}))
                .send()
        });
        let client = Client::new(address);
        std::thread::sleep(Duration::from_millis(100));
        let ending = scope.spawn(|| gate.stop(Duration::from_millis(200)));
        eventually("it says that it is ending", || {
            Request::new(&client, "GET", "/readyz").try_send().is_ok_and(|answer| answer.code() == "server.draining")
        });
        assert_eq!(asking.join().expect("no panic").status, 201);
        ending.join().expect("no panic");
    });
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn the_demo_and_the_month_go_through_the_gateway() {
    let (app, _beside, gate) = crate::routing::split(&[]);
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_onepoint"));
        command.args(words).current_dir(std::env::temp_dir()).stdin(std::process::Stdio::null());
        command.output().expect("the program runs")
    };
    let url = format!("http://{}", gate.address);
    let told = run(&["demo", "--url", &url, "--members", "12", "--seed", "7", "--json"]);
    let said = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    assert!(matches!(told.status.code(), Some(0 | 3)), "{said}");
    assert_eq!(app.get("/members?limit=200").json["page"]["size"].as_i64().map(|size| size > 5), Some(true), "{said}");
    let month = run(&["settle", "--url", &url, "--month", "202001", "--json"]);
    assert_eq!(month.status.code(), Some(0), "{}", String::from_utf8_lossy(&month.stderr));
}
