//! Routes of member.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::post;
use domain::kernel::MAX_SAFE;
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place, json, no_content};
use platform::http::input::{Bodiless, PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::{CONTACTS, Found, Wanted};
use super::contacts::Contacts;
use super::views::{MemberView, WithdrawalView};
use super::{MemberApi, Members, Withdrawn};
use crate::kit::{must_be_operator, must_be_service, must_concern};

const MEMBERS: Place = Place { collection: "members", name: "member" };
const WITHDRAWALS: Place = Place { collection: "withdrawals", name: "withdrawal" };

/// The routes below `/members` and `/withdrawals`.
pub fn routes(members: Arc<Members>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_members, join))
        .routes(routes!(show_member, change_contacts, withdraw))
        .routes(routes!(list_withdrawals))
        .routes(routes!(show_withdrawal))
        .with_state(members)
}

/// The routes on the internal listener.
pub fn internal_routes(members: Arc<Members>) -> Router {
    Router::new().route(CONTACTS, post(contacts)).with_state(members)
}

async fn contacts(State(members): State<Arc<Members>>, write: Write<Wanted>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let contacts = members.contacts(write.body.member_ids).await?;
    json(StatusCode::OK, "application/json", &Found { contacts })
}

/// What a client may say about a member. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MemberInput {
    /// A number of one's own choice; without it the next free one is given.
    #[schema(value_type = Option<i64>, example = 1)]
    member_id: Option<Whole>,
    /// A message can go to 11 digits that start with 01.
    #[serde(alias = "phone")]
    #[schema(example = "01085581234")]
    phone_no: Option<String>,
    /// What the member wants to be called.
    #[schema(example = "SEQ1")]
    nickname: Option<String>,
    /// Full name.
    #[serde(alias = "memNm")]
    name: Option<String>,
    /// Mail address.
    email: Option<String>,
    /// Postal address.
    address: Option<String>,
    /// Name to sign in with.
    #[serde(alias = "memId")]
    login_id: Option<String>,
    #[serde(default, rename = "memberStatus")]
    #[schema(ignore)]
    _member_status: IgnoredAny,
    #[serde(default, rename = "couponStatus")]
    #[schema(ignore)]
    _coupon_status: IgnoredAny,
    #[serde(default, rename = "notified")]
    #[schema(ignore)]
    _notified: IgnoredAny,
    #[serde(default, rename = "couponCancelled")]
    #[schema(ignore)]
    _coupon_cancelled: IgnoredAny,
    #[serde(default, rename = "joinedAt")]
    #[schema(ignore)]
    _joined_at: IgnoredAny,
}

impl MemberInput {
    fn read(self) -> Result<(Option<i64>, Contacts)> {
        let member_id = self.member_id.map(|Whole(id)| id);
        if member_id.is_some_and(|id| !(1..=MAX_SAFE).contains(&id)) {
            return Err(Error::invalid("/memberId", "a member number is 1 to 9007199254740991"));
        }
        let Self { phone_no, nickname, name, email, address, login_id, .. } = self;
        Ok((member_id, Contacts { phone_no, nickname, name, email, address, login_id }.check()?))
    }
}

/// Someone joins. READY at once; NORMAL or ABNORMAL when the message to the phone has ended.
#[utoipa::path(post, path = "/members", operation_id = "join", tag = "members", request_body = MemberInput,
    responses((status = 201, body = MemberView), (status = 409, description = "The number is taken or was used before"), (status = 422, description = "A wrong value")))]
async fn join(State(members): State<Arc<Members>>, write: Write<MemberInput>) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let (member_id, contacts) = write.body.read()?;
    let member = members.join(member_id, contacts, write.stamp).await?;
    Item::new(&members.kit.base_url, MEMBERS, member.member_id, member).created()
}

/// A member.
#[utoipa::path(get, path = "/members/{id}", operation_id = "showMember", tag = "members",
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, body = MemberView), (status = 404, description = "No such member, or gone")))]
async fn show_member(
    State(members): State<Arc<Members>>,
    PathId(member_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let member = members.member(member_id).await?;
    Item::new(&members.kit.base_url, MEMBERS, member_id, member).shown()
}

/// All members, by number.
#[utoipa::path(get, path = "/members", operation_id = "listMembers", tag = "members",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of members")))]
async fn list_members(State(members): State<Arc<Members>>, caller: Caller, page: PageQuery) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = members.members(page.after, page.fetch()).await?;
    page.show(&members.kit.base_url, MEMBERS, found.into_iter().map(|member| (member.member_id, member)).collect())
}

/// Contact data changes; a new phone number makes the member READY again.
#[utoipa::path(patch, path = "/members/{id}", operation_id = "changeContacts", tag = "members", request_body = MemberInput,
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, body = MemberView), (status = 404, description = "No such member"), (status = 422, description = "A wrong value")))]
async fn change_contacts(
    State(members): State<Arc<Members>>,
    PathId(member_id): PathId,
    write: Write<MemberInput>,
) -> Result<Response<Body>> {
    must_concern(&write.caller, member_id)?;
    let (_, change) = write.body.read()?;
    let member = members.change_contacts(member_id, change, write.stamp).await?;
    Item::new(&members.kit.base_url, MEMBERS, member_id, member).changed()
}

/// A member leaves: the points are lost and the personal data is erased.
#[utoipa::path(delete, path = "/members/{id}", operation_id = "withdraw", tag = "members",
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 204, description = "Done"), (status = 202, description = "Decided; what remains follows, see Location"),
        (status = 404, description = "No such member"), (status = 503, description = "Point or coupon cannot be asked; nothing was changed")))]
async fn withdraw(
    State(members): State<Arc<Members>>,
    PathId(member_id): PathId,
    write: Bodiless,
) -> Result<Response<Body>> {
    must_concern(&write.caller, member_id)?;
    let mut response = no_content();
    if members.withdraw(member_id, write.stamp).await? == Withdrawn::Following {
        *response.status_mut() = StatusCode::ACCEPTED;
        let location = format!("{}/withdrawals/{member_id}", members.kit.base_url);
        let location = HeaderValue::try_from(location)
            .map_err(|error| Error::internal("the base URL cannot stand in a header").caused_by(error))?;
        response.headers_mut().insert(LOCATION, location);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// How a withdrawal stands; nothing personal is in it.
#[utoipa::path(get, path = "/withdrawals/{id}", operation_id = "showWithdrawal", tag = "members",
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, body = WithdrawalView), (status = 404, description = "None was ever asked for")))]
async fn show_withdrawal(
    State(members): State<Arc<Members>>,
    PathId(member_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let withdrawal = members.withdrawal(member_id).await?;
    Item::new(&members.kit.base_url, WITHDRAWALS, member_id, withdrawal).shown()
}

/// All withdrawals, by member number, or those that have not ended: how far each is, since when, and whom it waits for.
#[utoipa::path(get, path = "/withdrawals", operation_id = "listWithdrawals", tag = "members",
    params(("unfinished" = Option<bool>, Query, description = "Only withdrawals that have not ended"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of withdrawals")))]
async fn list_withdrawals(
    State(members): State<Arc<Members>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let unfinished =
        filter.read("unfinished", "unfinished is true or false", |text| text.parse().ok())?.unwrap_or(false);
    let found = members.withdrawals(unfinished, page.after, page.fetch()).await?;
    let base = &members.kit.base_url;
    let item = |withdrawal: WithdrawalView| {
        (withdrawal.member_id, Item::new(base, WITHDRAWALS, withdrawal.member_id, withdrawal))
    };
    let filter = in_query([("unfinished", unfinished.then(|| "true".to_owned()))]);
    let items = found.into_iter().map(item).collect();
    page.show_items(format!("{base}/withdrawals"), WITHDRAWALS.collection, &filter, items)
}
