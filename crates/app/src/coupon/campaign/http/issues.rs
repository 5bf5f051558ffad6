//! Routes of bulk issues.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use platform::error::Result;
use platform::http::hal::{Item, no_content};
use platform::http::input::{Bodiless, PathId, PathIds, Write};
use platform::http::list::PageQuery;
use platform::http::number::Whole;
use platform::http::shell::Caller;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::Coupons;
use super::super::views::BulkIssueView;
use crate::kit::must_be_operator;

/// The routes below `/couponCampaigns/{id}/issues`.
pub(super) fn routes() -> OpenApiRouter<Arc<Coupons>> {
    OpenApiRouter::new().routes(routes!(list_issues, request_issue)).routes(routes!(show_issue, stop_issue))
}

/// How many codes are wanted. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IssueInput {
    /// Codes, from 1 to as many as the campaign has left.
    #[schema(value_type = i64, example = 1, minimum = 1, maximum = 10_000_000)]
    count: Whole,
    #[serde(default, rename = "issueId")]
    #[schema(ignore)]
    _issue_id: IgnoredAny,
    #[serde(default, rename = "campaignId")]
    #[schema(ignore)]
    _campaign_id: IgnoredAny,
    #[serde(default, rename = "issued")]
    #[schema(ignore)]
    _issued: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "requestedAt")]
    #[schema(ignore)]
    _requested_at: IgnoredAny,
    #[serde(default, rename = "endedAt")]
    #[schema(ignore)]
    _ended_at: IgnoredAny,
}

/// Makes codes in advance, without a member. They are set aside at once, so nobody else gets them, and made piece by
/// piece after this is answered.
#[utoipa::path(post, path = "/couponCampaigns/{id}/issues", operation_id = "requestBulkIssue", tag = "couponCampaigns", request_body = IssueInput,
    params(("id" = i64, Path, description = "The campaign's number")),
    responses((status = 201, body = BulkIssueView), (status = 404, description = "No such campaign"), (status = 409, description = "The campaign is over"),
        (status = 422, description = "None, or more than the campaign has left")))]
async fn request_issue(
    State(coupons): State<Arc<Coupons>>,
    PathId(campaign_id): PathId,
    write: Write<IssueInput>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let Whole(count) = write.body.count;
    let issue = coupons.request_bulk_issue(campaign_id, count, write.stamp).await?;
    shown(&coupons.kit.base_url, issue).created()
}

/// A bulk issue and how far it is.
#[utoipa::path(get, path = "/couponCampaigns/{id}/issues/{issueId}", operation_id = "showBulkIssue", tag = "couponCampaigns",
    params(("id" = i64, Path, description = "The campaign's number"), ("issueId" = i64, Path, description = "The bulk issue's number")),
    responses((status = 200, body = BulkIssueView), (status = 404, description = "No such bulk issue of this campaign")))]
async fn show_issue(
    State(coupons): State<Arc<Coupons>>,
    PathIds(campaign_id, issue_id): PathIds,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let issue = coupons.bulk_issue(campaign_id, issue_id).await?;
    shown(&coupons.kit.base_url, issue).shown()
}

/// A bulk issue stops: the codes that are made stay, the rest is free again. One that has ended stays as it is.
#[utoipa::path(delete, path = "/couponCampaigns/{id}/issues/{issueId}", operation_id = "stopBulkIssue", tag = "couponCampaigns",
    params(("id" = i64, Path, description = "The campaign's number"), ("issueId" = i64, Path, description = "The bulk issue's number")),
    responses((status = 204, description = "No more codes are made"), (status = 404, description = "No such bulk issue of this campaign")))]
async fn stop_issue(
    State(coupons): State<Arc<Coupons>>,
    PathIds(campaign_id, issue_id): PathIds,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    coupons.stop_bulk_issue(campaign_id, issue_id, request.stamp).await?;
    Ok(no_content())
}

/// The bulk issues of a campaign, by number.
#[utoipa::path(get, path = "/couponCampaigns/{id}/issues", operation_id = "listBulkIssues", tag = "couponCampaigns",
    params(("id" = i64, Path, description = "The campaign's number"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of bulk issues", body = Vec<BulkIssueView>, content_type = "application/hal+json"), (status = 404, description = "No such campaign")))]
async fn list_issues(
    State(coupons): State<Arc<Coupons>>,
    PathId(campaign_id): PathId,
    caller: Caller,
    page: PageQuery,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = coupons.bulk_issues(campaign_id, page.after, page.fetch()).await?;
    let base = &coupons.kit.base_url;
    let items = found.into_iter().map(|issue| (issue.issue_id, shown(base, issue))).collect();
    page.show_items(format!("{base}/couponCampaigns/{campaign_id}/issues"), "issues", "", items)
}

fn shown(base: &str, issue: BulkIssueView) -> Item<BulkIssueView> {
    let campaign = format!("{base}/couponCampaigns/{}", issue.campaign_id);
    let item = Item::at(format!("{campaign}/issues/{}", issue.issue_id), "issue", issue);
    item.leading_to("couponCampaign", campaign)
}
