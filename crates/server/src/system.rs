//! Routes that belong to the program, not to a context: health, metrics, the API's description, the load test's tools.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use platform::access::Role;
use platform::error::{Error, ErrorKind, Result};
use platform::fault::Delay;
use platform::http::gateway::CLOCK;
use platform::http::hal::{json, no_content};
use platform::http::input::Write;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use platform::telemetry::Metrics;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::assembly::App;
use crate::description::Description;
use crate::docs;

/// What these routes know.
pub struct System {
    /// The contexts.
    pub app: Arc<App>,
    /// The meters.
    pub metrics: Metrics,
    /// Set when the program is asked to end: it is not ready for new work.
    pub draining: Arc<AtomicBool>,
    /// The API's description.
    pub description: Description,
    /// Links begin with this.
    pub base_url: String,
}

/// The program's routes; the load test's ones only where settings turn them on.
pub fn routes(echo: bool, faults: bool) -> OpenApiRouter<Arc<System>> {
    let mut router = OpenApiRouter::new()
        .routes(routes!(index))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(lags))
        .routes(routes!(openapi))
        .routes(routes!(docs::page))
        .routes(routes!(docs::file))
        .routes(routes!(version));
    if echo {
        router = router.routes(routes!(bench_echo));
    }
    if faults {
        router = router.routes(routes!(bench_faults));
    }
    router.fallback(nothing_here)
}

async fn nothing_here() -> Error {
    nothing_there()
}

/// The answer to a request for an address that leads nowhere.
pub(crate) fn nothing_there() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "request.no_such_route",
        "there is nothing at this address; the resources are listed at /",
    )
}

/// What there is, with links.
#[utoipa::path(get, path = "/", operation_id = "showIndex", tag = "system",
    responses((status = 200, description = "Links to every collection, to the documentation and to the description", body = Index, content_type = "application/hal+json")))]
async fn index(State(system): State<Arc<System>>) -> Result<Response<Body>> {
    let href = |path: &str| serde_json::json!({"href": format!("{}{path}", system.base_url)});
    let mut links = serde_json::Map::new();
    links.insert("self".to_owned(), href("/"));
    for path in system.description.collections() {
        links.insert(path.trim_start_matches('/').to_owned(), href(path));
    }
    links.insert("docs".to_owned(), href("/docs"));
    links.insert("describedby".to_owned(), href("/openapi.json"));
    let about = "A loyalty programme: its members, their points, donations and coupons, and a page for each; deals at merchants, \
        their settlement, and a dashboard for the operator. POST /members joins a member, POST /deals posts a deal; the API is described for people at /docs and for programs at /openapi.json.";
    let index = Index { name: "OnePoint", version: env!("CARGO_PKG_VERSION"), about, links: links.into() };
    json(StatusCode::OK, "application/hal+json", &index)
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "showHealth", tag = "system",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain", example = "ok\n")))]
async fn healthz() -> Response<Body> {
    text("ok\n")
}

/// The process can be sent work.
#[utoipa::path(get, path = "/readyz", operation_id = "showReadiness", tag = "system",
    responses((status = 200, description = "It can be sent work", body = String, content_type = "text/plain", example = "ready\n"),
        (status = 503, description = "It is about to end")))]
async fn readyz(State(system): State<Arc<System>>) -> Result<Response<Body>> {
    if system.draining.load(Ordering::Acquire) {
        return Err(Error::unavailable("server.draining", "this process is about to end"));
    }
    Ok(text("ready\n"))
}

/// Figures for Prometheus; the operator's and other processes' alone.
#[utoipa::path(get, path = "/metrics", operation_id = "showMetrics", tag = "system", security(("bearer" = []), ("header" = [])),
    responses((status = 200, description = "Prometheus's text format", body = String, content_type = "text/plain")))]
async fn metrics(State(system): State<Arc<System>>, caller: Caller) -> Result<Response<Body>> {
    must_look_after_it(&caller)?;
    // A breaker goes from open to half-open when someone looks.
    system.app.look_at_breakers();
    Ok(text(&system.metrics.render()))
}

/// How far behind each consumer of this process is, in milliseconds; the operator's and other processes' alone. 0 where
/// nothing waits, or where another process follows. `X-Clock-Ms` says what this process's clock shows.
#[utoipa::path(get, path = "/lags", operation_id = "showLags", tag = "system", security(("bearer" = []), ("header" = [])),
    responses((status = 200, description = "Consumers by name, each with milliseconds", body = std::collections::BTreeMap<String, i64>, example = json!({"point<member": 3}))))]
async fn lags(State(system): State<Arc<System>>, caller: Caller) -> Result<Response<Body>> {
    must_look_after_it(&caller)?;
    let now_ms = system.app.clock.now_ms();
    let lags: BTreeMap<String, i64> = system.app.parking.lags(now_ms).into_iter().collect();
    let mut response = json(StatusCode::OK, "application/json", &lags)?;
    response.headers_mut().insert(&CLOCK, HeaderValue::from(now_ms));
    Ok(response)
}

fn must_look_after_it(caller: &Caller) -> Result<()> {
    match caller.0.role {
        Role::Operator | Role::Service => Ok(()),
        Role::Owner(_) => Err(Error::new(ErrorKind::Forbidden, "auth.not_allowed", "only the operator may read this")),
    }
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", operation_id = "showDescription", tag = "system",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
async fn openapi(State(system): State<Arc<System>>) -> Result<Response<Body>> {
    json(StatusCode::OK, "application/json", system.description.json())
}

/// Which version runs.
#[utoipa::path(get, path = "/version", operation_id = "showVersion", tag = "system",
    responses((status = 200, description = "The version", body = Version)))]
async fn version() -> Result<Response<Body>> {
    json(StatusCode::OK, "application/json", &Version { version: env!("CARGO_PKG_VERSION") })
}

/// The first page.
#[derive(Serialize, ToSchema)]
struct Index {
    /// The program.
    #[schema(value_type = String, example = "OnePoint")]
    name: &'static str,
    /// Its version.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
    /// What it is, for people.
    #[schema(value_type = String)]
    about: &'static str,
    /// Where everything is.
    #[serde(rename = "_links")]
    #[schema(value_type = std::collections::BTreeMap<String, LinkView>)]
    links: serde_json::Value,
}

/// A link of the first page.
#[derive(ToSchema)]
#[schema(as = Link)]
#[expect(dead_code, reason = "described, never made")]
struct LinkView {
    /// The address.
    href: String,
}

/// The running version.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Major, minor and patch.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
}

/// Plain text as an answer.
pub(crate) fn text(body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The same fields as a transaction of points, so that both cost the same to read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EchoInput {
    /// Any word.
    kind: String,
    /// Any whole number.
    #[schema(value_type = i64)]
    amount: Whole,
    /// What it is about.
    reference: Option<EchoReference>,
}

/// A type and an id.
#[derive(Deserialize, Serialize, ToSchema)]
struct EchoReference {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// What was sent.
#[derive(Serialize, ToSchema)]
struct Echo {
    kind: String,
    amount: i64,
    reference: Option<EchoReference>,
}

/// A JSON POST that touches nothing: the measure of what this machine can do at most.
#[utoipa::path(post, path = "/bench/echo", operation_id = "echo", tag = "system", request_body = EchoInput,
    security(("bearer" = []), ("header" = [])), responses((status = 200, description = "What was sent", body = Echo)))]
async fn bench_echo(write: Write<EchoInput>) -> Result<Response<Body>> {
    let EchoInput { kind, amount: Whole(amount), reference } = write.body;
    json(StatusCode::OK, "application/json", &Echo { kind, amount, reference })
}

/// Faults for a load test.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Faults {
    /// `450ms..680ms`, `700ms`, or empty for none.
    #[schema(pattern = "^([0-9]{1,4}ms(\\.\\.[0-9]{1,4}ms)?)?$", example = "450ms..680ms")]
    point_delay: String,
    /// The same for questions to gifticon; it stays as it is if this is left out.
    #[schema(pattern = "^([0-9]{1,4}ms(\\.\\.[0-9]{1,4}ms)?)?$", example = "300ms")]
    gifticon_delay: Option<String>,
}

/// Changes the faults of a running load test.
#[utoipa::path(put, path = "/bench/faults", operation_id = "changeFaults", tag = "system", request_body = Faults,
    security(("bearer" = []), ("header" = [])), responses((status = 204, description = "Done")))]
async fn bench_faults(State(system): State<Arc<System>>, write: Write<Faults>) -> Result<Response<Body>> {
    if write.caller.0.role != Role::Operator {
        return Err(Error::new(ErrorKind::Forbidden, "auth.not_allowed", "only the operator may cause faults"));
    }
    let point_delay = Delay::parse(&write.body.point_delay)?;
    if let Some(gifticon_delay) = &write.body.gifticon_delay {
        system.app.purchases.gifticon_delay.set(Delay::parse(gifticon_delay)?);
    }
    system.app.point_delay.set(point_delay);
    Ok(no_content())
}
