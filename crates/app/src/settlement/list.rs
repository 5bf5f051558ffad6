//! Reading billings, lines and closings page by page.

use std::collections::HashMap;

use domain::kernel::Month;
use domain::settlement::Event;
use platform::db::{Row, Value};
use platform::error::Result;

use super::store::{self, BILLING, BilledTally, CLOSING, Closing, LINE, MERCHANT, StoredLine, TALLY};
use super::views::{BillingView, ClosingView, LineView};
use super::{Settlements, line_unknown};

/// Which billings a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// Only of this merchant.
    pub merchant_id: Option<i64>,
    /// Only of this month.
    pub month: Option<Month>,
}

/// Which lines a list is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChosenLines {
    /// Only of this merchant.
    pub merchant_id: Option<i64>,
}

impl Settlements {
    /// Billings with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn billings(&self, chosen: Chosen, after: i64, limit: i64) -> Result<Vec<BillingView>> {
        self.funnel.must_be_open()?;
        let only = [("merchant_id", chosen.merchant_id), ("month", chosen.month.map(Month::as_number))];
        let mut params = vec![Value::Int(after)];
        let mut conditions = String::new();
        for (column, number) in only {
            if let Some(number) = number {
                params.push(number.into());
                conditions.push_str(&format!(" AND {column} = ${}", params.len()));
            }
        }
        params.push(limit.into());
        let (columns, last) = (BILLING.column_list(), params.len());
        let sql = format!(
            "SELECT {columns} FROM settlement_billing WHERE billing_id > $1{conditions} ORDER BY billing_id LIMIT ${last}"
        );
        let rows = self.database.query(&sql, &params).await?;
        Ok(rows.iter().map(|row| BillingView::of(&store::read_billing(row), &self.kit.zone)).collect())
    }

    /// A line.
    ///
    /// # Errors
    /// 404 when the deal is no line.
    pub async fn line(&self, deal_id: i64) -> Result<LineView> {
        self.funnel.must_be_open()?;
        let row = self.database.get(&LINE, deal_id).await?;
        let found: Vec<Row> = row.into_iter().collect();
        self.shown(&found).await?.pop().ok_or_else(line_unknown)
    }

    /// Lines of deals with a number above `after`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn lines(&self, chosen: ChosenLines, after: i64, limit: i64) -> Result<Vec<LineView>> {
        self.funnel.must_be_open()?;
        let columns = LINE.column_list();
        let rows = match chosen.merchant_id {
            Some(merchant_id) => {
                let sql = format!(
                    "SELECT {columns} FROM settlement_line WHERE merchant_id = $1 AND deal_id > $2 ORDER BY deal_id LIMIT $3"
                );
                self.database.query(&sql, &[merchant_id.into(), after.into(), limit.into()]).await?
            }
            None => {
                let sql =
                    format!("SELECT {columns} FROM settlement_line WHERE deal_id > $1 ORDER BY deal_id LIMIT $2");
                self.database.query(&sql, &[after.into(), limit.into()]).await?
            }
        };
        self.shown(&rows).await
    }

    /// Lines of a billing, of deals with a number above `after`.
    ///
    /// # Errors
    /// 404 when there is no such billing.
    pub async fn lines_of(&self, billing: &BillingView, after: i64, limit: i64) -> Result<Vec<LineView>> {
        let sql = format!("SELECT {} FROM settlement_tally WHERE billing_id = $1", TALLY.column_list());
        let tallies = self.database.query(&sql, &[billing.billing_id.into()]).await?;
        let tallies: Vec<BilledTally> = tallies.iter().filter_map(BilledTally::read).collect();
        // Their bounds keep the search to where the lines are, however many more the merchant has.
        let first = tallies.iter().map(|billed| billed.tally.first_deal).min().unwrap_or(0);
        let last = tallies.iter().map(|billed| billed.tally.last_deal).max().unwrap_or(0);
        let after = after.max(first.saturating_sub(1));
        let mut params: Vec<Value> = [billing.merchant_id, after, last, limit].map(Value::Int).into();
        params.extend(tallies.iter().map(|billed| Value::Int(billed.tally.tally_id)));
        let places: Vec<String> = (5..=params.len()).map(|place| format!("${place}")).collect();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {} FROM settlement_line WHERE merchant_id = $1 AND deal_id > $2 AND deal_id <= $3 AND tally_id IN ({}) \
             ORDER BY deal_id LIMIT $4",
            LINE.column_list(),
            places.join(", ")
        );
        let rows = self.database.query(&sql, &params).await?;
        let line = |row: &Row| {
            LineView::of(&StoredLine::read(row), Some(billing.billing_id), billing.fee_rate, &self.kit.zone)
        };
        Ok(rows.iter().map(line).collect())
    }

    /// Closings of months after this one, `yyyyMM`.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn closings(&self, after: i64, limit: i64) -> Result<Vec<(i64, ClosingView)>> {
        self.funnel.must_be_open()?;
        let columns = CLOSING.column_list();
        let sql = format!("SELECT {columns} FROM settlement_closing WHERE month > $1 ORDER BY month LIMIT $2");
        let rows = self.database.query(&sql, &[after.into(), limit.into()]).await?;
        let read = |row: &Row| Some((row.int(0), ClosingView::of(&Closing::read(row)?, &self.kit.zone)));
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Lines with the billings that they are in, and at the fee that holds for them.
    async fn shown(&self, rows: &[Row]) -> Result<Vec<LineView>> {
        let lines: Vec<StoredLine> = rows.iter().map(StoredLine::read).collect();
        let tallies = distinct(lines.iter().map(|line| line.tally_id));
        let tallies = self.database.get_many(&TALLY, &tallies).await?;
        let billed: HashMap<i64, i64> = tallies.iter().map(|row| (row.int(0), row.int(8))).collect();
        let billings = self.database.get_many(&BILLING, &distinct(billed.values().copied())).await?;
        let fee = |row: &Row| match store::read_billing(row) {
            Event::Billed { billing_id, fee_rate, .. } => (billing_id, fee_rate),
        };
        let fees: HashMap<i64, i64> = billings.iter().map(fee).collect();
        let merchants = distinct(lines.iter().map(|line| line.merchant_id));
        let merchants = self.database.get_many(&MERCHANT, &merchants).await?;
        let present: HashMap<i64, Option<i64>> =
            merchants.iter().map(|row| (row.int(0), store::read_merchant(row).fee_rate)).collect();
        let view = |line: &StoredLine| {
            let billing_id = billed.get(&line.tally_id).copied();
            let agreed = billing_id.and_then(|billing_id| fees.get(&billing_id).copied());
            let present = || present.get(&line.merchant_id).copied().flatten();
            let fee_rate = agreed.or_else(present).unwrap_or(self.policy.fee_rate_bp);
            LineView::of(line, billing_id, fee_rate, &self.kit.zone)
        };
        Ok(lines.iter().map(view).collect())
    }
}

fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
