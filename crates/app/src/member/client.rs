//! Member in another process.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use platform::error::Result;
use platform::http::peer::Peer;
use serde::{Deserialize, Serialize};

use super::MemberApi;
use super::contacts::Contacts;

/// Where the question is asked on an internal listener.
pub(super) const CONTACTS: &str = "/internal/member/contacts";

/// The question: how can these members be reached?
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) member_ids: Vec<i64>,
}

/// The answer, without members who are not there.
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) contacts: HashMap<i64, Contacts>,
}

/// Asks member over HTTP.
pub struct RemoteMembers(pub Peer);

impl MemberApi for RemoteMembers {
    fn contacts(&self, member_ids: Vec<i64>) -> BoxFuture<'_, Result<HashMap<i64, Contacts>>> {
        Box::pin(async move {
            let found: Found = self.0.ask(CONTACTS, &Wanted { member_ids }).await?;
            Ok(found.contacts)
        })
    }
}
