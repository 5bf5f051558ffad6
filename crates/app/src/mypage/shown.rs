//! Nickname and phone number on a page, which are sealed.

use platform::error::{Error, Result};
use platform::seal::{Seal, Spot};
use serde::{Deserialize, Serialize};

/// What a page shows of the contact data, as it is sealed.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) nickname: Option<String>,
    pub(super) phone_no: Option<String>,
}

impl Shown {
    /// From the sealed column of a page.
    ///
    /// # Errors
    /// `seal.broken` if it cannot be opened.
    pub(super) fn open(seal: &Seal, member_id: i64, sealed: &[u8]) -> Result<Self> {
        let plain = seal.open(spot(member_id), sealed)?;
        // What the reader would say may repeat what stands there.
        serde_json::from_slice(&plain)
            .map_err(|_| Error::internal(format!("the contact data on the page of {member_id} cannot be read")))
    }

    /// For the sealed column of a page.
    ///
    /// # Errors
    /// `Internal` if it cannot be sealed.
    pub(super) fn seal(&self, seal: &Seal, member_id: i64) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self)
            .map_err(|error| Error::internal("the contact data of a page cannot be written").caused_by(error))?;
        seal.seal(spot(member_id), &plain)
    }
}

fn spot(member_id: i64) -> Spot {
    Spot { purpose: "contacts", subject: member_id }
}
