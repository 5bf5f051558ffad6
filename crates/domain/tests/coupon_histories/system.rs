//! The rules put together as the context puts them together: what it loads, in which order it asks, what it counts.

use std::collections::BTreeMap;

use domain::coupon::bulk::{BulkIssue, IssueStatus, apply_bulk, next_piece, request_bulk_issue};
use domain::coupon::campaign::{Campaign, ChangeCampaign, OpenCampaign, change_campaign, open_campaign};
use domain::coupon::claim::{Source, Taken, claim, may_have};
use domain::coupon::{
    Coupon, CouponStatus, Event, IssueCoupon, RedeemCoupon, Wallet, apply, cancel_coupon, close_wallet, expire_coupon,
    issue_coupon, lose, open_wallet, prepare_withdrawal, redeem_coupon, release_withdrawal, roll_back_redemption,
};
use domain::kernel::Day;

use super::steps::{CAMPAIGNS, Step, first_day, join_end, terms};

/// A protection that is left out, to show that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// What was cancelled makes room for another.
    LastingLimit,
    /// Who brings a code without a member is not asked how many there were.
    LimitOfStock,
    /// A bulk issue sets nothing aside.
    Promise,
    /// What is lost with a wallet is not counted.
    LostCounts,
    /// A redeemed coupon is not marked.
    Status,
}

pub struct System {
    without: Without,
    pub wallets: BTreeMap<i64, Wallet>,
    pub coupons: Vec<Coupon>,
    pub campaigns: BTreeMap<i64, Campaign>,
    issues: Vec<BulkIssue>,
    taken: BTreeMap<i64, Taken>,
    today: Day,
}

type Answer = Result<String, String>;

fn done() -> Answer {
    Ok("done".to_owned())
}

impl System {
    pub fn new(without: Without) -> Self {
        let campaign = |campaign_id| {
            let (start_date, end_date, quantity, per_member_limit) = terms(campaign_id);
            let (name, code_pattern) = ("C".to_owned(), "####-####-####".to_owned());
            let terms = OpenCampaign {
                campaign_id,
                name,
                code_pattern,
                quantity,
                per_member_limit,
                start_date,
                end_date,
                open: true,
            };
            (campaign_id, open_campaign(None, terms, first_day()).expect("a good campaign"))
        };
        Self {
            without,
            wallets: BTreeMap::new(),
            coupons: Vec::new(),
            campaigns: CAMPAIGNS.map(campaign).collect(),
            issues: Vec::new(),
            taken: BTreeMap::new(),
            today: first_day(),
        }
    }

    /// Takes a step; what is answered.
    pub fn take(&mut self, step: &Step) -> String {
        let answer = match *step {
            Step::Join(member, gets) => self.join(member, gets),
            Step::Claim(member, campaign) => self.claim(member, campaign),
            Step::Request(campaign, count) => self.request(campaign, count),
            Step::Piece(issue, most) => self.piece(issue, most),
            Step::Redeem(member, coupon) => self.redeem(member, coupon),
            Step::RollBack(coupon) => self.roll_back(coupon),
            Step::Cancel(coupon) => self.cancel(coupon),
            Step::Walk => self.walk(),
            Step::Days(days) => {
                (0..days).for_each(|_| self.today = self.today.next());
                done()
            }
            Step::Prepare(member, attempt) => self.prepare(member, attempt),
            Step::Release(member, attempt) => {
                let event = self.wallets.get(&member).and_then(|wallet| release_withdrawal(wallet, attempt));
                self.record(member, None, event.as_slice());
                done()
            }
            Step::Close(member, attempt) => self.close(member, attempt),
            Step::Open(campaign, open) => {
                self.change(campaign, &ChangeCampaign { open: Some(open), ..ChangeCampaign::default() })
            }
            Step::Quantity(campaign, quantity) => {
                self.change(campaign, &ChangeCampaign { quantity: Some(quantity), ..ChangeCampaign::default() })
            }
        };
        answer.unwrap_or_else(|refused| refused)
    }

    /// Takes events of a member in: wallet, coupon and campaign.
    fn record(&mut self, member: i64, at: Option<usize>, events: &[Event]) {
        for event in events {
            let wallet = self.wallets.entry(member).or_insert_with(|| Wallet::new(member));
            let coupon = at.and_then(|at| self.coupons.get_mut(at));
            apply(wallet, coupon, event);
            self.count(event);
        }
    }

    fn count(&mut self, event: &Event) {
        if let Some(campaign_id) = domain::coupon::campaign::campaign_of(event) {
            self.campaigns.get_mut(&campaign_id).expect("it was loaded").apply(event);
        }
        if let Event::CouponCancelled(facts) = event
            && self.without == Without::LastingLimit
            && let Some(taken) = self.taken.get_mut(&facts.member_id)
        {
            taken.0.iter_mut().filter(|(of, _)| Some(*of) == facts.campaign_id).for_each(|(_, count)| *count -= 1);
        }
    }

    fn join(&mut self, member: i64, gets: bool) -> Answer {
        let Some(opened) = open_wallet(self.wallets.get(&member), member) else { return Ok("known".to_owned()) };
        self.record(member, None, &[opened]);
        if gets {
            self.give(member, None, (first_day(), join_end()))?;
        }
        done()
    }

    /// A coupon with a code of its own.
    fn give(&mut self, member: i64, campaign_id: Option<i64>, (start_date, end_date): (Day, Day)) -> Answer {
        let coupon_id = self.coupons.len() as i64;
        let code = String::new();
        let gift = IssueCoupon { coupon_id, campaign_id, code, start_date, end_date, from_stock: false };
        let event = issue_coupon(self.wallets.get(&member), &gift).map_err(|no| no.reason().to_owned())?;
        let status = CouponStatus::Issued;
        self.coupons.push(Coupon { coupon_id, member_id: Some(member), campaign_id, status, start_date, end_date });
        self.record(member, Some(self.coupons.len() - 1), &[event]);
        done()
    }

    fn taken(&self, member: i64, campaign: i64) -> i64 {
        self.taken.get(&member).map_or(0, |taken| taken.of(campaign))
    }

    fn claim(&mut self, member: i64, campaign: i64) -> Answer {
        let known = self.campaigns.get(&campaign);
        let wallet = self.wallets.get(&member);
        let source =
            claim(known, wallet, self.taken(member, campaign), self.today).map_err(|no| no.reason().to_owned())?;
        let dates = known.map(|known| (known.start_date, known.end_date)).expect("it gives coupons");
        let free = |one: &Coupon| {
            one.campaign_id == Some(campaign) && one.member_id.is_none() && one.status == CouponStatus::Issued
        };
        match source {
            Source::Fresh => self.give(member, Some(campaign), dates)?,
            Source::Stock => {
                let at = self.coupons.iter().position(free).expect("the campaign counts one");
                let coupon_id = self.coupons[at].coupon_id;
                let (campaign_id, code) = (Some(campaign), String::new());
                let (start_date, end_date) = dates;
                let gift = IssueCoupon { coupon_id, campaign_id, code, start_date, end_date, from_stock: true };
                let event = issue_coupon(self.wallets.get(&member), &gift).map_err(|no| no.reason().to_owned())?;
                self.record(member, Some(at), &[event]);
                String::new()
            }
        };
        self.taken.entry(member).or_default().add(campaign);
        Ok(if source == Source::Stock { "stock" } else { "fresh" }.to_owned())
    }

    fn request(&mut self, campaign: i64, count: i64) -> Answer {
        let issue_id = self.issues.len() as i64;
        let known = self.campaigns.get(&campaign);
        let event =
            request_bulk_issue(known, issue_id, count, self.today).map_err(|refused| refused.reason().to_owned())?;
        let mut issue = None;
        let known = self.campaigns.get_mut(&campaign).expect("it was asked");
        apply_bulk(&mut issue, known, &event, 0);
        if self.without == Without::Promise {
            known.counts.promised = 0;
        }
        self.issues.extend(issue);
        done()
    }

    fn piece(&mut self, issue: usize, most: i64) -> Answer {
        let Some(found) = self.issues.get(issue).filter(|issue| issue.status == IssueStatus::Running).copied() else {
            return Ok("nothing".to_owned());
        };
        let known = self.campaigns.get_mut(&found.campaign_id).expect("it was asked");
        let event = next_piece(&found, known, most, self.today).expect("it runs");
        let Event::CodesIssued { count, .. } = event else { panic!("a piece of codes, not {event:?}") };
        let mut after = Some(found);
        apply_bulk(&mut after, known, &event, 0);
        let (start_date, end_date, campaign_id) = (known.start_date, known.end_date, Some(found.campaign_id));
        self.issues[issue] = after.expect("it goes on");
        for _ in 0..count {
            let (coupon_id, status) = (self.coupons.len() as i64, CouponStatus::Issued);
            self.coupons.push(Coupon { coupon_id, member_id: None, campaign_id, status, start_date, end_date });
        }
        done()
    }

    fn redeem(&mut self, member: i64, at: usize) -> Answer {
        let Some(coupon) = self.coupons.get(at).cloned() else { return Ok("nothing".to_owned()) };
        let brought = RedeemCoupon { member_id: Some(member), code: String::new(), today: self.today };
        let wallet = self.wallets.get(&member);
        let events = redeem_coupon(wallet, &coupon, &brought).map_err(|no| no.reason().to_owned())?;
        if let (None, Some(campaign)) = (coupon.member_id, coupon.campaign_id) {
            if self.without != Without::LimitOfStock {
                let known = &self.campaigns[&campaign];
                may_have(known, self.taken(member, campaign)).map_err(|refused| refused.reason().to_owned())?;
            }
            self.taken.entry(member).or_default().add(campaign);
        }
        self.record(member, Some(at), &events);
        if self.without == Without::Status {
            self.coupons[at].status = CouponStatus::Issued;
        }
        done()
    }

    fn roll_back(&mut self, at: usize) -> Answer {
        let Some(coupon) = self.coupons.get(at).cloned() else { return Ok("nothing".to_owned()) };
        let wallet = coupon.member_id.and_then(|member| self.wallets.get(&member));
        let event = roll_back_redemption(wallet, &coupon).map_err(|no| no.reason().to_owned())?;
        let member = coupon.member_id.expect("who redeemed it");
        self.record(member, Some(at), &[event]);
        done()
    }

    fn cancel(&mut self, at: usize) -> Answer {
        let Some(coupon) = self.coupons.get(at).cloned() else { return Ok("nothing".to_owned()) };
        let event = cancel_coupon(&coupon, self.today).map_err(|no| no.reason().to_owned())?;
        match (event, coupon.member_id) {
            (None, _) => return Ok("done before".to_owned()),
            (Some(event), Some(member)) => self.record(member, Some(at), &[event]),
            (Some(event), None) => {
                self.count(&event);
                self.coupons[at].status = CouponStatus::Cancelled;
            }
        }
        done()
    }

    /// As the expiry walk: coupons of members one by one, codes without a member counted by campaign.
    fn walk(&mut self) -> Answer {
        let mut expired = 0;
        let mut codes: BTreeMap<i64, i64> = BTreeMap::new();
        for at in 0..self.coupons.len() {
            let coupon = &self.coupons[at];
            if let (Some(event), Some(member)) = (expire_coupon(coupon, self.today), coupon.member_id) {
                self.record(member, Some(at), &[event]);
                expired += 1;
            } else if let (None, Some(campaign_id)) = (coupon.member_id, coupon.campaign_id)
                && coupon.status == CouponStatus::Issued
                && coupon.standing(self.today) == CouponStatus::Expired
            {
                self.coupons[at].status = CouponStatus::Expired;
                *codes.entry(campaign_id).or_default() += 1;
                expired += 1;
            }
        }
        for (campaign_id, count) in codes {
            self.count(&Event::CodesExpired { campaign_id, count });
        }
        Ok(expired.to_string())
    }

    fn prepare(&mut self, member: i64, attempt: i64) -> Answer {
        let event = prepare_withdrawal(self.wallets.get(&member), attempt).map_err(|no| no.reason().to_owned())?;
        self.record(member, None, event.as_slice());
        done()
    }

    fn close(&mut self, member: i64, attempt: i64) -> Answer {
        if self.wallets.get(&member).is_some_and(|wallet| !wallet.closed) {
            for at in 0..self.coupons.len() {
                let ended = Some(&self.coupons[at]).filter(|coupon| coupon.member_id == Some(member));
                let event = ended.and_then(|coupon| expire_coupon(coupon, self.today));
                self.record(member, Some(at), event.as_slice());
            }
        }
        let Some(event) = self.wallets.get(&member).and_then(|wallet| close_wallet(wallet, attempt)) else {
            return Ok("nothing".to_owned());
        };
        let Event::WalletClosed { cancelled, .. } = event else { panic!("a closed wallet, not {event:?}") };
        self.record(member, None, &[event]);
        for coupon in self.coupons.iter_mut().filter(|coupon| coupon.member_id == Some(member)) {
            if let (CouponStatus::Issued, Some(campaign_id)) = (coupon.status, coupon.campaign_id)
                && self.without != Without::LostCounts
            {
                self.campaigns.get_mut(&campaign_id).expect("it was loaded").lose(1);
            }
            lose(coupon);
        }
        Ok(cancelled.to_string())
    }

    fn change(&mut self, campaign: i64, change: &ChangeCampaign) -> Answer {
        let known = self.campaigns.get_mut(&campaign).expect("there from the beginning");
        change_campaign(known, change).map_err(|refused| refused.reason().to_owned())?;
        done()
    }
}
