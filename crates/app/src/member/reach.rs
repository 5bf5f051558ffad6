//! Reaching a member: contact data changes, and the message to the phone decides whether the member is NORMAL.

use std::collections::HashMap;

use domain::member::{self, Event, RecordDelivery, Rejection};
use platform::db::{Row, Session, Value};
use platform::error::Result;
use platform::funnel::Out;

use super::contacts::{ContactChange, Kept};
use super::refusal;
use super::store::{Loaded, Slot, WELCOME};
use super::writer::{Answer, Command, MemberWriter};

impl MemberWriter {
    /// When the phone numbers of these members were welcomed, by digest.
    pub(super) fn welcomes(
        &self,
        tx: &mut dyn Session,
        commands: &[&Command],
        slots: &HashMap<i64, Slot>,
    ) -> Result<HashMap<Vec<u8>, Option<i64>>> {
        if self.policy.again_after_ms == 0 {
            return Ok(HashMap::new());
        }
        let mut welcomed: HashMap<Vec<u8>, Option<i64>> = HashMap::new();
        for command in commands {
            if let Command::RecordDelivery { member_id, delivered: true, .. } = command
                && let Some(slot) = slots.get(member_id)
                && let Some(digest) = self.phone_digest(slot)?
            {
                welcomed.insert(digest, None);
            }
        }
        let keys: Vec<Value> = welcomed.keys().cloned().map(Value::Blob).collect();
        for row in tx.load_many(&WELCOME, &keys)? {
            if let Some(digest) = row.blob(0) {
                welcomed.insert(digest.to_vec(), Some(row.int(1)));
            }
        }
        Ok(welcomed)
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
        // Whom no one welcomes, and what does not limit anything, is not looked into.
        let is_limited = delivered && self.policy.again_after_ms > 0;
        let digest = if is_limited { self.phone_digest(slot)? } else { None };
        let last = digest.as_ref().and_then(|digest| loaded.welcomed.get(digest).copied().flatten());
        let welcome_due = last.is_none_or(|last| out.moment.now_ms - last >= self.policy.again_after_ms);
        let Some(event) =
            member::record_delivery(&slot.member, &RecordDelivery { phone_revision, delivered, welcome_due })
        else {
            return Ok(Answer::Taken);
        };
        slot.record(&event, out)?;
        if let (Event::StatusChanged { welcome: true, .. }, Some(digest)) = (&event, digest) {
            loaded.newly_welcomed.push(Row(vec![digest.clone().into(), out.moment.now_ms.into()]));
            loaded.welcomed.insert(digest, Some(out.moment.now_ms));
        }
        Ok(Answer::Taken)
    }
}
