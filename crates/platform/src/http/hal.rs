//! Resources on the wire: JSON with `_links`.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::error::{Error, Result};

/// Where a resource lives: `{base}/{collection}/{id}`, and what one of them is called.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The collection's path segment: `members`.
    pub collection: &'static str,
    /// What one of them is called in links: `member`.
    pub name: &'static str,
}

/// A resource with its links.
#[derive(Serialize)]
pub struct Item<T: Serialize> {
    /// Its fields.
    #[serde(flatten)]
    pub fields: T,
    /// Where it is.
    #[serde(rename = "_links")]
    pub links: Links,
}

/// `self` and the resource's own name, both pointing at it, unless it cannot be looked at any more; and where else it
/// leads.
pub struct Links {
    name: &'static str,
    href: String,
    is_gone: bool,
    more: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Link<'a> {
    href: &'a str,
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.is_gone {
            map.serialize_entry(self.name, &Link { href: &self.href })?;
            map.serialize_entry("self", &Link { href: &self.href })?;
        }
        for (name, href) in &self.more {
            map.serialize_entry(name, &Link { href })?;
        }
        map.end()
    }
}

impl<T: Serialize> Item<T> {
    /// The resource `id` of `place` below `base`.
    pub fn new(base: &str, place: Place, id: i64, fields: T) -> Self {
        Self::at(format!("{base}/{}/{id}", place.collection), place.name, fields)
    }

    /// A resource at this address.
    pub fn at(href: String, name: &'static str, fields: T) -> Self {
        Self { fields, links: Links { name, href, is_gone: false, more: Vec::new() } }
    }

    /// The same with a link to what belongs to it.
    #[must_use]
    pub fn leading_to(mut self, name: &'static str, href: String) -> Self {
        self.links.more.push((name, href));
        self
    }

    /// The same without links to itself: it is told of, and cannot be looked at any more.
    #[must_use]
    pub fn gone(mut self) -> Self {
        self.links.is_gone = true;
        self
    }

    /// The answer to a GET.
    ///
    /// # Errors
    /// `Internal` if the fields cannot be written as JSON.
    pub fn shown(&self) -> Result<Response<Body>> {
        json(StatusCode::OK, "application/hal+json", self)
    }

    /// The answer to a PATCH.
    ///
    /// # Errors
    /// `Internal` if the fields cannot be written as JSON.
    pub fn changed(&self) -> Result<Response<Body>> {
        json(StatusCode::OK, "application/json", self)
    }

    /// The answer to a POST that made the resource.
    ///
    /// # Errors
    /// `Internal` if the fields cannot be written as JSON.
    pub fn created(&self) -> Result<Response<Body>> {
        let mut response = json(StatusCode::CREATED, "application/json", self)?;
        if let Ok(location) = HeaderValue::try_from(self.links.href.as_str()) {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }
}

/// A value as the body of an answer.
///
/// # Errors
/// `Internal` if it cannot be written as JSON.
pub fn json<T: Serialize>(status: StatusCode, content_type: &'static str, value: &T) -> Result<Response<Body>> {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| Error::internal("an answer cannot be written").caused_by(error))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

/// 204.
#[must_use]
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
