//! What can happen next, and what it may not do.

use domain::coupon::{self, CouponStatus, RedeemCoupon};
use domain::member::{
    self, Confirmation, Event, Follower, WithdrawalStep, confirm_withdrawal, decide_withdrawal, release_withdrawal,
    request_withdrawal,
};
use domain::point::{self, UsePoints};

use crate::world::{BOTH, Heard, Mode, POINTS, Sender, USED, Without, World, bit, place, today};

/// One step of somebody.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// A request is noted: a commit of member.
    Request(usize),
    /// Its driver looks whether there is something to drive, and asks both.
    Ask(usize),
    /// A question about this attempt arrives: a commit of point or coupon, and an answer.
    Arrive(Follower, i64),
    /// A yes arrives at the driver.
    Hear(usize, Follower),
    /// Nothing arrived in time, or a no.
    Miss(usize, Follower),
    /// The driver decides or releases: a commit of member.
    End(usize),
    /// The driver looks how it stands, and tells its sender.
    Tell(usize),
    /// The driver is gone: the program died, and with it whoever waited.
    Die(usize),
    /// The sweeper undoes what is being prepared: a commit of member.
    Sweep,
    /// The next event is followed: a commit of point or coupon.
    Follow(Follower),
    /// An event is followed again.
    FollowAgain(Follower, usize),
    /// Member hears, once more perhaps, that one has closed what it keeps.
    Confirm(Follower),
    /// The member uses points.
    Use,
    /// The member redeems a coupon.
    Redeem,
}

/// Everything that can happen next.
pub fn enabled(world: &World, actions: &mut Vec<Action>) {
    for (index, sender) in world.senders.iter().enumerate() {
        match sender {
            Sender::Away if world.requests < world.bounds.requests => actions.push(Action::Request(index)),
            Sender::Away => {}
            Sender::Requested(_) => actions.extend([Action::Ask(index), Action::Die(index)]),
            Sender::Asking { attempt, heard } => {
                for who in BOTH.into_iter().filter(|who| heard[place(*who)] == Heard::Nothing) {
                    actions.push(Action::Miss(index, who));
                    if world.agreed[place(who)] & bit(*attempt) != 0 {
                        actions.push(Action::Hear(index, who));
                    }
                }
                if !heard.contains(&Heard::Nothing) {
                    actions.push(Action::End(index));
                }
                actions.push(Action::Die(index));
            }
            Sender::Looking(_) => actions.extend([Action::Tell(index), Action::Die(index)]),
        }
    }
    for who in BOTH {
        let attempts = (1..=world.bounds.attempts).filter(|attempt| world.asked & bit(*attempt) != 0);
        actions.extend(attempts.map(|attempt| Action::Arrive(who, attempt)));
        let followed = world.followed[place(who)];
        actions.extend((0..followed).map(|index| Action::FollowAgain(who, index)));
        if followed < world.log.len() {
            actions.push(Action::Follow(who));
        }
        if world.closings[place(who)] > 0 {
            actions.push(Action::Confirm(who));
        }
    }
    actions.push(Action::Sweep);
    if world.bounds.spends {
        actions.extend([Action::Use, Action::Redeem]);
    }
}

impl World {
    /// Takes one step; what is wrong with it, if anything is.
    pub fn take(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Request(sender) => self.request(sender),
            Action::Ask(sender) => self.ask(sender),
            Action::Arrive(who, attempt) => self.arrive(who, attempt),
            Action::Hear(sender, who) => self.hear(sender, who, Heard::Yes),
            Action::Miss(sender, who) => self.hear(sender, who, Heard::No),
            Action::End(sender) => self.end(sender)?,
            Action::Tell(sender) => self.tell(sender),
            Action::Die(sender) => self.senders[sender] = Sender::Away,
            Action::Sweep => self.sweep_event().iter().for_each(|event| self.record(event)),
            Action::Follow(who) => self.follow_next(who),
            Action::FollowAgain(who, index) => self.follow(who, index),
            Action::Confirm(who) => self.confirm(who),
            Action::Use => self.use_points()?,
            Action::Redeem => self.redeem()?,
        }
        Ok(())
    }

    fn request(&mut self, sender: usize) {
        let present = Some(&self.member).filter(|_| !self.is_gone());
        let last = self.withdrawal.as_ref();
        if last.is_some_and(|last| last.attempt == self.bounds.attempts && last.step == WithdrawalStep::Released) {
            return;
        }
        // Somebody who is gone cannot leave: that sender is told so and goes.
        let Ok(event) = request_withdrawal(present, last) else { return };
        if let Some(event) = event {
            self.record(&event);
        }
        self.requests += 1;
        self.senders[sender] = Sender::Requested(self.withdrawal.as_ref().map_or(0, |last| last.attempt));
    }

    fn ask(&mut self, sender: usize) {
        let Sender::Requested(attempt) = self.senders[sender] else { return };
        self.senders[sender] = match self.step() {
            Some(WithdrawalStep::Preparing) if self.mode == Mode::Deferred => {
                Sender::Asking { attempt, heard: [Heard::Yes; 2] }
            }
            Some(WithdrawalStep::Preparing) => {
                self.asked |= bit(attempt);
                Sender::Asking { attempt, heard: [Heard::Nothing; 2] }
            }
            _ => Sender::Looking(attempt),
        };
    }

    fn arrive(&mut self, who: Follower, attempt: i64) {
        let agreed = match who {
            Follower::Point => match point::prepare_withdrawal(&self.account, attempt) {
                Ok(event) => {
                    event.iter().for_each(|event| point::apply(&mut self.account, event));
                    true
                }
                Err(_) if self.without == Without::PrepareAttempts && !self.account.closed => {
                    point::apply(&mut self.account, &point::Event::WithdrawalPrepared { attempt });
                    true
                }
                Err(_) => false,
            },
            Follower::Coupon => match coupon::prepare_withdrawal(Some(&self.wallet), attempt) {
                Ok(event) => {
                    event.iter().for_each(|event| coupon::apply(&mut self.wallet, None, event));
                    true
                }
                Err(_) => false,
            },
        };
        if agreed {
            self.agreed[place(who)] |= bit(attempt);
        }
    }

    fn hear(&mut self, sender: usize, who: Follower, what: Heard) {
        if let Sender::Asking { heard, .. } = &mut self.senders[sender] {
            heard[place(who)] = what;
        }
    }

    fn end(&mut self, sender: usize) -> Result<(), String> {
        let Sender::Asking { attempt, heard } = self.senders[sender] else { return Ok(()) };
        let withdrawal = self.withdrawal.clone().ok_or("nobody asked")?;
        let agreed = match self.without {
            Without::OneAnswer => heard.contains(&Heard::Yes),
            _ => heard == [Heard::Yes; 2],
        };
        self.senders[sender] = Sender::Looking(attempt);
        if !agreed {
            if let Some(event) = release_withdrawal(&withdrawal, attempt) {
                self.record(&event);
            }
        } else if let Ok(event) = decide_withdrawal(&withdrawal, attempt) {
            let prepared = [self.account.closing, self.wallet.closing] == [Some(attempt); 2];
            if self.mode == Mode::Strict && !prepared {
                return Err("decided although one has not prepared".to_owned());
            }
            self.record(&event);
            self.senders[sender] = Sender::Away;
        }
        Ok(())
    }

    fn tell(&mut self, sender: usize) {
        let Sender::Looking(attempt) = self.senders[sender] else { return };
        if !self.is_gone() {
            self.refused |= bit(attempt);
        }
        self.senders[sender] = Sender::Away;
    }

    /// What the sweeper would do now.
    pub fn sweep_event(&self) -> Option<Event> {
        let withdrawal = self.withdrawal.as_ref()?;
        let member::Withdrawal { member_id, attempt, step, .. } = *withdrawal;
        match self.without {
            Without::Sweeper => None,
            Without::PointOfNoReturn if step == WithdrawalStep::Withdrawing => {
                Some(Event::WithdrawalReleased { member_id, attempt })
            }
            _ => release_withdrawal(withdrawal, attempt),
        }
    }

    /// What member would do if it heard, once more perhaps, that one has closed what it keeps.
    pub fn confirm_event(&self, who: Follower) -> Option<Event> {
        let confirmation = match who {
            Follower::Point => Confirmation::Point { forfeited_point: self.forfeited },
            Follower::Coupon => Confirmation::Coupon,
        };
        let withdrawal = self.withdrawal.as_ref().filter(|_| self.closings[place(who)] > 0)?;
        confirm_withdrawal(withdrawal, confirmation)
    }

    fn confirm(&mut self, who: Follower) {
        if let Some(event) = self.confirm_event(who) {
            self.record(&event);
            if self.without == Without::SecondConfirmation
                && let Event::WithdrawalConfirmed { member_id, attempt, .. } = event
            {
                let forfeited_point = self.forfeited;
                self.record(&Event::WithdrawalCompleted { member_id, attempt, forfeited_point });
            }
        }
    }

    fn use_points(&mut self) -> Result<(), String> {
        let cmd = UsePoints { amount: USED, reference: None, reason: None };
        if self.used == 0
            && let Ok(event) = point::use_points(&self.account, &cmd)
        {
            point::apply(&mut self.account, &event);
            self.used = USED;
            return self.must_be_here("used points");
        }
        Ok(())
    }

    fn redeem(&mut self) -> Result<(), String> {
        let cmd = RedeemCoupon { member_id: None, code: String::new(), today: today() };
        if let Ok(events) = coupon::redeem_coupon(Some(&self.wallet), &self.coupons[0], &cmd) {
            events.iter().for_each(|event| coupon::apply(&mut self.wallet, Some(&mut self.coupons[0]), event));
            return self.must_be_here("redeemed a coupon");
        }
        Ok(())
    }

    /// With `strict`, whoever is gone can no longer do anything from the decision on.
    fn must_be_here(&self, what: &str) -> Result<(), String> {
        if self.mode == Mode::Strict && self.is_gone() { Err(format!("{what} although gone")) } else { Ok(()) }
    }

    /// What is true at every moment.
    pub fn must_be_legal(&self) -> Result<(), String> {
        let account = &self.account;
        let claims = [
            (account.remain_point + self.used + self.forfeited == POINTS, "points came or went"),
            (self.is_gone() || !(account.closed || self.wallet.closed), "here, but closed: gone and not gone"),
            (self.closings.iter().all(|closings| *closings <= 1), "closed twice"),
            (
                self.step() != Some(WithdrawalStep::Done) || (account.closed && self.wallet.closed),
                "done, but not all followed",
            ),
            (
                !self.is_gone() || self.withdrawal.as_ref().is_none_or(|last| self.refused & bit(last.attempt) == 0),
                "gone, but a sender was told that nothing has changed",
            ),
        ];
        claims.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err((*wrong).to_owned()))
    }

    /// What is true when everything has come to rest: here with everything, or gone with everything.
    pub fn must_have_ended(&self) -> Result<(), String> {
        let status = |index: usize| self.coupons[index].status;
        let first_is_kept = status(0) == CouponStatus::Redeemed;
        if self.is_gone() {
            let withdrawal = self.withdrawal.as_ref().ok_or("gone without a withdrawal")?;
            let told = withdrawal.forfeited_point == Some(self.forfeited) && withdrawal.coupons_cancelled;
            let lost = self.forfeited == POINTS - self.used && self.account.remain_point == 0;
            let cancelled =
                status(1) == CouponStatus::Cancelled && (first_is_kept || status(0) == CouponStatus::Cancelled);
            let closed = self.account.closed && self.wallet.closed && self.wallet.issued == 0;
            let done = withdrawal.step == WithdrawalStep::Done && withdrawal.waits_for().is_empty();
            return if done && told && lost && cancelled && closed {
                Ok(())
            } else {
                Err("gone, but not with everything".to_owned())
            };
        }
        let ended = self.step().is_none_or(|step| step == WithdrawalStep::Released);
        let free = self.account.closing.is_none() && self.wallet.closing.is_none();
        let kept = self.forfeited == 0
            && status(1) == CouponStatus::Issued
            && (first_is_kept || status(0) == CouponStatus::Issued);
        match (ended, free && kept) {
            (false, _) => Err("not ended".to_owned()),
            (_, false) => Err("here, but not with everything, or still locked".to_owned()),
            _ => Ok(()),
        }
    }
}
