//! Names behind which addresses come and go, and looks beside what goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::*;
use crate::clock::SystemClock;
use crate::http::watched::watch;

/// A server that keeps connections, and answers each request with its name.
struct Kept {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Kept {
    /// One that answers so many requests on a connection, and hangs up with the next one.
    fn new(name: char, most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let kept = Self { address, open: Arc::default(), is_over: Arc::default(), streams: Arc::default() };
        let (open, is_over, streams) = (Arc::clone(&kept.open), Arc::clone(&kept.is_over), Arc::clone(&kept.streams));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                streams.lock().push(stream.try_clone().expect("a stream"));
                let open = Arc::clone(&open);
                open.fetch_add(1, Ordering::AcqRel);
                thread::spawn(move || {
                    answer(stream, name, most);
                    open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        kept
    }

    /// It is gone, with its connections.
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        self.streams.lock().iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.end();
    }
}

fn answer(mut stream: TcpStream, name: char, most: usize) {
    for number in 0.. {
        let (mut read, mut piece) = (Vec::new(), [0; 1_024]);
        while !read.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(count) if count > 0 => read.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        if number >= most || write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}").is_err() {
            return;
        }
    }
}

/// What a name stands for; nothing: it is not known. And how often that was asked.
#[derive(Default)]
struct Book {
    found: Mutex<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

fn gateway(book: &Arc<Book>) -> Arc<Gateway> {
    let settings = GatewaySettings {
        check: Duration::from_millis(20),
        time_limit: Duration::from_secs(5),
        wait: Duration::from_secs(5),
        concurrency: 100,
        breaker: BreakerSettings::default(),
        lag_limit_ms: 5_000,
    };
    let book = Arc::clone(book);
    let resolver: Resolver = Arc::new(move |_| {
        book.asked.fetch_add(1, Ordering::AcqRel);
        let found = book.found.lock().clone();
        Box::pin(async move { Ok(found) })
    });
    let groups = [("one", vec!["http://many:80".to_owned()])];
    let gateway = Gateway::new(&groups, settings, Arc::new(SystemClock::new()), resolver).expect("a gateway");
    let gateway = Arc::new(gateway);
    for name in gateway.names() {
        tokio::spawn(Arc::clone(&gateway).watch(Arc::clone(name)));
    }
    gateway
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn who_answers(gateway: &Gateway) -> String {
    let request = Request::builder().uri("/").header("host", "many").body(Outgoing::none()).expect("a request");
    let (_, ended) = watch(Body::empty());
    let answer = gateway.forward(&gateway.groups()[0], request, &ended).await.expect("an answer");
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn ready(gateway: &Gateway) -> usize {
    gateway.groups()[0].upstreams().iter().filter(|upstream| upstream.is_ready()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_stands_for_all_its_addresses_as_they_come_and_go() {
    let (one, other) = (Kept::new('a', usize::MAX), Kept::new('b', usize::MAX));
    let book = Arc::new(Book { found: Mutex::new(vec![other.address, one.address]), asked: AtomicUsize::new(0) });
    let gateway = gateway(&book);
    eventually("both are ready", || gateway.has_looked() && ready(&gateway) == 2).await;
    let mut answers = String::new();
    for _ in 0..8 {
        answers += &who_answers(&gateway).await;
    }
    assert!(answers.contains('a') && answers.contains('b'), "{answers}");
    assert!(one.open.load(Ordering::Acquire) > 0, "control: connections are kept");
    // One vanishes from the name, though it would still answer.
    *book.found.lock() = vec![other.address];
    gateway.stale.notify_waiters();
    eventually("it is left", || gateway.upstreams().len() == 1).await;
    for _ in 0..8 {
        assert_eq!(who_answers(&gateway).await, "b");
    }
    eventually("its connections end", || one.open.load(Ordering::Acquire) == 0).await;
    // The name is not known any more: what was known stays.
    book.found.lock().clear();
    let asked = book.asked.load(Ordering::Acquire);
    eventually("it is looked up by itself", || book.asked.load(Ordering::Acquire) > asked + 1).await;
    assert_eq!(who_answers(&gateway).await, "b");
    // The last one goes without a word, and the first one comes back.
    *book.found.lock() = vec![one.address];
    other.end();
    let started = Instant::now();
    assert_eq!(who_answers(&gateway).await, "a");
    assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
    eventually("only that one is left", || gateway.upstreams().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_that_is_dead_makes_no_address_unready() {
    let server = Kept::new('a', 1);
    let book = Arc::new(Book { found: Mutex::new(vec![server.address]), asked: AtomicUsize::new(0) });
    let gateway = gateway(&book);
    eventually("it is ready", || ready(&gateway) == 1).await;
    let until = Instant::now() + Duration::from_millis(400);
    assert_eq!(who_answers(&gateway).await, "a");
    while Instant::now() < until {
        assert_eq!(ready(&gateway), 1);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.end();
    eventually("control: it is seen when it is gone", || ready(&gateway) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_says_nothing_about_who_would_have_answered() {
    // It takes connections and answers nothing.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gateway = gateway(&Arc::default());
    let address = listener.local_addr().expect("an address");
    let upstream = gateway.move_to(&gateway.names()[0], &[address]).pop().expect("it is new");
    upstream.set_ready(true);
    let group = &gateway.groups()[0];
    for _ in 0..6 {
        let frames = [Ok(Frame::data(Bytes::from_static(b"half"))), Err(std::io::Error::other("gone"))];
        let (body, ended) = watch(StreamBody::new(futures_util::stream::iter(frames)));
        let request = Request::builder().method("POST").uri("/").body(Outgoing::Streamed(body)).expect("a request");
        let error = gateway.forward(group, request, &ended).await.expect_err("half a body");
        assert_eq!((error.kind, error.code.as_ref()), (ErrorKind::Malformed, "request.unreadable"));
    }
    assert_eq!(group.breaker.state().name(), "CLOSED");
    for _ in 0..6 {
        group.breaker.admit().map(|permit| permit.failed()).unwrap_or_default();
    }
    assert_eq!(group.breaker.state().name(), "OPEN", "control: so many failures would have opened it");
}
