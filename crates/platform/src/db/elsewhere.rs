//! The store of a context that does not run in this process and whose database this process does not know: nothing is
//! found in it, and nothing can be written.

use super::{Cursor, Dialect, Row, Session, Table, Value};
use crate::error::{Error, Result};

/// A session on it.
pub(super) struct ElsewhereSession {
    context: &'static str,
}

impl ElsewhereSession {
    pub(super) fn new(context: &'static str) -> Self {
        Self { context }
    }

    fn refused<T>(&self) -> Result<T> {
        let message = format!("{} runs in another process; nothing of it is stored here", self.context);
        Err(Error::unavailable("store.elsewhere", message))
    }
}

impl Session for ElsewhereSession {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn begin_read(&mut self) -> Result<()> {
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn rollback(&mut self) {}

    fn load_many(&mut self, _: &'static Table, _: &[Value]) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    fn load_by(&mut self, _: &'static Table, _: &'static str, _: &[Value]) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    fn lock_many(&mut self, _: &'static Table, _: &[Value]) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    fn insert_many(&mut self, _: &'static Table, _: Vec<Row>) -> Result<()> {
        self.refused()
    }

    fn upsert_many(&mut self, _: &'static Table, _: Vec<Row>) -> Result<()> {
        self.refused()
    }

    fn update_many(&mut self, _: &'static Table, _: Vec<Row>) -> Result<()> {
        self.refused()
    }

    fn next_ids(&mut self, _: &'static str, _: usize) -> Result<Vec<i64>> {
        self.refused()
    }

    fn horizon(&mut self) -> Result<i64> {
        Ok(i64::MAX)
    }

    fn read_log(&mut self, _: &'static Table, _: Cursor, _: i64, _: usize) -> Result<Vec<(Cursor, Row)>> {
        Ok(Vec::new())
    }

    fn query(&mut self, _: &str, _: &[Value]) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    fn execute(&mut self, _: &str, _: &[Value]) -> Result<u64> {
        self.refused()
    }

    fn run_script(&mut self, _: &str) -> Result<()> {
        self.refused()
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}
