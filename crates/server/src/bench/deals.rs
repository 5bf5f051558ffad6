//! Deals as a load: what is posted, and which deals of this run can still be cancelled.

use super::request::{Random, push_number};

/// Merchants 1 to this number; they are opened by their first deal.
const MERCHANTS: u64 = 1_000;
/// What is paid, in won: 100 points at the programme's own rate of 1 %.
const DEAL_AMOUNT: u64 = 10_000;
const USE_POINTS: u64 = 5;
/// Out of a hundred deals of the mix so many earn, so many use; the rest cancel.
const SAVE_PERCENT: u64 = 80;
const USE_PERCENT: u64 = 15;
/// So many deals are kept to be cancelled; of more, the oldest are forgotten.
const KEPT: usize = 512;

/// What a deal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Save,
    Use,
    /// Takes back a deal that was answered before.
    Cancel,
}

impl Act {
    /// One of the mix.
    pub(super) fn of_mix(random: &mut Random) -> Self {
        match random.below(100) {
            drawn if drawn < SAVE_PERCENT => Self::Save,
            drawn if drawn < SAVE_PERCENT + USE_PERCENT => Self::Use,
            _ => Self::Cancel,
        }
    }

    /// The name of the one reason for which a correct server may refuse it; a `save` is never refused.
    pub(super) fn refusal(self) -> Option<&'static [u8]> {
        match self {
            Self::Save => None,
            Self::Use => Some(b"insufficient_points"),
            Self::Cancel => Some(b"nothing_to_cancel"),
        }
    }
}

/// A deal that is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deal {
    pub(super) act: Act,
    member: u64,
    merchant: u64,
}

impl Deal {
    /// One of a random member at a random merchant.
    pub(super) fn random(act: Act, members: u64, random: &mut Random) -> Self {
        Self { act, member: 1 + random.below(members), merchant: 1 + random.below(MERCHANTS) }
    }

    /// Appends it as JSON.
    pub(super) fn write(self, body: &mut Vec<u8>) {
        match self.act {
            Act::Save => self.fields(body, b"save"),
            Act::Use => {
                self.fields(body, b"use");
                field(body, b",\"point\":", USE_POINTS);
            }
            Act::Cancel => self.fields(body, b"cancel"),
        }
        body.push(b'}');
    }

    fn fields(self, body: &mut Vec<u8>, kind: &[u8]) {
        field(body, b"{\"memberId\":", self.member);
        field(body, b",\"merchantId\":", self.merchant);
        field(body, b",\"dealAmount\":", DEAL_AMOUNT);
        body.extend_from_slice(b",\"type\":\"");
        body.extend_from_slice(kind);
        body.push(b'"');
    }
}

fn field(body: &mut Vec<u8>, name: &[u8], number: u64) {
    body.extend_from_slice(name);
    push_number(body, number);
}

/// A deal that was answered with success.
#[derive(Debug, Clone, Copy)]
struct Answered {
    deal: Deal,
    deal_id: u64,
}

/// The last deals of this run that can be cancelled.
#[derive(Debug, Default)]
pub(super) struct Recent {
    answered: Vec<Answered>,
    oldest: usize,
    cancels: u64,
}

impl Recent {
    /// Keeps a deal that was answered with success, by the number in its answer.
    pub(super) fn keep(&mut self, deal: Deal, body: &[u8]) {
        let Some(deal_id) = number_after(body, b"\"dealId\":").filter(|_| deal.act != Act::Cancel) else { return };
        let answered = Answered { deal, deal_id };
        if self.answered.len() < KEPT {
            self.answered.push(answered);
        } else {
            self.answered[self.oldest] = answered;
            self.oldest = (self.oldest + 1) % KEPT;
        }
    }

    /// Appends a cancel of one of them, by turns by the deal's number and by "the newest that fits"; that deal is
    /// kept no longer. Nothing while there is none.
    pub(super) fn cancel(&mut self, random: &mut Random, body: &mut Vec<u8>) -> Option<Deal> {
        let chosen = usize::try_from(random.below(self.answered.len() as u64)).ok()?;
        if chosen >= self.answered.len() {
            return None;
        }
        let Answered { deal, deal_id } = self.answered.swap_remove(chosen);
        self.oldest = 0;
        self.cancels += 1;
        let cancel = Deal { act: Act::Cancel, ..deal };
        if self.cancels.is_multiple_of(2) {
            cancel.write(body);
        } else {
            cancel.fields(body, if deal.act == Act::Use { b"useCancel" } else { b"saveCancel" });
            field(body, b",\"originalDealId\":", deal_id);
            body.push(b'}');
        }
        Some(cancel)
    }
}

/// The whole number that stands right behind `name`.
fn number_after(text: &[u8], name: &[u8]) -> Option<u64> {
    let place = text.windows(name.len()).position(|window| window == name)?;
    let digits = text[place + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits
        .map(|byte| u64::from(byte - b'0'))
        .fold(None, |sum: Option<u64>, digit| sum.unwrap_or_default().checked_mul(10)?.checked_add(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &[u8]) -> serde_json::Value {
        serde_json::from_slice(body).expect("the body is JSON")
    }

    fn written(deal: Deal) -> serde_json::Value {
        let mut body = Vec::new();
        deal.write(&mut body);
        json(&body)
    }

    #[test]
    fn a_deal_has_the_fields_of_its_act() {
        let deal = Deal { act: Act::Save, member: 3, merchant: 20 };
        let save = serde_json::json!({"memberId": 3, "merchantId": 20, "dealAmount": 10_000, "type": "save"});
        assert_eq!(written(deal), save);
        let used = written(Deal { act: Act::Use, ..deal });
        assert_eq!((used["type"].as_str(), used["point"].as_u64()), (Some("use"), Some(5)));
    }

    #[test]
    fn the_mix_is_80_15_and_5() {
        let mut random = Random::from_environment();
        let drawn: Vec<Act> = (0..20_000).map(|_| Act::of_mix(&mut random)).collect();
        for (act, share) in [(Act::Save, 80), (Act::Use, 15), (Act::Cancel, 5)] {
            let found = drawn.iter().filter(|other| **other == act).count() / 200;
            assert!(found.abs_diff(share) <= 2, "{act:?}: {found} % instead of {share} %");
        }
    }

    #[test]
    fn a_cancel_takes_back_a_deal_of_this_run_once() {
        let (mut recent, mut random, mut body) = (Recent::default(), Random::from_environment(), Vec::new());
        assert_eq!(recent.cancel(&mut random, &mut body), None);
        let deal = Deal { act: Act::Use, member: 3, merchant: 20 };
        recent.keep(deal, br#"{"dealId":17,"memberId":3}"#);
        recent.keep(Deal { act: Act::Cancel, ..deal }, br#"{"dealId":18}"#);
        recent.keep(deal, b"{}");
        assert_eq!(recent.cancel(&mut random, &mut body), Some(Deal { act: Act::Cancel, ..deal }));
        let cancel = json(&body);
        assert_eq!((cancel["type"].as_str(), cancel["originalDealId"].as_u64()), (Some("useCancel"), Some(17)));
        assert_eq!(recent.cancel(&mut random, &mut body), None, "it is kept no longer");

        recent.keep(Deal { act: Act::Save, ..deal }, br#"{"dealId":19}"#);
        body.clear();
        recent.cancel(&mut random, &mut body);
        let cancel = json(&body);
        assert!(cancel["type"] == "cancel" && cancel.get("originalDealId").is_none(), "every second: {cancel}");
        assert_eq!((cancel["memberId"].as_u64(), cancel["dealAmount"].as_u64()), (Some(3), Some(10_000)));
    }

    #[test]
    fn of_many_deals_the_last_are_kept() {
        let mut recent = Recent::default();
        for deal_id in 1..=1_000 {
            let deal = Deal { act: Act::Save, member: 1, merchant: 1 };
            recent.keep(deal, format!(r#"{{"dealId":{deal_id}}}"#).as_bytes());
        }
        assert_eq!(recent.answered.len(), KEPT);
        assert!(recent.answered.iter().all(|answered| answered.deal_id > 1_000 - KEPT as u64));
    }

    #[test]
    fn a_number_is_read_to_its_end() {
        assert_eq!(number_after(br#"{"dealId":120,"x":1}"#, b"\"dealId\":"), Some(120));
        assert_eq!(number_after(br#"{"dealId":"a"}"#, b"\"dealId\":"), None);
        assert_eq!(number_after(br#"{"dealId":99999999999999999999}"#, b"\"dealId\":"), None);
    }
}
