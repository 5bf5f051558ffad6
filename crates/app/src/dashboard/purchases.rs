//! Purchases as the dashboard counts them: carts, memberships, payments, pieces of gifticons and vouchers.
//!
//! How many and how much is added up by day and kind and follows the cursor (decision 0010). A flow that is under way has
//! a row, which goes when it ends; most begin and end within one piece of a log and are never stored. Gifticons have rows
//! that remember the last of their events.

use std::collections::{BTreeMap, HashSet};

use domain::gifticon;
use domain::payment::PaymentMethod;
use platform::db::{Kind, Row, Session, Table, Value};
use platform::error::Result;

use super::days::Days;
use super::sums::{Sums, plus};

pub(super) static GIFTICON: Table = Table {
    name: "dashboard_gifticon",
    columns: &[
        ("gifticon_id", Kind::Int),
        ("loaded", Kind::Int),
        ("reserved", Kind::Int),
        ("sold", Kind::Int),
        ("sequence", Kind::Int),
    ],
};

pub(super) static FLOW: Table = Table {
    name: "dashboard_flow",
    columns: &[
        ("name", Kind::Text),
        ("kind", Kind::Text),
        ("id", Kind::Int),
        ("step", Kind::Text),
        ("since", Kind::Int),
    ],
};

/// Flows deleted by one statement.
const DELETED: usize = 64;

/// A kind of flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum FlowKind {
    /// A cart whose payment has not ended.
    Cart,
    /// A paid cart that is to be removed.
    Removal,
    /// A membership whose payment has not ended.
    Membership,
    /// A payment that is to be charged.
    Payment,
    /// Money that is to be given back.
    Refund,
}

impl FlowKind {
    const ALL: [Self; 5] = [Self::Cart, Self::Removal, Self::Membership, Self::Payment, Self::Refund];

    fn name(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Removal => "removal",
            Self::Membership => "membership",
            Self::Payment => "payment",
            Self::Refund => "refund",
        }
    }
}

/// A flow that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    step: String,
    since_ms: i64,
}

/// A gifticon as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stock {
    loaded: i64,
    reserved: i64,
    sold: i64,
    sequence: i64,
}

impl Stock {
    pub(super) fn read(row: &Row) -> (i64, Self) {
        let stock = Self { loaded: row.int(1), reserved: row.int(2), sold: row.int(3), sequence: row.int(4) };
        (row.int(0), stock)
    }

    fn into_row(self, gifticon_id: i64) -> Row {
        let Self { loaded, reserved, sold, sequence } = self;
        Row([gifticon_id, loaded, reserved, sold, sequence].map(Value::Int).to_vec())
    }
}

/// Something that happened to a purchase, or to what is sold.
pub struct Purchased {
    /// Number of the cart, membership, payment or gifticon.
    pub(super) id: i64,
    /// When, in milliseconds since 1970 in UTC.
    pub(super) at_ms: i64,
    pub(super) what: What,
}

/// What happened.
pub(super) enum What {
    CartAdded,
    CartApproved,
    CartDeclined,
    RemovalRequested,
    RemovalRefused,
    CartRemoved,
    MembershipRequested,
    MembershipActivated { price_won: i64 },
    MembershipRefused,
    MembershipCancelled { price_won: i64, refunds: bool },
    MembershipExpired,
    Paid(Step, PaymentMethod, i64),
    Stock { sequence: i64, event: gifticon::Event },
}

/// What happened to a payment; beside it stands how much it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Requested,
    Approved,
    /// It was not charged, and that is certain.
    Declined,
    /// It was declined because nobody heard of the charge; what may have been charged is given back.
    GivenUp,
    Canceled,
    /// It was canceled, and nobody had ever wanted to charge it.
    NeverRequested,
    Refunded,
}

impl Purchased {
    /// The flow that begins by it, and those that end.
    fn moves(&self) -> (Option<(FlowKind, &'static str)>, &'static [FlowKind]) {
        match &self.what {
            What::CartAdded => (Some((FlowKind::Cart, "CartAdded")), &[]),
            What::CartApproved | What::CartDeclined => (None, &[FlowKind::Cart]),
            What::RemovalRequested => (Some((FlowKind::Removal, "RemovalRequested")), &[]),
            What::RemovalRefused => (None, &[FlowKind::Removal]),
            What::CartRemoved => (None, &[FlowKind::Cart, FlowKind::Removal]),
            What::MembershipRequested => (Some((FlowKind::Membership, "REQUESTED")), &[]),
            What::MembershipActivated { .. } | What::MembershipRefused | What::MembershipCancelled { .. } => {
                (None, &[FlowKind::Membership])
            }
            What::Paid(Step::Requested, ..) => (Some((FlowKind::Payment, "PaymentRequested")), &[]),
            What::Paid(Step::Approved | Step::Declined, ..) => (None, &[FlowKind::Payment]),
            What::Paid(Step::GivenUp, ..) => (Some((FlowKind::Refund, "PaymentDeclined")), &[FlowKind::Payment]),
            What::Paid(Step::Canceled | Step::NeverRequested, ..) => {
                (Some((FlowKind::Refund, "PaymentCanceled")), &[FlowKind::Payment])
            }
            What::Paid(Step::Refunded, ..) => (None, &[FlowKind::Refund]),
            What::MembershipExpired | What::Stock { .. } => (None, &[]),
        }
    }
}

/// The key of a flow.
type FlowKey = (FlowKind, i64);

fn flow_name((kind, id): FlowKey) -> String {
    format!("{}.{id}", kind.name())
}

/// What a batch works on.
#[derive(Debug, Default)]
pub(super) struct Purchases {
    pub(super) flows: BTreeMap<FlowKey, Flow>,
    /// Flows that have a row.
    stored: HashSet<FlowKey>,
    /// Flows that began, or went on, in this batch.
    changed: HashSet<FlowKey>,
    pub(super) gifticons: BTreeMap<i64, Stock>,
}

impl Purchases {
    /// Loads the gifticons, and the flows that end and did not begin, in these events.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn load<'a>(tx: &mut dyn Session, events: impl Iterator<Item = &'a Purchased>) -> Result<Self> {
        let (mut begun, mut ended, mut gifticons) = (HashSet::new(), Vec::new(), Vec::new());
        for event in events {
            let (begins, ends) = event.moves();
            let keys = ends.iter().map(|kind| (*kind, event.id));
            ended.extend(keys.filter(|key| !begun.contains(key)));
            begun.extend(begins.map(|(kind, _)| (kind, event.id)));
            if matches!(event.what, What::Stock { .. }) {
                gifticons.push(event.id);
            }
        }
        let mut loaded = Self::default();
        if !ended.is_empty() {
            ended.sort_unstable();
            ended.dedup();
            let names: Vec<Value> = ended.into_iter().map(|key| flow_name(key).into()).collect();
            for (key, flow) in tx.lock_many(&FLOW, &names)?.iter().filter_map(read_flow) {
                loaded.stored.insert(key);
                loaded.flows.insert(key, flow);
            }
        }
        if !gifticons.is_empty() {
            gifticons.sort_unstable();
            gifticons.dedup();
            let keys: Vec<Value> = gifticons.into_iter().map(Value::Int).collect();
            loaded.gifticons = tx.lock_many(&GIFTICON, &keys)?.iter().map(Stock::read).collect();
        }
        Ok(loaded)
    }

    /// Takes in what happened.
    ///
    /// # Errors
    /// `Internal` if a sum becomes too large.
    pub(super) fn take(&mut self, event: &Purchased, (days, sums): (&mut Days, &mut Sums)) -> Result<()> {
        let (begins, ends) = event.moves();
        // A membership or a payment that was cancelled while this was under way had not been paid.
        let mut was_under_way = false;
        for kind in ends {
            was_under_way |= self.flows.remove(&(*kind, event.id)).is_some();
        }
        if let Some((kind, step)) = begins {
            self.flows.insert((kind, event.id), Flow { step: step.to_owned(), since_ms: event.at_ms });
            self.changed.insert((kind, event.id));
        }
        if let What::Stock { sequence, event: told } = &event.what {
            return self.take_stock(event, *sequence, told, (days, sums));
        }
        let day = days.of(event.at_ms);
        for (kind, amount) in counted(&event.what, was_under_way).into_iter().flatten() {
            sums.add(day, kind, 1, amount)?;
        }
        Ok(())
    }

    fn take_stock(
        &mut self,
        Purchased { id, at_ms, .. }: &Purchased,
        sequence: i64,
        event: &gifticon::Event,
        (days, sums): (&mut Days, &mut Sums),
    ) -> Result<()> {
        let stock = self.gifticons.entry(*id).or_default();
        if sequence <= stock.sequence {
            return Ok(());
        }
        stock.sequence = sequence;
        move_pieces(stock, event)?;
        let day = days.of(*at_ms);
        for (kind, quantity) in vouchers(event).into_iter().flatten() {
            sums.add(day, kind.to_owned(), quantity, 0)?;
        }
        Ok(())
    }

    /// Stores what changed.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub(super) fn store(mut self, tx: &mut dyn Session) -> Result<()> {
        let over: Vec<Value> = self
            .stored
            .iter()
            .filter(|key| !self.flows.contains_key(key))
            .copied()
            .map(flow_name)
            .map(Value::from)
            .collect();
        for names in over.chunks(DELETED) {
            // The last one is named again, so that there is one statement.
            let last = names.last().cloned().unwrap_or_default();
            let params: Vec<Value> =
                (0..DELETED).map(|place| names.get(place).cloned().unwrap_or_else(|| last.clone())).collect();
            let places: Vec<String> = (1..=DELETED).map(|place| format!("${place}")).collect();
            tx.execute(&format!("DELETE FROM {} WHERE name IN ({})", FLOW.name, places.join(", ")), &params)?;
        }
        let changed = std::mem::take(&mut self.changed);
        let begun = self.flows.into_iter().filter(|(key, _)| changed.contains(key));
        let begun: Vec<Row> = begun.map(|(key, flow)| flow_row(key, flow)).collect();
        if !begun.is_empty() {
            tx.upsert_many(&FLOW, begun)?;
        }
        if !self.gifticons.is_empty() {
            let rows = self.gifticons.into_iter().map(|(gifticon_id, stock)| stock.into_row(gifticon_id));
            tx.upsert_many(&GIFTICON, rows.collect())?;
        }
        Ok(())
    }
}

/// Where an event moves pieces.
fn move_pieces(stock: &mut Stock, event: &gifticon::Event) -> Result<()> {
    use gifticon::Event;
    match event {
        Event::GifticonRegistered(facts) | Event::GifticonChanged(facts) => stock.loaded = facts.loaded,
        Event::StockReserved(pieces) => stock.reserved = plus(stock.reserved, pieces.quantity)?,
        Event::VouchersIssued { reservation: pieces, .. } => {
            stock.reserved = plus(stock.reserved, -pieces.quantity)?;
            stock.sold = plus(stock.sold, pieces.quantity)?;
        }
        Event::StockReturned { reservation: pieces, was_sold, .. } => {
            let from = if *was_sold { &mut stock.sold } else { &mut stock.reserved };
            *from = plus(*from, -pieces.quantity)?;
        }
        _ => {}
    }
    Ok(())
}

/// What an event makes of vouchers, and of how many. One that is good again counts as if it had not expired, and so does
/// one that is void.
fn vouchers(event: &gifticon::Event) -> [Option<(&'static str, i64)>; 2] {
    use gifticon::Event;
    const EXPIRED: &str = "voucher.expired";
    match event {
        Event::VouchersIssued { reservation, .. } => [Some(("voucher.issued", reservation.quantity)), None],
        Event::StockReturned { was_sold: true, cancelled_vouchers, expired_vouchers, .. } => {
            [Some(("voucher.cancelled", *cancelled_vouchers)), Some((EXPIRED, -expired_vouchers))]
        }
        Event::VoucherUsed(_) => [Some(("voucher.used", 1)), None],
        Event::VoucherExtended { had_expired: true, .. } => [Some((EXPIRED, -1)), None],
        Event::VoucherExpired(_) => [Some((EXPIRED, 1)), None],
        Event::VoucherCancelled(_) => [Some(("voucher.cancelled", 1)), None],
        _ => [None, None],
    }
}

/// A flow from its row; nothing for a kind that this version does not know.
pub(super) fn read_flow(row: &Row) -> Option<(FlowKey, Flow)> {
    let kind = FlowKind::ALL.into_iter().find(|kind| kind.name() == row.text(1))?;
    Some(((kind, row.int(2)), Flow { step: row.text(3).to_owned(), since_ms: row.int(4) }))
}

fn flow_row((kind, id): FlowKey, flow: Flow) -> Row {
    Row(vec![flow_name((kind, id)).into(), kind.name().into(), id.into(), flow.step.into(), flow.since_ms.into()])
}

/// The kind of payments to which this happened.
pub(super) fn payment_kind(method: PaymentMethod, step: &str) -> String {
    format!("payment.{}.{step}", method.name())
}

/// Of which kinds there is one more, and how much it comes to.
fn counted(what: &What, was_under_way: bool) -> [Option<(String, i64)>; 2] {
    let one = |kind: &str, amount| Some((kind.to_owned(), amount));
    match *what {
        What::CartAdded => [one("cart.added", 0), None],
        What::CartApproved => [one("cart.approved", 0), None],
        What::CartDeclined => [one("cart.declined", 0), None],
        What::CartRemoved => [one("cart.removed", 0), None],
        What::MembershipRequested => [one("membership.requested", 0), None],
        What::MembershipActivated { price_won } => [one("membership.activated", price_won), None],
        What::MembershipRefused => [one("membership.refused", 0), None],
        // What was not paid yet was neither good nor charged.
        What::MembershipCancelled { .. } if was_under_way => [one("membership.cancelled", 0), None],
        What::MembershipCancelled { price_won, refunds } => {
            let given_back = if refunds { price_won } else { 0 };
            [one("membership.cancelled", 0), one("membership.ended", given_back)]
        }
        What::MembershipExpired => [one("membership.expired", 0), None],
        What::Paid(step, method, amount) => {
            let one = |step: &str| Some((payment_kind(method, step), amount));
            match step {
                Step::Requested => [one("requested"), None],
                Step::Approved => [one("approved"), None],
                Step::Declined | Step::GivenUp => [one("declined"), None],
                Step::Canceled => [one("canceled"), one("undone").filter(|_| !was_under_way)],
                Step::NeverRequested => [one("canceled"), None],
                Step::Refunded => [one("refunded").filter(|_| amount > 0), None],
            }
        }
        What::RemovalRequested | What::RemovalRefused | What::Stock { .. } => [None, None],
    }
}
