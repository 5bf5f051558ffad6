//! Lists: by id, ascending, a page at a time (SPEC section 3). `after` names the last id that was seen, so a row
//! inserted later never shifts a page.

use axum::body::Body;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
        let after = match &raw.after {
            None => 0,
            Some(text) => read_mark(text).ok_or_else(no_mark)?,
        };
        Ok(Self { limit: read_limit(raw.limit)?, after })
    }
}

fn read_limit(text: Option<String>) -> Result<i64> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    parse_whole(&text)
        .filter(|limit| (1..=MOST).contains(limit))
        .ok_or_else(|| Error::invalid("/query/limit", "limit must be 1 to 200"))
}

fn no_mark() -> Error {
    Error::invalid("/query/after", "after must be taken from the _links.next of an earlier page")
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
        let links = links(&self.href, &self.query, [self.after, self.next].map(|mark| mark.map(write_mark)));
        let page = json!({"size": self.items.len()});
        let body = json!({"_embedded": {self.collection: &self.items}, "_links": links, "page": page});
        hal::json(StatusCode::OK, "application/hal+json", &body)
    }
}

/// `self` and, unless it is the last page, `next`.
fn links(href: &str, query: &str, [after, next]: [Option<String>; 2]) -> Map<String, Value> {
    let link = |after: Option<String>| {
        let after = after.map(|mark| format!("after={mark}"));
        let query = [Some(query.to_owned()).filter(|query| !query.is_empty()), after];
        let query = query.into_iter().flatten().collect::<Vec<_>>().join("&");
        json!({"href": if query.is_empty() { href.to_owned() } else { format!("{href}?{query}") }})
    };
    let mut links = Map::from_iter([("self".to_owned(), link(after))]);
    if next.is_some() {
        links.insert("next".to_owned(), link(next));
    }
    links
}

/// Which page is asked for of several lists that are shown side by side, each by rising ids of its own. A mark holds a
/// place in each of them, so that none is shifted by what happens in another; one of fewer places begins the others.
#[derive(Debug, Clone, Copy)]
pub struct ListsQuery<const N: usize> {
    /// 1 to 200 items of each list.
    pub limit: i64,
    /// Items with ids above these.
    pub after: [i64; N],
}

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for ListsQuery<N> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        let Query(raw) = Query::<Raw>::try_from_uri(&parts.uri)
            .map_err(|error| Error::invalid("/query", "the query cannot be read").caused_by(error))?;
        let after = match &raw.after {
            None => [0; N],
            Some(text) => read_marks(text).ok_or_else(no_mark)?,
        };
        Ok(Self { limit: read_limit(raw.limit)?, after })
    }
}

fn read_marks<const N: usize>(text: &str) -> Option<[i64; N]> {
    let mut marks = [0; N];
    for (place, mark) in text.split('.').enumerate() {
        *marks.get_mut(place)? = read_mark(mark)?;
    }
    Some(marks)
}

impl<const N: usize> ListsQuery<N> {
    /// One more than fits, to learn whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The page, from up to `fetch()` items of each list and their ids; each with the name of its list.
    ///
    /// # Errors
    /// `Internal` if it cannot be written as JSON.
    pub fn show(&self, href: &str, lists: [(&'static str, Vec<(i64, Value)>); N]) -> Result<Response<Body>> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (mut next, mut more, mut size) = (self.after, false, 0);
        let mut embedded = Map::new();
        for ((collection, mut items), next) in lists.into_iter().zip(&mut next) {
            more |= items.len() > limit;
            items.truncate(limit);
            size += items.len();
            *next = items.last().map_or(*next, |(id, _)| *id);
            embedded.insert(collection.to_owned(), items.into_iter().map(|(_, item)| item).collect());
        }
        let mark = |places: [i64; N]| Some(places.map(write_mark).join("."));
        let after = if self.after == [0; N] { None } else { mark(self.after) };
        let next = if more { mark(next) } else { None };
        let links = links(href, &format!("limit={}", self.limit), [after, next]);
        let body = json!({"_embedded": embedded, "_links": links, "page": {"size": size}});
        hal::json(StatusCode::OK, "application/hal+json", &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_a_place_in_each_list() {
        assert_eq!(read_marks::<3>("n5"), Some([5, 0, 0]));
        assert_eq!(read_marks::<3>("n5.n0.nff"), Some([5, 0, 255]));
        for wrong in ["", "5", "n5.", "n5..n1", "n1.n2.n3.n4", "n-1", "nx"] {
            assert_eq!(read_marks::<3>(wrong), None, "{wrong}");
        }
    }
}
