//! What each phone number gets once in a while: welcome points and the join coupon. Kept is a digest of the phone
//! number under the programme's secret with a date, and no member number.

use std::collections::BTreeMap;

use platform::db::{Row, Session, Table, Value};
use platform::error::Result;

/// The phone numbers of a batch and when they last got it.
pub(super) struct Digests {
    table: &'static Table,
    /// By digest, and in its order, in which rows are locked and written.
    last: BTreeMap<Vec<u8>, Last>,
    /// Milliseconds until the same phone number may have it again; 0 keeps nothing and does not limit.
    again_after_ms: i64,
}

/// When a phone number last got it, in milliseconds since 1970.
#[derive(Clone, Copy, Default)]
struct Last {
    /// As it is on record.
    stored_ms: Option<i64>,
    /// In this batch.
    given_ms: Option<i64>,
}

impl Digests {
    /// Looks these digests up, and has other writers of the ones on record wait.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn load(
        tx: &mut dyn Session,
        table: &'static Table,
        again_after_ms: i64,
        digests: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Self> {
        let mut last: BTreeMap<Vec<u8>, Last> = BTreeMap::new();
        if again_after_ms > 0 {
            last.extend(digests.map(|digest| (digest, Last::default())));
        }
        if !last.is_empty() {
            let keys: Vec<Value> = last.keys().cloned().map(Value::Blob).collect();
            for row in tx.lock_many(table, &keys)? {
                if let Some(digest) = row.blob(0) {
                    last.insert(digest.to_vec(), Last { stored_ms: Some(row.int(1)), given_ms: None });
                }
            }
        }
        Ok(Self { table, last, again_after_ms })
    }

    /// Whether this phone number may have it now. Who has no phone number may.
    pub(super) fn is_due(&self, digest: Option<&Vec<u8>>, now_ms: i64) -> bool {
        let last = digest.and_then(|digest| self.last.get(digest)).copied().unwrap_or_default();
        last.given_ms.or(last.stored_ms).is_none_or(|last_ms| now_ms - last_ms >= self.again_after_ms)
    }

    /// This phone number gets it now.
    pub(super) fn give(&mut self, digest: Vec<u8>, now_ms: i64) {
        if self.again_after_ms > 0 {
            self.last.entry(digest).or_default().given_ms = Some(now_ms);
        }
    }

    /// Writes what was given. A phone number that another process put on record meanwhile is met as another writer, so
    /// that the batch is decided anew and it is not given twice.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached, or another writer was met.
    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        let (mut new, mut known) = (Vec::new(), Vec::new());
        for (digest, last) in self.last {
            if let Some(given_ms) = last.given_ms {
                let rows = if last.stored_ms.is_some() { &mut known } else { &mut new };
                rows.push(Row(vec![digest.into(), given_ms.into()]));
            }
        }
        tx.insert_many(self.table, new)?;
        tx.update_many(self.table, known)
    }
}
