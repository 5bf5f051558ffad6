//! What a decision is handed to write down what happened.

use std::collections::VecDeque;

use serde::Serialize;

use super::Moment;
use super::keys::KeyStamp;
use crate::db::{Row, Value};
use crate::error::{Error, Result};
use crate::log::encode;

/// Places in the log: those that are free, and the last one that was given out.
#[derive(Default)]
pub(super) struct Positions {
    pub(super) free: VecDeque<i64>,
    pub(super) last: i64,
}

/// Where a decision writes what happened.
pub struct Out<'a> {
    /// When it is decided.
    pub moment: Moment,
    pub(super) positions: &'a mut Positions,
    pub(super) events: Vec<Row>,
    pub(super) stamp: Option<KeyStamp>,
    pub(super) stamped_at: Option<i64>,
    pub(super) wipes: bool,
    origin: Option<&'a str>,
}

impl<'a> Out<'a> {
    /// For one command: when it is decided, where its rows go, its key, and the `traceparent` of what it is done for.
    pub(super) fn new(
        moment: Moment,
        positions: &'a mut Positions,
        events: Vec<Row>,
        (stamp, origin): (Option<KeyStamp>, Option<&'a str>),
    ) -> Self {
        Self { moment, positions, events, stamp, stamped_at: None, wipes: false, origin }
    }

    /// This command erases something that must not be left in the store: it is wiped soon after the commit.
    pub fn erase(&mut self) {
        self.wipes = true;
    }

    /// The next place in the log, for a row of the context's own log table.
    ///
    /// # Errors
    /// `Internal` if one command writes more than four log rows and those of [`Writer::more_rows`].
    pub fn next_position(&mut self) -> Result<i64> {
        let free = self.positions.free.pop_front();
        let position = free.ok_or_else(|| Error::internal("one command wrote more log rows than foreseen"))?;
        self.positions.last = position;
        Ok(position)
    }

    /// The columns `key` and `digest` of the first log row of a command; empty for the rows after it.
    pub fn take_stamp(&mut self, position: i64) -> [Value; 2] {
        match self.stamp.take() {
            Some(stamp) => {
                self.stamped_at = Some(position);
                [Value::Blob(stamp.hash.to_vec()), Value::Int(stamp.digest)]
            }
            None => [Value::Null, Value::Null],
        }
    }

    /// Whether the answer is to be remembered under a key.
    #[must_use]
    pub fn is_stamped(&self) -> bool {
        self.stamp.is_some()
    }

    /// Writes rows that belong to the command but are not its answer: the stamp stays for a row after them.
    pub fn aside<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let stamp = self.stamp.take();
        let written = write(self);
        self.stamp = stamp;
        written
    }

    /// Appends an event of the aggregate `subject`; its place in the log.
    ///
    /// # Errors
    /// `Internal` if the event cannot be written as JSON.
    pub fn emit<E: Serialize>(&mut self, subject: i64, sequence: i64, event: &E) -> Result<i64> {
        let (kind, data) = encode(event)?;
        self.append(kind, subject, sequence, data)
    }

    pub(super) fn append(&mut self, kind: String, subject: i64, sequence: i64, data: String) -> Result<i64> {
        let position = self.next_position()?;
        let [key, digest] = self.take_stamp(position);
        let mut row = Vec::with_capacity(10);
        row.extend([position.into(), kind.into()]);
        row.extend([subject, sequence, self.moment.now_ms].map(Value::Int));
        let correlation = self.origin.map_or(Value::Null, |origin| Value::Text(origin.to_owned()));
        row.extend([correlation, Value::Null, data.into(), key, digest]);
        self.events.push(Row(row));
        Ok(position)
    }
}
