//! Reads outside transactions, over a few connections that are kept.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Value as Wire};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Target;
use super::wire::{Text, failed, gone, read_row, selects};
use crate::db::{Row, Table, Value};
use crate::error::Result;

/// Connections at most; whoever comes then waits for one of them.
const CONNECTIONS: usize = 8;

/// How long the server may be silent.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The reading side of a store.
pub(super) struct Reader {
    target: Target,
    permits: Semaphore,
    /// Connections that nobody uses right now. One that is in use belongs to whoever asks, so that a question that is
    /// given up half-way takes its connection along.
    idle: Mutex<Vec<Conn>>,
}

impl Reader {
    pub(super) fn new(target: Target) -> Self {
        Self { target, permits: Semaphore::new(CONNECTIONS), idle: Mutex::new(Vec::new()) }
    }

    pub(super) async fn get_many(&self, table: &'static Table, keys: &[i64]) -> Result<Vec<Row>> {
        let keys: Vec<Value> = keys.iter().copied().map(Value::Int).collect();
        let mut found = Vec::with_capacity(keys.len());
        for (sql, params) in selects(table, table.key(), &keys, "") {
            found.extend(self.rows(&sql, params).await?);
        }
        Ok(found)
    }

    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let text = Text::of(sql);
        self.rows(&text.sql, text.params(params)).await
    }

    async fn rows(&self, sql: &str, params: Vec<Wire>) -> Result<Vec<Row>> {
        let _permit = self.permits.acquire().await.map_err(|_| gone())?;
        loop {
            let kept = self.idle.lock().pop();
            let was_kept = kept.is_some();
            let mut conn = match kept {
                Some(conn) => conn,
                None => self.target.connect().await?,
            };
            let asked = tokio::time::timeout(ANSWER_TIME, conn.exec(sql, params.clone()));
            let rows: Result<Vec<mysql_async::Row>, _> = asked.await.map_err(|_| gone())?;
            match rows {
                Ok(rows) => {
                    self.idle.lock().push(conn);
                    return rows.into_iter().map(read_row).collect();
                }
                Err(error) => {
                    let is_fatal = error.is_fatal();
                    let error = failed(error);
                    let is_gone = error.code == "store.gone";
                    if !is_gone && !is_fatal {
                        self.idle.lock().push(conn);
                    }
                    // The server may have been restarted since; a question may be asked again.
                    if !(is_gone && was_kept) {
                        return Err(error);
                    }
                }
            }
        }
    }
}
