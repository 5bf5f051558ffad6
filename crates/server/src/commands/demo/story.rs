//! What one member of the demonstration does: joins, buys, uses points, gives some away, takes coupons, and perhaps
//! leaves.

use std::time::{Duration, Instant};

use axum::http::Method;
use platform::error::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::people::{CAUSES, Dice, SHOPS, person};
use super::purchases::Goods;
use crate::client::{Answer, Client};

/// The message to a new member has ended within this, or something is wrong with the server.
pub(super) const SETTLES_WITHIN: Duration = Duration::from_secs(60);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The story and where it is told.
#[derive(Clone)]
pub(super) struct Story {
    pub(super) client: Client,
    /// Begins every idempotency key.
    pub(super) run: String,
    pub(super) seed: u64,
    /// Whether members get the numbers of the story; otherwise the server gives them the next free ones.
    pub(super) chooses_numbers: bool,
    /// Numbers of the causes; none if the server has no donations.
    pub(super) causes: Vec<i64>,
    /// Numbers of the merchants, in the order of [`SHOPS`].
    pub(super) merchants: Vec<i64>,
    /// The campaign that members get coupons of.
    pub(super) campaign: i64,
    /// What is sold.
    pub(super) goods: Goods,
}

/// What has happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) joined: u64,
    pub(super) normal: u64,
    pub(super) abnormal: u64,
    pub(super) withdrawn: u64,
    /// Purchases at merchants that earned points.
    pub(super) earned: u64,
    /// Purchases at merchants that were paid with points.
    pub(super) used: u64,
    /// Purchases that were taken back.
    pub(super) cancelled: u64,
    pub(super) adjusted: u64,
    /// Answers that a rule gave: too few points, not NORMAL, a donation that was not taken.
    pub(super) refused: u64,
    pub(super) donations: u64,
    /// Coupons of the campaign that members got.
    pub(super) coupons: u64,
    /// Coupons that were redeemed.
    pub(super) redeemed: u64,
    /// Memberships that were bought.
    pub(super) memberships: u64,
    /// Carts of gifticons that were bought.
    pub(super) carts: u64,
    /// Carts whose payment was declined.
    pub(super) declined: u64,
    /// Carts that were removed again.
    pub(super) removed: u64,
    /// Vouchers that were used.
    pub(super) vouchers: u64,
    /// The month of the deals, as `yyyyMM`.
    pub(super) month: Option<String>,
    /// The member with the longest history who is still there.
    pub(super) busiest: Option<i64>,
    longest: u64,
}

impl Tally {
    /// Takes another tally in.
    pub(super) fn add(&mut self, other: &Self) {
        self.joined += other.joined;
        self.normal += other.normal;
        self.abnormal += other.abnormal;
        self.withdrawn += other.withdrawn;
        self.earned += other.earned;
        self.used += other.used;
        self.cancelled += other.cancelled;
        self.adjusted += other.adjusted;
        self.refused += other.refused;
        self.donations += other.donations;
        self.coupons += other.coupons;
        self.redeemed += other.redeemed;
        self.memberships += other.memberships;
        self.carts += other.carts;
        self.declined += other.declined;
        self.removed += other.removed;
        self.vouchers += other.vouchers;
        // A story that began before midnight and ended after it is told by the later month.
        self.month = self.month.take().max(other.month.clone());
        if other.longest > self.longest {
            (self.busiest, self.longest) = (other.busiest, other.longest);
        }
    }
}

/// The server refused what it should have taken.
pub(super) fn refused(what: &str, answer: &Answer) -> Error {
    let message = format!("{what}: the server answered {} {}", answer.status, answer.detail());
    Error::new(ErrorKind::Conflict, "demo.refused", message)
}

/// What came of settling a month.
#[derive(Debug, Clone, Default)]
pub(super) struct Settled {
    /// Merchants that were billed.
    pub(super) merchants: u64,
    /// Points used there less points of cancelled uses.
    pub(super) used_point: i64,
    /// What they are paid, in won.
    pub(super) paid: i64,
}

/// A member of the story while it is told.
pub(super) struct Life<'a> {
    pub(super) story: &'a Story,
    pub(super) member: u64,
    pub(super) member_id: i64,
    step: u64,
    pub(super) dice: Dice,
}

impl Story {
    /// Opens the causes; none on a server without donations.
    pub(super) async fn open_causes(&self) -> Result<Vec<i64>> {
        if self.client.get("/causes?limit=1").await?.status == 404 {
            return Ok(Vec::new());
        }
        let mut causes = Vec::new();
        for (place, name) in CAUSES.iter().enumerate() {
            let key = format!("{}-cause-{place}", self.run);
            let answer = self.client.write(Method::POST, "/causes", Some(&json!({"name": name})), &key).await?;
            let cause_id = answer.json["causeId"].as_i64().filter(|_| answer.status == 201);
            causes.push(cause_id.ok_or_else(|| refused("a cause", &answer))?);
        }
        Ok(causes)
    }

    /// Opens the merchants.
    pub(super) async fn open_merchants(&self) -> Result<Vec<i64>> {
        let mut merchants = Vec::new();
        for (place, shop) in SHOPS.iter().enumerate() {
            let mut body = json!({"name": shop.name});
            for (field, rate_bp) in [("earnRateBp", shop.earn_rate_bp), ("feeRateBp", shop.fee_rate_bp)] {
                if let Some(rate_bp) = rate_bp {
                    body[field] = json!(rate_bp);
                }
            }
            let key = format!("{}-merchant-{place}", self.run);
            let answer = self.client.write(Method::POST, "/merchants", Some(&body), &key).await?;
            let merchant_id = answer.json["merchantId"].as_i64().filter(|_| answer.status == 201);
            merchants.push(merchant_id.ok_or_else(|| refused("a merchant", &answer))?);
        }
        Ok(merchants)
    }

    /// Settles this month with every merchant.
    pub(super) async fn settle(&self, month: &str) -> Result<Settled> {
        let mut settled = Settled::default();
        for merchant_id in &self.merchants {
            let body = json!({"merchantId": merchant_id, "billingMonth": month});
            let key = format!("{}-billing-{merchant_id}", self.run);
            let answer = self.client.write(Method::POST, "/billings", Some(&body), &key).await?;
            let figure = |field: &str| answer.json[field].as_i64().filter(|_| matches!(answer.status, 200 | 201));
            let (used, paid) = (figure("usedPoint"), figure("billingAmount"));
            let (Some(used), Some(paid)) = (used, paid) else { return Err(refused("a settlement", &answer)) };
            settled.merchants += 1;
            settled.used_point += used;
            settled.paid += paid;
        }
        Ok(settled)
    }

    /// Tells the story of one member, from joining on.
    pub(super) async fn live(&self, member: u64, tally: &mut Tally) -> Result<()> {
        let mut dice = Dice::of(self.seed, member);
        let member_id = self.join(member, &mut dice).await?;
        tally.joined += 1;
        let mut life = Life { story: self, member, member_id, step: 0, dice };
        let is_normal = life.settled().await? == "NORMAL";
        if is_normal {
            tally.normal += 1;
            life.visit(tally).await?;
            if life.dice.once_in(3) {
                life.claim(tally).await?;
            }
            life.shop(tally).await?;
        } else {
            tally.abnormal += 1;
            // The operator tries to be kind; the rules refuse, because nobody could be told.
            life.adjust(500, tally).await?;
        }
        if life.dice.once_in(if is_normal { 30 } else { 6 }) {
            life.leave(tally).await?;
        } else if life.step > tally.longest {
            (tally.busiest, tally.longest) = (Some(member_id), life.step);
        }
        Ok(())
    }

    async fn join(&self, member: u64, dice: &mut Dice) -> Result<i64> {
        let person = person(self.seed, member, dice);
        let mut body = json!({"phoneNo": person.phone_no, "nickname": person.nickname});
        if dice.once_in(3) {
            body["email"] = json!(format!("member{member}@example.com"));
        }
        let mut tries = vec![(body.clone(), format!("{}-join-{member}", self.run))];
        if self.chooses_numbers {
            // A number that someone had who has left is not given out again; then any other will do.
            body["memberId"] = json!(member);
            tries.insert(0, (body, format!("{}-join-as-{member}", self.run)));
        }
        let mut last = None;
        for (body, key) in tries {
            let answer = self.client.write(Method::POST, "/members", Some(&body), &key).await?;
            match answer.json["memberId"].as_i64().filter(|_| answer.status == 201) {
                Some(member_id) => return Ok(member_id),
                None if answer.status == 409 => last = Some(answer),
                None => return Err(refused("joining", &answer)),
            }
        }
        Err(last.map_or_else(|| Error::internal("nobody tried to join"), |answer| refused("joining", &answer)))
    }
}

impl Life<'_> {
    /// Waits until the message has ended and the account knows it; the status then.
    async fn settled(&self) -> Result<String> {
        let started = Instant::now();
        loop {
            let member = self.story.client.get(&format!("/members/{}", self.member_id)).await?;
            let points = self.story.client.get(&format!("/points/{}", self.member_id)).await?;
            let status = member.json["memberStatus"].as_str().unwrap_or("READY");
            if status != "READY" && points.json["memberStatus"] == status {
                return Ok(status.to_owned());
            }
            if started.elapsed() > SETTLES_WITHIN {
                let what = format!("member {} is still READY after {} s", self.member_id, SETTLES_WITHIN.as_secs());
                return Err(refused(&what, &member));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Some visits: something is bought and earns points or is paid with them; a few purchases are taken back, and
    /// sometimes points are given away.
    async fn visit(&mut self, tally: &mut Tally) -> Result<()> {
        for _ in 0..self.dice.between(0, 9) {
            let place = usize::try_from(self.dice.between(1, SHOPS.len() as u64)).unwrap_or(1) - 1;
            let (low, high) = SHOPS[place].prices;
            let paid = self.dice.between(low / 100, high / 100) * 100;
            let merchant_id = self.story.merchants.get(place).copied().unwrap_or(1);
            let bought = json!({"type": "save", "merchantId": merchant_id, "dealAmount": paid});
            let bought = self.deal(bought, tally).await?;
            tally.earned += u64::from(bought.is_some());
            if let (Some(deal_id), true) = (bought, self.dice.once_in(14)) {
                let back = json!({"type": "saveCancel", "merchantId": merchant_id, "dealAmount": paid,
                    "originalDealId": deal_id});
                tally.cancelled += u64::from(self.deal(back, tally).await?.is_some());
            }
            if self.dice.once_in(4) {
                let point = self.dice.between(1, 20) * 100;
                let used = json!({"type": "use", "merchantId": merchant_id, "dealAmount": paid, "point": point});
                tally.used += u64::from(self.deal(used, tally).await?.is_some());
            }
            if self.dice.once_in(12) {
                self.donate(tally).await?;
            }
        }
        if self.dice.once_in(12) {
            let points = i64::try_from(self.dice.between(1, 10)).unwrap_or(1) * 100;
            let signed = if self.dice.once_in(3) { -points } else { points };
            self.adjust(signed, tally).await?;
        }
        Ok(())
    }

    /// A deal at a merchant; its number if the rules let it happen.
    async fn deal(&mut self, mut body: Value, tally: &mut Tally) -> Result<Option<i64>> {
        body["memberId"] = json!(self.member_id);
        let answer = self.write(Method::POST, "/deals", Some(&body)).await?;
        let month: Option<String> = answer.json["dealDate"].as_str().and_then(month_of);
        tally.month = tally.month.take().max(month);
        match (answer.status, answer.json["status"].as_str()) {
            (201, Some("success")) => Ok(answer.json["dealId"].as_i64()),
            (201, Some("fail")) => {
                tally.refused += 1;
                Ok(None)
            }
            _ => Err(refused("a deal", &answer)),
        }
    }

    /// The operator puts a balance right.
    async fn adjust(&mut self, points: i64, tally: &mut Tally) -> Result<()> {
        let body = json!({"requirePoint": points, "reason": "고객 응대"});
        let answer = self.write(Method::PATCH, &format!("/points/{}", self.member_id), Some(&body)).await?;
        match answer.json["result"].as_str() {
            Some("APPLIED") => tally.adjusted += 1,
            Some("REJECTED") => tally.refused += 1,
            _ => return Err(refused("an adjustment", &answer)),
        }
        Ok(())
    }

    async fn donate(&mut self, tally: &mut Tally) -> Result<()> {
        if self.story.causes.is_empty() {
            return Ok(());
        }
        let (amount, cause_id) = (self.dice.between(1, 6) * 50, *self.dice.one_of(&self.story.causes));
        let body = json!({"memberId": self.member_id, "amount": amount, "causeId": cause_id});
        let answer = self.write(Method::POST, "/donations", Some(&body)).await?;
        match (answer.status, answer.json["status"].as_str()) {
            (201, Some("REJECTED")) => tally.refused += 1,
            (201, _) => tally.donations += 1,
            _ => return Err(refused("a donation", &answer)),
        }
        Ok(())
    }

    async fn leave(&mut self, tally: &mut Tally) -> Result<()> {
        let answer = self.write(Method::DELETE, &format!("/members/{}", self.member_id), None).await?;
        if !matches!(answer.status, 202 | 204) {
            return Err(refused("leaving", &answer));
        }
        tally.withdrawn += 1;
        Ok(())
    }

    pub(super) async fn write(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.step += 1;
        let key = format!("{}-{}-{}", self.story.run, self.member, self.step);
        self.story.client.write(method, path, body, &key).await
    }
}

/// `yyyyMM` of an instant that begins with `yyyy-MM`.
fn month_of(instant: &str) -> Option<String> {
    let (year, month) = (instant.get(..4)?, instant.get(5..7)?);
    Some(format!("{year}{month}"))
}

/// Won with a comma between thousands: `4,500`.
pub(super) fn won(amount: i64) -> String {
    let digits = amount.unsigned_abs().to_string();
    let mut text = String::from(if amount < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn won_have_a_comma_between_thousands() {
        assert_eq!([0, 900, 4_500, -98_000, 1_234_567].map(won), ["0", "900", "4,500", "-98,000", "1,234,567"]);
    }

    #[test]
    fn a_month_is_read_off_an_instant() {
        assert_eq!(month_of("2020-07-31T23:59:59.999+09:00"), Some("202007".to_owned()));
        assert_eq!(month_of("2020"), None);
    }
}
