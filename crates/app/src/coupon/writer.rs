//! Coupon's side of the funnel: what can be asked of it, and which verb decides it.

use domain::coupon::code::Pattern;
use domain::coupon::{self, Coupon, CouponStatus, Event, IssueCoupon, RedeemCoupon, Rejection};
use domain::kernel::Day;
use domain::point::Reference;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::{Moment, Out, Writer};
use platform::log;
use platform::zone::Zone;

use super::campaign::{self, CampaignAnswer, CampaignCommand};
use super::loaded::{Loaded, Touched};
use super::store::{Redemption, Stored};
use super::{code_unknown, codes, coupon_unknown, refusal};
use crate::kit::day_of;

/// The programme's settings that concern coupons (SPEC section 5).
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Months for which a join coupon is good; 0: there is none.
    pub join_months: i32,
}

/// What can be asked of coupon.
#[derive(Debug)]
pub enum Command {
    /// A member joined, and a join coupon is due or not.
    OpenWallet { member_id: i64, coupon: bool, joined_at_ms: i64 },
    /// A withdrawal begins.
    PrepareWithdrawal { member_id: i64, attempt: i64 },
    /// It was undone.
    ReleaseWithdrawal { member_id: i64, attempt: i64 },
    /// It was decided.
    ConfirmWithdrawal { member_id: i64, attempt: i64 },
    /// Somebody brings a code; `coupon_id` is the coupon that has it, if there is one.
    Redeem { coupon_id: Option<i64>, member_id: Option<i64>, reference: Option<Reference> },
    /// A redemption is undone.
    RollBack { coupon_id: i64 },
    /// The operator takes a coupon back.
    Cancel { coupon_id: i64 },
    /// What concerns campaigns, their codes, and the end of coupons.
    Campaign(CampaignCommand),
}

/// What coupon answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The coupon as it stands.
    Coupon(Box<Stored>),
    /// The redemption that this request made before: coupon, whose it was, when; more may have happened to it since.
    KnownRedemption { coupon_id: i64, member_id: i64, at_ms: i64 },
    /// The answer to a prepare: coupons that would be cancelled.
    Prepared(Result<i64, Rejection>),
    /// What concerns campaigns.
    Campaign(CampaignAnswer),
    /// Nothing to say.
    Taken,
}

/// Coupon's side of the funnel.
pub struct CouponWriter {
    policy: Policy,
    zone: Zone,
}

impl CouponWriter {
    pub(super) fn new(policy: Policy, zone: Zone) -> Self {
        Self { policy, zone }
    }

    fn open_wallet(
        &self,
        loaded: &mut Loaded,
        member_id: i64,
        joined_at_ms: Option<i64>,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let Some(event) = coupon::open_wallet(loaded.wallet(member_id), member_id) else { return Ok(Answer::Taken) };
        loaded.record(member_id, &event, out)?;
        if let Some(joined_at_ms) = joined_at_ms.filter(|_| self.policy.join_months > 0) {
            let joined = day_of(self.zone.day(joined_at_ms));
            let (start_date, end_date) = coupon::join_dates(joined, self.policy.join_months);
            let code = loaded.join_codes.pop_front().ok_or_else(too_few)?;
            let coupon_id = loaded.numbers.pop_front().ok_or_else(too_few)?;
            let status = CouponStatus::Issued;
            let fresh = Coupon { coupon_id, member_id: None, campaign_id: None, status, start_date, end_date };
            give(loaded, member_id, Stored::fresh(fresh, code), false, out)?;
        }
        Ok(Answer::Taken)
    }

    fn redeem(
        loaded: &mut Loaded,
        coupon_id: Option<i64>,
        member_id: Option<i64>,
        reference: Option<&Reference>,
        out: &mut Out<'_>,
    ) -> Result<Answer> {
        let coupon_id = coupon_id.ok_or_else(code_unknown)?;
        let stored = loaded.coupons.get(&coupon_id).ok_or_else(code_unknown)?;
        let cmd = RedeemCoupon { member_id, code: stored.code.to_string(), today: today(out) };
        let wallet = stored.coupon.member_id.or(member_id).and_then(|member_id| loaded.wallet(member_id));
        let events = coupon::redeem_coupon(wallet, &stored.coupon, &cmd).map_err(refusal)?;
        let redeemer = wallet.map_or(0, |wallet| wallet.member_id);
        campaign::must_be_within_limit(loaded, &stored.coupon, redeemer)?;
        if let (None, Some(campaign_id)) = (stored.coupon.member_id, stored.coupon.campaign_id) {
            loaded.campaigns.take(redeemer, campaign_id);
        }
        for event in &events {
            if matches!(event, Event::CouponRedeemed(_)) {
                loaded.record(redeemer, event, out)?;
            } else {
                // The answer is the redemption; the key belongs there.
                out.aside(|out| loaded.record(redeemer, event, out))?;
            }
        }
        let redemption = Redemption { at_ms: out.moment.now_ms, reference: reference.cloned() };
        loaded.change(coupon_id, |stored| stored.redemption = Some(redemption));
        answer(loaded, coupon_id)
    }

    fn roll_back(loaded: &mut Loaded, coupon_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let stored = loaded.coupons.get(&coupon_id).ok_or_else(coupon_unknown)?;
        let member_id = stored.coupon.member_id.unwrap_or_default();
        let event = coupon::roll_back_redemption(loaded.wallet(member_id), &stored.coupon).map_err(refusal)?;
        loaded.record(member_id, &event, out)?;
        loaded.change(coupon_id, |stored| stored.redemption = None);
        Ok(Answer::Taken)
    }

    fn cancel(loaded: &mut Loaded, coupon_id: i64, out: &mut Out<'_>) -> Result<Answer> {
        let stored = loaded.coupons.get(&coupon_id).ok_or_else(coupon_unknown)?;
        let member_id = stored.coupon.member_id;
        if let Some(event) = coupon::cancel_coupon(&stored.coupon, today(out)).map_err(refusal)? {
            match (member_id, &event) {
                (Some(member_id), _) => loaded.record(member_id, &event, out)?,
                (None, Event::CodeCancelled { campaign_id, .. }) => {
                    loaded.record_of_campaign(*campaign_id, &event, out)?;
                    loaded.change(coupon_id, |stored| stored.coupon.status = CouponStatus::Cancelled);
                }
                _ => return Err(Error::internal("a coupon of no member and no campaign is cancelled")),
            }
        }
        Ok(Answer::Taken)
    }

    fn prepare(loaded: &mut Loaded, member_id: i64, attempt: i64, out: &mut Out<'_>) -> Result<Answer> {
        let prepared = coupon::prepare_withdrawal(loaded.wallet(member_id), attempt);
        if let Ok(Some(event)) = &prepared {
            loaded.record(member_id, event, out)?;
        }
        let issued = loaded.wallet(member_id).map_or(0, |wallet| wallet.issued);
        Ok(Answer::Prepared(prepared.map(|_| issued)))
    }

    fn release(loaded: &mut Loaded, member_id: i64, attempt: i64, out: &mut Out<'_>) -> Result<Answer> {
        let wallet = loaded.wallet(member_id);
        if let Some(event) = wallet.and_then(|wallet| coupon::release_withdrawal(wallet, attempt)) {
            loaded.record(member_id, &event, out)?;
        }
        Ok(Answer::Taken)
    }

    /// What is over expires, what is left is lost, and the wallet closes. One that never opened, because the event of
    /// joining was dropped, opens and closes: member waits for that.
    fn close(loaded: &mut Loaded, member_id: i64, attempt: i64, out: &mut Out<'_>) -> Result<Answer> {
        if loaded.wallet(member_id).is_some_and(|wallet| wallet.closed) {
            return Ok(Answer::Taken);
        }
        if let Some(event) = coupon::open_wallet(loaded.wallet(member_id), member_id) {
            loaded.record(member_id, &event, out)?;
        }
        let (today, issued) = (today(out), loaded.issued_of(member_id));
        for coupon_id in &issued {
            let stored = loaded.coupons.get(coupon_id);
            if let Some(event) = stored.and_then(|stored| coupon::expire_coupon(&stored.coupon, today)) {
                loaded.record(member_id, &event, out)?;
            }
        }
        let wallet = loaded.wallet(member_id);
        if let Some(event) = wallet.and_then(|wallet| coupon::close_wallet(wallet, attempt)) {
            loaded.record(member_id, &event, out)?;
            for coupon_id in issued {
                let coupon = loaded.coupons.get(&coupon_id).map(|stored| &stored.coupon);
                let lost = coupon.filter(|coupon| coupon.status == CouponStatus::Issued);
                if let Some(campaign_id) = lost.and_then(|coupon| coupon.campaign_id) {
                    loaded.campaigns.lose(campaign_id)?;
                }
                loaded.change(coupon_id, |stored| coupon::lose(&mut stored.coupon));
            }
        }
        Ok(Answer::Taken)
    }
}

/// Gives a member a coupon that was just made, or that nobody had.
pub(super) fn give(
    loaded: &mut Loaded,
    member_id: i64,
    stored: Stored,
    from_stock: bool,
    out: &mut Out<'_>,
) -> Result<()> {
    let Coupon { coupon_id, campaign_id, start_date, end_date, .. } = stored.coupon;
    let code = stored.code.to_string();
    let gift = IssueCoupon { coupon_id, campaign_id, code, start_date, end_date, from_stock };
    let event = coupon::issue_coupon(loaded.wallet(member_id), &gift).map_err(refusal)?;
    if !from_stock {
        loaded.add(stored);
    }
    loaded.record(member_id, &event, out)
}

pub(super) fn today(out: &Out<'_>) -> Day {
    day_of(out.moment.day)
}

fn answer(loaded: &Loaded, coupon_id: i64) -> Result<Answer> {
    let stored = loaded.coupons.get(&coupon_id).ok_or_else(coupon_unknown)?;
    Ok(Answer::Coupon(Box::new(stored.clone())))
}

impl Writer for CouponWriter {
    type Command = Command;
    type Answer = Answer;
    type Loaded = Loaded;

    fn load(&mut self, tx: &mut dyn Session, commands: &[&Command], moment: &Moment) -> Result<Loaded> {
        let (mut touched, mut joined, mut of_campaigns) = (Touched::default(), Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::OpenWallet { member_id, coupon, .. } => {
                    touched.members.push(*member_id);
                    joined.extend(coupon.then_some(*member_id));
                }
                Command::PrepareWithdrawal { member_id, .. } | Command::ReleaseWithdrawal { member_id, .. } => {
                    touched.members.push(*member_id);
                }
                Command::ConfirmWithdrawal { member_id, .. } => touched.leaving.push(*member_id),
                Command::Redeem { coupon_id, member_id, .. } => {
                    touched.coupons.extend(coupon_id);
                    touched.members.extend(member_id);
                }
                Command::RollBack { coupon_id } | Command::Cancel { coupon_id } => touched.coupons.push(*coupon_id),
                Command::Campaign(command) => {
                    campaign::touch(command, &mut touched);
                    of_campaigns.push(command);
                }
            }
        }
        let mut loaded = Loaded::load(tx, touched, day_of(moment.day))?;
        joined.retain(|member_id| loaded.wallet(*member_id).is_none());
        if !joined.is_empty() && self.policy.join_months > 0 {
            loaded.numbers = tx.next_ids("coupon_number", joined.len())?.into();
            loaded.join_codes = codes::draw(tx, &Pattern::JOIN, joined.len())?.into();
        }
        campaign::supply(tx, &mut loaded, &of_campaigns, day_of(moment.day))?;
        Ok(loaded)
    }

    fn more_rows(&self, loaded: &Loaded) -> usize {
        loaded.more_rows
    }

    fn decide(&mut self, loaded: &mut Loaded, command: &Command, out: &mut Out<'_>) -> Result<Answer> {
        match command {
            Command::OpenWallet { member_id, coupon, joined_at_ms } => {
                self.open_wallet(loaded, *member_id, coupon.then_some(*joined_at_ms), out)
            }
            Command::PrepareWithdrawal { member_id, attempt } => Self::prepare(loaded, *member_id, *attempt, out),
            Command::ReleaseWithdrawal { member_id, attempt } => Self::release(loaded, *member_id, *attempt, out),
            Command::ConfirmWithdrawal { member_id, attempt } => Self::close(loaded, *member_id, *attempt, out),
            Command::Redeem { coupon_id, member_id, reference } => {
                Self::redeem(loaded, *coupon_id, *member_id, reference.as_ref(), out)
            }
            Command::RollBack { coupon_id } => Self::roll_back(loaded, *coupon_id, out),
            Command::Cancel { coupon_id } => Self::cancel(loaded, *coupon_id, out),
            Command::Campaign(command) => campaign::decide(loaded, command, out),
        }
    }

    fn store(&mut self, tx: &mut dyn Session, loaded: Loaded) -> Result<()> {
        loaded.store(tx)
    }

    fn recall(&self, command: &Command, event: &log::Event) -> Result<Answer> {
        match (command, event.kind.as_str()) {
            (Command::Campaign(command), _) => campaign::recall(command, event),
            (Command::Redeem { .. }, "CouponRedeemed") => match event.decode()? {
                Event::CouponRedeemed(facts) => Ok(Answer::KnownRedemption {
                    coupon_id: facts.coupon_id,
                    member_id: facts.member_id,
                    at_ms: event.at_ms,
                }),
                _ => Err(of_another()),
            },
            (Command::RollBack { .. }, "RedemptionRolledBack")
            | (Command::Cancel { .. }, "CouponCancelled" | "CodeCancelled" | "done") => Ok(Answer::Taken),
            _ => Err(of_another()),
        }
    }
}

pub(super) fn of_another() -> Error {
    Error::internal("a remembered answer belongs to another command")
}

pub(super) fn too_few() -> Error {
    Error::internal("too few numbers or codes were reserved")
}
