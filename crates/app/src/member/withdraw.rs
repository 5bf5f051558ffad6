//! Withdrawal: prepare, decide, confirm (SPEC section 4). Only member decides.
//!
//! Point and coupon are asked to prepare at the same time, synchronously and reversibly. The decision is one commit here,
//! which also erases the personal data; from its event point forfeits and closes the account and coupon cancels and
//! closes the wallet, and when the events of both have come the withdrawal is done. So a confirm cannot be lost, and
//! only the prepare depends on others answering now.

use std::sync::Arc;
use std::time::Duration;

use domain::member::WithdrawalStep;
use platform::error::{Error, ErrorKind, Result};
use platform::funnel::KeyStamp;
use platform::guard::Guard;
use platform::trace::spawn;
use tokio::time::Instant;

use super::writer::{Answer, Command};
use super::{CouponQuestions, Members, PointQuestions, unexpected};

/// A withdrawal answers within this, done or not.
const ANSWER_TIME: Duration = Duration::from_millis(650);
/// By then point and coupon have to have answered, so that what follows a decision fits into the rest.
const PREPARED_BY: Duration = Duration::from_millis(605);
/// How often the sender's task looks whether everything has followed. Looking works the same when another process
/// does the following.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// A preparing withdrawal that is older than this has lost its driver, which would have given up by then.
pub(super) const ABANDONED_MS: i64 = 1_500;

/// Whether leaving waits for point and coupon (SPEC section 5, `withdrawal.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithdrawalMode {
    /// Both have to prepare first (seeds 0 and 2).
    Strict,
    /// Decided at once, the rest follows (seed 1).
    Deferred,
}

/// What became of a request to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// Everything is done.
    Done,
    /// Decided; what remains follows by itself.
    Following,
}

impl Members {
    /// Lets a member go.
    ///
    /// # Errors
    /// 404 when there is no such member; `Unavailable` when point or coupon cannot let the member go now, and nothing
    /// changed; `member.withdrawal_unclear` when the store broke off and does not say whether it was decided.
    pub async fn withdraw(self: &Arc<Self>, member_id: i64, stamp: Option<KeyStamp>) -> Result<Withdrawn> {
        let this = Arc::clone(self);
        // A task of its own: a client that hangs up must not leave the saga half way for the sweeper.
        let driven = spawn(async move { this.drive_withdrawal(member_id, stamp).await });
        driven.await.map_err(|error| Error::internal("a withdrawal broke off").caused_by(error))?
    }

    async fn drive_withdrawal(&self, member_id: i64, stamp: Option<KeyStamp>) -> Result<Withdrawn> {
        let started = Instant::now();
        let deadline = started + ANSWER_TIME;
        self.refuse_while_one_fails(member_id).await?;
        self.funnel.ask(Command::RequestWithdrawal { member_id }, stamp).await?;
        // Of a repeated key the funnel recalls the attempt that it began; another one may be under way by now.
        let attempt = match self.standing(member_id).await? {
            Some((attempt, WithdrawalStep::Preparing)) => attempt,
            Some((_, WithdrawalStep::Withdrawing | WithdrawalStep::Done)) => {
                return self.wait_until_done(member_id, deadline).await;
            }
            // The key is of an attempt that came to nothing: this is a new one.
            _ => match self.funnel.ask(Command::RequestWithdrawal { member_id }, None).await? {
                Answer::Withdrawal { attempt } => attempt,
                _ => return Err(unexpected()),
            },
        };
        if self.mode == WithdrawalMode::Strict
            && let Err(Unprepared { error, reason }) = self.prepare(member_id, attempt, started + PREPARED_BY).await
        {
            // They also refuse what is closed because another sender's request was decided first.
            return match self.undo(member_id, attempt, reason).await? {
                Undone::Released => Err(error),
                Undone::Decided => self.wait_until_done(member_id, deadline).await,
            };
        }
        match self.funnel.ask(Command::DecideWithdrawal { member_id, attempt }, None).await {
            Ok(_) if self.mode == WithdrawalMode::Deferred => Ok(Withdrawn::Done),
            Ok(_) => self.wait_until_done(member_id, deadline).await,
            // Someone else who asked for the same withdrawal decided or released it first, or the store broke off and
            // may have decided it.
            Err(error) => match self.undo(member_id, attempt, error.code.to_string()).await? {
                Undone::Released => Err(cannot_leave_now().caused_by(error)),
                Undone::Decided => self.wait_until_done(member_id, deadline).await,
            },
        }
    }

    /// Releases an attempt, and looks how it ended. A release waits for a decision that is still on its way, and after
    /// one it changes nothing.
    ///
    /// # Errors
    /// `member.withdrawal_unclear` when it cannot be released and is not known to be decided.
    async fn undo(&self, member_id: i64, attempt: i64, reason: String) -> Result<Undone> {
        let released = self.funnel.ask(Command::ReleaseWithdrawal { member_id, attempt, reason }, None).await;
        match (self.standing(member_id).await, released) {
            (Ok(Some((_, WithdrawalStep::Withdrawing | WithdrawalStep::Done))), _) => Ok(Undone::Decided),
            (Ok(_), Ok(_)) => Ok(Undone::Released),
            (Err(error), _) | (Ok(_), Err(error)) => Err(unclear(member_id).caused_by(error)),
        }
    }

    /// A withdrawal that would only be undone again is not begun. One that is under way or over goes on.
    async fn refuse_while_one_fails(&self, member_id: i64) -> Result<()> {
        if self.mode == WithdrawalMode::Deferred {
            return Ok(());
        }
        let [point, coupon] = self.guards().map(Guard::must_not_be_failing);
        let Err(failing) = point.and(coupon) else { return Ok(()) };
        match self.standing(member_id).await? {
            None | Some((_, WithdrawalStep::Released)) => self.member(member_id).await.and(Err(failing)),
            Some(_) => Ok(()),
        }
    }

    /// Asks both at the same time, so that the slower one alone makes out how long it takes. Whoever fails, the other's
    /// answer is waited for as well: its guard learns how it stands, and the reason names both.
    async fn prepare(&self, member_id: i64, attempt: i64, latest: Instant) -> Result<(), Unprepared> {
        let point = self.point.prepare(member_id, attempt, latest);
        let coupon = self.coupon.prepare(member_id, attempt, latest);
        match tokio::join!(point, coupon) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(one), Ok(())) | (Ok(()), Err(one)) => Err(one),
            (Err(point), Err(coupon)) => {
                let reason = format!("{}, {}", point.reason, coupon.reason);
                Err(Unprepared { error: point.error, reason })
            }
        }
    }

    /// Waits for what follows a decision. A look that fails sees nothing; it does not take the decision back.
    async fn wait_until_done(&self, member_id: i64, deadline: Instant) -> Result<Withdrawn> {
        let done = async {
            while !matches!(self.standing(member_id).await, Ok(Some((_, WithdrawalStep::Done)))) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // A look may take long itself. It only reads, so it may be given up.
        Ok(tokio::time::timeout_at(deadline, done).await.map_or(Withdrawn::Following, |()| Withdrawn::Done))
    }

    /// The last attempt and how far it is.
    async fn standing(&self, member_id: i64) -> Result<Option<(i64, WithdrawalStep)>> {
        let row = self.database.get(&super::store::WITHDRAWAL, member_id).await?;
        Ok(row.and_then(|row| Some((row.int(1), WithdrawalStep::from_name(row.text(2))?))))
    }
}

/// How an attempt ended that was to be undone.
enum Undone {
    /// It was: nothing has changed.
    Released,
    /// It was decided before.
    Decided,
}

/// Why a withdrawal is undone: what the client is told, and what stands at the withdrawal, which names who it was.
struct Unprepared {
    error: Error,
    reason: String,
}

impl Unprepared {
    fn unheard(error: Error) -> Self {
        Self { reason: error.code.to_string(), error }
    }

    /// The attempt was released meanwhile, most likely by the sweeper, or account or wallet are about to open.
    fn refused(reason: String) -> Self {
        Self { error: cannot_leave_now(), reason }
    }
}

impl PointQuestions {
    async fn prepare(&self, member_id: i64, attempt: i64, latest: Instant) -> Result<(), Unprepared> {
        let question = || async {
            self.delay.pass().await;
            self.api.prepare_withdrawal(member_id, attempt).await
        };
        let prepared = self.guard.ask_until(latest, question).await.map_err(Unprepared::unheard)?;
        prepared.map(|_| ()).map_err(|no| Unprepared::refused(format!("point.{}", no.reason())))
    }
}

impl CouponQuestions {
    async fn prepare(&self, member_id: i64, attempt: i64, latest: Instant) -> Result<(), Unprepared> {
        let question = || self.api.prepare_withdrawal(member_id, attempt);
        let prepared = self.guard.ask_until(latest, question).await.map_err(Unprepared::unheard)?;
        prepared.map(|_| ()).map_err(|no| Unprepared::refused(format!("coupon.{}", no.reason())))
    }
}

fn cannot_leave_now() -> Error {
    let message = "the withdrawal could not be completed now and nothing was changed; repeat it in a moment";
    Error { retry_after_s: Some(1), ..Error::new(ErrorKind::Unavailable, "member.withdrawal_undone", message) }
}

fn unclear(member_id: i64) -> Error {
    let message = format!("it is not known whether the withdrawal was decided; look at /withdrawals/{member_id}");
    Error::unavailable("member.withdrawal_unclear", message)
}
