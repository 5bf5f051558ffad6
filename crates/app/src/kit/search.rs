//! A page of rows that are chosen by something that has no index: looked for in the order of their numbers, piece by
//! piece, and not without end.

use platform::db::{Database, Row, Value};
use platform::error::Result;

/// Rows that a page looks at; the next one goes on from there.
pub(crate) const LOOKED_AT: i64 = 20_000;
/// Rows read at once at most.
pub(crate) const PIECE: i64 = 500;

/// What was found, and where the next page begins.
pub(crate) struct Found<T> {
    pub(crate) rows: Vec<T>,
    /// The number after which the next page begins; nothing on the last one.
    pub(crate) next: Option<i64>,
}

/// Where a page begins and how much is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought {
    /// The number behind which it begins.
    pub(crate) after: i64,
    /// Rows of a page.
    pub(crate) limit: i64,
    /// Rows read at once; one more than the page has, where nothing is passed over, says whether there is a next one.
    pub(crate) piece: i64,
}

impl Sought {
    /// A page of rows of which many may be passed over.
    pub(crate) fn among_others(after: i64, limit: i64) -> Self {
        Self { after, limit, piece: PIECE }
    }

    /// A page of rows of which hardly any is passed over.
    pub(crate) fn next_to_each_other(after: i64, limit: i64) -> Self {
        Self { after, limit, piece: (limit + 1).clamp(1, PIECE) }
    }
}

/// Reads rows with numbers above `sought.after` by a statement that takes `params(last number, piece)`; `read` tells a
/// row's number, and the row if it is one of those that are looked for.
pub(crate) async fn search<T>(
    database: &Database,
    sql: &str,
    sought: Sought,
    params: impl Fn(i64, i64) -> Vec<Value>,
    read: impl Fn(&Row) -> (i64, Option<T>),
) -> Result<Found<T>> {
    let Sought { after, limit, piece } = sought;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut found, mut last, mut looked_at) = (Vec::new(), after, 0);
    loop {
        let rows = database.query(sql, &params(last, piece)).await?;
        for row in &rows {
            let (number, one) = read(row);
            if one.is_some() && found.len() == wanted {
                return Ok(Found { rows: found, next: Some(last) });
            }
            last = number;
            found.extend(one);
        }
        looked_at += piece;
        if i64::try_from(rows.len()).unwrap_or(piece) < piece {
            return Ok(Found { rows: found, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Found { rows: found, next: Some(last) });
        }
        // An embedded store is read on this thread; others who are served by it get their turn.
        tokio::task::yield_now().await;
    }
}
