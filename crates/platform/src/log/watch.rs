//! One look for all who follow a log that several processes write: their bells are not heard here, and a commit is not
//! visible while an older transaction is open. So one thread looks where the visible part of the log ends, and rings for
//! everyone in this process when that has moved.

use std::sync::Arc;

use super::Log;
use crate::db::{Cursor, Session};
use crate::error::Result;
use crate::work::Wake;

/// Looks at one log.
pub struct Watch {
    log: Arc<Log>,
    session: Option<Box<dyn Session>>,
    seen: Cursor,
}

impl Watch {
    /// A watch of this log; nothing for a log that only this process writes, or that comes over a bus.
    #[must_use]
    pub fn of(log: &Arc<Log>) -> Option<Self> {
        log.is_shared().then(|| Self { log: Arc::clone(log), session: None, seen: Cursor::default() })
    }

    /// When to look: soon after a commit of this process or after something was found, then ever less often.
    #[must_use]
    pub fn wake(&self) -> Wake {
        Wake::Look(Arc::clone(&self.log))
    }

    /// Looks once, and rings if there is something new; 1 if there was, otherwise 0.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub fn step(&mut self) -> Result<usize> {
        let end = self.end().inspect_err(|_| self.session = None)?;
        if end == self.seen {
            return Ok(0);
        }
        self.seen = end;
        self.log.ring(true);
        Ok(1)
    }

    fn end(&mut self) -> Result<Cursor> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.log.database.read_session()?),
        };
        let mut end = Cursor::default();
        for source in &self.log.sources {
            end = end.max(session.log_end(source.table)?);
        }
        Ok(end)
    }
}
