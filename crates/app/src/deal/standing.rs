//! Every deal as it stands, for comparing those who show deals.

use std::collections::HashMap;

use domain::deal::Deal;
use platform::db::{Session, Table};
use platform::error::Result;

use super::store::{DEAL, MERCHANT, MerchantSlot, Stored};

const PIECE_ROWS: usize = 5_000;

/// Each merchant with the sequence of its last event, and every deal.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn standing(session: &mut dyn Session) -> Result<(HashMap<i64, i64>, Vec<Deal>)> {
    let (mut merchants, mut deals) = (HashMap::new(), Vec::new());
    each_row(session, &MERCHANT, &mut |row| {
        merchants.insert(row.int(0), MerchantSlot::read(row).sequence);
    })?;
    each_row(session, &DEAL, &mut |row| deals.push(Stored::read(row).deal))?;
    Ok((merchants, deals))
}

fn each_row(session: &mut dyn Session, table: &Table, look: &mut dyn FnMut(&platform::db::Row)) -> Result<()> {
    let (name, key, columns) = (table.name, table.key(), table.column_list());
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT {PIECE_ROWS}");
    let mut after = 0;
    loop {
        let rows = session.query(&sql, &[after.into()])?;
        rows.iter().for_each(&mut *look);
        match rows.last() {
            Some(last) => after = last.int(0),
            None => return Ok(()),
        }
    }
}
