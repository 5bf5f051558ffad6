//! The SMS gateway on the other side: an HTTP server that is as difficult as the phone number asks for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::runtime::Runtime;

/// What a gateway was sent.
#[derive(Debug, Clone)]
pub struct Sms {
    pub path: &'static str,
    pub headers: HashMap<String, String>,
    pub body: Value,
}

impl Sms {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A gateway on a port of this machine.
pub struct Gateway {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Sms>>>,
    _runtime: Runtime,
}

impl Gateway {
    /// One that listens at `/send`. The last three digits of a number say how the first message to it is answered:
    /// 408, 429 (come back after two seconds), 504 (after five), 503, 302 (to `/elsewhere`), 999 (after three seconds) and
    /// others by that status; whatever comes second is taken, unless the status is final.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let received: Arc<Mutex<Vec<Sms>>> = Arc::default();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new().route("/send", post(send)).route("/elsewhere", post(elsewhere));
        let routes = routes.with_state(Arc::clone(&received));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, received, _runtime: runtime }
    }

    /// The settings of a program that sends through it.
    pub fn settings(&self) -> Vec<String> {
        vec![
            "notification.sender=sms".to_owned(),
            format!("sms.url=http://{}/send", self.address),
            "sms.header=X-Api-Key: sesame".to_owned(),
        ]
    }

    /// What was sent to this number, in order.
    pub fn sent_to(&self, phone_no: &str) -> Vec<Sms> {
        let received = self.received.lock().expect("no test panics in here");
        received.iter().filter(|sms| sms.body["to"] == phone_no).cloned().collect()
    }

    /// What was sent anywhere else than to `/send`.
    pub fn led_astray(&self) -> usize {
        self.received.lock().expect("no test panics in here").iter().filter(|sms| sms.path != "/send").count()
    }
}

type Received = State<Arc<Mutex<Vec<Sms>>>>;

fn keep(received: &Mutex<Vec<Sms>>, path: &'static str, headers: &HeaderMap, body: &str) -> (String, usize) {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let to = body["to"].as_str().unwrap_or_default().to_owned();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
    let mut received = received.lock().expect("no test panics in here");
    let before = received.iter().filter(|sms| sms.body["to"] == body["to"]).count();
    received.push(Sms { path, headers: headers.collect(), body });
    (to, before)
}

async fn send(State(received): Received, headers: HeaderMap, body: String) -> Response {
    let (to, before) = keep(&received, "/send", &headers, &body);
    let code: u16 = to.get(to.len().saturating_sub(3)..).and_then(|code| code.parse().ok()).unwrap_or(200);
    let repeats = format!(r#"{{"error":"cannot send to {to}: {}"}}"#, body.replace('"', "'"));
    match (code, before) {
        (999, 0) => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            StatusCode::OK.into_response()
        }
        (429, 0) => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "2")], repeats).into_response(),
        (504, 0) => (StatusCode::GATEWAY_TIMEOUT, [(header::RETRY_AFTER, "5")], repeats).into_response(),
        (302, 0) => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        (400 | 410 | 413 | 422, _) | (401 | 403 | 404 | 408 | 409 | 500..=599, 0) => {
            (StatusCode::from_u16(code).expect("a status"), repeats).into_response()
        }
        _ => (StatusCode::ACCEPTED, "taken").into_response(),
    }
}

async fn elsewhere(State(received): Received, headers: HeaderMap, body: String) -> StatusCode {
    keep(&received, "/elsewhere", &headers, &body);
    StatusCode::OK
}
