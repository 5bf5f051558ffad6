//! Reaching a member: contact data changes, and the message to the phone decides whether the member is NORMAL.

use std::collections::HashMap;

use domain::member::{self, Event, RecordDelivery, Rejection};
use platform::db::Session;
use platform::error::Result;
use platform::funnel::Out;

use super::contacts::{ContactChange, Kept};
use super::digests::Digests;
use super::refusal;
use super::store::{Loaded, Slot, WELCOME};
use super::writer::{Answer, Command, MemberWriter};

impl MemberWriter {
    /// When the phone numbers of these members were welcomed.
    pub(super) fn welcomes(
        &self,
        tx: &mut dyn Session,
        commands: &[&Command],
        slots: &HashMap<i64, Slot>,
    ) -> Result<Digests> {
        let mut reached = Vec::new();
        // What limits nothing is not looked into.
        if self.policy.again_after_ms > 0 {
            for command in commands {
                if let Command::RecordDelivery { member_id, delivered: true, .. } = command
                    && let Some(slot) = slots.get(member_id)
                {
                    reached.extend(self.phone_digest(slot)?);
                }
            }
        }
        Digests::load(tx, &WELCOME, self.policy.again_after_ms, reached.into_iter())
    }

    fn phone_digest(&self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        let contacts = slot.contacts.look(&self.policy.seal, slot.member.member_id)?;
        Ok(contacts.phone_digest(&self.policy.secret))
    }

    pub(super) fn change_contacts(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        change: &ContactChange,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded
            .slots
            .get_mut(&member_id)
            .filter(|slot| slot.present().is_some())
            .ok_or_else(|| refusal(Rejection::MemberUnknown))?;
        let mut contacts = slot.contacts.look(&self.policy.seal, member_id)?;
        let phone_changed = contacts.change(change);
        // A phone number that has come to a member is not a newcomer's: otherwise who joins without one, takes one and
        // joins with it again has two coupons.
        let now_ms = out.moment.now_ms;
        if phone_changed
            && let Some(digest) = contacts.phone_digest(&self.policy.secret)
            && loaded.coupons_given.is_due(Some(&digest), now_ms)
        {
            loaded.coupons_given.give(digest, now_ms);
        }
        slot.contacts = Kept::Open(contacts);
        let event = member::change_contacts(&slot.member, phone_changed);
        slot.record(&event, out)?;
        Ok(Answer::Taken)
    }

    pub(super) fn record_delivery(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        phone_revision: i64,
        delivered: bool,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let Some(slot) = loaded.slots.get_mut(&member_id).filter(|slot| slot.present().is_some()) else {
            return Ok(Answer::Taken);
        };
        let is_limited = delivered && self.policy.again_after_ms > 0;
        let digest = if is_limited { self.phone_digest(slot)? } else { None };
        let welcome_due = loaded.welcomed.is_due(digest.as_ref(), out.moment.now_ms);
        let Some(event) =
            member::record_delivery(&slot.member, &RecordDelivery { phone_revision, delivered, welcome_due })
        else {
            return Ok(Answer::Taken);
        };
        slot.record(&event, out)?;
        if let (Event::StatusChanged { welcome: true, .. }, Some(digest)) = (&event, digest) {
            loaded.welcomed.give(digest, out.moment.now_ms);
        }
        Ok(Answer::Taken)
    }
}
