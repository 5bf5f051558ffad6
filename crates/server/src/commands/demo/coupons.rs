//! The demonstration's coupons: a campaign with codes made in advance, and members who ask for one and redeem it.

use std::time::Instant;

use axum::http::Method;
use platform::error::Result;
use serde_json::json;

use super::story::{LOOK_EVERY, Life, SETTLES_WITHIN, Story, Tally, refused};

/// Coupons that the campaign gives at most.
const QUANTITY: u64 = 1_000;
/// Codes of it that are made in advance.
const MADE: u64 = 100;

impl Story {
    /// Opens a campaign that runs until the end of the next year, and has codes of it made.
    pub(super) async fn open_campaign(&self) -> Result<i64> {
        let summary = self.client.get("/dashboards/summary").await?;
        let today = summary.json["at"].as_str().and_then(|at| at.get(..10));
        let next_year = today.and_then(|day| day.get(..4)?.parse::<i32>().ok()).map(|year| year + 1);
        let Some((today, next_year)) = today.zip(next_year) else { return Err(refused("the day", &summary)) };
        let body = json!({"name": "단골 감사 쿠폰", "codePattern": "THANKS-####-####-####", "quantity": QUANTITY,
            "perMemberLimit": 1, "startDate": today, "endDate": format!("{next_year}-12-31")});
        let key = format!("{}-campaign", self.run);
        let answer = self.client.write(Method::POST, "/couponCampaigns", Some(&body), &key).await?;
        let campaign_id = answer.json["campaignId"].as_i64().filter(|_| answer.status == 201);
        let campaign_id = campaign_id.ok_or_else(|| refused("a campaign", &answer))?;
        let path = format!("/couponCampaigns/{campaign_id}/issues");
        let key = format!("{}-issue", self.run);
        let answer = self.client.write(Method::POST, &path, Some(&json!({"count": MADE})), &key).await?;
        if answer.status == 201 { Ok(campaign_id) } else { Err(refused("codes made in advance", &answer)) }
    }
}

impl Life<'_> {
    /// The member asks for a coupon of the campaign and perhaps redeems it at once.
    pub(super) async fn claim(&mut self, tally: &mut Tally) -> Result<()> {
        let body = json!({"campaignId": self.story.campaign, "memberId": self.member_id});
        let started = Instant::now();
        let claimed = loop {
            let answer = self.write(Method::POST, "/coupons", Some(&body)).await?;
            // Coupon hears of new members by events, and makes codes beside other work; it may be a moment behind.
            let is_early = matches!(answer.status, 404 | 503) && started.elapsed() < SETTLES_WITHIN;
            match answer.status {
                201 => break answer,
                409 => {
                    tally.refused += 1;
                    return Ok(());
                }
                _ if is_early => tokio::time::sleep(LOOK_EVERY).await,
                _ => return Err(refused("a coupon", &answer)),
            }
        };
        tally.coupons += 1;
        if self.dice.once_in(2) {
            let receipt = format!("{}-{}", self.member, self.dice.between(1_000, 9_999));
            let body = json!({"code": claimed.json["code"], "reference": {"type": "receipt", "id": receipt}});
            let answer = self.write(Method::POST, "/coupons/redemptions", Some(&body)).await?;
            if answer.status != 201 {
                return Err(refused("redeeming a coupon", &answer));
            }
            tally.redeemed += 1;
        }
        Ok(())
    }
}
