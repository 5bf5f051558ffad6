//! Traces: the way of a request through this process and others, for a collector that speaks OTLP over HTTP.
//!
//! Off unless [`start`] is called, and then one look at a static per request. A span names methods, resources and
//! contexts: never a number, a key or anything personal. What belongs together is told by the W3C header
//! `traceparent`, which the shell reads and a question to another process carries.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status};
use opentelemetry::trace::{TraceContextExt, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanData, SpanExporter,
};

use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::log::Event;

/// A collector that takes longer for one delivery counts as gone.
const EXPORT_TIME: Duration = Duration::from_secs(5);
/// What has not been delivered so long after the end of the process is given up.
const LAST_TIME: Duration = Duration::from_secs(5);
/// Where a collector takes spans, below its base address.
const PATH: &str = "/v1/traces";
/// Asked every few seconds by machines; they would be most of what is stored.
const QUIET: [&str; 3] = ["healthz", "readyz", "metrics"];

/// Spans of one piece of a log at most.
const MOST_AT_ONCE: usize = 32;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

tokio::task_local! {
    static CURRENT: SpanContext;
}

/// What traces are sent, and where to.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// Base address of the collector: `http://host:4318`.
    pub endpoint: String,
    /// What this process is called in traces.
    pub service_name: String,
    /// Share of requests that begin a trace, in 1/100 percent, 0 to 10,000. A request of somebody who is known that
    /// comes with a `traceparent` follows what that says.
    pub sample_bp: u32,
}

/// The traces of this process; [`Tracing::end`] delivers what is left.
pub struct Tracing(SdkTracerProvider);

/// Sends traces from now on, on a thread of its own. May be called once in a process, outside of an async runtime.
///
/// # Errors
/// `Invalid` if the address is none that traces can be sent to, `Conflict` if traces are sent already.
pub fn start(settings: &TraceSettings) -> Result<Tracing> {
    let wrong = |why: &str| Error::new(ErrorKind::Invalid, "config.otel", format!("otel.endpoint {why}"));
    let base = settings.endpoint.trim_end_matches('/');
    if !base.starts_with("http://") {
        return Err(wrong("must look like http://host:4318; a collector beside the program can do the rest"));
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_headers(std::collections::HashMap::new())
        .with_endpoint(format!("{base}{PATH}"))
        .with_timeout(EXPORT_TIME)
        .build()
        .map_err(|error| wrong("cannot be used").caused_by(error))?;
    let share = f64::from(settings.sample_bp.min(10_000)) / 10_000.0;
    let resource = Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", format!("{:08x}", getrandom::u32().unwrap_or_default())))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(
            BatchSpanProcessor::builder(Watched { inner: exporter, fails: AtomicBool::new(false) }).build(),
        )
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share))))
        .with_resource(resource)
        .build();
    TRACER
        .set(provider.tracer("onepoint"))
        .map_err(|_| Error::new(ErrorKind::Conflict, "trace.started", "this process sends traces already"))?;
    Ok(Tracing(provider))
}

impl Tracing {
    /// Delivers what is left, for five seconds at most. Spans of later requests go nowhere.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_TIME) {
            tracing::warn!(%error, "the last traces could not be delivered");
        }
    }
}

/// Says when spans begin to get lost, and counts them.
#[derive(Debug)]
struct Watched {
    inner: opentelemetry_otlp::SpanExporter,
    fails: AtomicBool,
}

impl SpanExporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let result = self.inner.export(batch).await;
        let outcome = if result.is_ok() { "sent" } else { "lost" };
        metrics::counter!("trace_spans_total", "outcome" => outcome).increment(count);
        let failed_before = self.fails.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !failed_before => tracing::warn!(%error, "traces cannot be delivered; they are dropped"),
            Ok(()) if failed_before => tracing::info!("traces are delivered again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// A piece of a request's way; it ends when it is dropped.
pub struct Span(Box<SdkSpan>);

impl Span {
    /// A request that this process answers. If who sent it `is_known`, it belongs to the trace that its headers name; a
    /// stranger's begins one of its own, because otherwise strangers would choose how much is kept. Nothing while traces
    /// are off, and for what machines ask all the time.
    #[must_use]
    pub fn of_request(
        method: &'static str,
        resource: &'static str,
        id: &str,
        headers: &HeaderMap,
        is_known: bool,
    ) -> Option<Self> {
        let tracer = TRACER.get()?;
        if QUIET.contains(&resource) {
            return None;
        }
        let parent = match is_known {
            true => TraceContextPropagator::new().extract_with_context(&Context::new(), &Incoming(headers)),
            false => Context::new(),
        };
        let attributes = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", format!("/{resource}")),
            KeyValue::new("onepoint.request_id", id.to_owned()),
        ];
        let name = format!("{method} /{resource}");
        Some(begin(tracer, name, SpanKind::Server, attributes, &parent))
    }

    /// A question to `callee` with all its tries, inside of a traced request.
    #[must_use]
    pub fn of_question(callee: &'static str) -> Option<Self> {
        let (tracer, parent) = inside()?;
        let attributes = [KeyValue::new("onepoint.callee", callee)];
        Some(begin(tracer, format!("ask {callee}"), SpanKind::Internal, attributes, &parent))
    }

    /// A request that this process sends to `callee`, inside of a traced one. `path` holds no numbers of anybody;
    /// `headers` then say what the request belongs to.
    #[must_use]
    pub fn of_sending(callee: &'static str, method: &str, path: &str, headers: &mut HeaderMap) -> Option<Self> {
        let (tracer, parent) = inside()?;
        let attributes = [KeyValue::new("peer.service", callee)];
        let span = begin(tracer, format!("{method} {path}"), SpanKind::Client, attributes, &parent);
        let context = Context::new().with_remote_span_context(span.0.span_context().clone());
        TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
        Some(span)
    }

    /// Runs `inner` as a part of this span: what is asked in it belongs to it.
    pub fn around<F: Future>(&self, inner: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.0.span_context().clone(), inner)
    }

    /// The number of its trace, as people search for it.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.span_context().trace_id().to_string()
    }

    /// It ends with this HTTP status; 500 and above are errors.
    pub fn answered(mut self, status: u16) {
        self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            self.0.set_status(Status::error(""));
        }
    }

    /// It ends in this way, in one word; `is_error` if it should not have.
    pub fn ended(mut self, outcome: &'static str, is_error: bool) {
        self.0.set_attribute(KeyValue::new("onepoint.outcome", outcome));
        if is_error {
            self.0.set_status(Status::error(outcome));
        }
    }
}

fn begin<const N: usize>(
    tracer: &SdkTracer,
    name: String,
    kind: SpanKind,
    attributes: [KeyValue; N],
    parent: &Context,
) -> Span {
    let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
    Span(Box::new(tracer.build_with_context(builder, parent)))
}

/// What a span inside of the traced request at hand begins with.
fn inside() -> Option<(&'static SdkTracer, Context)> {
    let tracer = TRACER.get()?;
    let parent = CURRENT.try_with(Clone::clone).ok()?;
    Some((tracer, Context::new().with_remote_span_context(parent)))
}

/// As [`tokio::spawn`], for a task that is a part of the traced request at hand.
pub fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    match TRACER.get().and_then(|_| CURRENT.try_with(Clone::clone).ok()) {
        Some(current) => tokio::spawn(CURRENT.scope(current, task)),
        None => tokio::spawn(task),
    }
}

/// Spans for events that `follower` takes in now, in the traces of the requests that brought them about; of a long piece
/// for the first of them. Nothing for events of requests that are not traced.
#[must_use]
pub fn taking_in(follower: &str, events: &[Event]) -> Vec<Span> {
    let Some(tracer) = TRACER.get() else { return Vec::new() };
    let traced = events.iter().filter_map(|event| Some((&event.kind, event.origin.as_deref()?)));
    let begun = traced.take(MOST_AT_ONCE).map(|(kind, origin)| {
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Stored(origin));
        let attributes = [KeyValue::new("onepoint.event", kind.clone())];
        begin(tracer, format!("{follower} {kind}"), SpanKind::Consumer, attributes, &parent)
    });
    begun.collect()
}

/// The `traceparent` of the request at hand, if its trace is kept: for what is stored because of it.
#[must_use]
pub fn origin() -> Option<Box<str>> {
    TRACER.get()?;
    CURRENT.try_with(|current| current.is_sampled().then(|| traceparent(current).into())).ok()?
}

/// The number of the trace of the request at hand; empty outside of one. For log lines.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    CURRENT.try_with(|current| current.trace_id().to_string()).ok()
}

fn traceparent(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// A `traceparent` as an event keeps it.
struct Stored<'a>(&'a str);

impl Extractor for Stored<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
