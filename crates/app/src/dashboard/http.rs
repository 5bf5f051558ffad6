//! Routes of the dashboard. Only the operator may read it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use platform::error::Result;
use platform::http::filter::{Filter, in_query};
use platform::http::hal::{Item, Place};
use platform::http::input::PathId;
use platform::http::list::PageQuery;
use platform::http::shell::Caller;
use platform::zone::parse_day;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Chosen, Dashboards, DealDashboardView, SeriesView, Span, SummaryView};
use crate::kit::{day_of, must_be_operator};

const DEALS: Place = Place { collection: "dealDashboards", name: "dealDashboard" };

/// The routes below `/dealDashboards` and `/dashboards`.
pub fn routes(dashboards: Arc<Dashboards>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_deals))
        .routes(routes!(show_deal))
        .routes(routes!(show_summary))
        .routes(routes!(show_series))
        .with_state(dashboards)
}

/// All deals with whether their members still belong, or those of a member or at a merchant, by number.
#[utoipa::path(get, path = "/dealDashboards", operation_id = "listDealDashboards", tag = "dashboards",
    params(("memberId" = Option<i64>, Query, description = "Only of this member"), ("merchantId" = Option<i64>, Query, description = "Only at this merchant"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of deals")))]
async fn list_deals(
    State(dashboards): State<Arc<Dashboards>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let chosen = Chosen { member_id: filter.number("memberId")?, merchant_id: filter.number("merchantId")? };
    let found = dashboards.deals(chosen, page.after, page.fetch()).await?;
    let text = |id: Option<i64>| id.map(|id| id.to_string());
    let filter = in_query([("memberId", text(chosen.member_id)), ("merchantId", text(chosen.merchant_id))]);
    let base = &dashboards.kit.base_url;
    let item = |deal: DealDashboardView| (deal.deal_id, Item::new(base, DEALS, deal.deal_id, deal));
    let found = found.into_iter().map(item).collect();
    page.show_items(format!("{base}/dealDashboards"), DEALS.collection, &filter, found)
}

/// A deal with whether its member still belongs.
#[utoipa::path(get, path = "/dealDashboards/{id}", operation_id = "showDealDashboard", tag = "dashboards",
    params(("id" = i64, Path, description = "The deal's number")),
    responses((status = 200, body = DealDashboardView), (status = 404, description = "No such deal")))]
async fn show_deal(
    State(dashboards): State<Arc<Dashboards>>,
    PathId(deal_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let deal = dashboards.deal(deal_id).await?;
    Item::new(&dashboards.kit.base_url, DEALS, deal_id, deal).shown()
}

/// The programme in figures, each with what it means.
#[utoipa::path(get, path = "/dashboards/summary", operation_id = "showSummary", tag = "dashboards",
    responses((status = 200, body = SummaryView, description = "The figures, all of one moment")))]
async fn show_summary(State(dashboards): State<Arc<Dashboards>>, caller: Caller) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let summary = dashboards.summary().await?;
    Item::at(format!("{}/dashboards/summary", dashboards.kit.base_url), "dashboard", summary).shown()
}

/// The programme day by day.
#[utoipa::path(get, path = "/dashboards/series", operation_id = "showSeries", tag = "dashboards",
    params(("from" = Option<String>, Query, description = "The first day, `2020-07-01`; otherwise the 29th before the last"),
        ("to" = Option<String>, Query, description = "The last day; otherwise today. 366 days at most")),
    responses((status = 200, body = SeriesView, description = "Every day from the first to the last")))]
async fn show_series(
    State(dashboards): State<Arc<Dashboards>>,
    caller: Caller,
    filter: Filter,
) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let day = |name| filter.read(name, "a day is written like 2020-07-15", |text| parse_day(text).map(day_of));
    let (from, to) = (day("from")?, day("to")?);
    let span = Span::of(from, to, dashboards.kit.clock.now_ms(), &dashboards.kit.zone)?;
    let series = dashboards.series(span).await?;
    Item::at(format!("{}/dashboards/series", dashboards.kit.base_url), "series", series).shown()
}
