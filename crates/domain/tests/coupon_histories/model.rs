//! The naive model: a list of coupons, a list of who was ever given what, and nothing that is worked out beforehand.

use std::collections::BTreeMap;

use domain::coupon::CouponStatus::{self, Cancelled, Expired, Issued, Redeemed};
use domain::kernel::Day;

use super::steps::{CAMPAIGNS, Step, first_day, join_end, terms};

pub struct Coupon {
    pub owner: Option<i64>,
    pub campaign: Option<i64>,
    pub status: CouponStatus,
}

struct Campaign {
    quantity: i64,
    open: bool,
}

struct Issue {
    campaign: i64,
    wanted: i64,
    made: i64,
    runs: bool,
}

#[derive(Default)]
struct Member {
    gone: bool,
    over: i64,
    leaving: Option<i64>,
}

pub struct Model {
    pub coupons: Vec<Coupon>,
    members: BTreeMap<i64, Member>,
    campaigns: BTreeMap<i64, Campaign>,
    issues: Vec<Issue>,
    /// Everyone who ever had a coupon of a campaign.
    had: Vec<(i64, i64)>,
    today: Day,
}

impl Model {
    pub fn new() -> Self {
        let campaign = |id| (id, Campaign { quantity: terms(id).2, open: true });
        Self {
            coupons: Vec::new(),
            members: BTreeMap::new(),
            campaigns: CAMPAIGNS.map(campaign).collect(),
            issues: Vec::new(),
            had: Vec::new(),
            today: first_day(),
        }
    }

    fn count(&self, which: impl Fn(&&Coupon) -> bool) -> i64 {
        self.coupons.iter().filter(which).count() as i64
    }

    /// Made, in stock, redeemed, cancelled, expired.
    pub fn counts(&self, campaign: i64) -> [i64; 5] {
        let of = |status: CouponStatus| self.count(|one| one.campaign == Some(campaign) && one.status == status);
        let in_stock = |one: &&Coupon| one.campaign == Some(campaign) && one.owner.is_none() && one.status == Issued;
        let made = self.count(|one| one.campaign == Some(campaign));
        [made, self.count(in_stock), of(Redeemed), of(Cancelled), of(Expired)]
    }

    pub fn promised(&self, campaign: i64) -> i64 {
        let running = self.issues.iter().filter(|issue| issue.campaign == campaign && issue.runs);
        running.map(|issue| issue.wanted - issue.made).sum()
    }

    pub fn had(&self, member: i64, campaign: i64) -> i64 {
        self.had.iter().filter(|had| **had == (member, campaign)).count() as i64
    }

    fn left(&self, campaign: i64) -> i64 {
        self.campaigns[&campaign].quantity - self.counts(campaign)[0] - self.promised(campaign)
    }

    fn is_over(&self, campaign: Option<i64>) -> bool {
        self.today > campaign.map_or(join_end(), |campaign| terms(campaign).1)
    }

    fn may(&self, member: i64) -> Result<(), &'static str> {
        match self.members.get(&member) {
            Some(Member { gone: false, leaving: None, .. }) => Ok(()),
            Some(Member { gone: false, .. }) => Err("member_leaving"),
            _ => Err("wallet_unknown"),
        }
    }

    /// Takes a step as SPEC and the decision on coupons tell it; what is answered.
    pub fn take(&mut self, step: &Step) -> String {
        self.answer(step).unwrap_or_else(str::to_owned)
    }

    fn answer(&mut self, step: &Step) -> Result<String, &'static str> {
        match *step {
            Step::Join(member, gets) => Ok(self.join(member, gets)),
            Step::Claim(member, campaign) => self.claim(member, campaign),
            Step::Request(campaign, count) => self.request(campaign, count),
            Step::Piece(issue, most) => Ok(self.piece(issue, most)),
            Step::Redeem(member, coupon) => self.redeem(member, coupon),
            Step::RollBack(coupon) => self.roll_back(coupon),
            Step::Cancel(coupon) => self.cancel(coupon),
            Step::Walk => {
                let over: Vec<usize> = (0..self.coupons.len()).filter(|at| self.is_due(*at)).collect();
                over.iter().for_each(|at| self.coupons[*at].status = Expired);
                Ok(over.len().to_string())
            }
            Step::Days(days) => {
                (0..days).for_each(|_| self.today = self.today.next());
                Ok("done".to_owned())
            }
            Step::Prepare(member, attempt) => {
                let member = self.members.get_mut(&member).ok_or("wallet_unknown")?;
                if member.gone || attempt <= member.over || member.leaving.is_some_and(|now| now > attempt) {
                    return Err("attempt_over");
                }
                member.leaving = Some(attempt);
                Ok("done".to_owned())
            }
            Step::Release(member, attempt) => {
                if let Some(member) =
                    self.members.get_mut(&member).filter(|member| !member.gone && attempt > member.over)
                {
                    member.over = attempt;
                    member.leaving = member.leaving.filter(|now| *now > attempt);
                }
                Ok("done".to_owned())
            }
            Step::Close(member, _) => Ok(self.close(member)),
            Step::Open(campaign, open) => {
                self.campaigns.get_mut(&campaign).expect("there from the beginning").open = open;
                Ok("done".to_owned())
            }
            Step::Quantity(campaign, quantity) => {
                let spoken_for = self.counts(campaign)[0] + self.promised(campaign);
                if quantity < 1 || quantity < spoken_for {
                    return Err("wrong_quantity");
                }
                self.campaigns.get_mut(&campaign).expect("there from the beginning").quantity = quantity;
                Ok("done".to_owned())
            }
        }
    }

    fn is_due(&self, at: usize) -> bool {
        self.coupons[at].status == Issued && self.is_over(self.coupons[at].campaign)
    }

    fn join(&mut self, member: i64, gets: bool) -> String {
        if self.members.contains_key(&member) {
            return "known".to_owned();
        }
        self.members.insert(member, Member::default());
        if gets {
            self.coupons.push(Coupon { owner: Some(member), campaign: None, status: Issued });
        }
        "done".to_owned()
    }

    fn claim(&mut self, member: i64, campaign: i64) -> Result<String, &'static str> {
        if self.is_over(Some(campaign)) {
            return Err("campaign_over");
        }
        if !self.campaigns[&campaign].open {
            return Err("campaign_closed");
        }
        self.may(member)?;
        if self.had(member, campaign) >= terms(campaign).3 {
            return Err("member_limit");
        }
        let free = |one: &Coupon| one.campaign == Some(campaign) && one.owner.is_none() && one.status == Issued;
        let said = if let Some(at) = self.coupons.iter().position(free) {
            self.coupons[at].owner = Some(member);
            "stock"
        } else if self.left(campaign) > 0 {
            self.coupons.push(Coupon { owner: Some(member), campaign: Some(campaign), status: Issued });
            "fresh"
        } else {
            return Err(if self.promised(campaign) > 0 { "codes_being_made" } else { "campaign_exhausted" });
        };
        self.had.push((member, campaign));
        Ok(said.to_owned())
    }

    fn request(&mut self, campaign: i64, count: i64) -> Result<String, &'static str> {
        if self.is_over(Some(campaign)) {
            return Err("campaign_over");
        }
        if count < 1 || count > self.left(campaign) {
            return Err("wrong_count");
        }
        self.issues.push(Issue { campaign, wanted: count, made: 0, runs: true });
        Ok("done".to_owned())
    }

    fn piece(&mut self, issue: usize, most: i64) -> String {
        let Some(found) = self.issues.get(issue).filter(|issue| issue.runs) else { return "nothing".to_owned() };
        let campaign = found.campaign;
        let count = if self.is_over(Some(campaign)) { 0 } else { most.min(found.wanted - found.made) };
        let is_over = self.is_over(Some(campaign));
        let found = &mut self.issues[issue];
        found.made += count;
        found.runs = !is_over && found.made < found.wanted;
        for _ in 0..count {
            self.coupons.push(Coupon { owner: None, campaign: Some(campaign), status: Issued });
        }
        "done".to_owned()
    }

    fn redeem(&mut self, member: i64, at: usize) -> Result<String, &'static str> {
        let Some(&Coupon { owner, campaign, status }) = self.coupons.get(at) else { return Ok("nothing".to_owned()) };
        if owner.is_some_and(|owner| owner != member) {
            return Err("of_another_member");
        }
        match status {
            Redeemed => return Err("redeemed"),
            Cancelled => return Err("cancelled"),
            Expired => return Err("expired"),
            Issued if self.is_over(campaign) => return Err("expired"),
            Issued => {}
        }
        if campaign.is_some_and(|campaign| self.today < terms(campaign).0) {
            return Err("not_yet_good");
        }
        self.may(member)?;
        if let (None, Some(campaign)) = (owner, campaign) {
            if self.had(member, campaign) >= terms(campaign).3 {
                return Err("member_limit");
            }
            self.had.push((member, campaign));
        }
        self.coupons[at].owner = Some(member);
        self.coupons[at].status = Redeemed;
        Ok("done".to_owned())
    }

    fn roll_back(&mut self, at: usize) -> Result<String, &'static str> {
        let Some(&Coupon { owner, status, .. }) = self.coupons.get(at) else { return Ok("nothing".to_owned()) };
        if status != Redeemed {
            return Err("not_redeemed");
        }
        self.may(owner.expect("who redeemed it"))?;
        self.coupons[at].status = Issued;
        Ok("done".to_owned())
    }

    fn cancel(&mut self, at: usize) -> Result<String, &'static str> {
        let Some(&Coupon { campaign, status, .. }) = self.coupons.get(at) else { return Ok("nothing".to_owned()) };
        match status {
            Redeemed => Err("redeemed"),
            Expired => Err("expired"),
            Issued if self.is_over(campaign) => Err("expired"),
            Cancelled => Ok("done before".to_owned()),
            Issued => {
                self.coupons[at].status = Cancelled;
                Ok("done".to_owned())
            }
        }
    }

    /// What is over expires, and what is left is lost.
    fn close(&mut self, member: i64) -> String {
        let Some(found) = self.members.get_mut(&member).filter(|found| !found.gone) else {
            return "nothing".to_owned();
        };
        (found.gone, found.leaving) = (true, None);
        let mut lost = 0;
        for at in 0..self.coupons.len() {
            let is_over = self.is_due(at);
            let one = &mut self.coupons[at];
            if one.owner == Some(member) && one.status == Issued {
                one.status = if is_over { Expired } else { Cancelled };
                lost += i64::from(!is_over);
            }
        }
        lost.to_string()
    }
}
