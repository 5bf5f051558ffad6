//! What `onepoint verify` looks at in my page.

use std::collections::HashMap;

use platform::db::Session;
use platform::error::Result;

use super::store::page_balances;
use crate::kit::{Finding, Findings};

const CHECK: &str = "pages show the ledger's balances";

/// Compares pages with the ledger's last entry of each member: sequence and balance (invariant I-19). A page that is
/// behind or ahead, because a server is at work, is not compared.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn inspect(session: &mut dyn Session, balances: &HashMap<i64, (i64, i64)>) -> Result<Findings> {
    let mut findings = Findings::new(&[CHECK]);
    page_balances(session, &mut |member_id, sequence, remain_point| {
        if let Some((last, balance)) = balances.get(&member_id)
            && *last == sequence
            && *balance != remain_point
        {
            let what =
                format!("the page shows {remain_point}, the ledger says {balance}; run 'onepoint rebuild mypage'");
            findings.add(CHECK, Finding::of(member_id, what));
        }
    })?;
    Ok(findings)
}
