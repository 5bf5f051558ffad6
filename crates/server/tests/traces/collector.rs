//! A collector of traces: takes what OTLP's protocol buffers say over HTTP, and keeps it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;

/// A span as it was sent.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub service: String,
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    pub parent_id: String,
    /// 1 internal, 2 server, 3 client, 5 consumer.
    pub kind: i32,
    pub attributes: Vec<(String, String)>,
}

impl Sent {
    /// An attribute's value; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// A collector on a port of its own.
pub struct Collector {
    pub address: SocketAddr,
    spans: Arc<Mutex<Vec<Sent>>>,
}

impl Collector {
    /// One that takes what comes until the test ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || take(stream, &kept));
            }
        });
        Self { address, spans }
    }

    /// What has come so far.
    pub fn spans(&self) -> Vec<Sent> {
        self.spans.lock().expect("no test panics in here").clone()
    }
}

/// Takes deliveries from one connection until it ends.
fn take(mut stream: TcpStream, kept: &Mutex<Vec<Sent>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let mut bytes = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        while let Some((body, end)) = delivery(&bytes) {
            let request = ExportTraceServiceRequest::decode(&bytes[body..end]).expect("a delivery of OTLP");
            kept.lock().expect("no test panics in here").extend(spans_of(request));
            bytes.drain(..end);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// Where the body of the first delivery begins and ends, if all of it has come.
fn delivery(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(body) = request.parse(bytes).expect("a request") else { return None };
    assert_eq!((request.method, request.path), (Some("POST"), Some("/v1/traces")));
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map_or("", |header| std::str::from_utf8(header.value).expect("ASCII"))
    };
    assert_eq!(header("content-type"), "application/x-protobuf");
    let end = body + header("content-length").parse::<usize>().expect("a length");
    (bytes.len() >= end).then_some((body, end))
}

fn spans_of(request: ExportTraceServiceRequest) -> Vec<Sent> {
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let about = texts(resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = about.into_iter().find(|(key, _)| key == "service.name").map(|(_, name)| name);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Sent {
                service: service.clone().unwrap_or_default(),
                name: span.name,
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                kind: span.kind,
                attributes: texts(span.attributes),
            });
        }
    }
    spans
}

fn texts(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
