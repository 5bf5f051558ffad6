//! Routes that belong to the program, not to a context: health, metrics, the API's description, the load test's tools.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{get, post, put};
use platform::access::Role;
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::http::hal::{json, no_content};
use platform::http::input::Write;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use platform::telemetry::Metrics;
use serde::{Deserialize, Serialize};
use utoipa::openapi::OpenApi;

use crate::assembly::App;

/// What these routes know.
pub struct System {
    /// The contexts.
    pub app: Arc<App>,
    /// The meters.
    pub metrics: Metrics,
    /// Set when the program is asked to end: it is not ready for new work.
    pub draining: Arc<AtomicBool>,
    /// The API's description.
    pub openapi: OpenApi,
    /// Links begin with this.
    pub base_url: String,
}

/// What the API says of itself.
#[must_use]
pub fn describe(mut routes: OpenApi) -> OpenApi {
    routes.info = utoipa::openapi::Info::new("OnePoint", env!("CARGO_PKG_VERSION"));
    routes
}

/// First path segments that metrics tell apart.
pub const RESOURCES: &[&str] =
    &["members", "withdrawals", "messages", "points", "mypages", "parked", "bench", "healthz", "readyz", "metrics"];

/// The program's routes; the load test's ones only where settings turn them on.
pub fn routes(system: Arc<System>, echo: bool, faults: bool) -> Router {
    let mut router = Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .route("/version", get(version));
    if echo {
        router = router.route("/bench/echo", post(bench_echo));
    }
    if faults {
        router = router.route("/bench/faults", put(bench_faults));
    }
    router.fallback(nothing_here).with_state(system)
}

async fn nothing_here() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "request.no_such_route",
        "there is nothing at this address; the resources are listed at /",
    )
}

/// What there is, with links.
async fn index(State(system): State<Arc<System>>) -> Result<Response<Body>> {
    let mut links = serde_json::Map::new();
    let mut link = |name: &str, path: &str| {
        links.insert(name.to_owned(), serde_json::json!({"href": format!("{}{path}", system.base_url)}))
    };
    link("self", "/");
    for path in system.openapi.paths.paths.keys().filter(|path| path.matches('/').count() == 1) {
        link(path.trim_start_matches('/'), path);
    }
    link("describedby", "/openapi.json");
    let body = serde_json::json!({
        "name": "OnePoint",
        "version": env!("CARGO_PKG_VERSION"),
        "about": "Members, points and my page of a loyalty programme. POST /members joins one; the whole API is described at /openapi.json.",
        "_links": links,
    });
    json(StatusCode::OK, "application/hal+json", &body)
}

/// The process lives.
async fn healthz() -> Response<Body> {
    text("ok\n")
}

/// The process can be sent work.
async fn readyz(State(system): State<Arc<System>>) -> Result<Response<Body>> {
    if system.draining.load(Ordering::Acquire) {
        return Err(Error::unavailable("server.draining", "this process is about to end"));
    }
    Ok(text("ready\n"))
}

async fn metrics(State(system): State<Arc<System>>, caller: Caller) -> Result<Response<Body>> {
    if !matches!(caller.0.role, Role::Operator | Role::Service) {
        return Err(Error::new(ErrorKind::Forbidden, "auth.not_allowed", "only the operator may read metrics"));
    }
    // A breaker goes from open to half-open when someone looks.
    let _ = system.app.members.point_guard().breaker().state();
    Ok(text(&system.metrics.render()))
}

async fn openapi(State(system): State<Arc<System>>) -> Result<Response<Body>> {
    json(StatusCode::OK, "application/json", &system.openapi)
}

async fn version() -> Result<Response<Body>> {
    json(StatusCode::OK, "application/json", &serde_json::json!({"version": env!("CARGO_PKG_VERSION")}))
}

fn text(body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The same fields as a transaction of points, so that both cost the same to read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EchoInput {
    kind: String,
    amount: Whole,
    reference: Option<EchoReference>,
}

#[derive(Deserialize, Serialize)]
struct EchoReference {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Serialize)]
struct Echo {
    kind: String,
    amount: i64,
    reference: Option<EchoReference>,
}

/// A JSON POST that touches nothing: the measure of what this machine can do at most.
async fn bench_echo(write: Write<EchoInput>) -> Result<Response<Body>> {
    let EchoInput { kind, amount: Whole(amount), reference } = write.body;
    json(StatusCode::OK, "application/json", &Echo { kind, amount, reference })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Faults {
    /// `450ms..680ms`, `700ms`, or empty for none.
    point_delay: String,
}

/// Changes the faults of a running load test.
async fn bench_faults(State(system): State<Arc<System>>, write: Write<Faults>) -> Result<Response<Body>> {
    if write.caller.0.role != Role::Operator {
        return Err(Error::new(ErrorKind::Forbidden, "auth.not_allowed", "only the operator may cause faults"));
    }
    system.app.point_delay.set(Delay::parse(&write.body.point_delay)?);
    Ok(no_content())
}
