//! One case of the matrix: a membership that is bought over a bad line from a provider that has its ways, perhaps
//! cancelled; and what is right when everything has ended.

use serde_json::{Value, json};

use crate::carts::case::{ACTS, Sender, wrong_money};
use crate::carts::line::Fault;
use crate::support::{Answer, TestApp};

/// Units that there may be of each product.
pub const LIMIT: i64 = 2;

/// What becomes of the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// It is kept.
    Keep,
    /// It is cancelled at once.
    CancelAtOnce,
    /// It is cancelled, twice, once payment has decided.
    CancelDecided,
    /// It is cancelled when the days are over in which money is given back.
    CancelLate,
}

impl Wish {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Keep, Self::CancelAtOnce, Self::CancelDecided, Self::CancelLate];
}

/// One case, about a product and a customer of its own with the same number.
#[derive(Debug)]
pub struct Case {
    pub id: i64,
    pub fault: Fault,
    pub sender: Sender,
    pub wish: Wish,
    act: i64,
    /// What was answered to the purchase, in order, and to its cancel.
    pub heard: Vec<Answer>,
    pub cancelled: Vec<Answer>,
}

/// Everything that the public API and the provider show.
pub struct Shown {
    pub memberships: Value,
    pub payments: Value,
    pub products: Value,
    pub charges: Vec<Value>,
}

impl Case {
    pub fn new(id: i64, fault: Fault, sender: Sender, wish: Wish) -> Self {
        let place = usize::try_from(id).expect("a number") % ACTS.len();
        Self { id, fault, sender, wish, act: ACTS[place], heard: vec![], cancelled: vec![] }
    }

    pub fn register(&self, app: &TestApp) {
        let price = 30_000 + self.act;
        let product = json!({"productId": self.id, "productName": "CLUB", "price": price, "salesLimit": LIMIT});
        app.post("/products", &product).must_be(201);
    }

    /// Buys it.
    pub fn send(&mut self, app: &TestApp) {
        let body = json!({"productId": self.id, "customerId": self.id});
        let key = format!("membership-{}", self.id);
        let mut request = app.request("POST", "/memberships").json(&body);
        if self.sender != Sender::HasNoKey {
            request = request.key(&key);
        }
        self.heard.push(request.send());
    }

    /// Cancels it, if its number is known.
    pub fn cancel(&mut self, app: &TestApp) {
        if let Some(mem_id) = self.mem_id() {
            self.cancelled.push(app.delete(&format!("/memberships/{mem_id}")));
        }
    }

    /// The membership's number, if anybody was told.
    pub fn mem_id(&self) -> Option<i64> {
        self.heard.iter().find(|answer| answer.status == 201).and_then(|answer| answer.json["memId"].as_i64())
    }

    /// Whether payment has decided about it.
    pub fn is_decided(&self, app: &TestApp) -> bool {
        self.mem_id().is_none_or(|mem_id| app.get(&format!("/memberships/{mem_id}")).json["memStatus"] != "REQUESTED")
    }

    /// What is wrong when everything has ended.
    pub fn wrongs(&self, shown: &Shown) -> Vec<String> {
        let mine = |all: &Value, field: &str| -> Vec<Value> {
            all.as_array().into_iter().flatten().filter(|one| one[field] == self.id).cloned().collect()
        };
        let (memberships, payments) = (mine(&shown.memberships, "customerId"), mine(&shown.payments, "customerId"));
        let product = &mine(&shown.products, "productId")[0];
        let mut wrongs: Vec<String> =
            payments.iter().filter_map(|payment| wrong_money(payment, &shown.charges)).collect();
        let told = self.heard.iter().any(|answer| answer.status == 201);
        if (memberships.len(), payments.len()) != (usize::from(told), usize::from(told)) {
            wrongs.push(format!("told {told}, but there are {memberships:?}, {payments:?}"));
        }
        if let Some(answer) = self.heard.iter().find(|answer| !matches!(answer.status, 201 | 503)) {
            wrongs.push(format!("was told {} {}", answer.status, answer.text));
        }
        let status = |all: &[Value], field: &str| all.first().map(|one| one[field].as_str().unwrap_or("").to_owned());
        let (membership, payment) = (status(&memberships, "memStatus"), status(&payments, "status"));
        let is_declined = self.act == 901;
        let expected = match (self.wish, is_declined) {
            (_, true) if membership.as_deref() == Some("REFUSED") => ("REFUSED", "PaymentDeclined", 0),
            (Wish::CancelAtOnce, true) => ("CANC", "PaymentCanceled", 0),
            (_, true) => ("REFUSED", "PaymentDeclined", 0),
            (Wish::Keep, _) => ("USE", "PaymentApproved", 1),
            (Wish::CancelAtOnce, _) if self.cancelled.is_empty() => ("USE", "PaymentApproved", 1),
            (Wish::CancelAtOnce | Wish::CancelDecided, _) => ("CANC", "PaymentCanceled", 0),
            (Wish::CancelLate, _) => ("CANC", "PaymentApproved", 1),
        };
        let sold = if told { expected.2 } else { 0 };
        let found = membership.as_deref().zip(payment.as_deref());
        // Payment's word and a cancel may cross: then the money was never taken, or not asked for.
        let crossed = found == Some(("CANC", "PaymentDeclined")) && sold == 0;
        if told && !crossed && found != Some((expected.0, expected.1)) {
            wrongs.push(format!("{found:?} instead of {expected:?}"));
        }
        if payments.iter().any(|payment| payment["refundStatus"] == "PENDING") {
            wrongs.push("what was taken is not given back".to_owned());
        }
        if (&product["salesQuantity"], &product["reservedQuantity"]) != (&json!(sold), &json!(0)) {
            wrongs.push(format!("{sold} are paid, but the product is {product}"));
        }
        wrongs
    }
}
