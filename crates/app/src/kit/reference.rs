//! What a write is about, in the words of whoever asks.

use domain::point::Reference;
use platform::error::{Error, Result};
use serde::Deserialize;
use utoipa::ToSchema;

const CHARS: usize = 200;

/// A reference as clients write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferenceInput {
    #[serde(rename = "type")]
    kind: String,
    id: ReferenceId,
}

/// Clients number their things, or name them.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReferenceId {
    Text(String),
    Number(i64),
}

/// What it is about.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes Reference in the OpenAPI document")]
pub struct ReferenceView {
    /// For instance `deal`.
    #[schema(rename = "type")]
    kind: String,
    /// For instance the deal's number.
    id: String,
}

impl ReferenceInput {
    /// The reference, if its words are neither empty nor longer than 200 characters.
    pub(crate) fn read(self) -> Result<Reference> {
        let id = match self.id {
            ReferenceId::Text(id) => id,
            ReferenceId::Number(id) => id.to_string(),
        };
        for text in [&self.kind, &id] {
            if text.is_empty() || text.chars().count() > CHARS {
                return Err(Error::invalid("/reference", "a reference has a type and an id of 1 to 200 characters"));
            }
        }
        Ok(Reference { kind: self.kind, id })
    }
}
