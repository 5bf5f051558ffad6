//! Routes of notification.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use platform::error::Result;
use platform::http::hal::{Item, Place};
use platform::http::input::PathId;
use platform::http::list::PageQuery;
use platform::http::shell::Caller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Notifications;
use super::store::MessageView;
use crate::kit::must_be_operator;

const MESSAGES: Place = Place { collection: "messages", name: "message" };

/// The routes below `/messages`.
pub fn routes(notifications: Arc<Notifications>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list_messages)).routes(routes!(show_message)).with_state(notifications)
}

/// A message and how it stands.
#[utoipa::path(get, path = "/messages/{id}", operation_id = "showMessage", tag = "messages",
    params(("id" = i64, Path, description = "The message's number")),
    responses((status = 200, body = MessageView), (status = 404, description = "No such message")))]
async fn show_message(
    State(notifications): State<Arc<Notifications>>,
    PathId(message_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let message = notifications.message(message_id).await?;
    Item::new(&notifications.kit.base_url, MESSAGES, message_id, message).shown()
}

/// All messages, by number.
#[utoipa::path(get, path = "/messages", operation_id = "listMessages", tag = "messages",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of messages")))]
async fn list_messages(
    State(notifications): State<Arc<Notifications>>,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = notifications.messages(page.after, page.fetch()).await?;
    page.show(
        &notifications.kit.base_url,
        MESSAGES,
        found.into_iter().map(|message| (message.message_id, message)).collect(),
    )
}
