//! Leaving: the steps of a withdrawal, each one a command. `withdraw` drives them. And what others tell of a member who
//! is still here.

use domain::member::{self, Confirmation, Event, Member, Rejection, Withdrawal};
use platform::error::Result;
use platform::funnel::Out;

use super::refusal;
use super::store::Loaded;
use super::writer::{Answer, MemberWriter};

impl MemberWriter {
    pub(super) fn request_withdrawal(loaded: &mut Loaded, member_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let slot = loaded.slots.get_mut(&member_id).ok_or_else(|| refusal(Rejection::MemberUnknown))?;
        let event = member::request_withdrawal(slot.present(), slot.withdrawal.as_ref()).map_err(refusal)?;
        if let Some(event) = event {
            slot.record(&event, out)?;
        }
        Ok(Answer::Withdrawal { attempt: slot.withdrawal.as_ref().map_or(0, |withdrawal| withdrawal.attempt) })
    }

    /// A later step of a withdrawal; `None` from the rule means that it was taken before.
    pub(super) fn step(
        loaded: &mut Loaded,
        member_id: i64,
        out: &mut Out<'_>,
        rule: impl FnOnce(&Withdrawal) -> Result<Option<Event>, Rejection>,
    ) -> Result<Answer> {
        let slot = loaded.slots.get_mut(&member_id).ok_or_else(|| refusal(Rejection::MemberUnknown))?;
        let withdrawal = slot.withdrawal.as_ref().ok_or_else(|| refusal(Rejection::AttemptOver))?;
        if let Some(event) = rule(withdrawal).map_err(refusal)? {
            slot.record(&event, out)?;
        }
        Ok(Answer::Taken)
    }

    pub(super) fn release(
        loaded: &mut Loaded,
        member_id: i64,
        attempt: i64,
        reason: &str,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let mut released = false;
        let answer = Self::step(loaded, member_id, out, |withdrawal| {
            let event = member::release_withdrawal(withdrawal, attempt);
            released = event.is_some();
            Ok(event)
        })?;
        if released && let Some(slot) = loaded.slots.get_mut(&member_id) {
            slot.reason = Some(reason.to_owned());
        }
        Ok(answer)
    }

    /// Point or coupon has followed; of a withdrawal that nobody began there is nothing to note.
    pub(super) fn confirm(
        loaded: &mut Loaded,
        member_id: i64,
        confirmation: Confirmation,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        if loaded.slots.get(&member_id).is_none_or(|slot| slot.withdrawal.is_none()) {
            return Ok(Answer::Taken);
        }
        Self::step(loaded, member_id, out, |withdrawal| Ok(member::confirm_withdrawal(withdrawal, confirmation)))
    }

    /// What another context tells of a member; of one who is gone nothing is noted.
    pub(super) fn note(
        loaded: &mut Loaded,
        member_id: i64,
        out: &mut Out<'_>,
        rule: impl FnOnce(&Member) -> Option<Event>,
    ) -> Result<Answer> {
        if let Some(slot) = loaded.slots.get_mut(&member_id)
            && let Some(event) = slot.present().and_then(rule)
        {
            slot.record(&event, out)?;
        }
        Ok(Answer::Taken)
    }
}
