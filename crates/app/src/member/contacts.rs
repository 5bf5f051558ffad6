//! Contact data: what is personal about a member.

use domain::kernel::normal_phone;
use hmac::{Hmac, KeyInit, Mac};
use platform::db::{Row, Value};
use platform::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Characters in a field at most.
const FIELD_CHARS: usize = 200;

/// A member's contact data. Never printed: its `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contacts {
    /// As it was given.
    pub phone_no: Option<String>,
    /// What the member wants to be called.
    pub nickname: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Postal address.
    pub address: Option<String>,
    /// Name to sign in with.
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

    /// From the member's row, whose columns 1 to 6 they are; nothing for a member who is gone.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let text = |place: usize| match row.0.get(place) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        row.opt_int(14).is_none().then(|| Self {
            phone_no: text(1),
            nickname: text(2),
            name: text(3),
            email: text(4),
            address: text(5),
            login_id: text(6),
        })
    }

    pub(super) fn columns(self) -> [Value; 6] {
        [
            self.phone_no.into(),
            self.nickname.into(),
            self.name.into(),
            self.email.into(),
            self.address.into(),
            self.login_id.into(),
        ]
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

    /// What is kept of a phone number after welcome points: a digest under the programme's secret.
    pub(super) fn phone_digest(&self, secret: &[u8]) -> Option<Vec<u8>> {
        let phone = normal_phone(self.phone_no.as_deref()?);
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(phone.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    }
}
