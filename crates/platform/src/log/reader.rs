//! Reading one log from any place on: from its tables, or from the topic that is a copy of it.

use std::sync::Arc;

use super::topic::TopicReader;
use super::{Event, Log, LogSource, Scope};
use crate::bus::Bus;
use crate::db::{Cursor, Database, Session};
use crate::error::Result;

/// Reads one log from any place on.
pub struct LogReader(Way);

enum Way {
    Tables(TableReader),
    Topic(Box<TopicReader>),
}

/// A piece of a log.
#[derive(Debug, Default)]
pub struct Page {
    /// What happened, in log order.
    pub events: Vec<Event>,
    /// Where the piece ends; everything up to here has been looked at.
    pub end: Cursor,
    /// Where the message of that place stands in a topic.
    pub offset: Option<i64>,
    /// Messages of a topic that were passed over: taken in before, or in front of which something is missing.
    pub passed_over: usize,
    /// Those of them in front of which something is missing.
    pub missing: u64,
}

impl LogReader {
    pub(super) fn open(log: &Arc<Log>, scope: Scope, offset: Option<i64>) -> Result<Self> {
        if let Some(Bus::Kafka(kafka)) = log.database.bus() {
            return TopicReader::open(log, kafka, offset).map(|topic| Self(Way::Topic(Box::new(topic))));
        }
        let tables = if scope == Scope::Everything { log.sources.len() } else { 1 };
        Ok(Self(Way::Tables(TableReader {
            sources: log.sources[..tables].to_vec(),
            session: Some(log.database.read_session()?),
            database: Arc::clone(&log.database),
        })))
    }

    /// What stands after `after`: up to `limit` rows of each table, or so many events of a topic. A page that ends there
    /// and has passed over nothing means that there is nothing new.
    ///
    /// # Errors
    /// `Unavailable` when the store or the broker cannot be reached.
    pub fn read(&mut self, after: Cursor, limit: usize) -> Result<Page> {
        match &mut self.0 {
            Way::Tables(tables) => tables.read(after, limit),
            Way::Topic(topic) => topic.read(after, limit),
        }
    }
}

struct TableReader {
    sources: Vec<LogSource>,
    database: Arc<Database>,
    /// Nothing after a failure: the next read takes a new one.
    session: Option<Box<dyn Session>>,
}

impl TableReader {
    fn read(&mut self, after: Cursor, limit: usize) -> Result<Page> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.database.read_session()?,
        };
        let page = self.read_with(&mut *session, after, limit)?;
        self.session = Some(session);
        Ok(page)
    }

    fn read_with(&self, session: &mut dyn Session, after: Cursor, limit: usize) -> Result<Page> {
        // On a shared store the horizon makes what lies below it the same in every snapshot.
        if self.database.is_shared() {
            return self.read_snapshot(session, after, limit);
        }
        session.begin_read()?;
        let page = self.read_snapshot(session, after, limit);
        session.rollback();
        page
    }

    fn read_snapshot(&self, session: &mut dyn Session, after: Cursor, limit: usize) -> Result<Page> {
        let horizon = session.horizon()?;
        let mut found: Vec<(Cursor, Option<Event>)> = Vec::new();
        let mut bound = None::<Cursor>;
        for source in &self.sources {
            let rows = session.read_log(source.table, after, horizon, limit)?;
            // A full piece says nothing about what follows it, so other tables count only up to its end.
            if rows.len() == limit
                && let Some((last, _)) = rows.last()
            {
                bound = Some(bound.map_or(*last, |bound| bound.min(*last)));
            }
            found.extend(rows.into_iter().map(|(cursor, row)| {
                let event = (source.render)(row).map(|event| Event { cursor, ..event });
                (cursor, event)
            }));
        }
        if let Some(bound) = bound {
            found.retain(|(cursor, _)| *cursor <= bound);
        }
        found.sort_unstable_by_key(|(cursor, _)| *cursor);
        let end = found.last().map_or(after, |(cursor, _)| *cursor);
        Ok(Page { events: found.into_iter().filter_map(|(_, event)| event).collect(), end, ..Page::default() })
    }
}
