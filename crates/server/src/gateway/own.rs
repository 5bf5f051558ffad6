//! What the gateway answers itself: whether it is well, its figures, and what has to be asked of every process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use platform::error::{Error, ErrorKind, Result};
use platform::http::gateway::{CLOCK, Group, Outgoing, Own, Upstream};
use platform::http::hal::json;

use super::PROGRAM;
use super::routes::GatewayRoutes;
use crate::system::text;

/// How long a process may take for its part of an answer that several give together.
pub(super) const PART_TIME: Duration = Duration::from_secs(5);

/// How an answer that was read goes back to the client.
pub(super) fn passed_back(answer: Response<Bytes>) -> Response<Body> {
    let (head, body) = answer.into_parts();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = head.status;
    for name in [CONTENT_TYPE, axum::http::header::RETRY_AFTER] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

impl GatewayRoutes {
    pub(super) async fn answer(&self, own: Own) -> Result<Response<Body>> {
        let reads = matches!(*own.request.method(), Method::GET | Method::HEAD);
        match (own.request.uri().path(), own.request.method()) {
            ("/healthz", _) if reads => Ok(text("ok\n")),
            ("/readyz", _) if reads => self.readiness(),
            ("/metrics", _) if reads => match self.refused(&own).await? {
                Some(refused) => Ok(refused),
                None => {
                    // A breaker goes from open to half-open when someone looks.
                    self.gateway.look_at_breakers();
                    Ok(text(&self.metrics.render()))
                }
            },
            ("/lags", _) if reads => match self.refused(&own).await? {
                Some(refused) => Ok(refused),
                None => self.lags(own.bearer(&self.internal_key).as_ref()).await,
            },
            ("/parked", _) if reads => self.parked(own).await,
            ("/bench/faults", &Method::PUT) => self.everywhere(own).await,
            _ => Err(Error::new(
                ErrorKind::MethodNotAllowed,
                "request.method_not_allowed",
                "this resource has no such method; see /openapi.json",
            )),
        }
    }

    fn readiness(&self) -> Result<Response<Body>> {
        if self.draining.load(Ordering::Acquire) {
            return Err(Error::unavailable("server.draining", "this process is about to end"));
        }
        if !self.gateway.has_looked() {
            return Err(Error::unavailable("server.starting", "this process has not looked at every address yet"));
        }
        Ok(text("ready\n"))
    }

    /// Nothing for somebody at this machine, the service key of the gateway's own, or a key that a process lets see such
    /// things; otherwise what that process says.
    async fn refused(&self, own: &Own) -> Result<Option<Response<Body>>> {
        if own.presents(&self.internal_key) || (own.is_local && !own.has_key()) {
            return Ok(None);
        }
        let group = self.group_of(PROGRAM)?;
        let upstream = ready_one(group)?;
        let mut question = Request::new(Outgoing::none());
        *question.uri_mut() = axum::http::Uri::from_static("/lags");
        *question.headers_mut() = own.request.headers().clone();
        let answer = upstream.exchange(question, PART_TIME).await.ok_or_else(|| group.unreachable())?;
        Ok((answer.status() != StatusCode::OK).then(|| passed_back(answer)))
    }

    /// How far behind each consumer of all processes is.
    async fn lags(&self, authorization: Option<&HeaderValue>) -> Result<Response<Body>> {
        let seen = self.gateway.seen(authorization).await;
        let lags: BTreeMap<&String, i64> = seen.iter().map(|(name, seen)| (name, seen.lag_ms)).collect();
        let mut response = json(StatusCode::OK, "application/json", &lags)?;
        response.headers_mut().insert(&CLOCK, HeaderValue::from(self.gateway.now_ms()));
        Ok(response)
    }

    /// Sends the same to every process that is ready; the first answer that is no good one, or the last.
    async fn everywhere(&self, own: Own) -> Result<Response<Body>> {
        let mut last = None;
        let names = self.gateway.names().iter();
        let ready = names.flat_map(|name| {
            let behind = name.upstreams();
            behind.iter().filter(|upstream| upstream.is_ready()).cloned().collect::<Vec<_>>()
        });
        let mut asked: Vec<Arc<Upstream>> = Vec::new();
        for upstream in ready {
            if asked.iter().any(|other| Arc::ptr_eq(other, &upstream)) {
                continue;
            }
            asked.push(Arc::clone(&upstream));
            let copy = own.request.clone().map(Outgoing::kept);
            let unreachable = || {
                let message = format!("{} cannot be reached at present; repeat later", upstream.url());
                Error::unavailable(format!("{PROGRAM}.unreachable"), message)
            };
            let answer = upstream.exchange(copy, PART_TIME).await.ok_or_else(unreachable)?;
            let is_good = answer.status().is_success();
            last = Some(passed_back(answer));
            if !is_good {
                break;
            }
        }
        last.ok_or_else(|| Error::unavailable(format!("{PROGRAM}.unreachable"), "no process is ready; repeat later"))
    }

    pub(super) fn group_of(&self, name: &str) -> Result<&Group> {
        self.gateway.group(name).map(AsRef::as_ref).ok_or_else(|| Error::internal("a group is missing"))
    }
}

/// An address of the group that is ready.
pub(super) fn ready_one(group: &Group) -> Result<Arc<Upstream>> {
    let ready = group.upstreams().iter().find(|upstream| upstream.is_ready()).cloned();
    ready.ok_or_else(|| group.unreachable())
}
