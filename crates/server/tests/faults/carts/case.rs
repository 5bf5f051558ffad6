//! One case of the matrix: a cart that is bought over a bad line from a provider that has its ways, perhaps used, perhaps
//! removed; and what is right when everything has ended.

use serde_json::{Value, json};

use super::line::Fault;
use crate::support::{Answer, TestApp};

/// Pieces that there are of each gifticon, and that a cart takes.
pub const LOADED: i64 = 6;
pub const QUANTITY: i64 = 1;

/// What the sender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Sends once, under a key, and goes away.
    Leaves,
    /// Sends once, without a key, and goes away.
    HasNoKey,
    /// Sends again under the same key when the line is sound.
    Repeats,
    /// Sends again after whatever was kept at first is free again.
    RepeatsLate,
}

impl Sender {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Leaves, Self::HasNoKey, Self::Repeats, Self::RepeatsLate];
}

/// What becomes of the cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// It is kept.
    Keep,
    /// It is removed at once.
    RemoveAtOnce,
    /// It is removed once payment has decided.
    RemoveDecided,
    /// A voucher is used, and then it is removed.
    UseAndRemove,
}

impl Wish {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Keep, Self::RemoveAtOnce, Self::RemoveDecided, Self::UseAndRemove];
}

/// What the last digits of the amount make the sandbox do (docs/payments.md).
pub const ACTS: [i64; 7] = [
    0,   // approves
    901, // declines
    921, // loses the answer
    922, // loses the question
    923, // loses every answer, and tells by webhook
    924, // loses the answer to the refund
    931, // tells twice by webhook
];

/// One case, about a gifticon and a customer of its own with the same number.
#[derive(Debug)]
pub struct Case {
    pub id: i64,
    pub fault: Fault,
    pub sender: Sender,
    pub wish: Wish,
    act: i64,
    /// What was answered to the cart, in order, and to its removal.
    pub heard: Vec<Answer>,
    pub removed: Vec<Answer>,
    pub used: bool,
}

/// Everything that the public API and the provider show.
pub struct Shown {
    pub carts: Value,
    pub payments: Value,
    pub gifticons: Value,
    pub vouchers: Value,
    pub charges: Vec<Value>,
}

impl Case {
    pub fn new(id: i64, fault: Fault, sender: Sender, wish: Wish) -> Self {
        let place = usize::try_from(id).expect("a number") % ACTS.len();
        Self { id, fault, sender, wish, act: ACTS[place], heard: vec![], removed: vec![], used: false }
    }

    pub fn register(&self, app: &TestApp) {
        let price = 5_000 + self.act;
        let gifticon = json!({"gifticonId": self.id, "name": "Americano", "availableQuantity": LOADED, "price": price});
        app.post("/gifticons", &gifticon).must_be(201);
    }

    /// Puts it into a cart.
    pub fn send(&mut self, app: &TestApp) {
        let body = json!({"gifticonId": self.id, "quantity": QUANTITY, "customerId": self.id});
        let key = format!("cart-{}", self.id);
        let mut request = app.request("POST", "/carts").json(&body);
        if self.sender != Sender::HasNoKey {
            request = request.key(&key);
        }
        self.heard.push(request.send());
    }

    /// Removes it, if its number is known.
    pub fn remove(&mut self, app: &TestApp) {
        if let Some(cart_id) = self.cart_id() {
            let key = format!("removal-{}", self.id);
            self.removed.push(app.request("DELETE", &format!("/carts/{cart_id}")).key(&key).send());
        }
    }

    /// The cart's number, if anybody was told.
    pub fn cart_id(&self) -> Option<i64> {
        self.heard.iter().find(|answer| answer.status == 201).and_then(|answer| answer.json["cartId"].as_i64())
    }

    /// Whether payment has decided about the cart, and gifticon has followed if it is paid.
    pub fn is_decided(&self, app: &TestApp) -> bool {
        let Some(cart_id) = self.cart_id() else { return true };
        let cart = app.get(&format!("/carts/{cart_id}"));
        cart.json["status"] == "PaymentDeclined" || self.code(app).is_some()
    }

    fn code(&self, app: &TestApp) -> Option<String> {
        let page = app.get(&format!("/vouchers?gifticonId={}", self.id)).must_be(200).json;
        page["_embedded"]["vouchers"][0]["code"].as_str().map(str::to_owned)
    }

    /// Uses a voucher, if there is one.
    pub fn use_voucher(&mut self, app: &TestApp) {
        if let Some(code) = self.code(app) {
            app.post(&format!("/vouchers/{code}/uses"), &json!({})).must_be(201);
            self.used = true;
        }
    }

    /// What is wrong when everything has ended.
    pub fn wrongs(&self, shown: &Shown) -> Vec<String> {
        let mine = |all: &Value, field: &str| -> Vec<Value> {
            all.as_array().into_iter().flatten().filter(|one| one[field] == self.id).cloned().collect()
        };
        let count = |all: &[Value], statuses: &[&str]| {
            all.iter().filter(|one| statuses.iter().any(|status| one["status"] == *status)).count()
        };
        let (carts, payments) = (mine(&shown.carts, "customerId"), mine(&shown.payments, "customerId"));
        let (gifticons, vouchers) = (mine(&shown.gifticons, "gifticonId"), mine(&shown.vouchers, "gifticonId"));
        let mut wrongs = Vec::new();
        let (paid, declined) = (count(&carts, &["PaymentApproved"]), count(&carts, &["PaymentDeclined"]));
        if paid + declined != carts.len() {
            wrongs.push(format!("not ended: {carts:?}"));
        }
        let ended = count(&payments, &["PaymentApproved", "PaymentDeclined", "PaymentCanceled"]);
        let is_open = payments.iter().any(|payment| payment["refundStatus"] == "PENDING");
        if ended != payments.len() || is_open || count(&payments, &["PaymentApproved"]) != paid {
            wrongs.push(format!("{paid} carts are paid, but payments are {payments:?}"));
        }
        // Who sends without a key has each request carried out once; the others all of theirs together.
        if payments.len() > 1 {
            wrongs.push("paid for more than once".to_owned());
        }
        let sold = i64::try_from(paid).unwrap_or(i64::MAX) * QUANTITY;
        let stock = ["availableQuantity", "reservedQuantity", "soldQuantity"].map(|field| gifticons[0][field].as_i64());
        if stock != [Some(LOADED - sold), Some(0), Some(sold)] {
            wrongs.push(format!("{sold} pieces are paid, but the stock is {stock:?}"));
        }
        let good = count(&vouchers, &["ISSUED", "USED"]);
        if good + count(&vouchers, &["CANCELLED"]) != vouchers.len() || i64::try_from(good) != Ok(sold) {
            wrongs.push(format!("{sold} pieces are paid, but vouchers are {vouchers:?}"));
        }
        wrongs.extend(payments.iter().filter_map(|payment| wrong_money(payment, &shown.charges)));
        wrongs.extend(self.not_as_told(&carts, &payments));
        wrongs
    }

    /// Whether somebody was told something else.
    fn not_as_told(&self, carts: &[Value], payments: &[Value]) -> Option<String> {
        let told = |answers: &[Answer], status: u16| answers.iter().any(|answer| answer.status == status);
        let others = self.heard.iter().filter(|answer| !matches!(answer.status, 201 | 503));
        let others = others.chain(self.removed.iter().filter(|answer| !matches!(answer.status, 204 | 404 | 409 | 503)));
        let is_there = !carts.is_empty();
        let wrong = [
            (told(&self.heard, 201) != (payments.len() == 1), "added, but not paid for, or the other way round"),
            (told(&self.removed, 204) && is_there, "told removed, but is there"),
            (told(&self.removed, 409) && !is_there, "told that it stays, but is gone"),
            (
                told(&self.removed, 409) != (self.used && !self.removed.is_empty()),
                "refused to be removed, but not used",
            ),
            (self.removed.is_empty() && !is_there && told(&self.heard, 201), "gone, but nobody removed it"),
            (!self.removed.is_empty() && !self.used && is_there, "was to be removed, and is there"),
        ];
        let found = wrong.iter().find(|(is_wrong, _)| *is_wrong).map(|(_, what)| (*what).to_owned());
        found.or_else(|| others.map(|answer| format!("was told {} {}", answer.status, answer.text)).next())
    }
}

/// Whether the provider's book says something else than a payment.
pub fn wrong_money(payment: &Value, charges: &[Value]) -> Option<String> {
    let begins = format!("{}-", payment["paymentId"]);
    let found = charges
        .iter()
        .find(|charge| charge["reference"].as_str().is_some_and(|reference| reference.starts_with(&begins)));
    let moved = |field: &str| found.map_or(0, |charge| charge[field].as_i64().unwrap_or_default());
    let (charged, refunded) = (moved("charges"), moved("refunds"));
    let is_right = match payment["status"].as_str() {
        Some("PaymentApproved") => (charged, refunded) == (1, 0),
        Some("PaymentDeclined" | "PaymentCanceled") => charged <= 1 && charged == refunded,
        _ => false,
    };
    (!is_right).then(|| format!("{payment}, but the provider has {found:?}"))
}
