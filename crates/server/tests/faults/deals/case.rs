//! One case of the matrix: what is posted over which line, and what its sender does when nobody answers.

use serde_json::{Value, json};

use super::lossy::Fault;
use crate::senders::{Sent, send_together};
use crate::support::{Answer, TestApp};

/// Every member has this when the cases begin.
const WELCOME: i64 = 1_000;
/// Senders of one request at the same moment.
const CROWD: usize = 64;

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Save,
    Use,
    /// More points than there are.
    UseTooMuch,
    /// The points are still there.
    SaveCancel,
    /// Most of the points are spent.
    SaveCancelSpent,
    UseCancel,
    /// A part of the points.
    UseCancelPart,
    /// Names no deal.
    Cancel,
    /// Names no deal, and there is none.
    NothingToCancel,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Save,
        Self::Use,
        Self::UseTooMuch,
        Self::SaveCancel,
        Self::SaveCancelSpent,
        Self::UseCancel,
        Self::UseCancelPart,
        Self::Cancel,
        Self::NothingToCancel,
    ];

    /// Whether point's word is needed before the client can be answered.
    pub fn needs_point(self, refuses: bool) -> bool {
        match self {
            Self::Save | Self::Use | Self::UseTooMuch => true,
            Self::SaveCancel | Self::SaveCancelSpent | Self::Cancel => refuses,
            Self::UseCancel | Self::UseCancelPart | Self::NothingToCancel => false,
        }
    }

    /// Whether it happens if all goes well.
    pub fn succeeds(self, refuses: bool) -> bool {
        match self {
            Self::UseTooMuch | Self::NothingToCancel => false,
            Self::SaveCancelSpent => !refuses,
            _ => true,
        }
    }

    /// Whether a sweep ends it as something that did not happen.
    pub fn is_voided(self) -> bool {
        matches!(self, Self::Use | Self::UseTooMuch)
    }
}

/// What the sender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Sends once and goes away.
    Leaves,
    /// Sends again while the deal can be taken up, over a line that is sound again.
    RepeatsSoon,
    /// Sends again after the sweep.
    RepeatsLate,
    /// Many send the same at once and go away.
    Crowd,
}

impl Sender {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Leaves, Self::RepeatsSoon, Self::RepeatsLate, Self::Crowd];
}

/// One case, about a member of its own.
#[derive(Debug)]
pub struct Case {
    pub member_id: i64,
    pub kind: Kind,
    pub fault: Fault,
    pub sender: Sender,
    /// Deals that were made before.
    prepared: usize,
    original: Option<i64>,
    /// What was answered, in order.
    pub heard: Vec<Answer>,
}

impl Case {
    pub fn new(member_id: i64, kind: Kind, fault: Fault, sender: Sender) -> Self {
        Self { member_id, kind, fault, sender, prepared: 0, original: None, heard: Vec::new() }
    }

    fn merchant_id(&self) -> i64 {
        1 + self.member_id % 7
    }

    fn deal(&self, kind: &str, amount: i64) -> Value {
        json!({"memberId": self.member_id, "merchantId": self.merchant_id(), "type": kind, "dealAmount": amount})
    }

    fn using(&self, point: i64) -> Value {
        let mut body = self.deal("use", 10_000);
        body["point"] = json!(point);
        body
    }

    /// Makes the deals that this one is about.
    pub fn prepare(&mut self, app: &TestApp) {
        let before = match self.kind {
            Kind::Save | Kind::Use | Kind::UseTooMuch | Kind::NothingToCancel => vec![],
            Kind::SaveCancel | Kind::Cancel => vec![self.deal("save", 30_000)],
            Kind::SaveCancelSpent => vec![self.deal("save", 30_000), self.using(1_200)],
            Kind::UseCancel | Kind::UseCancelPart => vec![self.using(400)],
        };
        for body in &before {
            let made = app.post("/deals", body).must_be(201);
            assert_eq!(made.json["status"], "success", "{self:?}: {}", made.text);
            self.original = self.original.or(made.json["dealId"].as_i64());
        }
        self.prepared = before.len();
    }

    fn sent(&self) -> Sent {
        let cancelling = |kind: &str, amount: i64| {
            let mut body = self.deal(kind, amount);
            body["originalDealId"] = json!(self.original);
            body
        };
        let body = match self.kind {
            Kind::Save => self.deal("save", 50_000),
            Kind::Use => self.using(300),
            Kind::UseTooMuch => self.using(5_000),
            Kind::SaveCancel | Kind::SaveCancelSpent => cancelling("saveCancel", 30_000),
            Kind::UseCancel => cancelling("useCancel", 10_000),
            Kind::UseCancelPart => {
                let mut body = cancelling("useCancel", 10_000);
                body["point"] = json!(150);
                body
            }
            Kind::Cancel => self.deal("cancel", 30_000),
            Kind::NothingToCancel => self.deal("cancel", 77),
        };
        Sent::post("/deals", body).key(&format!("case-{}", self.member_id))
    }

    /// Sends what the case is about, once or by a crowd.
    pub fn send(&mut self, app: &TestApp) {
        let sent = (app.address(), self.sent());
        if self.sender == Sender::Crowd {
            self.heard.extend(send_together(&vec![sent; CROWD]));
        } else {
            self.send_again(app);
        }
    }

    /// Sends it once more under the same key.
    pub fn send_again(&mut self, app: &TestApp) -> &Answer {
        self.heard.push(self.sent().to(app.address()));
        self.heard.last().expect("it was pushed")
    }

    /// Whether any sender was told an outcome.
    pub fn was_told(&self) -> bool {
        self.heard.iter().any(|answer| answer.status == 201)
    }

    /// The deal itself among all deals of the store, and those that were made before.
    pub fn deals<'a>(&self, all: &'a [Value]) -> Vec<&'a Value> {
        all.iter().filter(|deal| deal["memberId"] == self.member_id).collect()
    }

    /// What is wrong with this case, now that everything has ended.
    pub fn wrongs(&self, all: &[Value], account: &Value, refuses: bool) -> Vec<String> {
        let mut wrongs = Vec::new();
        let deals = self.deals(all);
        if deals.len() != self.prepared + 1 {
            wrongs.push(format!("{} deals instead of {}", deals.len(), self.prepared + 1));
        }
        if let Some(open) = deals.iter().find(|deal| deal["status"] == "pending" || deal["pointStatus"] == "PENDING") {
            wrongs.push(format!("not ended: {open}"));
        }
        let (remains, owed) = (account["remainPoint"].as_i64(), account["owed"].as_i64().unwrap_or_default());
        let expected = WELCOME + deals.iter().map(|deal| moved(deal)).sum::<i64>();
        if remains.map(|remains| remains - owed) != Some(expected) {
            wrongs.push(format!("{remains:?} points and {owed} owed, but the deals say {expected}"));
        }
        wrongs.extend(deals.iter().filter_map(|deal| over_cancelled(deal, &deals)));
        let Some(deal) = deals.last() else { return wrongs };
        for answer in &self.heard {
            match answer.status {
                201 if answer.json["dealId"] == deal["dealId"] && answer.json["status"] == deal["status"] => {}
                503 if answer.header("retry-after").is_some() => {}
                _ => wrongs.push(format!("was told {} {}", answer.status, answer.text)),
            }
        }
        wrongs.extend(self.unexpected(deal, refuses));
        wrongs
    }

    /// The outcome, where only one is right.
    fn unexpected(&self, deal: &Value, refuses: bool) -> Option<String> {
        let happens = self.kind.succeeds(refuses);
        let is_right = if !self.was_told() && self.kind.is_voided() {
            deal["status"] == "fail" && deal["failReason"] == "deal.timed_out"
        } else if self.heard.iter().any(|answer| answer.json["failReason"] == "deal.timed_out") {
            self.sender == Sender::RepeatsLate && self.kind.is_voided()
        } else {
            deal["status"] == if happens { "success" } else { "fail" }
        };
        (!is_right).then(|| format!("ended as {deal}"))
    }
}

/// What a deal says of its cancels is what the cancels say.
fn over_cancelled(deal: &Value, all: &[&Value]) -> Option<String> {
    let number = |deal: &Value| deal["cancelledPoint"].as_i64().unwrap_or_default();
    let cancels = all.iter().filter(|other| other["originalDealId"] == deal["dealId"] && other["status"] == "success");
    let cancelled: i64 = cancels.map(|cancel| number(cancel)).sum();
    let is_right = deal["point"] == 0 || (number(deal) == cancelled && deal["point"].as_i64() >= Some(cancelled));
    (!is_right).then(|| format!("{cancelled} points were cancelled of {deal}"))
}

/// How a deal changed its member's points, what is owed counted as taken.
fn moved(deal: &Value) -> i64 {
    let number = |field: &str| deal[field].as_i64().unwrap_or_default();
    match (deal["type"].as_str(), deal["status"].as_str()) {
        (Some("save"), Some("success")) => number("point"),
        (Some("use"), Some("success")) => -number("point"),
        (Some("saveCancel"), Some("success")) => -number("cancelledPoint"),
        (Some("useCancel"), Some("success")) => number("cancelledPoint"),
        _ => 0,
    }
}
