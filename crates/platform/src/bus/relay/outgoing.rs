//! What is on its way to a topic: each message says what was published before it, and pieces are done when all their
//! messages are acknowledged.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use crate::bus::envelope;
use crate::bus::kafka::{Kafka, Publisher};
use crate::db::Cursor;
use crate::error::Result;
use crate::log::Page;

/// Messages on their way into one topic.
pub(super) struct Outgoing {
    publisher: Publisher,
    source: String,
    /// The place of the message that was handed over last.
    published: Cursor,
    read_to: Cursor,
    acknowledged: Cursor,
    count: u64,
    pieces: VecDeque<Piece>,
    text: String,
    key: String,
}

/// Messages that were handed over together.
struct Piece {
    /// How many had been handed over with its last one.
    count: u64,
    end: Cursor,
    oldest_ms: i64,
}

impl Outgoing {
    /// Goes on behind `from`, a place that had been published or the start of the log.
    pub(super) fn open(kafka: &Kafka, context: &str, from: Cursor) -> Result<Self> {
        Ok(Self {
            publisher: Publisher::open(kafka, context)?,
            source: kafka.source(context),
            published: from,
            read_to: from,
            acknowledged: from,
            count: 0,
            pieces: VecDeque::new(),
            text: String::new(),
            key: String::new(),
        })
    }

    /// The place up to which everything was handed over.
    pub(super) fn read_to(&self) -> Cursor {
        self.read_to
    }

    /// The place up to which everything is acknowledged.
    pub(super) fn acknowledged(&self) -> Cursor {
        self.acknowledged
    }

    /// When the first event happened that is on its way.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        self.pieces.front().map(|piece| piece.oldest_ms)
    }

    /// Hands over as much of a piece of the log as there is room for; how many messages.
    pub(super) fn publish(&mut self, page: &Page, now_ms: i64) -> Result<usize> {
        let before = self.publisher.sent();
        for event in &page.events {
            self.key.clear();
            // Writing into a text does not fail.
            let _ = write!(self.key, "{}", event.subject);
            envelope::render(&mut self.text, &self.source, event, self.published);
            if !self.hand_over(event.cursor, event.at_ms)? {
                break;
            }
        }
        let has_all = page.events.last().is_none_or(|event| self.published >= event.cursor);
        if has_all && page.end > self.published {
            // The last rows are no events; who waits for the end of the log has to hear of it.
            self.key.clear();
            envelope::mark(&mut self.text, &self.source, page.end, self.published, now_ms);
            self.hand_over(page.end, now_ms)?;
        }
        let count = self.publisher.sent() - before;
        if count > 0 {
            let oldest_ms = page.events.first().map_or(now_ms, |event| event.at_ms);
            self.pieces.push_back(Piece { count: self.publisher.sent(), end: self.published, oldest_ms });
        }
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn hand_over(&mut self, place: Cursor, at_ms: i64) -> Result<bool> {
        let has_room = self.publisher.publish(&self.key, &self.text, at_ms)?;
        if has_room {
            (self.published, self.read_to) = (place, place);
        }
        Ok(has_room)
    }

    /// Takes acknowledgements in; how many came.
    pub(super) fn settle(&mut self) -> Result<u64> {
        let count = self.publisher.acknowledged()?;
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.count <= count) {
            self.acknowledged = piece.end;
        }
        let came = count - self.count;
        self.count = count;
        Ok(came)
    }

    /// Whether everything that was handed over is acknowledged.
    pub(super) fn is_settled(&mut self) -> Result<bool> {
        self.settle()?;
        Ok(self.pieces.is_empty())
    }

    /// Waits until some more is acknowledged, at most for `limit`.
    pub(super) fn wait_for_room(&mut self, limit: Duration) -> Result<()> {
        self.publisher.wait_beyond(self.count, limit).map(|_| ())
    }
}
