//! Contact data: what is personal about a member.

use domain::kernel::normal_phone;
use hmac::{Hmac, KeyInit, Mac};
use platform::db::Value;
use platform::error::{Error, Result};
use platform::seal::{Seal, Spot};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Characters in a field at most.
const FIELD_CHARS: usize = 200;

/// A member's contact data. Never printed: its `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contacts {
    /// As it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_no: Option<String>,
    /// What the member wants to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// Full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Name to sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id: Option<String>,
}

/// Fields to change; what is absent stays.
pub type ContactChange = Contacts;

impl std::fmt::Debug for Contacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contacts(…)")
    }
}

impl Contacts {
    /// Refuses fields that are too long.
    ///
    /// # Errors
    /// `Invalid`, pointing at the field.
    pub fn check(self) -> Result<Self> {
        for (pointer, value) in [
            ("/phoneNo", &self.phone_no),
            ("/nickname", &self.nickname),
            ("/name", &self.name),
            ("/email", &self.email),
            ("/address", &self.address),
            ("/loginId", &self.login_id),
        ] {
            if value.as_ref().is_some_and(|text| text.chars().count() > FIELD_CHARS) {
                return Err(Error::invalid(pointer, "a contact field has at most 200 characters"));
            }
        }
        Ok(self)
    }

    /// From the sealed column of a member's row.
    ///
    /// # Errors
    /// `seal.broken` if it cannot be opened.
    pub(super) fn open(seal: &Seal, member_id: i64, sealed: &[u8]) -> Result<Self> {
        let plain = seal.open(spot(member_id), sealed)?;
        // What the reader would say may repeat what stands there.
        serde_json::from_slice(&plain)
            .map_err(|_| Error::internal(format!("the contact data of member {member_id} cannot be read")))
    }

    /// For the sealed column of a member's row.
    pub(super) fn seal(&self, seal: &Seal, member_id: i64) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self)
            .map_err(|error| Error::internal("contact data cannot be written").caused_by(error))?;
        seal.seal(spot(member_id), &plain)
    }

    /// Takes a change in; whether the phone number is another one now.
    pub(super) fn change(&mut self, change: &ContactChange) -> bool {
        let normal = |phone: &Option<String>| phone.as_deref().map(normal_phone);
        let before = normal(&self.phone_no);
        for (mine, new) in [
            (&mut self.phone_no, &change.phone_no),
            (&mut self.nickname, &change.nickname),
            (&mut self.name, &change.name),
            (&mut self.email, &change.email),
            (&mut self.address, &change.address),
            (&mut self.login_id, &change.login_id),
        ] {
            if new.is_some() {
                mine.clone_from(new);
            }
        }
        normal(&self.phone_no) != before
    }

    /// What is kept of a phone number after welcome points or a join coupon: a digest under the programme's secret.
    /// Blanks and hyphens alone are no phone number.
    pub(super) fn phone_digest(&self, secret: &[u8]) -> Option<Vec<u8>> {
        let phone = normal_phone(self.phone_no.as_deref()?);
        if phone.is_empty() {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(phone.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    }
}

fn spot(member_id: i64) -> Spot {
    Spot { purpose: "contacts", subject: member_id }
}

/// Contact data of a member in a batch: most batches hand on what is sealed without looking into it.
pub(super) enum Kept {
    /// None: the member is gone.
    Nothing,
    /// As it stands in the row.
    Sealed(Vec<u8>),
    /// New or changed.
    Open(Contacts),
}

impl Kept {
    /// From the member's row.
    pub(super) fn read(sealed: Option<&[u8]>) -> Self {
        sealed.map_or(Self::Nothing, |sealed| Self::Sealed(sealed.to_vec()))
    }

    /// A look into it.
    ///
    /// # Errors
    /// `seal.broken` if it cannot be opened.
    pub(super) fn look(&self, seal: &Seal, member_id: i64) -> Result<Contacts> {
        match self {
            Self::Nothing => Ok(Contacts::default()),
            Self::Sealed(sealed) => Contacts::open(seal, member_id, sealed),
            Self::Open(contacts) => Ok(contacts.clone()),
        }
    }

    /// For the member's row.
    pub(super) fn column(&self, seal: &Seal, member_id: i64) -> Result<Value> {
        Ok(match self {
            Self::Nothing => Value::Null,
            Self::Sealed(sealed) => Value::Blob(sealed.clone()),
            Self::Open(contacts) => Value::Blob(contacts.seal(seal, member_id)?),
        })
    }
}
