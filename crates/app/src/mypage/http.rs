//! Routes of my page.

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

use super::Pages;
use super::views::PageView;
use crate::kit::{must_be_operator, must_concern};

const MYPAGES: Place = Place { collection: "mypages", name: "mypage" };

/// The routes below `/mypages`.
pub fn routes(pages: Arc<Pages>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list_pages)).routes(routes!(show_page)).with_state(pages)
}

/// Everything one member may see.
#[utoipa::path(get, path = "/mypages/{id}", operation_id = "showPage", tag = "mypages",
    params(("id" = i64, Path, description = "The member number")),
    responses((status = 200, body = PageView), (status = 404, description = "No such member, or gone")))]
async fn show_page(
    State(pages): State<Arc<Pages>>,
    PathId(member_id): PathId,
    caller: Caller,
) -> Result<Response<Body>> {
    must_concern(&caller, member_id)?;
    let page = pages.page(member_id).await?;
    Item::new(&pages.kit.base_url, MYPAGES, member_id, page).shown()
}

/// All pages, by member number.
#[utoipa::path(get, path = "/mypages", operation_id = "listPages", tag = "mypages",
    params(("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of pages")))]
async fn list_pages(State(pages): State<Arc<Pages>>, caller: Caller, page: PageQuery) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let found = pages.pages(page.after, page.fetch()).await?;
    page.show(&pages.kit.base_url, MYPAGES, found.into_iter().map(|page| (page.member_id, page)).collect())
}
