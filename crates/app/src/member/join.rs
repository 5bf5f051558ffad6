//! Joining: a number that was never used, and contact data that nobody else sees.

use std::collections::{HashSet, VecDeque};

use domain::member;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::contacts::{Contacts, Kept};
use super::digests::Digests;
use super::refusal;
use super::store::{JOIN_COUPON, Loaded, MEMBER, Slot};
use super::writer::{Answer, Command, MemberWriter};
use crate::kit::free_numbers;

impl MemberWriter {
    /// Numbers for members who did not choose one: from the counter, leaving out those that were chosen before.
    pub(super) fn free_numbers(tx: &mut dyn Session, commands: &[&Command]) -> Result<VecDeque<i64>> {
        let wanted = commands.iter().filter(|command| matches!(command, Command::Join { member_id: None, .. })).count();
        let chosen: HashSet<i64> = commands.iter().filter_map(|command| command.member_id()).collect();
        free_numbers(tx, ("member_number", &MEMBER), wanted, &chosen)
    }

    /// When these phone numbers last had a join coupon, or came to a member who had joined without them.
    pub(super) fn coupons_given(&self, tx: &mut dyn Session, commands: &[&Command]) -> Result<Digests> {
        let new = commands.iter().filter_map(|command| match command {
            Command::Join { contacts, .. } | Command::ChangeContacts { change: contacts, .. } => {
                contacts.phone_digest(&self.policy.secret)
            }
            _ => None,
        });
        Digests::load(tx, &JOIN_COUPON, self.policy.again_after_ms, new)
    }

    /// Takes a new member in.
    pub(super) fn join(
        &self,
        loaded: &mut Loaded,
        chosen: Option<i64>,
        contacts: &Contacts,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let member_id = match chosen {
            Some(member_id) => member_id,
            None => loaded
                .free_numbers
                .pop_front()
                .ok_or_else(|| Error::internal("too few member numbers were reserved"))?,
        };
        let joined_at_ms = out.moment.now_ms;
        let digest = contacts.phone_digest(&self.policy.secret);
        let coupon_due = loaded.coupons_given.is_due(digest.as_ref(), joined_at_ms);
        let event = member::join(loaded.slots.contains_key(&member_id), member_id, coupon_due).map_err(refusal)?;
        if coupon_due && let Some(digest) = digest {
            loaded.coupons_given.give(digest, joined_at_ms);
        }
        let mut slot = Slot::new(member_id, Kept::Open(contacts.clone()), joined_at_ms);
        slot.record(&event, out)?;
        loaded.slots.insert(member_id, slot);
        Ok(Answer::Joined { member_id, joined_at_ms, contacts: contacts.clone() })
    }
}
