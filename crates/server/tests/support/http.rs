//! A small blocking HTTP client: real connections, kept alive and shared, and answers with the time they took.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

/// An answer slower than this is a failed test.
const SILENCE: Duration = Duration::from_secs(30);
/// The server ends idle connections after 3 s, so older ones are not used again.
const IDLE: Duration = Duration::from_secs(1);

/// Asks one server; any number of threads may use it at once.
pub struct Client {
    address: SocketAddr,
    idle: Mutex<Vec<(TcpStream, Instant)>>,
}

impl Client {
    /// A client of the server at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// A request to be filled in and sent.
    pub fn request<'a>(&'a self, method: &'a str, path: &str) -> Request<'a> {
        Request::new(self, method, path)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    /// PATCH with JSON.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path).json(body).send()
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send()
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut idle = self.idle.lock().expect("no test panics in here");
        while let Some((stream, since)) = idle.pop() {
            if since.elapsed() < IDLE && is_open(&stream) {
                return Ok(stream);
            }
        }
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        Ok(stream)
    }

    fn exchange(&self, bytes: &[u8], bodiless: bool) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        let started = Instant::now();
        // A server may refuse a large body before all of it was sent; its answer is there all the same.
        let written = stream.write_all(bytes);
        let mut answer = read_answer(&mut stream, bodiless)?;
        answer.took = started.elapsed();
        if written.is_ok() && answer.header("connection") != Some("close") {
            self.idle.lock().expect("no test panics in here").push((stream, Instant::now()));
        }
        Ok(answer)
    }
}

/// Whether the server has not closed a connection that lay idle.
fn is_open(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let would_wait = looked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    would_wait && stream.set_nonblocking(false).is_ok()
}

fn read_answer(stream: &mut TcpStream, bodiless: bool) -> io::Result<Answer> {
    let mut bytes = Vec::with_capacity(2_048);
    let mut piece = [0; 4_096];
    loop {
        if let Some((mut answer, start, length)) = read_head(&bytes)? {
            let length = if bodiless || answer.status == 204 { Some(0) } else { length };
            let body = match length {
                Some(length) => bytes.get(start..start + length).map(<[u8]>::to_vec),
                None => read_chunks(&bytes[start..])?,
            };
            if let Some(body) = body {
                answer.text = String::from_utf8_lossy(&body).into_owned();
                answer.json = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
                return Ok(answer);
            }
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up")),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// A body that comes in chunks; nothing while its last chunk has not come.
fn read_chunks(mut bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(bytes).map_err(|_| io::Error::other("no chunk"))?;
        let httparse::Status::Complete((start, length)) = parsed else { return Ok(None) };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        // Each chunk has an end of line behind it; the last one is empty.
        let Some(chunk) = bytes.get(start..start + length + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Ok(Some(body));
        }
        bytes = &bytes[start + length + 2..];
    }
}

/// The answer without its body, where the body begins and how long it is, if that is known beforehand; nothing while
/// the head is incomplete.
fn read_head(bytes: &[u8]) -> io::Result<Option<(Answer, usize, Option<usize>)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(start) = parsed else { return Ok(None) };
    let headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let mut answer = Answer { status: response.code.unwrap_or_default(), headers, ..Answer::default() };
    answer.took = Duration::ZERO;
    let length = match answer.header("content-length") {
        Some(length) => Some(length.parse().map_err(io::Error::other)?),
        None if answer.header("transfer-encoding") == Some("chunked") => None,
        None => Some(0),
    };
    Ok(Some((answer, start, length)))
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status; 0 if there was no answer at all.
    pub status: u16,
    /// Lower-case names and values.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub json: Value,
    /// From the first byte sent to the last byte received.
    pub took: Duration,
}

impl Answer {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The problem's code; empty if it is no problem.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The same answer, for a test that only goes on with this status.
    pub fn must_be(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Fails unless this is a well-formed problem of this status.
    pub fn must_be_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let field = |name: &str| self.json[name].as_str().unwrap_or_default();
        assert_eq!(self.json["status"], status, "{}", self.text);
        assert!(field("code").contains('.'), "a problem has a code: {}", self.text);
        assert_eq!(Some(field("requestId")), self.header("x-request-id"), "{}", self.text);
        assert!(!field("title").is_empty() && !field("detail").is_empty(), "a problem has words: {}", self.text);
        assert_eq!(field("type"), format!("/problems/{}", field("code")), "{}", self.text);
        let says_when = matches!(status, 429 | 503);
        assert_eq!(says_when, self.header("retry-after").is_some(), "it says when to come back: {}", self.text);
    }
}

/// A request to be filled in and sent.
pub struct Request<'a> {
    client: &'a Client,
    method: &'a str,
    head: String,
    body: Option<Vec<u8>>,
    typed: bool,
}

impl<'a> Request<'a> {
    /// A request without headers of its own or a body.
    pub fn new(client: &'a Client, method: &'a str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", client.address);
        Self { client, method, head, body: None, typed: false }
    }

    /// With this header. A `Content-Type` given here replaces the usual one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.typed |= name.eq_ignore_ascii_case("content-type");
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// With this `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// With this value as its body.
    pub fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes())
    }

    /// With these bytes as its body, called JSON unless a header says otherwise.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn send(self) -> Answer {
        let line = self.head.lines().next().unwrap_or_default().to_owned();
        self.try_send().unwrap_or_else(|error| panic!("no answer to {line}: {error}"))
    }

    /// Sends it with this body as one chunk, under a header that says so.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn send_chunked(mut self, body: &[u8]) -> Answer {
        self.head.push_str("\r\n");
        let mut bytes = self.head.into_bytes();
        bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n0\r\n\r\n");
        self.client.exchange(&bytes, false).expect("an answer")
    }

    /// Sends it to a server that may be gone.
    pub fn try_send(mut self) -> io::Result<Answer> {
        let body = self.body.take();
        if let Some(body) = &body {
            if !self.typed {
                self.head.push_str("Content-Type: application/json\r\n");
            }
            self.head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.head.push_str("\r\n");
        let mut bytes = self.head.into_bytes();
        bytes.extend_from_slice(&body.unwrap_or_default());
        self.client.exchange(&bytes, self.method == "HEAD")
    }
}
