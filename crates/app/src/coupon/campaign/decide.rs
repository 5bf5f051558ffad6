//! What can be asked of campaigns, what is loaded for it, and which verb decides it.

use std::collections::{HashMap, HashSet};

use domain::coupon::bulk::{BulkIssue, request_bulk_issue, requested, stop_bulk_issue};
use domain::coupon::campaign::{
    Campaign, ChangeCampaign, Counts, MAX_QUANTITY, OpenCampaign, change_campaign, open_campaign,
};
use domain::coupon::claim::{Source, claim, may_have};
use domain::coupon::code::Pattern;
use domain::coupon::{self, Coupon, CouponStatus, Event};
use domain::kernel::Day;
use platform::db::Session;
use platform::error::{Error, Result};
use platform::funnel::Out;
use platform::log;

use super::super::loaded::{Loaded, Touched};
use super::super::store::Stored;
use super::super::writer::{Answer, give, of_another, today, too_few};
use super::super::{codes, coupon_unknown};
use super::rows::free_codes;
use super::{NewCampaign, campaign_unknown, issue_unknown, refusal};

/// What can be asked of campaigns.
#[derive(Debug)]
pub enum CampaignCommand {
    /// A new campaign.
    Open(Box<NewCampaign>),
    /// A campaign changes.
    Change { campaign_id: i64, change: ChangeCampaign },
    /// A member asks for a coupon.
    Claim { campaign_id: i64, member_id: i64 },
    /// Codes are to be made in advance.
    RequestIssue { campaign_id: i64, count: i64 },
    /// The operator stops a bulk issue.
    StopIssue { campaign_id: i64, issue_id: i64 },
    /// The next piece of a bulk issue is made.
    MakeCodes { issue_id: i64 },
    /// A member's coupon may be over.
    ExpireCoupon { coupon_id: i64 },
    /// Codes of a campaign without a member may be over.
    ExpireCodes { campaign_id: i64, codes: Vec<i64> },
}

/// What campaigns answer.
#[derive(Debug, Clone)]
pub enum CampaignAnswer {
    /// The campaign as it stood when it was opened or changed.
    Campaign(Box<Campaign>),
    /// What this request made of a campaign before; what never changes of it is to be read.
    KnownChange(Box<KnownChange>),
    /// The coupon that this request gave to a member before.
    KnownClaim { coupon_id: i64, member_id: i64 },
    /// The bulk issue as it stood when it was asked for.
    Issue(BulkIssue),
}

/// How a campaign stood when a request had changed it.
#[derive(Debug, Clone)]
pub struct KnownChange {
    pub(super) campaign_id: i64,
    name: String,
    open: bool,
    quantity: i64,
    counts: Counts,
}

impl KnownChange {
    /// The campaign as it stood then.
    pub(super) fn of(self, campaign: Campaign) -> Campaign {
        let Self { name, open, quantity, counts, .. } = self;
        Campaign { name, open, quantity, counts, ..campaign }
    }
}

/// Names what a command touches.
pub(in super::super) fn touch(command: &CampaignCommand, touched: &mut Touched) {
    let campaigns = &mut touched.campaigns;
    match command {
        CampaignCommand::Open(new) => match new.campaign_id {
            Some(campaign_id) => {
                campaigns.chosen.insert(campaign_id);
            }
            None => campaigns.unnumbered += 1,
        },
        CampaignCommand::Change { campaign_id, .. } => campaigns.campaigns.push(*campaign_id),
        CampaignCommand::Claim { campaign_id, member_id } => {
            campaigns.campaigns.push(*campaign_id);
            campaigns.members.push(*member_id);
            touched.members.push(*member_id);
        }
        CampaignCommand::RequestIssue { campaign_id, .. } => {
            campaigns.campaigns.push(*campaign_id);
            campaigns.requests += 1;
        }
        CampaignCommand::MakeCodes { issue_id } | CampaignCommand::StopIssue { issue_id, .. } => {
            campaigns.issues.push(*issue_id);
        }
        CampaignCommand::ExpireCoupon { coupon_id } => touched.coupons.push(*coupon_id),
        CampaignCommand::ExpireCodes { campaign_id, codes } => {
            campaigns.campaigns.push(*campaign_id);
            touched.coupons.extend(codes);
        }
    }
}

/// Loads the codes that may be given, and reserves numbers and codes for the coupons that may be made.
pub(in super::super) fn supply(
    tx: &mut dyn Session,
    loaded: &mut Loaded,
    commands: &[&CampaignCommand],
    today: Day,
) -> Result<()> {
    let (mut claims, mut pieces): (HashMap<i64, usize>, HashMap<i64, usize>) = (HashMap::new(), HashMap::new());
    // Campaigns of which there may be more when their claims are decided than there are now.
    let mut growing = HashSet::new();
    for command in commands {
        match command {
            CampaignCommand::Claim { campaign_id, .. } => *claims.entry(*campaign_id).or_default() += 1,
            CampaignCommand::MakeCodes { issue_id } => {
                if let Some(Event::CodesIssued { campaign_id, count, .. }) = loaded.campaigns.piece(*issue_id, today) {
                    *pieces.entry(campaign_id).or_default() += usize::try_from(count).unwrap_or_default();
                }
            }
            CampaignCommand::Change { campaign_id, .. } | CampaignCommand::StopIssue { campaign_id, .. } => {
                growing.insert(*campaign_id);
            }
            _ => {}
        }
    }
    // What others in this batch do with codes that nobody has may take them away from those who ask.
    let others = loaded.coupons.len();
    let mut wanted = pieces;
    for (campaign_id, claims) in claims {
        let Some(campaign) = loaded.campaigns.campaign(campaign_id) else { continue };
        let bound = if growing.contains(&campaign_id) { MAX_QUANTITY } else { campaign.left() };
        let left = usize::try_from(bound).unwrap_or_default();
        let free = if campaign.counts.in_stock > 0 {
            free_codes(tx, campaign_id, i64::try_from(claims + others).unwrap_or(i64::MAX))?
        } else {
            Vec::new()
        };
        *wanted.entry(campaign_id).or_default() += claims.saturating_sub(free.len().saturating_sub(others)).min(left);
        loaded.campaigns.stock.insert(campaign_id, free.iter().map(|stored| stored.coupon.coupon_id).collect());
        for stored in free {
            loaded.coupons.entry(stored.coupon.coupon_id).or_insert(stored);
        }
    }
    wanted.retain(|_, count| *count > 0);
    let numbers: usize = wanted.values().sum();
    if numbers > 0 {
        loaded.numbers.extend(tx.next_ids("coupon_number", numbers)?);
    }
    for (campaign_id, count) in wanted {
        let campaign = loaded.campaigns.campaign(campaign_id).ok_or_else(too_few)?;
        let pattern = Pattern::parse(&campaign.code_pattern);
        let pattern = pattern.ok_or_else(|| Error::internal("a campaign's pattern cannot be read"))?;
        loaded.campaigns.codes.insert(campaign_id, codes::draw(tx, &pattern, count)?.into());
    }
    Ok(())
}

/// Decides a command.
pub(in super::super) fn decide(loaded: &mut Loaded, command: &CampaignCommand, out: &mut Out<'_>) -> Result<Answer> {
    match command {
        CampaignCommand::Open(new) => open(loaded, new, out),
        CampaignCommand::Change { campaign_id, change } => self::change(loaded, *campaign_id, change, out),
        CampaignCommand::Claim { campaign_id, member_id } => self::give_one(loaded, *campaign_id, *member_id, out),
        CampaignCommand::RequestIssue { campaign_id, count } => request_issue(loaded, *campaign_id, *count, out),
        CampaignCommand::StopIssue { campaign_id, issue_id } => stop_issue(loaded, *campaign_id, *issue_id, out),
        CampaignCommand::MakeCodes { issue_id } => make_codes(loaded, *issue_id, out),
        CampaignCommand::ExpireCoupon { coupon_id } => {
            let stored = loaded.coupons.get(coupon_id).ok_or_else(coupon_unknown)?;
            if let (Some(event), Some(member_id)) =
                (coupon::expire_coupon(&stored.coupon, today(out)), stored.coupon.member_id)
            {
                loaded.record(member_id, &event, out)?;
            }
            Ok(Answer::Taken)
        }
        CampaignCommand::ExpireCodes { campaign_id, codes } => expire_codes(loaded, *campaign_id, codes, out),
    }
}

fn open(loaded: &mut Loaded, new: &NewCampaign, out: &mut Out<'_>) -> Result<Answer> {
    let numbers = &mut loaded.campaigns.campaign_numbers;
    let campaign_id = new.campaign_id.or_else(|| numbers.front().copied()).ok_or_else(too_few)?;
    let (known, terms) = (loaded.campaigns.campaign(campaign_id), terms(new, campaign_id));
    let campaign = open_campaign(known, terms, today(out)).map_err(refusal)?;
    if new.campaign_id.is_none() {
        loaded.campaigns.campaign_numbers.pop_front();
    }
    loaded.campaigns.put(campaign.clone());
    loaded.campaigns.opened.insert(campaign_id);
    out.emit(campaign_id, campaign.sequence, &Event::CampaignOpened { campaign_id })?;
    Ok(Answer::Campaign(CampaignAnswer::Campaign(Box::new(campaign))))
}

/// What is said of a new campaign, with the number that it is to have.
fn terms(new: &NewCampaign, campaign_id: i64) -> OpenCampaign {
    let NewCampaign { name, code_pattern, quantity, per_member_limit, start_date, end_date, open, .. } = new.clone();
    OpenCampaign { campaign_id, name, code_pattern, quantity, per_member_limit, start_date, end_date, open }
}

fn change(loaded: &mut Loaded, campaign_id: i64, change: &ChangeCampaign, out: &mut Out<'_>) -> Result<Answer> {
    let mut campaign = loaded.campaigns.campaign(campaign_id).ok_or_else(campaign_unknown)?.clone();
    let event = change_campaign(&mut campaign, change).map_err(refusal)?;
    out.emit(campaign_id, campaign.sequence, &event)?;
    loaded.campaigns.put(campaign.clone());
    Ok(Answer::Campaign(CampaignAnswer::Campaign(Box::new(campaign))))
}

/// A member gets the next code that nobody has, otherwise a new one.
fn give_one(loaded: &mut Loaded, campaign_id: i64, member_id: i64, out: &mut Out<'_>) -> Result<Answer> {
    // No codes were drawn for one that opened a moment ago, in this batch: who asks at the same time comes before it.
    let campaign = loaded.campaigns.campaign(campaign_id).filter(|_| !loaded.campaigns.opened.contains(&campaign_id));
    let taken = loaded.campaigns.taken(member_id, campaign_id);
    let source = claim(campaign, loaded.wallet(member_id), taken, today(out)).map_err(refusal)?;
    let stored = match (source, campaign) {
        (Source::Stock, _) => loaded.next_free(campaign_id)?,
        (Source::Fresh, Some(campaign)) => {
            let (start_date, end_date) = (campaign.start_date, campaign.end_date);
            loaded.new_coupon(campaign_id, (start_date, end_date))?
        }
        (Source::Fresh, None) => return Err(campaign_unknown()),
    };
    let coupon_id = stored.coupon.coupon_id;
    give(loaded, member_id, stored, source == Source::Stock, out)?;
    loaded.campaigns.take(member_id, campaign_id);
    let stored = loaded.coupons.get(&coupon_id).ok_or_else(coupon_unknown)?;
    Ok(Answer::Coupon(Box::new(stored.clone())))
}

fn request_issue(loaded: &mut Loaded, campaign_id: i64, count: i64, out: &mut Out<'_>) -> Result<Answer> {
    let campaign = loaded.campaigns.campaign(campaign_id);
    let issue_id = loaded.campaigns.issue_numbers.front().copied().ok_or_else(too_few)?;
    let event = request_bulk_issue(campaign, issue_id, count, today(out)).map_err(refusal)?;
    loaded.campaigns.issue_numbers.pop_front();
    let (issue, sequence) = loaded.campaigns.count_bulk(&event, out.moment.now_ms)?;
    out.emit(campaign_id, sequence, &event)?;
    Ok(Answer::Campaign(CampaignAnswer::Issue(issue)))
}

fn stop_issue(loaded: &mut Loaded, campaign_id: i64, issue_id: i64, out: &mut Out<'_>) -> Result<Answer> {
    let issue = loaded.campaigns.issue(issue_id).filter(|issue| issue.campaign_id == campaign_id);
    if let Some(event) = stop_bulk_issue(issue.ok_or_else(issue_unknown)?) {
        let (_, sequence) = loaded.campaigns.count_bulk(&event, out.moment.now_ms)?;
        out.emit(campaign_id, sequence, &event)?;
    }
    Ok(Answer::Taken)
}

fn make_codes(loaded: &mut Loaded, issue_id: i64, out: &mut Out<'_>) -> Result<Answer> {
    let Some(event) = loaded.campaigns.piece(issue_id, today(out)) else { return Ok(Answer::Taken) };
    let Event::CodesIssued { campaign_id, count, .. } = event else { return Err(too_few()) };
    let campaign = loaded.campaigns.campaign(campaign_id).ok_or_else(campaign_unknown)?;
    let dates = (campaign.start_date, campaign.end_date);
    for _ in 0..count {
        let stored = loaded.new_coupon(campaign_id, dates)?;
        // Who asks later in this batch may be given it.
        loaded.campaigns.stock.entry(campaign_id).or_default().push_back(stored.coupon.coupon_id);
        loaded.add(stored);
    }
    let (_, sequence) = loaded.campaigns.count_bulk(&event, out.moment.now_ms)?;
    out.emit(campaign_id, sequence, &event)?;
    Ok(Answer::Taken)
}

fn expire_codes(loaded: &mut Loaded, campaign_id: i64, codes: &[i64], out: &mut Out<'_>) -> Result<Answer> {
    let today = today(out);
    let is_over = |coupon: &Coupon| {
        coupon.member_id.is_none()
            && coupon.campaign_id == Some(campaign_id)
            && coupon.status == CouponStatus::Issued
            && coupon.standing(today) == CouponStatus::Expired
    };
    let mut count = 0;
    for coupon_id in codes {
        if loaded.coupons.get(coupon_id).is_some_and(|stored| is_over(&stored.coupon)) {
            loaded.change(*coupon_id, |stored| stored.coupon.status = CouponStatus::Expired);
            count += 1;
        }
    }
    if count > 0 {
        loaded.record_of_campaign(campaign_id, &Event::CodesExpired { campaign_id, count }, out)?;
    }
    Ok(Answer::Taken)
}

/// Refuses to redeem a code that nobody has for a member who has had as many as one member may.
pub(in super::super) fn must_be_within_limit(loaded: &Loaded, coupon: &Coupon, member_id: i64) -> Result<()> {
    match coupon.campaign_id.filter(|_| coupon.member_id.is_none()) {
        Some(campaign_id) => {
            let campaign = loaded.campaigns.campaign(campaign_id).ok_or_else(campaign_unknown)?;
            may_have(campaign, loaded.campaigns.taken(member_id, campaign_id)).map_err(refusal)
        }
        None => Ok(()),
    }
}

/// The answer that a command got when it came first.
pub(in super::super) fn recall(command: &CampaignCommand, event: &log::Event) -> Result<Answer> {
    let known = match (command, event.kind.as_str()) {
        (CampaignCommand::Change { .. }, _) => match event.decode()? {
            Event::CampaignChanged { campaign_id, name, open, quantity, counts } => {
                CampaignAnswer::KnownChange(Box::new(KnownChange { campaign_id, name, open, quantity, counts }))
            }
            _ => return Err(of_another()),
        },
        (CampaignCommand::Open(new), _) => match event.decode()? {
            Event::CampaignOpened { campaign_id } => {
                CampaignAnswer::Campaign(Box::new(terms(new, campaign_id).opened()))
            }
            _ => return Err(of_another()),
        },
        (CampaignCommand::StopIssue { .. }, "CodesIssued" | "done") => return Ok(Answer::Taken),
        (CampaignCommand::Claim { .. }, _) => match event.decode()? {
            Event::CouponIssued { coupon_id, member_id, .. } => CampaignAnswer::KnownClaim { coupon_id, member_id },
            _ => return Err(of_another()),
        },
        (CampaignCommand::RequestIssue { .. }, _) => {
            CampaignAnswer::Issue(requested(&event.decode()?, event.at_ms).ok_or_else(of_another)?)
        }
        _ => return Err(of_another()),
    };
    Ok(Answer::Campaign(known))
}

impl Loaded {
    /// The next code of a campaign that nobody has, and that nobody in this batch has taken.
    fn next_free(&mut self, campaign_id: i64) -> Result<Stored> {
        while let Some(coupon_id) = self.campaigns.stock.get_mut(&campaign_id).and_then(|stock| stock.pop_front()) {
            let is_free =
                |stored: &&Stored| stored.coupon.member_id.is_none() && stored.coupon.status == CouponStatus::Issued;
            if let Some(stored) = self.coupons.get(&coupon_id).filter(is_free) {
                return Ok(stored.clone());
            }
        }
        Err(Error::internal("a campaign counts codes that nobody has, and there are none; run onepoint verify"))
    }

    /// A coupon of a campaign with a code of its own that nobody has yet.
    fn new_coupon(&mut self, campaign_id: i64, (start_date, end_date): (Day, Day)) -> Result<Stored> {
        let code =
            self.campaigns.codes.get_mut(&campaign_id).and_then(|codes| codes.pop_front()).ok_or_else(too_few)?;
        let coupon_id = self.numbers.pop_front().ok_or_else(too_few)?;
        let (campaign_id, status) = (Some(campaign_id), CouponStatus::Issued);
        Ok(Stored::fresh(Coupon { coupon_id, member_id: None, campaign_id, status, start_date, end_date }, code))
    }

    /// Takes what happened to codes without a member in, and tells of it under their campaign.
    pub(in super::super) fn record_of_campaign(
        &mut self,
        campaign_id: i64,
        event: &Event,
        out: &mut Out<'_>,
    ) -> Result<()> {
        self.campaigns.count(event)?;
        let sequence = self.campaigns.campaign(campaign_id).map_or(0, |campaign| campaign.sequence);
        out.emit(campaign_id, sequence, event).map(|_| ())
    }
}
