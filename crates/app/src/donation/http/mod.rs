//! Routes of donation: donations here, causes in `causes`.

mod causes;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::donation::GENERAL_FUND;
use domain::kernel::MAX_SAFE;
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::views::DonationView;
use super::{Chosen, Donations, donation_unknown};
use crate::kit::{must_concern, only, own_of};

const DONATIONS: Place = Place { collection: "donations", name: "donation" };

/// The routes below `/donations` and `/causes`.
pub fn routes(donations: Arc<Donations>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_donations, donate))
        .routes(routes!(show_donation))
        .merge(causes::routes())
        .with_state(donations)
}

/// What a client may say about a donation. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DonationInput {
    /// Who gives.
    #[schema(value_type = i64, example = 1)]
    member_id: Whole,
    /// At least 1 point.
    #[schema(value_type = i64, example = 500, minimum = 1)]
    amount: Whole,
    /// Who receives; 1, the general fund, if it is left out.
    #[schema(value_type = Option<i64>, example = 1)]
    cause_id: Option<Whole>,
    #[serde(default, rename = "donationId")]
    #[schema(ignore)]
    _donation_id: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "reason")]
    #[schema(ignore)]
    _reason: IgnoredAny,
    #[serde(default, rename = "balanceBefore")]
    #[schema(ignore)]
    _balance_before: IgnoredAny,
    #[serde(default, rename = "balanceAfter")]
    #[schema(ignore)]
    _balance_after: IgnoredAny,
    #[serde(default, rename = "requestedAt")]
    #[schema(ignore)]
    _requested_at: IgnoredAny,
    #[serde(default, rename = "donatedAt")]
    #[schema(ignore)]
    _donated_at: IgnoredAny,
}

/// A member gives points to a cause. A refusal is an answer too: `status` is `REJECTED` and nothing has moved.
/// `REQUESTED` when point cannot be asked now: it is decided when point is back.
#[utoipa::path(post, path = "/donations", operation_id = "donate", tag = "donations", request_body = DonationInput,
    responses((status = 201, body = DonationView), (status = 403, description = "A member's key may give that member's points only"),
        (status = 422, description = "A wrong amount, or a cause that is not there"),
        (status = 503, description = "As many donations are under way as can be taken; nothing was stored")))]
async fn donate(State(donations): State<Arc<Donations>>, write: Write<DonationInput>) -> Result<Response<Body>> {
    let DonationInput { member_id: Whole(member_id), amount: Whole(amount), cause_id, .. } = write.body;
    must_concern(&write.caller, member_id)?;
    if !(1..=MAX_SAFE).contains(&member_id) {
        return Err(Error::invalid("/memberId", "a member number is 1 to 9007199254740991"));
    }
    let cause_id = cause_id.map_or(GENERAL_FUND, |Whole(cause_id)| cause_id);
    let donation = donations.donate(member_id, cause_id, amount, write.stamp).await?;
    shown(&donations.kit.base_url, donation.donation_id, donation).created()
}

/// A donation and how it stands. A member's key shows that member's donations only.
#[utoipa::path(get, path = "/donations/{id}", operation_id = "showDonation", tag = "donations",
    params(("id" = i64, Path, description = "The donation's number")),
    responses((status = 200, body = DonationView), (status = 404, description = "No such donation")))]
async fn show_donation(
    State(donations): State<Arc<Donations>>,
    PathId(donation_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    let own = own_of(&caller, "member")?;
    let donation = donations.donation(donation_id).await?;
    // To a member the donations of others are not there, so nobody can count them.
    if own.is_some_and(|member_id| member_id != donation.member_id) {
        return Err(donation_unknown());
    }
    shown(&donations.kit.base_url, donation_id, donation).shown()
}

/// All donations, or those of a member or for a cause, by number. A member's key lists that member's donations.
#[utoipa::path(get, path = "/donations", operation_id = "listDonations", tag = "donations",
    params(("memberId" = Option<i64>, Query, description = "Only of this member"), ("causeId" = Option<i64>, Query, description = "Only for this cause"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of donations"), (status = 403, description = "Another member's donations")))]
async fn list_donations(
    State(donations): State<Arc<Donations>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let chosen = Chosen {
        member_id: only(filter.number("memberId")?, own_of(&caller, "member")?)?,
        cause_id: filter.number("causeId")?,
        received: false,
    };
    let found = donations.donations(chosen, page.after, page.fetch()).await?;
    let text = |id: Option<i64>| id.map(|id| id.to_string());
    let filter = in_query([("memberId", text(chosen.member_id)), ("causeId", text(chosen.cause_id))]);
    let base = &donations.kit.base_url;
    let item = |donation: DonationView| (donation.donation_id, shown(base, donation.donation_id, donation));
    let found = found.into_iter().map(item).collect();
    page.show_items(format!("{base}/donations"), DONATIONS.collection, &filter, found)
}

fn shown<T: Serialize>(base: &str, donation_id: i64, fields: T) -> Item<T> {
    Item::new(base, DONATIONS, donation_id, fields)
}
