//! One state of everything that takes part in a withdrawal, and what must be true of it.

use domain::coupon::{self, Coupon, CouponStatus, Wallet};
use domain::kernel::{Day, Month};
use domain::member::{
    Event, Follower, JoinCoupon, Member, MemberStatus, Withdrawal, WithdrawalStep, apply as apply_to_member,
};
use domain::point::{self, Account, EntryKind, FollowMember, WelcomeMember};

/// Points that the member has in the beginning.
pub const POINTS: i64 = 100;
/// Points that the member uses, once, if that is possible.
pub const USED: i64 = 10;

/// The day on which all of it happens.
pub fn today() -> Day {
    Day::new(2020, 7, 15)
}

const MEMBER: i64 = 7;

/// Whether leaving waits for point and coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Strict,
    Deferred,
}

/// How much of it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Who may be under way at the same time.
    pub senders: usize,
    /// Requests altogether.
    pub requests: u8,
    /// Attempts altogether.
    pub attempts: i64,
    /// Whether the member uses points and a coupon meanwhile.
    pub spends: bool,
}

/// A protection that is left out, to see that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// Decide, although only one has prepared.
    OneAnswer,
    /// Point prepares whatever attempt it is asked for.
    PrepareAttempts,
    /// Coupon releases whatever attempt it has prepared.
    ReleaseAttempts,
    /// Done with the first confirmation.
    SecondConfirmation,
    /// The sweeper also releases what is decided.
    PointOfNoReturn,
    /// Nobody releases what a dead driver left.
    Sweeper,
}

/// What a driver has heard of one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    Nothing,
    Yes,
    /// A no, a failure, or nothing for too long.
    No,
}

/// Somebody's request to leave, and the task that drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// Nothing is under way.
    Away,
    /// The request is noted under this attempt.
    Requested(i64),
    /// Both are asked.
    Asking { attempt: i64, heard: [Heard; 2] },
    /// It was not this sender that decided: looks how the withdrawal stands.
    Looking(i64),
}

/// Everything that is durable, every message that was ever sent, and every driver.
#[derive(Clone)]
pub struct World {
    pub mode: Mode,
    pub bounds: Bounds,
    pub without: Without,
    pub member: Member,
    pub withdrawal: Option<Withdrawal>,
    /// What point and coupon follow; other events of member mean nothing to them.
    pub log: Vec<Event>,
    /// How far each has followed the log.
    pub followed: [usize; 2],
    pub account: Account,
    pub forfeited: i64,
    pub used: i64,
    pub wallet: Wallet,
    pub coupons: [Coupon; 2],
    /// How often each has told that it closed what it keeps of the member.
    pub closings: [u8; 2],
    pub senders: Vec<Sender>,
    pub requests: u8,
    /// Attempts for which both were asked, as bits. A question that was ever sent may arrive at any time, any number of
    /// times: that is how one is lost, late or doubled.
    pub asked: u8,
    /// Attempts for which each has ever answered yes, as bits; an answer may arrive likewise.
    pub agreed: [u8; 2],
    /// Attempts of which a sender was told that nothing has changed (503), as bits.
    pub refused: u8,
}

pub const BOTH: [Follower; 2] = [Follower::Point, Follower::Coupon];

pub fn bit(attempt: i64) -> u8 {
    1 << attempt
}

pub fn place(who: Follower) -> usize {
    usize::from(who == Follower::Coupon)
}

impl World {
    /// A NORMAL member with points and two coupons, nobody leaving.
    pub fn new(mode: Mode, bounds: Bounds, without: Without) -> Self {
        let member = Member {
            member_id: MEMBER,
            status: MemberStatus::Normal,
            phone_revision: 1,
            join_coupon: JoinCoupon::Issued,
            operator_told: true,
            sequence: 2,
        };
        let coupon = |coupon_id| Coupon {
            coupon_id,
            member_id: Some(MEMBER),
            campaign_id: None,
            status: CouponStatus::Issued,
            start_date: today(),
            end_date: today(),
        };
        let mut world = Self {
            mode,
            bounds,
            without,
            member,
            withdrawal: None,
            log: vec![
                Event::MemberJoined { member_id: MEMBER, phone_revision: 1, coupon: true },
                Event::StatusChanged { member_id: MEMBER, status: MemberStatus::Normal, welcome: true },
            ],
            followed: [0, 0],
            account: Account::new(MEMBER),
            forfeited: 0,
            used: 0,
            wallet: Wallet { issued: 2, ..Wallet::new(MEMBER) },
            coupons: [coupon(1), coupon(2)],
            closings: [0, 0],
            senders: vec![Sender::Away; bounds.senders],
            requests: 0,
            asked: 0,
            agreed: [0, 0],
            refused: 0,
        };
        for _ in 0..world.log.len() {
            world.follow_next(Follower::Point);
            world.follow_next(Follower::Coupon);
        }
        assert_eq!(world.account.remain_point, POINTS);
        world
    }

    pub fn is_gone(&self) -> bool {
        self.step().is_some_and(|step| matches!(step, WithdrawalStep::Withdrawing | WithdrawalStep::Done))
    }

    pub fn step(&self) -> Option<WithdrawalStep> {
        self.withdrawal.as_ref().map(|withdrawal| withdrawal.step)
    }

    /// One commit of member.
    pub fn record(&mut self, event: &Event) {
        apply_to_member(&mut self.member, &mut self.withdrawal, event);
        if matches!(event, Event::WithdrawalReleased { .. } | Event::MemberWithdrawn { .. }) {
            self.log.push(event.clone());
        }
    }

    /// The next event of member's log is taken in, which nobody had seen.
    pub fn follow_next(&mut self, who: Follower) {
        let next = self.followed[place(who)];
        self.followed[place(who)] = next + 1;
        self.follow(who, next);
    }

    /// An event of member's log is taken in, for the first time or again.
    pub fn follow(&mut self, who: Follower, index: usize) {
        let event = self.log[index].clone();
        match who {
            Follower::Point => self.point_follows(&event, index),
            Follower::Coupon => self.coupon_follows(&event),
        }
    }

    fn point_follows(&mut self, event: &Event, index: usize) {
        let member_sequence = i64::try_from(index).expect("a short log") + 1;
        let account = &mut self.account;
        match *event {
            Event::StatusChanged { status, .. } => {
                let follow = point::follow_member(account, &FollowMember { member_sequence, status });
                if let Some(event) = follow {
                    point::apply(account, &event);
                }
                let gift = WelcomeMember { amount: POINTS, expires: Month::new(2025, 7) };
                if let Ok(Some(event)) = point::welcome_member(account, &gift) {
                    point::apply(account, &event);
                }
            }
            Event::WithdrawalReleased { attempt, .. } => {
                if let Some(event) = point::release_withdrawal(account, attempt) {
                    point::apply(account, &event);
                }
            }
            Event::MemberWithdrawn { attempt, .. } => {
                if let Some(event) = point::forfeit_points(account) {
                    if let point::Event::PointsMoved(movement) = &event {
                        assert_eq!(movement.kind, EntryKind::Forfeit);
                        self.forfeited -= movement.amount;
                    }
                    point::apply(account, &event);
                }
                if let Some(event) = point::close_account(account, attempt) {
                    point::apply(account, &event);
                    self.closings[0] += 1;
                }
            }
            _ => assert!(
                point::open_account(Some(account), &FollowMember { member_sequence, status: MemberStatus::Ready })
                    .is_none()
            ),
        }
    }

    fn coupon_follows(&mut self, event: &Event) {
        let wallet = &mut self.wallet;
        match *event {
            Event::MemberJoined { member_id, .. } => assert_eq!(coupon::open_wallet(Some(wallet), member_id), None),
            Event::WithdrawalReleased { attempt, .. } => {
                if self.without == Without::ReleaseAttempts && !wallet.closed {
                    wallet.closing = None;
                    wallet.ended_attempt = wallet.ended_attempt.max(attempt);
                } else if let Some(event) = coupon::release_withdrawal(wallet, attempt) {
                    coupon::apply(wallet, None, &event);
                }
            }
            Event::MemberWithdrawn { attempt, .. } => {
                if let Some(event) = coupon::close_wallet(wallet, attempt) {
                    coupon::apply(wallet, None, &event);
                    self.coupons.iter_mut().for_each(coupon::lose);
                    self.closings[1] += 1;
                }
            }
            _ => {}
        }
    }

    /// Everything that can tell two states apart, in few bits. What follows from the rest is left out: sequences, lots,
    /// the log, which the attempt and its step say all of.
    pub fn key(&self) -> u128 {
        let mut bits = Bits(0);
        let attempt = |attempt: Option<i64>| u128::from(attempt.unwrap_or_default().unsigned_abs());
        let withdrawal = self.withdrawal.as_ref();
        bits.put(2, attempt(withdrawal.map(|withdrawal| withdrawal.attempt)));
        bits.put(3, self.step().map_or(0, |step| step as u128 + 1));
        bits.put(1, withdrawal.is_some_and(|withdrawal| withdrawal.forfeited_point.is_some()).into());
        bits.put(1, withdrawal.is_some_and(|withdrawal| withdrawal.coupons_cancelled).into());
        for follower in 0..2 {
            bits.put(3, self.followed[follower] as u128);
            bits.put(2, self.closings[follower].into());
            bits.put(4, self.agreed[follower].into());
        }
        for (closing, ended, closed) in [
            (self.account.closing, self.account.ended_attempt, self.account.closed),
            (self.wallet.closing, self.wallet.ended_attempt, self.wallet.closed),
        ] {
            bits.put(2, attempt(closing));
            bits.put(2, attempt(Some(ended)));
            bits.put(1, closed.into());
        }
        bits.put(1, (self.used > 0).into());
        bits.put(2, self.coupons[0].status as u128);
        bits.put(2, self.coupons[1].status as u128);
        let mut senders = self.senders.clone();
        // It does not matter who of them is who.
        senders.sort_unstable();
        for sender in senders {
            let (kind, of, heard) = match sender {
                Sender::Away => (0, 0, [Heard::Nothing; 2]),
                Sender::Requested(attempt) => (1, attempt, [Heard::Nothing; 2]),
                Sender::Asking { attempt, heard } => (2, attempt, heard),
                Sender::Looking(attempt) => (3, attempt, [Heard::Nothing; 2]),
            };
            bits.put(2, kind);
            bits.put(2, attempt(Some(of)));
            heard.iter().for_each(|heard| bits.put(2, *heard as u128));
        }
        bits.put(2, self.requests.into());
        bits.put(4, self.asked.into());
        bits.put(4, self.refused.into());
        bits.0
    }

    /// Whether nothing is left that has to happen by itself: every driver is through or dead, the sweeper has had its
    /// turn, and every log was read to its end. Messages may still be on their way.
    pub fn rests(&self) -> bool {
        let swept = self.sweep_event().is_none();
        let confirmed = BOTH.iter().all(|who| self.confirm_event(*who).is_none());
        let read = self.followed.iter().all(|followed| *followed == self.log.len());
        swept && confirmed && read && self.senders.iter().all(|sender| *sender == Sender::Away)
    }
}

struct Bits(u128);

impl Bits {
    fn put(&mut self, width: u32, value: u128) {
        assert!(value < 1 << width && self.0.leading_zeros() >= width, "the state does not fit");
        self.0 = self.0 << width | value;
    }
}
