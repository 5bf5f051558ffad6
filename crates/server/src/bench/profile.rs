//! The load profiles: what each one sends, and which answers it expects.

use clap::ValueEnum;

use super::carts;
use super::deals::{Act, Deal};

/// Transactions in one request of `points-bulk`.
pub(super) const BULK: u64 = 100;

/// What the load consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Profile {
    /// POST /bench/echo: the same body as `points`, nothing done; the machine's own speed
    Echo,
    /// POST /points/{random member}/transactions: 70 % earn 10, 30 % use 5
    Points,
    /// The same on member 1 only
    PointsHot,
    /// POST /points/transactions: 100 of them in a request, over random members
    PointsBulk,
    /// GET /mypages/{random member}
    Mypage,
    /// POST /members with a random phone number
    Join,
    /// POST /deals: a random member earns 100 points at a random merchant of 1,000
    DealSave,
    /// POST /deals: a random member uses 5 points; see `prepare --points`
    DealUse,
    /// POST /deals: 80 % save, 15 % use, 5 % cancel a deal of this run
    DealMixed,
    /// POST /carts: one piece of the one gifticon that everybody wants; see `prepare`
    CartHot,
    /// The same over 1,000 gifticons
    CartSpread,
    /// POST /carts of a gifticon that is sold out, without a key: each is to be refused
    CartSoldout,
    /// The same with a key for each, under which the refusal is remembered
    CartSoldoutKeyed,
}

impl Profile {
    /// The name as on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Points => "points",
            Self::PointsHot => "points-hot",
            Self::PointsBulk => "points-bulk",
            Self::Mypage => "mypage",
            Self::Join => "join",
            Self::DealSave => "deal-save",
            Self::DealUse => "deal-use",
            Self::DealMixed => "deal-mixed",
            Self::CartHot => "cart-hot",
            Self::CartSpread => "cart-spread",
            Self::CartSoldout => "cart-soldout",
            Self::CartSoldoutKeyed => "cart-soldout-keyed",
        }
    }

    /// How many connections it has if nobody says how many.
    pub(super) fn connections(self) -> u16 {
        if carts::is_about(self) { 100 } else { 64 }
    }

    /// Whether a request carries many items, so that the items are what is compared.
    pub(super) fn is_bulk(self) -> bool {
        self == Self::PointsBulk
    }

    /// How many items an answer that is as expected says were carried out.
    pub(super) fn items_done(self, body: &[u8]) -> u64 {
        if self.is_bulk() { count(body, b"{\"status\":201") } else { 1 }
    }

    /// Decides whether the answer to this request is what a correct server says.
    pub(super) fn judge(self, request: &Request, status: u16, body: &[u8]) -> Verdict {
        if self.is_bulk() {
            return judge_bulk(status, body);
        }
        if let Some(deal) = request.deal {
            return judge_deal(deal.act, status, body);
        }
        if matches!(self, Self::CartSoldout | Self::CartSoldoutKeyed) {
            return judge_soldout(status, body);
        }
        let expected = match self {
            Self::Echo | Self::Mypage | Self::PointsBulk => 200,
            Self::Points | Self::PointsHot | Self::Join => 201,
            Self::DealSave | Self::DealUse | Self::DealMixed => 201,
            Self::CartHot | Self::CartSpread => 201,
            Self::CartSoldout | Self::CartSoldoutKeyed => 409,
        };
        if status == expected {
            Verdict::Done
        } else if status == 409 && request.spends && contains(body, b"insufficient_points") {
            // Another 409, such as a key in progress, must not pass for a refusal.
            Verdict::Refused
        } else {
            Verdict::Unexpected
        }
    }
}

/// Every item must have been carried out or refused for want of points.
fn judge_bulk(status: u16, body: &[u8]) -> Verdict {
    let (all, done) = (count(body, b"{\"status\":"), count(body, b"{\"status\":201"));
    let refused = count(body, b"\"code\":\"point.insufficient_points\"");
    if status == 200 && all == BULK && done + refused == BULK { Verdict::Done } else { Verdict::Unexpected }
}

/// A deal that failed is an answer 201 too: it is done only with success, and refused only for its own reason.
fn judge_deal(act: Act, status: u16, body: &[u8]) -> Verdict {
    match (status, act.refusal()) {
        (201, _) if contains(body, b"\"status\":\"success\"") => Verdict::Done,
        (201, Some(reason)) if contains(body, b"\"status\":\"fail\"") && contains(body, reason) => Verdict::Refused,
        _ => Verdict::Unexpected,
    }
}

/// Being told that nothing is left is what this load is about: it counts as done, and nothing else does.
fn judge_soldout(status: u16, body: &[u8]) -> Verdict {
    if status == 409 && contains(body, b"\"gifticon.out_of_stock\"") { Verdict::Done } else { Verdict::Unexpected }
}

/// How often `part` stands in `text`; it begins with a byte that is seldom.
fn count(text: &[u8], part: &[u8]) -> u64 {
    let Some(first) = part.first() else { return 0 };
    let starts = text.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts.filter(|(place, _)| text[*place..].starts_with(part)).count() as u64
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What an answer means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Carried out.
    Done,
    /// The balance was too small, or there was nothing to cancel: a correct answer, but nothing moved.
    Refused,
    /// An error.
    Unexpected,
}

/// What has to be remembered of a request until its answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    /// The number of its idempotency key; `None` if it carries no key.
    pub(super) key_number: Option<u64>,
    /// It is a transaction that takes points.
    pub(super) spends: bool,
    /// The deal that it posts.
    pub(super) deal: Option<Deal>,
}

impl Request {
    /// One that nothing has to be remembered of but its key, if it has one.
    pub(super) fn plain(key_number: Option<u64>) -> Self {
        Self { key_number, spends: false, deal: None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Random;
    use super::*;

    const PLAIN: Request = Request { key_number: None, spends: false, deal: None };
    const USE: Request = Request { spends: true, ..PLAIN };

    #[test]
    fn a_bulk_answer_counts_what_was_done_and_may_refuse_spending() {
        let done = r#"{"status":201,"entry":{}}"#;
        let refused = r#"{"status":409,"problem":{"type":"t","status":409,"code":"point.insufficient_points"}}"#;
        let other = r#"{"status":409,"problem":{"type":"t","status":409,"code":"point.member_not_normal"}}"#;
        let answer = |last: &str| format!("{{\"results\":[{}{last}]}}", format!("{done},").repeat(99));
        let judge = |text: String| {
            (Profile::PointsBulk.judge(&PLAIN, 200, text.as_bytes()), Profile::PointsBulk.items_done(text.as_bytes()))
        };
        assert_eq!(judge(answer(done)), (Verdict::Done, 100));
        assert_eq!(judge(answer(refused)), (Verdict::Done, 99));
        assert_eq!(judge(answer(other)).0, Verdict::Unexpected);
        assert_eq!(judge(format!("{{\"results\":[{done}]}}")).0, Verdict::Unexpected);
    }

    #[test]
    fn only_a_use_may_be_refused() {
        let short = br#"{"code":"point.insufficient_points"}"#;
        assert_eq!(Profile::Points.judge(&USE, 409, short), Verdict::Refused);
        assert_eq!(Profile::Points.judge(&PLAIN, 409, short), Verdict::Unexpected);
        assert_eq!(Profile::Points.judge(&USE, 409, br#"{"code":"idempotency.in_progress"}"#), Verdict::Unexpected);
        assert_eq!(Profile::Points.judge(&USE, 200, b""), Verdict::Unexpected);
        assert_eq!(Profile::Join.judge(&PLAIN, 201, b""), Verdict::Done);
        assert_eq!(Profile::Mypage.judge(&PLAIN, 404, b""), Verdict::Unexpected);
    }

    #[test]
    fn a_cart_is_done_only_with_201_and_one_of_what_is_sold_out_only_when_it_is_refused() {
        let (added, none): (&[u8], &[u8]) = (br#"{"cartId":1}"#, br#"{"code":"gifticon.out_of_stock"}"#);
        for profile in [Profile::CartHot, Profile::CartSpread] {
            assert_eq!(profile.judge(&PLAIN, 201, added), Verdict::Done);
            assert_eq!(profile.judge(&PLAIN, 409, none), Verdict::Unexpected);
            assert_eq!(profile.judge(&PLAIN, 503, b""), Verdict::Unexpected);
        }
        for profile in [Profile::CartSoldout, Profile::CartSoldoutKeyed] {
            assert_eq!(profile.judge(&PLAIN, 409, none), Verdict::Done);
            assert_eq!(profile.judge(&PLAIN, 201, added), Verdict::Unexpected);
            assert_eq!(profile.judge(&PLAIN, 409, br#"{"code":"gifticon.not_on_sale"}"#), Verdict::Unexpected);
        }
        assert_eq!((Profile::CartSoldout.connections(), Profile::Echo.connections()), (100, 64));
    }

    #[test]
    fn a_deal_is_done_only_with_success_and_refused_only_for_its_own_reason() {
        let success: &[u8] = br#"{"dealId":1,"status":"success"}"#;
        let pending: &[u8] = br#"{"dealId":1,"status":"pending"}"#;
        let short: &[u8] = br#"{"dealId":1,"status":"fail","failReason":"insufficient_points"}"#;
        let nothing: &[u8] = br#"{"dealId":1,"status":"fail","failReason":"deal.nothing_to_cancel"}"#;
        let other: &[u8] = br#"{"dealId":1,"status":"fail","failReason":"member_not_normal"}"#;
        let mut random = Random::from_environment();
        let mut judge = |act, status, body| {
            let request = Request { deal: Some(Deal::random(act, 1, &mut random)), ..PLAIN };
            Profile::DealMixed.judge(&request, status, body)
        };
        for act in [Act::Save, Act::Use, Act::Cancel] {
            assert_eq!(judge(act, 201, success), Verdict::Done);
            assert_eq!(judge(act, 201, pending), Verdict::Unexpected);
            assert_eq!(judge(act, 201, other), Verdict::Unexpected);
            assert_eq!(judge(act, 503, success), Verdict::Unexpected);
            let refused = |yes| if yes { Verdict::Refused } else { Verdict::Unexpected };
            assert_eq!(judge(act, 201, short), refused(act == Act::Use));
            assert_eq!(judge(act, 201, nothing), refused(act == Act::Cancel));
        }
    }
}
