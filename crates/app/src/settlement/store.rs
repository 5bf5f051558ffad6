//! Settlement's tables and rows.

use domain::kernel::Month;
use domain::settlement::{Event, LineKind, Merchant, Tally};
use platform::db::{Kind, Migration, Row, Session, Table, Value};
use platform::error::Result;
use platform::zone::Zone;

/// The schema of settlement.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 14,
    name: "settlement_billings",
    sql: include_str!("../../../../migrations/0014_settlement_billings.sql"),
    lives_with: 14,
}];

pub(super) static LINE: Table = Table {
    name: "settlement_line",
    columns: &[
        ("deal_id", Kind::Int),
        ("merchant_id", Kind::Int),
        ("month", Kind::Int),
        ("kind", Kind::Text),
        ("point", Kind::Int),
        ("dealt_at", Kind::Int),
        ("tally_id", Kind::Int),
    ],
};

pub(super) static MERCHANT: Table = Table {
    name: "settlement_merchant",
    columns: &[
        ("merchant_id", Kind::Int),
        ("known", Kind::Int),
        ("fee_rate_bp", Kind::Int),
        ("through", Kind::Int),
        ("sequence", Kind::Int),
        ("open_tallies", Kind::Text),
    ],
};

pub(super) static TALLY: Table = Table {
    name: "settlement_tally",
    columns: &[
        ("tally_id", Kind::Int),
        ("merchant_id", Kind::Int),
        ("month", Kind::Int),
        ("kind", Kind::Text),
        ("point", Kind::Int),
        ("deal_count", Kind::Int),
        ("first_deal", Kind::Int),
        ("last_deal", Kind::Int),
        ("billing_id", Kind::Int),
    ],
};

pub(super) static BILLING: Table = Table {
    name: "settlement_billing",
    columns: &[
        ("billing_id", Kind::Int),
        ("merchant_id", Kind::Int),
        ("month", Kind::Int),
        ("run", Kind::Int),
        ("used_point", Kind::Int),
        ("fee_rate", Kind::Int),
        ("billing_amount", Kind::Int),
        ("deal_count", Kind::Int),
        ("through", Kind::Int),
        ("billed_at", Kind::Int),
    ],
};

pub(super) static RUN: Table = Table {
    name: "settlement_run",
    columns: &[("merchant_month", Kind::Text), ("run", Kind::Int), ("billing_id", Kind::Int)],
};

pub(super) static CLOSING: Table = Table {
    name: "settlement_closing",
    columns: &[
        ("month", Kind::Int),
        ("running", Kind::Int),
        ("by_calendar", Kind::Int),
        ("merchants", Kind::Int),
        ("after_merchant", Kind::Int),
        ("billed", Kind::Int),
        ("failed", Kind::Int),
        ("billing_amount", Kind::Int),
        ("started_at", Kind::Int),
        ("ended_at", Kind::Int),
    ],
};

/// A line as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredLine {
    pub(super) deal_id: i64,
    pub(super) merchant_id: i64,
    pub(super) month: i64,
    pub(super) kind: LineKind,
    pub(super) point: i64,
    pub(super) dealt_at_ms: i64,
    pub(super) tally_id: i64,
}

impl StoredLine {
    pub(super) fn read(row: &Row) -> Self {
        Self {
            deal_id: row.int(0),
            merchant_id: row.int(1),
            month: row.int(2),
            kind: LineKind::from_name(row.text(3)).unwrap_or(LineKind::Use),
            point: row.int(4),
            dealt_at_ms: row.int(5),
            tally_id: row.int(6),
        }
    }

    pub(super) fn to_row(self) -> Row {
        let Self { deal_id, merchant_id, month, kind, point, dealt_at_ms, tally_id } = self;
        let kind = kind.name().into();
        Row(vec![
            deal_id.into(),
            merchant_id.into(),
            month.into(),
            kind,
            point.into(),
            dealt_at_ms.into(),
            tally_id.into(),
        ])
    }
}

/// A billed tally as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct BilledTally {
    pub(super) merchant_id: i64,
    pub(super) tally: Tally,
    pub(super) billing_id: i64,
}

impl BilledTally {
    /// Nothing for a row that cannot be read.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let tally = Tally {
            tally_id: row.int(0),
            month: Month::from_number(row.int(2))?,
            kind: LineKind::from_name(row.text(3))?,
            point: row.int(4),
            deal_count: row.int(5),
            first_deal: row.int(6),
            last_deal: row.int(7),
        };
        Some(Self { merchant_id: row.int(1), tally, billing_id: row.int(8) })
    }

    pub(super) fn to_row(self) -> Row {
        let Tally { tally_id, month, kind, point, deal_count, first_deal, last_deal } = self.tally;
        let (month, kind) = (month.as_number().into(), kind.name().into());
        let [point, deal_count, first_deal, last_deal, billing_id] =
            [point, deal_count, first_deal, last_deal, self.billing_id].map(Value::Int);
        let [tally_id, merchant_id] = [tally_id, self.merchant_id].map(Value::Int);
        Row(vec![tally_id, merchant_id, month, kind, point, deal_count, first_deal, last_deal, billing_id])
    }
}

/// A merchant from its row. Tallies that cannot be read are left out, which `verify` finds.
pub(super) fn read_merchant(row: &Row) -> Merchant {
    Merchant {
        merchant_id: row.int(0),
        known: row.int(1) != 0,
        fee_rate: row.opt_int(2),
        through: row.int(3),
        sequence: row.int(4),
        open: read_open(row.text(5)),
    }
}

pub(super) fn merchant_row(merchant: &Merchant) -> Row {
    let Merchant { merchant_id, known, fee_rate, through, sequence, .. } = *merchant;
    let open = write_open(&merchant.open).into();
    Row(vec![merchant_id.into(), i64::from(known).into(), fee_rate.into(), through.into(), sequence.into(), open])
}

/// Open tallies are kept in the merchant's row, because it is written with each of its lines anyway:
/// `tally month kind point count first last;`.
pub(super) fn read_open(text: &str) -> Vec<Tally> {
    let read = |part: &str| {
        let mut parts = part.split(' ');
        let mut next = || parts.next();
        let (tally_id, month, kind) = (next()?.parse().ok()?, next()?.parse().ok()?, LineKind::from_name(next()?)?);
        let mut number = || next()?.parse().ok();
        Some(Tally {
            tally_id,
            month: Month::from_number(month)?,
            kind,
            point: number()?,
            deal_count: number()?,
            first_deal: number()?,
            last_deal: number()?,
        })
    };
    text.split(';').filter_map(read).collect()
}

fn write_open(open: &[Tally]) -> String {
    let write = |tally: &Tally| {
        let Tally { tally_id, month, kind, point, deal_count, first_deal, last_deal } = tally;
        format!("{tally_id} {month} {} {point} {deal_count} {first_deal} {last_deal};", kind.name())
    };
    open.iter().map(write).collect()
}

/// A billing as it is stored: the event that told of it.
pub(super) fn billing_row(event: &Event) -> Row {
    let Event::Billed {
        billing_id,
        merchant_id,
        billing_month,
        run,
        used_point,
        fee_rate,
        billing_amount,
        deal_count,
        through,
        billed_at_ms,
    } = *event;
    let figures = [
        billing_id,
        merchant_id,
        billing_month,
        run,
        used_point,
        fee_rate,
        billing_amount,
        deal_count,
        through,
        billed_at_ms,
    ];
    Row(figures.map(Value::Int).into())
}

pub(super) fn read_billing(row: &Row) -> Event {
    Event::Billed {
        billing_id: row.int(0),
        merchant_id: row.int(1),
        billing_month: row.int(2),
        run: row.int(3),
        used_point: row.int(4),
        fee_rate: row.int(5),
        billing_amount: row.int(6),
        deal_count: row.int(7),
        through: row.int(8),
        billed_at_ms: row.int(9),
    }
}

/// How far the closing of a month has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    pub(super) month: Month,
    pub(super) running: bool,
    /// Whether it was opened because the month was over.
    pub(super) by_calendar: bool,
    /// Merchants that had something to bill when it began; nothing before they were counted.
    pub(super) merchants: Option<i64>,
    /// Merchants with numbers up to this are done.
    pub(super) after_merchant: i64,
    pub(super) billed: i64,
    /// Merchants that could not be billed.
    pub(super) failed: i64,
    pub(super) billing_amount: i64,
    pub(super) started_at_ms: i64,
    pub(super) ended_at_ms: Option<i64>,
}

impl Closing {
    /// One that begins now.
    pub(super) fn begun(month: Month, now_ms: i64) -> Self {
        Self {
            month,
            running: true,
            by_calendar: false,
            merchants: None,
            after_merchant: 0,
            billed: 0,
            failed: 0,
            billing_amount: 0,
            started_at_ms: now_ms,
            ended_at_ms: None,
        }
    }

    /// Whether it began because its month was over, as clock and zone have it now. A clock that was ahead for a while,
    /// or another zone, may have begun it before its time, so that deals of the month came after it.
    pub(super) fn was_due(&self, zone: &Zone, now_ms: i64) -> bool {
        let next = self.month.plus(1);
        let over_ms = zone.start_of((next.year(), next.number(), 1)).unwrap_or(i64::MIN);
        self.by_calendar && (over_ms..=now_ms).contains(&self.started_at_ms)
    }

    /// Nothing for a row that cannot be read.
    pub(super) fn read(row: &Row) -> Option<Self> {
        Some(Self {
            month: Month::from_number(row.int(0))?,
            running: row.int(1) != 0,
            by_calendar: row.int(2) != 0,
            merchants: row.opt_int(3),
            after_merchant: row.int(4),
            billed: row.int(5),
            failed: row.int(6),
            billing_amount: row.int(7),
            started_at_ms: row.int(8),
            ended_at_ms: row.opt_int(9),
        })
    }

    pub(super) fn to_row(self) -> Row {
        let mut row = Vec::with_capacity(10);
        let flags = [self.month.as_number(), self.running.into(), self.by_calendar.into()];
        row.extend(flags.map(Value::Int));
        row.push(self.merchants.into());
        let figures = [self.after_merchant, self.billed, self.failed, self.billing_amount, self.started_at_ms];
        row.extend(figures.map(Value::Int));
        row.push(self.ended_at_ms.into());
        Row(row)
    }
}

/// The key of a merchant's month.
pub(super) fn merchant_month(merchant_id: i64, month: Month) -> String {
    format!("{merchant_id}/{month}")
}

/// Merchants after a number.
pub(super) fn merchants_after(session: &mut dyn Session, after: i64, limit: i64) -> Result<Vec<Merchant>> {
    rows_after(session, &MERCHANT, after, limit).map(|rows| rows.iter().map(read_merchant).collect())
}

/// Rows of a table after a key that is a number.
pub(super) fn rows_after(session: &mut dyn Session, table: &Table, after: i64, limit: i64) -> Result<Vec<Row>> {
    let (columns, name, key) = (table.column_list(), table.name, table.key());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT $2");
    session.query(&sql, &[after.into(), limit.into()])
}

/// The closings that the calendar began, of this month and of those before it; the latest month first.
pub(super) fn by_calendar(session: &mut dyn Session, until: Month) -> Result<Vec<Closing>> {
    let columns = CLOSING.column_list();
    let sql =
        format!("SELECT {columns} FROM settlement_closing WHERE by_calendar = 1 AND month <= $1 ORDER BY month DESC");
    Ok(session.query(&sql, &[until.as_number().into()])?.iter().filter_map(Closing::read).collect())
}

/// The earliest closing that is not over.
pub(super) fn running_closing(session: &mut dyn Session) -> Result<Option<Closing>> {
    let columns = CLOSING.column_list();
    let sql = format!("SELECT {columns} FROM settlement_closing WHERE running = 1 ORDER BY month LIMIT 1");
    Ok(session.query(&sql, &[])?.first().and_then(Closing::read))
}
