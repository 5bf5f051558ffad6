//! Earning, using, adjusting and taking back points: one movement, one entry.

use domain::point::{self, AdjustPoints, ClawBack, EarnPoints, Event, UsePoints};
use platform::error::{Error, Result};
use platform::funnel::Out;

use super::entry::EntryView;
use super::refusal;
use super::store::Loaded;
use super::views::{Adjusted, ClawedBack};
use super::writer::{Answer, PointWriter, Transaction, TransactionKind};

impl PointWriter {
    pub(super) fn transact(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        kind: TransactionKind,
        transaction: &Transaction,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded.open_slot(member_id)?;
        let expires = self.expiry(&out.moment);
        let Transaction { amount, reference, reason } = transaction.clone();
        let event = match kind {
            TransactionKind::Earn => {
                point::earn_points(&slot.account, &EarnPoints { amount, expires, reference, reason })
            }
            TransactionKind::Use => point::use_points(&slot.account, &UsePoints { amount, reference, reason }),
            TransactionKind::Adjust => {
                point::adjust_points(&slot.account, &AdjustPoints { amount, expires, reference, reason })
                    .map(Event::PointsMoved)
            }
        };
        let event = event.map_err(|rejection| refusal(rejection, "/amount"))?;
        let entry = loaded.record(member_id, &event, out)?;
        entry
            .map(|entry| Answer::Entry(EntryView::of(&entry, &self.zone)))
            .ok_or_else(|| Error::internal("a movement left no entry"))
    }

    pub(super) fn request_adjustment(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        require_point: i64,
        reason: Option<&String>,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded.open_slot(member_id)?;
        let request = AdjustPoints {
            amount: require_point,
            expires: self.expiry(&out.moment),
            reference: None,
            reason: reason.cloned(),
        };
        let event = request.as_request(&slot.account).map_err(|rejection| refusal(rejection, "/requirePoint"))?;
        loaded.record(member_id, &event, out)?;
        let account = &loaded.open_slot(member_id)?.account;
        let reason =
            if let Event::AdjustmentRejected { reason, .. } = event { Some(reason.reason().to_owned()) } else { None };
        Ok(Answer::Adjusted(Adjusted::new(
            member_id,
            account.member_status,
            account.remain_point,
            require_point,
            reason,
        )))
    }

    pub(super) fn claw_back(
        loaded: &mut Loaded,
        member_id: i64,
        claw_back: &ClawBack,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let slot = loaded.open_slot(member_id)?;
        let events = point::claw_back(&slot.account, claw_back).map_err(|rejection| refusal(rejection, "/amount"))?;
        let mut answer = Err(Error::internal("points taken back left no event"));
        for event in events {
            if let Event::PointsClawedBack { taken_point, owed_point } = event {
                loaded.record(member_id, &event, out)?;
                let account = &loaded.open_slot(member_id)?.account;
                let (owed, remain_point) = (account.owed, account.remain_point);
                answer = Ok(ClawedBack { member_id, taken_point, owed_point, owed, remain_point });
            } else {
                // The answer is in the event; the key belongs there.
                out.aside(|out| loaded.record(member_id, &event, out))?;
            }
        }
        answer.map(Answer::ClawedBack)
    }
}
