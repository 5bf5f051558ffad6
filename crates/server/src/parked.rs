//! `/parked`: events that a context could not take in. Only the operator sees them, delivers them again or drops them.

use std::sync::Arc;

use app::kit::must_be_operator;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use parking_lot::RwLock;
use platform::db::Database;
use platform::desk::Desk;
use platform::error::{Error, ErrorKind, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, json, no_content};
use platform::http::input::{Bodiless, PathNameId};
use platform::http::list::PageQuery;
use platform::http::shell::Caller;
use platform::parked::{self, ParkedEvent};
use platform::zone::Zone;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::stores::CONTEXTS;

/// What the list is called.
pub(crate) const COLLECTION: &str = "parked";
/// A mark in the list of all contexts is the context's place and, in so many bits, the number there.
const NUMBER_BITS: u32 = 48;

/// The place of a parked event in the list of all contexts; nothing for a context that there is not.
pub(crate) fn mark_of(context: &str, id: i64) -> Option<i64> {
    let place = (0_i64..).zip(CONTEXTS).find(|(_, known)| known.name == context)?.0;
    (0..1 << NUMBER_BITS).contains(&id).then_some(place << NUMBER_BITS | id)
}

/// The consumer whose parked events are asked for, if not those of all.
///
/// # Errors
/// `Invalid` for what is no name.
pub(crate) fn consumer_in(filter: &Filter) -> Result<Option<String>> {
    let is_name = |name: &&str| !name.is_empty() && !name.chars().any(char::is_control);
    let read_name = |name: &str| Some(name).filter(is_name).map(str::to_owned);
    filter.read("consumer", "consumer must be a name as in the list, like point<member", read_name)
}

/// The parked events of the contexts in this process.
pub struct Parking {
    stores: Vec<Arc<Database>>,
    desks: RwLock<Vec<Arc<Desk>>>,
    base_url: String,
    zone: Zone,
}

impl Parking {
    /// The parked events in these stores.
    #[must_use]
    pub fn new(stores: Vec<Arc<Database>>, base_url: &str, zone: Zone) -> Self {
        Self { stores, desks: RwLock::default(), base_url: base_url.to_owned(), zone }
    }

    /// One more consumer whose events can be delivered again.
    pub fn add(&self, desk: Desk) {
        self.desks.write().push(Arc::new(desk));
    }

    /// How far behind each consumer of this process is, by name, in milliseconds.
    #[must_use]
    pub fn lags(&self, now_ms: i64) -> Vec<(String, i64)> {
        self.desks.read().iter().map(|desk| (desk.consumer.clone(), desk.lag_ms(now_ms))).collect()
    }

    fn store(&self, context: &str) -> Result<&Arc<Database>> {
        self.stores.iter().find(|store| store.context() == context).ok_or_else(parked::unknown)
    }

    async fn one(&self, context: &str, id: i64) -> Result<ParkedEvent> {
        parked::one(self.store(context)?, id).await
    }

    /// The desk of the consumer that parked this event.
    fn desk(&self, event: &ParkedEvent) -> Result<Arc<Desk>> {
        let found = self.desks.read().iter().find(|desk| desk.consumer == event.consumer).cloned();
        found.ok_or_else(|| {
            let message = format!("this version has no consumer '{}'; drop the event", event.consumer);
            Error::new(ErrorKind::Conflict, "parked.no_consumer", message)
        })
    }

    /// Any desk of a context: each can remove what is parked there.
    fn any_desk(&self, context: &str) -> Result<Arc<Desk>> {
        self.desks.read().iter().find(|desk| desk.context == context).cloned().ok_or_else(parked::unknown)
    }

    fn item(&self, context: &str, event: ParkedEvent) -> Item<ParkedView> {
        let href = format!("{}/{COLLECTION}/{context}/{}", self.base_url, event.id);
        Item::at(href, COLLECTION, ParkedView::new(context, event, &self.zone))
    }
}

/// An event that could not be taken in, or that waits behind one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParkedView {
    /// Its number in its context.
    parked_id: i64,
    /// The context that could not take it in.
    #[schema(example = "point")]
    context: String,
    /// Who could not: context, and the log that it follows.
    #[schema(example = "point<member")]
    consumer: String,
    /// The event's type.
    #[serde(rename = "type")]
    #[schema(example = "MemberJoined")]
    kind: String,
    /// The aggregate that it happened to; its later events wait behind this one.
    subject: i64,
    /// Number among the events of the subject.
    sequence: i64,
    /// Place in the log.
    position: i64,
    /// When it happened, RFC 3339.
    at: String,
    /// The event's fields; a text if they are no JSON.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// Why it could not be taken in.
    reason: String,
    /// How often it was tried; 0 if it only waits behind another one.
    tries: i64,
    /// Since when it is parked, RFC 3339.
    parked_at: String,
}

impl ParkedView {
    fn new(context: &str, parked: ParkedEvent, zone: &Zone) -> Self {
        let ParkedEvent { id, consumer, event, reason, tries, parked_at_ms } = parked;
        let data = serde_json::from_str(&event.data).unwrap_or(serde_json::Value::String(event.data));
        Self {
            parked_id: id,
            context: context.to_owned(),
            consumer,
            kind: event.kind,
            subject: event.subject,
            sequence: event.sequence,
            position: event.cursor.position,
            at: zone.format(event.at_ms),
            data,
            reason,
            tries,
            parked_at: zone.format(parked_at_ms),
        }
    }
}

/// What came of a retry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RetriedView {
    /// Events of the subject that were taken in now.
    delivered: i64,
    /// Events of the subject that are still parked.
    left: i64,
    /// Why the first of these still cannot be taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The routes below `/parked`.
pub fn routes(parking: Arc<Parking>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_parked))
        .routes(routes!(show_parked, drop_parked))
        .routes(routes!(retry_parked))
        .with_state(parking)
}

/// All parked events, context by context, by number.
#[utoipa::path(get, path = "/parked", operation_id = "listParked", tag = "parked",
    params(("consumer" = Option<String>, Query, description = "Only those of this consumer, for instance point<member"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of parked events")))]
async fn list_parked(
    State(parking): State<Arc<Parking>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let consumer = consumer_in(&filter)?;
    let (first, after) = (page.after >> NUMBER_BITS, page.after & ((1 << NUMBER_BITS) - 1));
    let mut items = Vec::new();
    let places = (0_i64..).zip(CONTEXTS).skip_while(|(place, _)| *place < first);
    for (place, context) in places {
        let Ok(store) = parking.store(context.name) else { continue };
        let missing = page.fetch() - items.len() as i64;
        if missing <= 0 {
            break;
        }
        let after = if place == first { after } else { 0 };
        let found = parked::list(store, consumer.as_deref(), after, missing).await?;
        let marked =
            found.into_iter().map(|event| (place << NUMBER_BITS | event.id, parking.item(context.name, event)));
        items.extend(marked);
    }
    page.show_items(
        format!("{}/{COLLECTION}", parking.base_url),
        COLLECTION,
        &in_query([("consumer", consumer)]),
        items,
    )
}

/// A parked event.
#[utoipa::path(get, path = "/parked/{context}/{id}", operation_id = "showParked", tag = "parked",
    params(("context" = String, Path, description = "The context", example = "point"), ("id" = i64, Path, description = "The number there")),
    responses((status = 200, body = ParkedView), (status = 404, description = "No such parked event")))]
async fn show_parked(
    State(parking): State<Arc<Parking>>,
    PathNameId(context, id): PathNameId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let event = parking.one(&context, id).await?;
    parking.item(&context, event).shown()
}

/// Delivers the parked events of this one's subject again, in order, until none is left or one fails.
#[utoipa::path(post, path = "/parked/{context}/{id}/retry", operation_id = "retryParked", tag = "parked",
    params(("context" = String, Path, description = "The context", example = "point"), ("id" = i64, Path, description = "The number there")),
    responses((status = 200, body = RetriedView, description = "What was taken in, and what is still parked"),
        (status = 404, description = "No such parked event"), (status = 409, description = "No consumer can take it in any more"),
        (status = 503, description = "The context, or one that it has to ask, cannot be reached")))]
async fn retry_parked(
    State(parking): State<Arc<Parking>>,
    PathNameId(context, id): PathNameId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    let event = parking.one(&context, id).await?;
    let desk = parking.desk(&event)?;
    // Stores are used by threads that may block; and once begun it goes on though the client may hang up.
    let retried = tokio::task::spawn_blocking(move || desk.retry(&event)).await;
    let retried = retried.map_err(|error| Error::internal("a retry broke off").caused_by(error))??;
    let view = RetriedView { delivered: retried.delivered, left: retried.left, reason: retried.reason };
    json(StatusCode::OK, "application/json", &view)
}

/// Gives a parked event up: what it would have done never happens.
#[utoipa::path(delete, path = "/parked/{context}/{id}", operation_id = "dropParked", tag = "parked",
    params(("context" = String, Path, description = "The context", example = "point"), ("id" = i64, Path, description = "The number there")),
    responses((status = 204, description = "It is gone; those behind it can be retried"), (status = 404, description = "No such parked event")))]
async fn drop_parked(
    State(parking): State<Arc<Parking>>,
    PathNameId(context, id): PathNameId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    let event = parking.one(&context, id).await?;
    let desk = parking.any_desk(&context)?;
    tracing::warn!(context, id, consumer = event.consumer, kind = event.event.kind, "a parked event is dropped");
    let dropped = tokio::task::spawn_blocking(move || desk.drop_event(id)).await;
    dropped.map_err(|error| Error::internal("a drop broke off").caused_by(error))??;
    Ok(no_content())
}
