//! Purchases on my page: carts and paid memberships, as their own logs and payment's tell of them.
//!
//! A row follows two logs that come in any order against each other. Whichever speaks first makes the row; it is shown
//! once its own log has spoken. What is told again is seen from the sequences that the row keeps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::cart::CartFacts;
use domain::membership::MembershipStatus;
use domain::payment::{Order, PaymentStatus};
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::Result;

use super::told::{Paid, Told};

/// Columns that all purchases have, before those of their goods.
const COMMON: usize = 7;

pub(super) static CART: Table = Table {
    name: "bought_cart",
    columns: &[
        ("cart_id", Kind::Int),
        ("customer_id", Kind::Int),
        ("payment_id", Kind::Int),
        ("payment_status", Kind::Text),
        ("payment_sequence", Kind::Int),
        ("sequence", Kind::Int),
        ("alone", Kind::Int),
        ("gifticon_id", Kind::Int),
        ("quantity", Kind::Int),
        ("unit_price_won", Kind::Int),
        ("removed", Kind::Int),
    ],
};

pub(super) static MEMBERSHIP: Table = Table {
    name: "bought_membership",
    columns: &[
        ("mem_id", Kind::Int),
        ("customer_id", Kind::Int),
        ("payment_id", Kind::Int),
        ("payment_status", Kind::Text),
        ("payment_sequence", Kind::Int),
        ("sequence", Kind::Int),
        ("alone", Kind::Int),
        ("product_id", Kind::Int),
        ("product_name", Kind::Text),
        ("price_won", Kind::Int),
        ("mem_status", Kind::Text),
        ("expires_at", Kind::Int),
    ],
};

/// What is bought, as the columns of its table after the common ones.
pub(super) trait Goods: Default {
    /// Where such purchases stand.
    const TABLE: &'static Table;
    /// From the columns from `at` on.
    fn read(row: &mut Row, at: usize) -> Self;
    /// The columns.
    fn write(self) -> Vec<Value>;
}

/// What is in a cart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) gifticon_id: i64,
    pub(super) quantity: i64,
    pub(super) unit_price_won: i64,
    pub(super) is_removed: bool,
}

impl Goods for Pieces {
    const TABLE: &'static Table = &CART;

    fn read(row: &mut Row, at: usize) -> Self {
        Self {
            gifticon_id: row.int(at),
            quantity: row.int(at + 1),
            unit_price_won: row.int(at + 2),
            is_removed: row.int(at + 3) != 0,
        }
    }

    fn write(self) -> Vec<Value> {
        let removed = i64::from(self.is_removed);
        vec![self.gifticon_id.into(), self.quantity.into(), self.unit_price_won.into(), removed.into()]
    }
}

/// A membership, as it was bought and as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) product_id: i64,
    pub(super) product_name: String,
    pub(super) price_won: i64,
    /// Nothing as long as membership has not spoken.
    pub(super) status: Option<MembershipStatus>,
    pub(super) expires_at_ms: Option<i64>,
}

impl Goods for Term {
    const TABLE: &'static Table = &MEMBERSHIP;

    fn read(row: &mut Row, at: usize) -> Self {
        Self {
            product_id: row.int(at),
            product_name: row.take_text(at + 1).unwrap_or_default(),
            price_won: row.int(at + 2),
            status: MembershipStatus::from_name(row.text(at + 3)),
            expires_at_ms: row.opt_int(at + 4),
        }
    }

    fn write(self) -> Vec<Value> {
        let status = self.status.map_or("", MembershipStatus::name);
        vec![
            self.product_id.into(),
            self.product_name.into(),
            self.price_won.into(),
            status.into(),
            self.expires_at_ms.into(),
        ]
    }
}

/// A purchase in a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Purchase<G> {
    pub(super) customer_id: Option<i64>,
    pub(super) payment_id: Option<i64>,
    pub(super) payment: Option<PaymentStatus>,
    payment_sequence: i64,
    sequence: i64,
    pub(super) is_alone: bool,
    pub(super) goods: G,
    changed: bool,
    is_known: bool,
}

impl<G: Goods> Purchase<G> {
    /// A purchase from its row.
    pub(super) fn read(mut row: Row) -> (i64, Self) {
        let purchase = Self {
            customer_id: row.opt_int(1),
            payment_id: row.opt_int(2),
            payment: PaymentStatus::from_name(row.text(3)),
            payment_sequence: row.int(4),
            sequence: row.int(5),
            is_alone: row.int(6) != 0,
            goods: G::read(&mut row, COMMON),
            changed: false,
            is_known: true,
        };
        (row.int(0), purchase)
    }

    fn into_row(self, id: i64) -> Row {
        let mut values = vec![
            id.into(),
            self.customer_id.into(),
            self.payment_id.into(),
            self.payment.map(|status| status.name().to_owned()).into(),
            self.payment_sequence.into(),
            self.sequence.into(),
            i64::from(self.is_alone).into(),
        ];
        values.extend(self.goods.write());
        Row(values)
    }

    /// Whether its own log has spoken of it.
    pub(super) fn is_shown(&self) -> bool {
        self.sequence > 0
    }

    /// Whether both tell the same, apart from where it is listed.
    pub(super) fn says_the_same(&self, other: &Self) -> bool
    where
        G: PartialEq,
    {
        let said = |one: &Self| (one.customer_id, one.payment_id, one.payment, one.payment_sequence, one.sequence);
        said(self) == said(other) && self.goods == other.goods
    }

    /// What its own log says, unless that is known already.
    fn take_own(&mut self, sequence: i64, customer_id: Option<i64>, change: impl FnOnce(&mut G)) {
        if sequence > self.sequence {
            (self.sequence, self.customer_id, self.changed) = (sequence, customer_id, true);
            change(&mut self.goods);
        }
    }

    fn take_payment(&mut self, sequence: i64, paid: &Paid) {
        if sequence > self.payment_sequence {
            (self.payment_sequence, self.payment_id, self.changed) = (sequence, Some(paid.payment_id), true);
            self.payment = Some(paid.status);
            self.customer_id = self.customer_id.or(paid.customer_id);
        }
    }

    fn stand(&mut self, has_page: bool) {
        let is_alone = self.is_shown() && !has_page;
        self.changed |= is_alone != self.is_alone;
        self.is_alone = is_alone;
    }
}

/// Purchases that a batch works on. In key order neighbours share what is written.
#[derive(Default)]
pub(super) struct Purchases {
    pub(super) carts: BTreeMap<i64, Purchase<Pieces>>,
    pub(super) memberships: BTreeMap<i64, Purchase<Term>>,
    /// Whether customers have a page, of those whose purchases change.
    have_pages: HashMap<i64, bool>,
}

/// Keys, each once and in order.
pub(super) fn keys(ids: impl Iterator<Item = i64>) -> Vec<Value> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(Value::Int).collect()
}

impl Purchases {
    /// Loads what these events are about, and the purchases of members whose pages may come or go. The pages are locked
    /// by now, so nobody adds a purchase of theirs; what is found is locked too, for another process may have read what
    /// changes it.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn load<'a>(
        tx: &mut dyn Session,
        told: impl Iterator<Item = &'a Told>,
        members: Vec<i64>,
        have_pages: HashMap<i64, bool>,
    ) -> Result<Self> {
        let is_cart = |order: &Order| matches!(order, Order::Cart(_));
        let (carts, memberships): (Vec<Order>, Vec<Order>) = told.map(Told::order).partition(is_cart);
        let members = keys(members.into_iter());
        let carts = load(tx, carts, &members)?;
        let memberships = load(tx, memberships, &members)?;
        Ok(Self { carts, memberships, have_pages })
    }

    /// Takes an event in that has this number in its log.
    pub(super) fn take(&mut self, sequence: i64, told: &Told) {
        match told {
            Told::Cart { facts, is_removed } => {
                let CartFacts { gifticon_id, quantity, unit_price_won, .. } = *facts;
                let pieces = Pieces { gifticon_id, quantity, unit_price_won, is_removed: *is_removed };
                let cart = self.carts.entry(facts.cart_id).or_default();
                cart.take_own(sequence, facts.customer_id, |goods| *goods = pieces);
            }
            Told::Membership { facts, status, expires_at_ms } => {
                let membership = self.memberships.entry(facts.mem_id).or_default();
                membership.take_own(sequence, facts.customer_id, |goods| {
                    *goods = Term {
                        product_id: facts.product_id,
                        product_name: facts.product_name.clone(),
                        price_won: facts.price_won,
                        status: Some(*status),
                        expires_at_ms: expires_at_ms.or(goods.expires_at_ms),
                    };
                });
            }
            Told::Paid(Order::Cart(cart_id), paid) => {
                self.carts.entry(*cart_id).or_default().take_payment(sequence, paid);
            }
            Told::Paid(Order::Membership(mem_id), paid) => {
                self.memberships.entry(*mem_id).or_default().take_payment(sequence, paid);
            }
        }
    }

    /// From now on this member has a page, or has none any more.
    pub(super) fn note_page(&mut self, member_id: i64, is_there: bool) {
        self.have_pages.insert(member_id, is_there);
    }

    /// Those who bought what this batch works on.
    pub(super) fn customers(&self) -> BTreeSet<i64> {
        let carts = self.carts.values().filter_map(|cart| cart.customer_id);
        carts.chain(self.memberships.values().filter_map(|membership| membership.customer_id)).collect()
    }

    /// Stores what changed.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn store(self, tx: &mut dyn Session) -> Result<()> {
        store(tx, self.carts, &self.have_pages)?;
        store(tx, self.memberships, &self.have_pages)
    }
}

/// The purchases that these orders are, and those of these customers.
fn load<G: Goods>(tx: &mut dyn Session, orders: Vec<Order>, customers: &[Value]) -> Result<BTreeMap<i64, Purchase<G>>> {
    let mut found = Vec::new();
    if !customers.is_empty() {
        found = tx.load_by(G::TABLE, "customer_id", customers)?;
    }
    let ids = keys(orders.into_iter().map(Order::id).chain(found.iter().map(|row| row.int(0))));
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(tx.lock_many(G::TABLE, &ids)?.into_iter().map(Purchase::read).collect())
}

fn store<G: Goods>(
    tx: &mut dyn Session,
    purchases: BTreeMap<i64, Purchase<G>>,
    have_pages: &HashMap<i64, bool>,
) -> Result<()> {
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for (id, mut purchase) in purchases {
        let has_page = purchase.customer_id.is_some_and(|id| have_pages.get(&id).copied().unwrap_or(false));
        purchase.stand(has_page);
        if purchase.changed {
            let rows = if purchase.is_known { &mut known } else { &mut new };
            rows.push(purchase.into_row(id));
        }
    }
    if !new.is_empty() {
        tx.insert_many(G::TABLE, new)?;
    }
    if !known.is_empty() {
        tx.update_many(G::TABLE, known)?;
    }
    Ok(())
}
