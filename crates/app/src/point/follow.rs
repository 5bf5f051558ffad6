//! Following a member: the account opens, takes the status over, is welcomed once, and ends with the membership.

use domain::member::MemberStatus;
use domain::point::{self, Account, Event, FollowMember, Rejection, WelcomeMember};
use platform::error::Result;
use platform::funnel::Out;

use super::chain;
use super::store::{Loaded, Slot};
use super::writer::{Answer, PointWriter};

impl PointWriter {
    pub(super) fn follow(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        follow: &FollowMember,
        welcome: bool,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let known = loaded.slots.get(&member_id).map(|slot| &slot.account);
        let event = match known {
            None => point::open_account(None, follow),
            Some(account) => point::follow_member(account, follow),
        };
        let Some(event) = event else { return Ok(Answer::Taken) };
        record_first(loaded, member_id, &event, out)?;
        if welcome && let Some(slot) = loaded.slots.get(&member_id) {
            let gift = WelcomeMember { amount: self.policy.welcome_point, expires: self.expiry(&out.moment) };
            // A balance that has no room for them gets none: one member's log must not stand still for it.
            if let Ok(Some(event)) = point::welcome_member(&slot.account, &gift) {
                loaded.record(member_id, &event, out)?;
            }
        }
        Ok(Answer::Taken)
    }

    pub(super) fn prepare(loaded: &mut Loaded, member_id: i64, attempt: i64, out: &mut Out<'_>) -> Result<Answer> {
        let Some(slot) = loaded.slots.get(&member_id) else {
            // It is about to open. A refusal of the rules, because point does answer: no breaker may open for it.
            return Ok(Answer::Prepared(Err(Rejection::AccountUnknown)));
        };
        let prepared = point::prepare_withdrawal(&slot.account, attempt);
        if let Ok(Some(event)) = &prepared {
            loaded.record(member_id, event, out)?;
        }
        let remain_point = loaded.slots.get(&member_id).map_or(0, |slot| slot.account.remain_point);
        Ok(Answer::Prepared(prepared.map(|_| remain_point)))
    }

    pub(super) fn end_withdrawal(
        loaded: &mut Loaded,
        member_id: i64,
        attempt: i64,
        confirmed: bool,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let steps: &[fn(&Account, i64) -> Option<Event>] = if confirmed {
            &[|account, _| point::forfeit_points(account), point::close_account]
        } else {
            &[point::release_withdrawal]
        };
        // Where the event of joining was dropped there is no account, and member waits for one that is closed.
        let never_followed = FollowMember { member_sequence: 0, status: MemberStatus::Ready };
        let known = loaded.slots.get(&member_id).map(|slot| &slot.account);
        if let Some(event) = point::open_account(known, &never_followed).filter(|_| confirmed) {
            record_first(loaded, member_id, &event, out)?;
        }
        if confirmed {
            for event in loaded.holds.open_of(member_id).iter().filter_map(point::drop_hold) {
                loaded.record(member_id, &event, out)?;
                loaded.expire_freed(member_id, out)?;
            }
        }
        let mut forfeited = 0;
        for step in steps {
            let Some(slot) = loaded.slots.get(&member_id) else { break };
            let Some(event) = step(&slot.account, attempt) else { continue };
            if let Event::PointsMoved(movement) = &event {
                forfeited = -movement.amount;
            }
            loaded.record_with(member_id, &event, forfeited, out)?;
        }
        Ok(Answer::Taken)
    }
}

/// Takes in what may be the first that happens to an account.
fn record_first(loaded: &mut Loaded, member_id: i64, event: &Event, out: &mut Out<'_>) -> Result<()> {
    loaded.slots.entry(member_id).or_insert_with(|| Slot {
        account: Account::new(member_id),
        head: chain::START,
        last_entry: 0,
        last_hold: 0,
        changed: false,
        is_new: true,
    });
    loaded.record(member_id, event, out).map(|_| ())
}
