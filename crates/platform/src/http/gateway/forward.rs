//! Passing one request on: to an address that is ready, to another one if it never left, and once more if that cannot do
//! harm.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use super::Gateway;
use super::body::{Carried, Outgoing};
use super::group::{Group, MOST_UPSTREAMS, Outcome, Slot};
use super::headers::{is_reading, may_repeat, pass_back};
use super::upstream::{Connection, Failure, Upstream};
use crate::error::{Error, ErrorKind, Result};
use crate::http::problem::{code_in, is_said_elsewhere};
use crate::http::shell::late;
use crate::http::watched::Ended;

/// A group that has had no address for so many times the time that requests wait for one is gone: nobody waits then.
const GONE_AFTER: u32 = 5;
/// A request is sent to everybody at most.
const MOST_REPEATS: u32 = MOST_UPSTREAMS as u32;
/// A longer problem is none.
const PROBLEM_BYTES: u64 = 4 * 1024;

/// What came of sending a request.
enum Sent {
    /// An answer, after so many repeats.
    Answer(Response<Body>, u32),
    /// No address was ready for it.
    NobodyReady,
    /// It left, and no answer came.
    Lost,
}

impl Gateway {
    /// Passes a request on whose headers are those of the next hop ([`super::pass_on`]), and gives the answer back as it
    /// comes. `body` tells of the request's body.
    ///
    /// # Errors
    /// `Unavailable`, with the group's name: `.unreachable` if no address is ready for it, `.unavailable` if its breaker
    /// is open or too much is under way, `.behind` for a write while its followers are too slow, `.no_answer` if it left
    /// and the answer was lost; `request.timeout` if the answer did not begin in time. `Malformed` if the
    /// client broke its body off.
    pub(super) async fn forward(
        &self,
        group: &Arc<Group>,
        request: Request<Outgoing>,
        body: &Ended,
    ) -> Result<Response<Body>> {
        let (outcome, answer) = self.passed_on(group, request, body).await;
        group.count(outcome);
        answer
    }

    async fn passed_on(
        &self,
        group: &Arc<Group>,
        request: Request<Outgoing>,
        body: &Ended,
    ) -> (Outcome, Result<Response<Body>>) {
        if group.is_behind() && !is_reading(request.method()) {
            return (Outcome::Behind, Err(group.behind()));
        }
        let slot = match group.enter() {
            Ok(slot) => slot,
            Err(busy) => return (Outcome::Busy, Err(busy)),
        };
        // An answer that says no, 503 too, is an answer: only silence speaks against a group. That no address is ready is
        // not counted either, because then nothing is sent anyway, and all is well as soon as one is.
        let permit = match group.breaker.admit() {
            Ok(permit) => permit,
            Err(refused) => return (Outcome::Open, Err(group.open(refused))),
        };
        match timeout(self.settings.time_limit, self.send(group, request, slot)).await {
            Ok(Sent::Answer(answer, repeats)) => {
                permit.succeeded();
                (if repeats == 0 { Outcome::Answered } else { Outcome::Repeated }, Ok(answer))
            }
            Ok(Sent::NobodyReady) => (Outcome::Unreachable, Err(group.unreachable())),
            // Who broke its own request off says nothing about who would have answered.
            Ok(Sent::Lost) | Err(_) if body.is_broken() => {
                let broken = Error::new(ErrorKind::Malformed, "request.unreadable", "the body broke off");
                (Outcome::Broken, Err(broken))
            }
            Ok(Sent::Lost) => {
                permit.failed();
                (Outcome::Lost, Err(group.lost()))
            }
            Err(_) => {
                // As long as a body comes in, its sender may be the one who is slow.
                if body.is_true() {
                    permit.failed();
                }
                (Outcome::Late, Err(late()))
            }
        }
    }

    /// Sends a request until it is answered. One that never left may be sent as often as there is somebody to send it
    /// to; so may one that was refused because the process does not do this, where nothing was done; one that left and was
    /// not answered, once more at most.
    async fn send(&self, group: &Arc<Group>, mut request: Request<Outgoing>, mut slot: Slot) -> Sent {
        *request.version_mut() = Version::HTTP_11;
        group.budget.deposit();
        let copy = if may_repeat(request.method(), request.headers()) { copy_of(&request) } else { None };
        let mut give_up = Instant::now() + self.settings.wait;
        let (mut tried, mut repeats, mut was_lost) = (Vec::new(), 0_u32, false);
        loop {
            let Some(upstream) = group.pick(&tried) else {
                if !self.one_is_ready(group, give_up).await {
                    return Sent::NobodyReady;
                }
                tried.clear();
                continue;
            };
            slot.at(&upstream);
            tried.push(Arc::clone(&upstream));
            let can_be_kept = matches!(request.body(), Outgoing::Kept(_));
            match upstream.send(request).await {
                Ok((answer, connection)) => {
                    let connection = can_be_kept.then_some(connection);
                    let is_last = copy.is_none() || repeats >= MOST_REPEATS || !group.has_another(&tried);
                    match taken(&upstream, answer, connection, slot, is_last).await {
                        Ok(answer) => return Sent::Answer(answer, repeats),
                        Err((refused, back)) => match copy.as_ref().and_then(copy_of) {
                            Some(next) => (request, slot) = (next, back),
                            None => return Sent::Answer(refused, repeats),
                        },
                    }
                }
                Err(Failure::Unsent(back)) => {
                    self.note(&upstream, false);
                    request = *back;
                    continue;
                }
                Err(Failure::Lost) => {
                    let next = copy.as_ref().filter(|_| !was_lost && group.budget.withdraw()).and_then(copy_of);
                    let Some(next) = next else { return Sent::Lost };
                    (request, was_lost, give_up) = (next, true, Instant::now() + self.settings.wait);
                }
            }
            repeats += 1;
        }
    }

    /// Waits until an address of the group is ready, if one was lately: while processes are replaced there may be a
    /// moment in which none is. Whether one is.
    async fn one_is_ready(&self, group: &Arc<Group>, give_up: Instant) -> bool {
        let mut news = self.news.subscribe();
        if group.is_ready() || !group.has_names() {
            return group.is_ready() && Instant::now() < give_up;
        }
        let lately_ms = i64::try_from((self.settings.wait * GONE_AFTER).as_millis()).unwrap_or(i64::MAX);
        if !group.was_ready_within(lately_ms, self.clock.monotonic_ms()) {
            return false;
        }
        let Some(_waiting) = group.wait() else { return false };
        while let Ok(Ok(())) = timeout_at(give_up, news.changed()).await {
            if group.is_ready() {
                return true;
            }
        }
        false
    }
}

/// The same request once more, if its body was kept.
fn copy_of(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let mut copy = Request::new(request.body().again()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// The answer as it is passed back. Unless this is the last address, one that says that the process is ending or does
/// not do this at all is given back apart, with the request's place: then another address is asked.
async fn taken(
    upstream: &Arc<Upstream>,
    answer: Response<Incoming>,
    connection: Option<Connection>,
    slot: Slot,
    is_last: bool,
) -> Result<Response<Body>, (Response<Body>, Slot)> {
    let connection = connection.map(|connection| (Arc::clone(upstream), connection));
    let (mut head, body) = answer.into_parts();
    pass_back(&mut head.headers);
    head.version = Version::HTTP_11;
    let is_short = body.size_hint().exact().is_some_and(|length| length <= PROBLEM_BYTES);
    if is_last || head.status != StatusCode::SERVICE_UNAVAILABLE || !is_short {
        return Ok(Response::from_parts(head, Body::new(Carried::new(body, connection, slot))));
    }
    let Ok(problem) = Carried::new(body, connection, ()).collect().await else {
        let broken = Error::unavailable("server.draining", "the process is about to end");
        return Err((axum::response::IntoResponse::into_response(broken), slot));
    };
    let problem = problem.to_bytes();
    let is_elsewhere = code_in(&problem).is_some_and(|code| is_said_elsewhere(&code));
    head.headers.insert(CONTENT_LENGTH, problem.len().into());
    let answer = Response::from_parts(head, Body::from(problem));
    if is_elsewhere { Err((answer, slot)) } else { Ok(answer) }
}
