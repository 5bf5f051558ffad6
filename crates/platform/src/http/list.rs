//! Lists: by id, ascending, a page at a time (SPEC section 3). `after` names the last id that was seen, so a row
//! inserted later never shifts a page.

use axum::body::Body;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, json};

use super::hal::{self, Item, Place};
use super::number::parse_whole;
use crate::error::{Error, Result};

const DEFAULT_LIMIT: i64 = 20;
const MOST: i64 = 200;

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PageQuery {
    /// 1 to 200 items.
    pub limit: i64,
    /// Items with an id above this.
    pub after: i64,
}

#[derive(Deserialize)]
struct Raw {
    limit: Option<String>,
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        let Query(raw) = Query::<Raw>::try_from_uri(&parts.uri)
            .map_err(|error| Error::invalid("/query", "the query cannot be read").caused_by(error))?;
        let limit = match raw.limit {
            None => DEFAULT_LIMIT,
            Some(text) => parse_whole(&text)
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| Error::invalid("/query/limit", "limit must be 1 to 200"))?,
        };
        let after = match raw.after {
            None => 0,
            Some(text) => read_mark(&text).ok_or_else(|| {
                Error::invalid("/query/after", "after must be taken from the _links.next of an earlier page")
            })?,
        };
        Ok(Self { limit, after })
    }
}

/// The mark of a place in a list: opaque to clients, so that it may come to mean more than an id.
#[must_use]
pub fn write_mark(id: i64) -> String {
    format!("n{id:x}")
}

fn read_mark(text: &str) -> Option<i64> {
    i64::from_str_radix(text.strip_prefix('n')?, 16).ok().filter(|id| *id >= 0)
}

impl PageQuery {
    /// How many items fit.
    #[must_use]
    pub fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }

    /// One more than fits, to learn whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The page, from up to `fetch()` items and their ids.
    ///
    /// # Errors
    /// `Internal` if an item cannot be written as JSON.
    pub fn show<T: serde::Serialize>(&self, base: &str, place: Place, items: Vec<(i64, T)>) -> Result<Response<Body>> {
        let items = items.into_iter().map(|(id, item)| (id, Item::new(base, place, id, item))).collect();
        self.show_items(format!("{base}/{}", place.collection), place.collection, "", items)
    }

    /// As [`PageQuery::show`], for items that know their own links. `href` is where the list is, without a query, and
    /// `filter` what else it was asked for, as it stands in a query: `&colour=red`.
    ///
    /// # Errors
    /// `Internal` if an item cannot be written as JSON.
    pub fn show_items<T: serde::Serialize>(
        &self,
        href: String,
        collection: &'static str,
        filter: &str,
        mut items: Vec<(i64, Item<T>)>,
    ) -> Result<Response<Body>> {
        let more = items.len() > self.limit();
        items.truncate(self.limit());
        let next = items.last().map(|(id, _)| *id).filter(|_| more);
        let query = format!("limit={}{filter}", self.limit);
        let after = Some(self.after).filter(|after| *after > 0);
        let items = items.into_iter().map(|(_, item)| item).collect();
        Sublist { href, collection, query, after, next, items }.show()
    }
}

/// A page with its links. Lists that go by rising ids are made into one by [`PageQuery`]; what belongs to one thing and
/// goes by something else (`/things/1/parts`) says itself where it goes on.
pub struct Sublist<T: serde::Serialize> {
    /// Where it is, without a query.
    pub href: String,
    /// What the items are called: `parts`.
    pub collection: &'static str,
    /// The query that leads to this page again, without a place to start from; `a=b&c=d` or empty.
    pub query: String,
    /// Where this page began, if it was said.
    pub after: Option<i64>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
    /// The items.
    pub items: Vec<T>,
}

impl<T: serde::Serialize> Sublist<T> {
    /// The answer to a GET.
    ///
    /// # Errors
    /// `Internal` if an item cannot be written as JSON.
    pub fn show(&self) -> Result<Response<Body>> {
        let link = |after: Option<i64>| {
            let after = after.map(|place| format!("after={}", write_mark(place)));
            let query = [Some(self.query.clone()).filter(|query| !query.is_empty()), after];
            let query = query.into_iter().flatten().collect::<Vec<_>>().join("&");
            json!({"href": if query.is_empty() { self.href.clone() } else { format!("{}?{query}", self.href) }})
        };
        let mut links = Map::from_iter([("self".to_owned(), link(self.after))]);
        if self.next.is_some() {
            links.insert("next".to_owned(), link(self.next));
        }
        let page = json!({"size": self.items.len()});
        let body = json!({"_embedded": {self.collection: &self.items}, "_links": links, "page": page});
        hal::json(StatusCode::OK, "application/hal+json", &body)
    }
}
