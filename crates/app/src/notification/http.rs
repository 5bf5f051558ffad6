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
use super::notice::NoticeView;
use super::store::MessageView;
use crate::kit::must_be_operator;

const MESSAGES: Place = Place { collection: "messages", name: "message" };
const NOTIFICATIONS: Place = Place { collection: "notifications", name: "notification" };

/// The routes below `/messages` and `/notifications`.
pub fn routes(notifications: Arc<Notifications>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_messages))
        .routes(routes!(show_message))
        .routes(routes!(list_notices))
        .routes(routes!(show_notice))
        .with_state(notifications)
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

/// A notice to the operator and how it stands.
#[utoipa::path(get, path = "/notifications/{id}", operation_id = "showNotification", tag = "notifications",
    params(("id" = i64, Path, description = "The notification's number")),
    responses((status = 200, body = NoticeView), (status = 404, description = "No such notification")))]
async fn show_notice(
    State(notifications): State<Arc<Notifications>>,
    PathId(notification_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let notice = notifications.notice(notification_id).await?;
    Item::new(&notifications.kit.base_url, NOTIFICATIONS, notification_id, notice).shown()
}

/// All notices to the operator, by number.
#[utoipa::path(get, path = "/notifications", operation_id = "listNotifications", tag = "notifications",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of notifications")))]
async fn list_notices(
    State(notifications): State<Arc<Notifications>>,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = notifications.notices(page.after, page.fetch()).await?;
    page.show(
        &notifications.kit.base_url,
        NOTIFICATIONS,
        found.into_iter().map(|notice| (notice.notification_id, notice)).collect(),
    )
}
