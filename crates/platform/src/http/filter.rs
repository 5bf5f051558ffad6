//! What the query of a list chooses, beside the page.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::number::parse_whole;
use super::percent::encoded;
use crate::error::{Error, Result};

/// The query of a list by names, to be read as what each of them is.
pub struct Filter(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Filter {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Error::invalid("/query", "the query cannot be read").caused_by(error))?;
        Ok(Self(pairs))
    }
}

impl Filter {
    /// What was chosen under this name, if anything was; `expected` tells people what it has to be.
    ///
    /// # Errors
    /// `Invalid` at `/query/<name>` for what `read` does not understand, or if it is there more than once.
    pub fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let mut given = self.0.iter().filter(|(key, _)| key == name);
        match (given.next(), given.next()) {
            (None, _) => Ok(None),
            (Some((_, text)), None) => match read(text) {
                Some(value) => Ok(Some(value)),
                None => Err(Error::invalid(format!("/query/{name}"), expected)),
            },
            (Some(_), Some(_)) => Err(Error::invalid(format!("/query/{name}"), "a filter stands in a query once")),
        }
    }

    /// A number of something, from 1.
    ///
    /// # Errors
    /// As [`Filter::read`].
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        let read = |text: &str| parse_whole(text).filter(|number| *number >= 1);
        self.read(name, "a number in a filter is a whole number from 1", read)
    }
}

/// What was chosen, as it stands in the links of a page: `&colour=red`, or nothing.
#[must_use]
pub fn in_query<const N: usize>(chosen: [(&str, Option<String>); N]) -> String {
    let written = |(name, value): (&str, Option<String>)| value.map(|value| format!("&{name}={}", encoded(&value)));
    chosen.into_iter().filter_map(written).collect()
}
