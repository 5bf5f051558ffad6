//! Buyers: each wants one piece, and asks again under the same key until somebody answers. Every fourth comes without a
//! key, as the clients of seed 4 do, and goes away for good if the connection breaks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::market::{GIFTICON, Market, Visitor};

/// One in so many comes without a key.
const KEYLESS: i64 = 4;
/// A buyer who is told to come back later does so after this.
const LATER: Duration = Duration::from_millis(10);
/// Nobody waits longer for an answer, over all kills.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a buyer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The piece is theirs: this cart.
    Bought(i64),
    /// There is nothing left.
    SoldOut,
    /// Nothing: the connection broke, and they came without a key.
    Nothing,
}

/// The key that a buyer sends, if any.
fn key(buyer: i64) -> Option<String> {
    (buyer % KEYLESS != 0).then(|| format!("buyer-{buyer}"))
}

/// What everybody was told.
#[derive(Default)]
pub struct Record {
    /// Buyer by buyer.
    pub told: Vec<(i64, Told)>,
    /// How long each refusal took, from question to answer.
    pub refusals: Vec<Duration>,
    /// Connections that broke.
    pub broken: usize,
    /// Answers that said to come back later.
    pub later: usize,
}

/// All buyers, and how far they are.
pub struct Crowd<'a> {
    market: &'a Market,
    buyers: i64,
    next: AtomicI64,
    bought: AtomicI64,
    answered: AtomicI64,
    record: Mutex<Record>,
}

impl<'a> Crowd<'a> {
    /// Buyers 1 to this number.
    pub fn new(market: &'a Market, buyers: i64) -> Self {
        let (next, bought, answered) = (AtomicI64::new(1), AtomicI64::new(0), AtomicI64::new(0));
        Self { market, buyers, next, bought, answered, record: Mutex::default() }
    }

    /// How many know that they have a piece.
    pub fn bought(&self) -> i64 {
        self.bought.load(Ordering::Relaxed)
    }

    /// How many have gone home.
    pub fn answered(&self) -> i64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many connections broke.
    pub fn broken(&self) -> usize {
        self.record.lock().expect("nobody panics").broken
    }

    /// How many come, without those who come late.
    pub fn buyers(&self) -> i64 {
        self.buyers
    }

    /// Whether all have.
    pub fn is_over(&self) -> bool {
        self.answered() >= self.buyers
    }

    /// Sends one buyer after the other, until all have come.
    pub fn shop(&self, visitor: usize) {
        let mut visitor = Visitor::new(self.market, visitor);
        loop {
            let buyer = self.next.fetch_add(1, Ordering::Relaxed);
            if buyer > self.buyers {
                return;
            }
            self.send(&mut visitor, buyer);
        }
    }

    /// Somebody who comes after all others.
    pub fn late(&self) {
        let buyer = self.next.fetch_add(1, Ordering::Relaxed).max(self.buyers + 1);
        self.send(&mut Visitor::new(self.market, 0), buyer);
    }

    fn send(&self, visitor: &mut Visitor<'_>, buyer: i64) {
        let told = self.buy(visitor, buyer);
        self.record.lock().expect("nobody panics").told.push((buyer, told));
        self.bought.fetch_add(i64::from(matches!(told, Told::Bought(_))), Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn buy(&self, visitor: &mut Visitor<'_>, buyer: i64) -> Told {
        let (started, key) = (Instant::now(), key(buyer));
        while started.elapsed() < PATIENCE {
            match wish(visitor, buyer, key.as_deref()) {
                Ok(answer) if answer.status == 201 => {
                    assert_eq!(answer.json["customerId"], buyer, "{}", answer.text);
                    return Told::Bought(answer.json["cartId"].as_i64().expect("a cart"));
                }
                Ok(answer) if answer.status == 409 && answer.code() == "gifticon.out_of_stock" => {
                    self.record.lock().expect("nobody panics").refusals.push(answer.took);
                    return Told::SoldOut;
                }
                Ok(answer) => {
                    answer.must_be_problem(503);
                    self.record.lock().expect("nobody panics").later += 1;
                    std::thread::sleep(LATER);
                }
                Err(_) => {
                    self.record.lock().expect("nobody panics").broken += 1;
                    if key.is_none() {
                        return Told::Nothing;
                    }
                }
            }
        }
        panic!("buyer {buyer} was told nothing for {PATIENCE:?}");
    }

    /// What everybody was told, once all have come.
    pub fn record(self) -> Record {
        self.record.into_inner().expect("nobody panics")
    }
}

fn wish(visitor: &mut Visitor<'_>, buyer: i64, key: Option<&str>) -> std::io::Result<crate::support::Answer> {
    let body: Value = json!({"gifticonId": GIFTICON, "quantity": 1, "customerId": buyer});
    visitor.post("/carts", key, &body)
}

/// Fails unless everybody who came with a key is told the same when they ask again.
pub fn all_are_told_the_same_again(market: &Market, record: &Record) {
    let mut visitor = Visitor::new(market, 0);
    // Of the refused ones some will do; there may be very many.
    let refused = record.told.iter().filter(|(_, told)| *told == Told::SoldOut).take(200);
    let bought = record.told.iter().filter(|(_, told)| matches!(told, Told::Bought(_)));
    for (buyer, told) in bought.chain(refused) {
        let Some(key) = key(*buyer) else { continue };
        let answer = wish(&mut visitor, *buyer, Some(&key)).expect("the processes run");
        match told {
            Told::Bought(cart) => assert_eq!(answer.must_be(201).json["cartId"], *cart),
            _ => assert_eq!(answer.must_be(409).code(), "gifticon.out_of_stock"),
        }
    }
}
