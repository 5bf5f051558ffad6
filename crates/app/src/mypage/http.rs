//! Routes of my page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use platform::error::{Error, Result};
use platform::http::hal::{Item, Place};
use platform::http::input::PathId;
use platform::http::list::ListsQuery;
use platform::http::shell::Caller;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Pages;
use super::bought::{PageCart, PageMembership};
use super::views::PageView;
use crate::kit::{must_be_operator, must_concern};

const MYPAGES: Place = Place { collection: "mypages", name: "mypage" };
const MEMBERSHIPS: Place = Place { collection: "memberships", name: "membership" };
const CARTS: Place = Place { collection: "carts", name: "cart" };

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

/// Pages, and purchases of customers who have none.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only says what the answer looks like")]
struct PagesView {
    /// The three lists, each by number.
    #[schema(rename = "_embedded")]
    embedded: EmbeddedPages,
    /// `self`, and `next` unless it is the last page of all three.
    #[schema(rename = "_links", value_type = Object)]
    links: (),
}

/// The lists of a page of pages.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only says what the answer looks like")]
struct EmbeddedPages {
    /// Members' pages.
    mypages: Vec<PageView>,
    /// Paid memberships of customers who have no page.
    memberships: Vec<PageMembership>,
    /// Carts of customers who have no page.
    carts: Vec<PageCart>,
}

/// All pages, by member number; and beside them the purchases of customers who have none, by number.
#[utoipa::path(get, path = "/mypages", operation_id = "listPages", tag = "mypages",
    params(("limit" = Option<i64>, Query, description = "1 to 200 of each list, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, body = PagesView, description = "A page of pages, and of purchases of customers who have none")))]
async fn list_pages(State(pages): State<Arc<Pages>>, caller: Caller, query: ListsQuery<3>) -> Result<Response<Body>> {
    must_be_operator(&caller)?;
    let (base, [page, membership, cart]) = (&*pages.kit.base_url, query.after);
    let found = pages.pages(page, query.fetch()).await?;
    let memberships = pages.memberships_alone(membership, query.fetch()).await?;
    let carts = pages.carts_alone(cart, query.fetch()).await?;
    let lists = [
        (MYPAGES.collection, items(base, MYPAGES, found, |page| Linked::of(page.member_id))?),
        (
            MEMBERSHIPS.collection,
            items(base, MEMBERSHIPS, memberships, |one| Linked {
                payment_id: one.payment_id,
                ..Linked::of(one.mem_id)
            })?,
        ),
        (
            CARTS.collection,
            items(base, CARTS, carts, |one| Linked {
                payment_id: one.payment_id,
                is_gone: one.is_removed,
                ..Linked::of(one.cart_id)
            })?,
        ),
    ];
    query.show(&format!("{base}/{}", MYPAGES.collection), lists)
}

/// What an item is linked by.
struct Linked {
    id: i64,
    payment_id: Option<i64>,
    /// Whether it cannot be looked at any more.
    is_gone: bool,
}

impl Linked {
    fn of(id: i64) -> Self {
        Self { id, payment_id: None, is_gone: false }
    }
}

/// Items with their links, to their payment too if there is one.
fn items<T: Serialize>(
    base: &str,
    place: Place,
    found: Vec<T>,
    linked: impl Fn(&T) -> Linked,
) -> Result<Vec<(i64, Value)>> {
    let item = |one: T| {
        let Linked { id, payment_id, is_gone } = linked(&one);
        let mut item = Item::new(base, place, id, one);
        if let Some(payment_id) = payment_id {
            item = item.leading_to("payment", format!("{base}/payments/{payment_id}"));
        }
        if is_gone {
            item = item.gone();
        }
        let written = serde_json::to_value(item);
        Ok((id, written.map_err(|error| Error::internal("an item cannot be written").caused_by(error))?))
    };
    found.into_iter().map(item).collect()
}
