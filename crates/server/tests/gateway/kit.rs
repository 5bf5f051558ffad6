//! A gateway in this process, servers behind it that are of the program, and servers that misbehave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use server::assembly::Options;
use server::config::Settings;
use server::{gateway, serve};
use tokio::runtime::Runtime;

use crate::support::{Answer, Client, Request, TestApp, eventually};

/// A gateway; dropping it ends it.
pub struct Gate {
    runtime: Runtime,
    running: Option<gateway::Running>,
    pub client: Client,
    pub address: SocketAddr,
}

impl Gate {
    /// A gateway with these settings (`key=value`) that has looked at every address.
    pub fn open(sets: &[String]) -> Self {
        let mut all = vec!["listen=127.0.0.1:0".to_owned(), "gateway.check_ms=50".to_owned()];
        all.extend(sets.iter().cloned());
        let settings = Settings::from_sources(None, std::iter::empty(), &all).expect("settings");
        let runtime = serve::runtime(&settings).expect("a runtime");
        let running = gateway::Running::start(&settings, &runtime).expect("the gateway starts");
        let address = running.address;
        let gate = Self { runtime, running: Some(running), client: Client::new(address), address };
        eventually("the gateway is ready", || gate.get("/readyz").status == 200);
        gate
    }

    pub fn request<'a>(&'a self, method: &'a str, path: &str) -> Request<'a> {
        Request::new(&self.client, method, path)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// A figure of the gateway's: the line that begins with this.
    pub fn figure(&self, line: &str) -> f64 {
        let text = self.get("/metrics").must_be(200).text;
        let found = text.lines().find_map(|known| known.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or(0.0)
    }

    /// Has it end, as a signal would.
    pub fn stop(&mut self, grace: Duration) {
        if let Some(running) = self.running.take() {
            running.stop(&self.runtime, grace);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// One more server on the store of a test's server.
pub struct Beside {
    runtime: Runtime,
    pub running: Option<serve::Running>,
    pub address: SocketAddr,
}

impl Beside {
    pub fn of(app: &TestApp, sets: &[&str]) -> Self {
        let mut all = app.store_settings();
        all.push("listen=127.0.0.1:0".to_owned());
        all.extend(sets.iter().map(|set| (*set).to_owned()));
        let settings = Settings::from_sources(None, std::iter::empty(), &all).expect("settings");
        let runtime = serve::runtime(&settings).expect("a runtime");
        let options = Options { clock: Some(app.clock.clone()), ..Options::default() };
        let running = serve::Running::start(&settings, options, &runtime).expect("the server starts");
        let address = running.address;
        Self { runtime, running: Some(running), address }
    }

    /// Has it end, as a signal would.
    pub fn stop(&mut self, grace: Duration) {
        if let Some(running) = self.running.take() {
            running.stop(&self.runtime, grace);
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// What a server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Answers with this status and body.
    Answer(u16, String),
    /// Reads it and hangs up.
    HangUp,
    /// Reads it and says nothing for so long, then hangs up.
    Silence(Duration),
}

/// A server that does the same with every request but `/readyz`, which it answers well, and `/lags`.
pub struct Raw {
    pub address: SocketAddr,
    act: Arc<Mutex<Act>>,
    lags: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Raw {
    pub fn new(act: Act) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), act)
    }

    /// At an address where one was before.
    pub fn at(address: SocketAddr, act: Act) -> Self {
        let listener = TcpListener::bind(address).expect("an address");
        let address = listener.local_addr().expect("an address");
        let (act, lags) = (Arc::new(Mutex::new(act)), Arc::new(Mutex::new("{}".to_owned())));
        let (seen, ends) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (its_act, its_lags, its_seen, its_ends) =
            (Arc::clone(&act), Arc::clone(&lags), Arc::clone(&seen), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if its_ends.load(Ordering::Acquire) {
                    return;
                }
                let (act, lags, seen) = (Arc::clone(&its_act), Arc::clone(&its_lags), Arc::clone(&its_seen));
                std::thread::spawn(move || one(stream, &act, &lags, &seen));
            }
        });
        Self { address, act, lags, seen, ends, thread: Some(thread) }
    }

    pub fn act(&self, act: Act) {
        *self.act.lock().expect("no panic in here") = act;
    }

    pub fn lags(&self, lags: &str) {
        *self.lags.lock().expect("no panic in here") = lags.to_owned();
    }

    /// The requests that it read, each as it came.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic in here").clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// One request of one connection.
fn one(mut stream: TcpStream, act: &Mutex<Act>, lags: &Mutex<String>, seen: &Mutex<Vec<String>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let Some(request) = read(&mut stream) else { return };
    let act = if request.starts_with("GET /readyz ") {
        Act::Answer(200, "ready\n".to_owned())
    } else if request.starts_with("GET /lags ") {
        Act::Answer(200, lags.lock().expect("no panic in here").clone())
    } else {
        seen.lock().expect("no panic in here").push(request);
        act.lock().expect("no panic in here").clone()
    };
    match act {
        Act::HangUp => {}
        Act::Silence(time) => std::thread::sleep(time),
        Act::Answer(status, body) => {
            let now_ms = std::time::UNIX_EPOCH.elapsed().expect("a time").as_millis();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nX-Clock-Ms: {now_ms}\r\nConnection: close\r\n"
            );
            let kind = if body.starts_with('{') { "application/problem+json" } else { "text/plain" };
            let _ = write!(stream, "{head}Content-Type: {kind}\r\n\r\n{body}");
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let is_whole = match length {
                None if head.contains("transfer-encoding: chunked") => bytes.ends_with(b"0\r\n\r\n"),
                length => bytes.len() >= end + 4 + length.unwrap_or(0),
            };
            if is_whole {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => return None,
        }
    }
}

/// An answer that is good.
pub fn good() -> Act {
    Act::Answer(200, "good".to_owned())
}

/// A refusal with this code.
pub fn refusal(code: &str) -> Act {
    Act::Answer(503, format!("{{\"code\": \"{code}\"}}"))
}

/// An address at which nobody listens.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// The program as a process of its own; dropping it kills it.
pub struct Process {
    child: std::process::Child,
    pub address: SocketAddr,
}

impl Process {
    /// One more server on the store of a test's server.
    pub fn serve(app: &TestApp) -> Self {
        let address = nobody();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_onepoint"));
        command.args(["serve", "--listen", &address.to_string()]);
        for set in app.store_settings() {
            command.args(["--set", &set]);
        }
        let quiet = std::process::Stdio::null;
        let child = command.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().expect("the program starts");
        let process = Self { child, address };
        let client = Client::new(address);
        crate::support::within(Duration::from_secs(60), "the server is ready", || {
            Request::new(&client, "GET", "/readyz").try_send().is_ok_and(|answer| answer.status == 200)
        });
        process
    }

    /// Ends it as a crash would: at once, and without a word.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
