//! A thousand clients that send half a header, or a body drop by drop: they are closed in time, and those who mean it
//! are served as if nobody else were there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use platform::http::serve::raise_open_files;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Engine, Request, TestApp};

/// A sixth of them is closed at once, so a thousand stay.
const BAD: usize = 1_200;
/// Slow clients are closed within this.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);
const HEALTHY: usize = 4;
/// Fewer would show little.
const HEALTHY_REQUESTS: usize = 1_000;

/// How a client misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Connects and says nothing.
    Silent,
    /// Sends a header without an end, byte by byte.
    TricklesHeader,
    /// Sends the header, and of the body nothing.
    WithholdsBody,
    /// Sends the body byte by byte.
    TricklesBody,
    /// As that, in chunks.
    TricklesChunks,
    /// Sends byte by byte a body that nobody wants.
    TricklesForNothing,
    /// Takes nearly the whole time that a header may take, then sends the body byte by byte.
    SlowInBoth,
}

const MANNERS: [Manner; 7] = [
    Manner::Silent,
    Manner::TricklesHeader,
    Manner::WithholdsBody,
    Manner::TricklesBody,
    Manner::TricklesChunks,
    Manner::TricklesForNothing,
    Manner::SlowInBoth,
];

/// How long [`Manner::SlowInBoth`] holds the end of its header back; a header may take 3 s.
const HEADER_HELD: Duration = Duration::from_millis(2_300);

impl Manner {
    fn opening(self) -> &'static str {
        match self {
            Self::Silent => "",
            Self::TricklesHeader => "POST /points/1/transactions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
            Self::WithholdsBody | Self::TricklesBody | Self::SlowInBoth => {
                "POST /points/1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
            }
            Self::TricklesForNothing => "GET /points/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
            Self::TricklesChunks => {
                "POST /points/1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            }
        }
    }

    fn drop_of_it(self) -> &'static [u8] {
        match self {
            Self::Silent | Self::WithholdsBody => b"",
            Self::TricklesHeader | Self::TricklesBody | Self::TricklesForNothing | Self::SlowInBoth => b" ",
            Self::TricklesChunks => b"1\r\n \r\n",
        }
    }

    /// What the server says to it, at the beginning and somewhere in it.
    fn is_told(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Silent | Self::TricklesHeader => None,
            Self::WithholdsBody | Self::TricklesBody | Self::TricklesChunks | Self::SlowInBoth => {
                Some(("HTTP/1.1 408", "request.body_timeout"))
            }
            Self::TricklesForNothing => Some(("HTTP/1.1 200", "remainPoint")),
        }
    }
}

/// Misbehaves until the server closes the connection, or for much too long; what it said before, and after how long.
async fn misbehave(address: SocketAddr, manner: Manner) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.expect("the server takes connections");
    let (started, mut said) = (Instant::now(), Vec::new());
    let (mut opening, mut wants_to_send) = (manner.opening().as_bytes(), true);
    if manner == Manner::SlowInBoth {
        let (begins, ends) = opening.split_at(opening.len() - 2);
        wants_to_send = stream.write_all(begins).await.is_ok();
        tokio::time::sleep(HEADER_HELD).await;
        opening = ends;
    }
    wants_to_send = wants_to_send && stream.write_all(opening).await.is_ok();
    let mut piece = [0; 1_024];
    loop {
        match tokio::time::timeout(Duration::from_millis(400), stream.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&said).into_owned(), started.elapsed()),
            Ok(Ok(count)) => said.extend_from_slice(&piece[..count]),
            Err(_) => {}
        }
        if started.elapsed() > CLOSED_WITHIN * 2 {
            return ("never closed".to_owned(), started.elapsed());
        }
        wants_to_send = wants_to_send && stream.write_all(manner.drop_of_it()).await.is_ok();
    }
}

/// Asks and writes as fast as the server answers; how many were sent and how many went well.
fn behave(address: SocketAddr, over: &AtomicBool, slowest_ms: &AtomicUsize) -> (usize, usize) {
    let client = Client::new(address);
    let (mut sent, mut well) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let answer = if sent % 2 == 0 {
            Request::new(&client, "GET", "/points/1").try_send()
        } else {
            Request::new(&client, "POST", "/points/1/transactions")
                .json(&json!({"kind": "EARN", "amount": 1}))
                .try_send()
        };
        sent += 1;
        if let Ok(answer) = answer {
            well += usize::from(matches!(answer.status, 200 | 201));
            slowest_ms.fetch_max(usize::try_from(answer.took.as_millis()).unwrap_or(usize::MAX), Ordering::Relaxed);
        }
    }
    (sent, well)
}

#[test]
fn a_thousand_slow_clients_are_closed_in_time_and_disturb_nobody() {
    raise_open_files();
    let app = TestApp::open(Engine::Sqlite);
    app.join_normal(1);
    let address = app.address();
    let (over, slowest_ms) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (outcomes, healthy) = std::thread::scope(|scope| {
        let healthy: Vec<_> = (0..HEALTHY).map(|_| scope.spawn(|| behave(address, &over, &slowest_ms))).collect();
        let outcomes = misbehave_all(address);
        over.store(true, Ordering::Relaxed);
        (outcomes, healthy.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>())
    });
    for (manner, said, closed_after) in &outcomes {
        assert!(*closed_after <= CLOSED_WITHIN, "{manner:?} was closed after {closed_after:?}");
        match manner.is_told() {
            Some((begins, holds)) => assert!(said.starts_with(begins) && said.contains(holds), "{manner:?}: {said:?}"),
            None => assert!(said.is_empty(), "{manner:?}: {said:?}"),
        }
    }
    let (sent, well) = healthy.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{sent} healthy requests, {} failed, the slowest {} ms", sent - well, slowest_ms.load(Ordering::Relaxed));
    assert!(sent >= HEALTHY_REQUESTS, "only {sent}");
    assert!(well * 1_000 >= sent * 999, "{well} of {sent} went well");
    app.settle();
    app.verify();
}

fn misbehave_all(address: SocketAddr) -> Vec<(Manner, String, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let done = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        for number in 0..BAD {
            let (manner, done) = (MANNERS[number % MANNERS.len()], Arc::clone(&done));
            clients.push(tokio::spawn(async move {
                let (said, closed_after) = misbehave(address, manner).await;
                done.fetch_add(1, Ordering::Relaxed);
                (manner, said, closed_after)
            }));
            // Not faster than the kernel's queue takes them in.
            if number % 50 == 49 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let done = done.load(Ordering::Relaxed);
        println!("{} of {BAD} slow clients are there at once", BAD - done);
        let mut outcomes = Vec::with_capacity(BAD);
        for client in clients {
            outcomes.push(client.await.expect("no panic"));
        }
        outcomes
    })
}
