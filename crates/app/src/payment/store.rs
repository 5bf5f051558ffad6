//! Payment's tables and rows; what a batch works on is in `loaded`.

use domain::payment::{Job, Order, Payment, PaymentFacts, PaymentMethod, PaymentStatus};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;

/// The schema of payment.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 27,
    name: "payment_payments",
    sql: include_str!("../../../../migrations/0027_payment_payments.sql"),
    lives_with: 27,
}];

pub(super) static PAYMENT: Table = Table {
    name: "payment",
    columns: &[
        ("payment_id", Kind::Int),
        ("order_key", Kind::Int),
        ("customer_id", Kind::Int),
        ("amount_won", Kind::Int),
        ("method", Kind::Text),
        ("reference", Kind::Text),
        ("requested_at", Kind::Int),
        ("status", Kind::Text),
        ("reason", Kind::Text),
        ("job", Kind::Text),
        ("due_at", Kind::Int),
        ("attempts", Kind::Int),
        ("failure", Kind::Text),
        ("was_approved", Kind::Int),
        ("refunded_won", Kind::Int),
        ("sequence", Kind::Int),
        ("ended_at", Kind::Int),
    ],
};

/// The part of a payment that changes after it was stored.
pub(super) static PAYMENT_STATE: Table = Table {
    name: "payment",
    columns: &[
        ("payment_id", Kind::Int),
        ("status", Kind::Text),
        ("reason", Kind::Text),
        ("job", Kind::Text),
        ("due_at", Kind::Int),
        ("attempts", Kind::Int),
        ("failure", Kind::Text),
        ("was_approved", Kind::Int),
        ("refunded_won", Kind::Int),
        ("sequence", Kind::Int),
        ("ended_at", Kind::Int),
    ],
};

/// An order as the column `order_key` holds it.
pub(super) fn order_key(order: Order) -> i64 {
    match order {
        Order::Cart(id) => id.saturating_mul(2),
        Order::Membership(id) => id.saturating_mul(2).saturating_add(1),
    }
}

fn order_of(key: i64) -> Order {
    let id = key.div_euclid(2);
    if key.rem_euclid(2) == 0 { Order::Cart(id) } else { Order::Membership(id) }
}

/// A payment as it is stored. Instants are in milliseconds since 1970 in UTC.
#[derive(Debug, Clone)]
pub struct Stored {
    pub(super) payment: Payment,
    /// The order as the provider knows it.
    pub(super) reference: String,
    pub(super) requested_at: i64,
    /// When the provider is to be asked; none: there is nothing to be asked.
    pub(super) due_at: Option<i64>,
    /// How often it was asked about the present job without an answer.
    pub(super) attempts: i64,
    /// Why it was not heard of the last time, as a code.
    pub(super) failure: Option<String>,
    /// When it was approved, declined or canceled, whichever was the last.
    pub(super) ended_at: Option<i64>,
}

fn text(row: &Row, place: usize) -> Option<String> {
    Some(row.text(place).to_owned()).filter(|text| !text.is_empty())
}

impl Stored {
    pub(super) fn read(row: &Row) -> Self {
        let facts = PaymentFacts {
            payment_id: row.int(0),
            order: order_of(row.int(1)),
            customer_id: row.opt_int(2),
            amount_won: row.int(3),
            method: PaymentMethod::from_name(row.text(4)).unwrap_or(PaymentMethod::Card),
        };
        let payment = Payment {
            facts,
            status: PaymentStatus::from_name(row.text(7)).unwrap_or(PaymentStatus::PaymentRequested),
            reason: text(row, 8),
            job: Job::from_name(row.text(9)),
            was_approved: row.int(13) != 0,
            refunded_won: row.opt_int(14),
            sequence: row.int(15),
        };
        Self {
            payment,
            reference: row.text(5).to_owned(),
            requested_at: row.int(6),
            due_at: row.opt_int(10),
            attempts: row.int(11),
            failure: text(row, 12),
            ended_at: row.opt_int(16),
        }
    }

    pub(super) fn to_row(&self) -> Row {
        let PaymentFacts { payment_id, order, customer_id, amount_won, method } = self.payment.facts;
        let mut row = Vec::with_capacity(PAYMENT.columns.len());
        row.extend([payment_id.into(), order_key(order).into(), customer_id.into(), amount_won.into()]);
        row.extend([method.name().into(), self.reference.clone().into(), self.requested_at.into()]);
        row.extend(self.state());
        Row(row)
    }

    pub(super) fn to_state_row(&self) -> Row {
        Row(std::iter::once(self.payment.facts.payment_id.into()).chain(self.state()).collect())
    }

    fn state(&self) -> [Value; 10] {
        let Payment { status, reason, job, was_approved, refunded_won, sequence, .. } = &self.payment;
        [
            status.name().into(),
            reason.clone().into(),
            job.map_or(Value::Null, |job| job.name().into()),
            self.due_at.into(),
            self.attempts.into(),
            self.failure.clone().into(),
            i64::from(*was_approved).into(),
            (*refunded_won).into(),
            (*sequence).into(),
            self.ended_at.into(),
        ]
    }
}

/// Something that the provider is to do.
#[derive(Debug, Clone)]
pub(super) struct DueJob {
    pub(super) payment_id: i64,
    pub(super) due_at: i64,
    pub(super) job: Job,
    pub(super) method: PaymentMethod,
    pub(super) reference: String,
    pub(super) customer_id: Option<i64>,
    pub(super) amount_won: i64,
    pub(super) requested_at: i64,
}

/// Jobs of a method that are due at `now_ms`, behind a place in the order in which they became due; at most `limit`.
pub(super) fn due_jobs(
    session: &mut dyn Session,
    (method, (due_at, payment_id)): (PaymentMethod, (i64, i64)),
    now_ms: i64,
    limit: i64,
) -> Result<Vec<DueJob>> {
    const SQL: &str = "SELECT payment_id, due_at, job, reference, customer_id, amount_won, requested_at \
                       FROM payment WHERE method = $1 AND due_at IS NOT NULL AND (due_at, payment_id) > ($2, $3) \
                       AND due_at <= $4 ORDER BY due_at, payment_id LIMIT $5";
    let numbers = [due_at, payment_id, now_ms, limit].map(Value::Int);
    let values: Vec<Value> = std::iter::once(method.name().into()).chain(numbers).collect();
    let rows = session.query(SQL, &values)?;
    let read = |row: Row| DueJob {
        payment_id: row.int(0),
        due_at: row.int(1),
        job: Job::from_name(row.text(2)).unwrap_or(Job::Cancel),
        method,
        reference: row.text(3).to_owned(),
        customer_id: row.opt_int(4),
        amount_won: row.int(5),
        requested_at: row.int(6),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Payments after a number, for looking at all of them piece by piece.
pub(super) fn payments_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Stored>> {
    let (columns, table) = (PAYMENT.column_list(), PAYMENT.name);
    let sql = format!("SELECT {columns} FROM {table} WHERE payment_id > $1 ORDER BY payment_id LIMIT $2");
    Ok(session.query(&sql, &[after, limit].map(Value::Int))?.iter().map(Stored::read).collect())
}
