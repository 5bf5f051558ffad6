//! The hash chain of a member's entries: each entry carries a hash over its own fields and the entry before it, and
//! the account carries the last one, so an edited, missing or swapped row is found by `verify`.

use sha2::{Digest as _, Sha256};

use super::entry::EntryRow;

/// A link of the chain.
pub(super) type Link = [u8; 32];

/// Where every chain starts.
pub(super) const START: Link = [0; 32];

/// The link of an entry after `before`.
pub(super) fn link(before: &Link, entry: &EntryRow) -> Link {
    let mut hasher = Sha256::new();
    hasher.update(before);
    for number in [entry.position, entry.member_id, entry.sequence, entry.amount, entry.balance_after, entry.at_ms] {
        hasher.update(number.to_le_bytes());
    }
    let reference = entry.reference.as_ref();
    let texts = [
        entry.kind.name(),
        &entry.lots,
        reference.map_or("", |reference| &reference.kind),
        reference.map_or("", |reference| &reference.id),
        entry.reason.as_deref().unwrap_or(""),
    ];
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().into()
}
