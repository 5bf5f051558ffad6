//! Routes of campaigns: campaigns here, coupons that members ask for in `claims`, all codes in `codes`, bulk issues in
//! `issues`.

mod claims;
mod codes;
mod issues;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::coupon::campaign::{ChangeCampaign, is_campaign_number};
use domain::kernel::Day;
use platform::access::Role;
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place};
use platform::http::input::{PathId, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use platform::zone::parse_day;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Coupons;
use super::views::CampaignView;
use super::{NewCampaign, must_be_pattern};
use crate::kit::{day_of, must_be_operator};

const CAMPAIGNS: Place = Place { collection: "couponCampaigns", name: "couponCampaign" };
const NAME_CHARS: usize = 200;

/// The routes below `/couponCampaigns`.
pub(in super::super) fn routes() -> OpenApiRouter<Arc<Coupons>> {
    OpenApiRouter::new()
        .routes(routes!(list_campaigns, open_campaign))
        .routes(routes!(show_campaign, change_campaign))
        .merge(claims::routes())
        .merge(codes::routes())
        .merge(issues::routes())
}

/// What a client may say about a new campaign. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CampaignInput {
    /// A number of one's own choice; without it the next free one is given. It never changes.
    #[schema(value_type = Option<i64>, example = 7)]
    campaign_id: Option<Whole>,
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "summer 2026", min_length = 1, max_length = 200, pattern = r"\S")]
    name: String,
    /// What its codes look like: a prefix of up to 12 letters and digits, if it is to have one, and three to six groups
    /// of four characters.
    #[schema(example = "SUMMER-####-####-####", pattern = "^([0-9A-Za-z]{1,12}-)?####(-####){2,5}$")]
    code_pattern: String,
    /// Coupons that there may be at most.
    #[schema(value_type = i64, example = 1000, minimum = 1, maximum = 10_000_000)]
    quantity: Whole,
    /// Coupons that a member may have of it at most; 1 if it is left out.
    #[schema(value_type = Option<i64>, example = 1, minimum = 1, maximum = 1_000)]
    per_member_limit: Option<Whole>,
    /// The first day on which its coupons are good, in the programme's time zone.
    #[schema(example = "2026-12-01", pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    start_date: String,
    /// The last one; not before the first, and not over yet.
    #[schema(example = "2036-12-31", pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    end_date: String,
    /// Whether it gives coupons to members; it does unless this says otherwise.
    open: Option<bool>,
    #[serde(default, rename = "issued")]
    #[schema(ignore)]
    _issued: IgnoredAny,
    #[serde(default, rename = "promised")]
    #[schema(ignore)]
    _promised: IgnoredAny,
    #[serde(default, rename = "inStock")]
    #[schema(ignore)]
    _in_stock: IgnoredAny,
    #[serde(default, rename = "redeemed")]
    #[schema(ignore)]
    _redeemed: IgnoredAny,
    #[serde(default, rename = "cancelled")]
    #[schema(ignore)]
    _cancelled: IgnoredAny,
    #[serde(default, rename = "expired")]
    #[schema(ignore)]
    _expired: IgnoredAny,
}

/// What is to change about a campaign; what is left out stays. Pattern, limit and dates are accepted and ignored: they
/// stand on coupons that people hold. So is what the server owns.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CampaignChange {
    /// What people call it, 1 to 200 characters that are not all blank.
    #[schema(example = "summer 2026", min_length = 1, max_length = 200, pattern = r"\S")]
    name: Option<String>,
    /// Whether it gives coupons to members. Codes that are out already can be redeemed all the same.
    #[schema(example = false)]
    open: Option<bool>,
    /// Coupons that there may be at most; not fewer than were made and are being made.
    #[schema(value_type = Option<i64>, example = 2000, minimum = 1, maximum = 10_000_000)]
    quantity: Option<Whole>,
    #[serde(default, rename = "campaignId")]
    #[schema(ignore)]
    _campaign_id: IgnoredAny,
    #[serde(default, rename = "codePattern")]
    #[schema(ignore)]
    _code_pattern: IgnoredAny,
    #[serde(default, rename = "perMemberLimit")]
    #[schema(ignore)]
    _per_member_limit: IgnoredAny,
    #[serde(default, rename = "startDate")]
    #[schema(ignore)]
    _start_date: IgnoredAny,
    #[serde(default, rename = "endDate")]
    #[schema(ignore)]
    _end_date: IgnoredAny,
    #[serde(default, rename = "issued")]
    #[schema(ignore)]
    _issued: IgnoredAny,
    #[serde(default, rename = "promised")]
    #[schema(ignore)]
    _promised: IgnoredAny,
    #[serde(default, rename = "inStock")]
    #[schema(ignore)]
    _in_stock: IgnoredAny,
    #[serde(default, rename = "redeemed")]
    #[schema(ignore)]
    _redeemed: IgnoredAny,
    #[serde(default, rename = "cancelled")]
    #[schema(ignore)]
    _cancelled: IgnoredAny,
    #[serde(default, rename = "expired")]
    #[schema(ignore)]
    _expired: IgnoredAny,
}

fn must_be_named(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS {
        return Err(Error::invalid("/name", "a campaign has a name of 1 to 200 characters"));
    }
    Ok(())
}

fn read_day(text: &str, pointer: &'static str) -> Result<Day> {
    parse_day(text).map(day_of).ok_or_else(|| Error::invalid(pointer, "write a day as yyyy-MM-dd: 2026-12-31"))
}

/// A new campaign.
#[utoipa::path(post, path = "/couponCampaigns", operation_id = "openCampaign", tag = "couponCampaigns", request_body = CampaignInput,
    responses((status = 201, body = CampaignView), (status = 409, description = "The number is taken"), (status = 422, description = "A wrong value")))]
async fn open_campaign(State(coupons): State<Arc<Coupons>>, write: Write<CampaignInput>) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let CampaignInput { campaign_id, name, code_pattern, quantity: Whole(quantity), per_member_limit, .. } = write.body;
    let campaign_id = campaign_id.map(|Whole(id)| id);
    if campaign_id.is_some_and(|id| !is_campaign_number(id)) {
        return Err(Error::invalid("/campaignId", "the number of a campaign is 1 to 9007199254740991"));
    }
    must_be_named(&name)?;
    must_be_pattern(&code_pattern)?;
    let start_date = read_day(&write.body.start_date, "/startDate")?;
    let end_date = read_day(&write.body.end_date, "/endDate")?;
    let per_member_limit = per_member_limit.map_or(1, |Whole(limit)| limit);
    let open = write.body.open.unwrap_or(true);
    let new = NewCampaign { campaign_id, name, code_pattern, quantity, per_member_limit, start_date, end_date, open };
    let campaign = coupons.open_campaign(new, write.stamp).await?;
    shown(&coupons.kit.base_url, campaign).created()
}

/// A campaign and what became of its coupons.
#[utoipa::path(get, path = "/couponCampaigns/{id}", operation_id = "showCampaign", tag = "couponCampaigns",
    params(("id" = i64, Path, description = "The campaign's number")),
    responses((status = 200, body = CampaignView), (status = 404, description = "No such campaign")))]
async fn show_campaign(
    State(coupons): State<Arc<Coupons>>,
    PathId(campaign_id): PathId,
    _caller: Caller,
) -> Result<Response<Body>> {
    let campaign = coupons.campaign(campaign_id).await?;
    shown(&coupons.kit.base_url, campaign).shown()
}

/// A campaign gets another name or another quantity, or begins or ceases to give coupons.
#[utoipa::path(patch, path = "/couponCampaigns/{id}", operation_id = "changeCampaign", tag = "couponCampaigns", request_body = CampaignChange,
    params(("id" = i64, Path, description = "The campaign's number")),
    responses((status = 200, body = CampaignView), (status = 404, description = "No such campaign"), (status = 422, description = "A wrong value, or fewer coupons than were made")))]
async fn change_campaign(
    State(coupons): State<Arc<Coupons>>,
    PathId(campaign_id): PathId,
    write: Write<CampaignChange>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let CampaignChange { name, open, quantity, .. } = write.body;
    name.as_deref().map_or(Ok(()), must_be_named)?;
    let change = ChangeCampaign { name, open, quantity: quantity.map(|Whole(quantity)| quantity) };
    let campaign = coupons.change_campaign(campaign_id, change, write.stamp).await?;
    shown(&coupons.kit.base_url, campaign).changed()
}

/// All campaigns, by number. Not for members, who ask for the one that they were told of.
#[utoipa::path(get, path = "/couponCampaigns", operation_id = "listCampaigns", tag = "couponCampaigns",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of campaigns"), (status = 403, description = "A member's key")))]
async fn list_campaigns(
    State(coupons): State<Arc<Coupons>>,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    if !matches!(caller.0.role, Role::Owner("merchant")) {
        must_be_operator(&caller)?;
    }
    let found = coupons.campaigns(page.after, page.fetch()).await?;
    let base = &coupons.kit.base_url;
    let items = found.into_iter().map(|campaign| (campaign.campaign_id, shown(base, campaign))).collect();
    page.show_items(format!("{base}/couponCampaigns"), CAMPAIGNS.collection, "", items)
}

/// A campaign with links to what belongs to it.
fn shown(base: &str, campaign: CampaignView) -> Item<CampaignView> {
    let campaign_id = campaign.campaign_id;
    Item::new(base, CAMPAIGNS, campaign_id, campaign)
        .leading_to("issues", format!("{base}/couponCampaigns/{campaign_id}/issues"))
        .leading_to("codes", format!("{base}/couponCampaigns/{campaign_id}/codes"))
        .leading_to("coupons", format!("{base}/coupons?campaignId={campaign_id}"))
}
