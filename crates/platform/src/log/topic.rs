//! A log that comes as a topic. Neither the broker's order nor its memory is trusted: each message says where it stands
//! in its log and what was published before it, and is taken only if nothing is missing in front of it.

use std::sync::Arc;

use super::{Log, Page};
use crate::bus::{Kafka, Message, Subscription};
use crate::db::Cursor;
use crate::error::Result;

/// Messages that are looked at for one piece at most, so that nothing takes long.
const LOOKED_AT: usize = 50_000;

/// Reads one topic.
pub(super) struct TopicReader {
    context: &'static str,
    subscription: Subscription,
    compares: bool,
    /// How far it has read; nothing while the subscription has to be told where to go on.
    stands: Option<Cursor>,
    /// Where the last piece began and where it ended.
    began: Known,
    ended: Known,
    /// What is missing has not been looked for from the start of the topic yet.
    is_unproven: bool,
    /// It was said that something is missing.
    is_said: bool,
}

/// A place, and where its message stands in the topic.
#[derive(Clone, Copy)]
struct Known {
    cursor: Cursor,
    offset: Option<i64>,
}

/// What a message is to a reader.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    /// It was taken before.
    Known,
    /// It comes next.
    Next,
    /// Something is missing in front of it.
    Apart,
}

impl Fit {
    fn of(message: &Message, stands: Cursor) -> Self {
        if message.place <= stands {
            Self::Known
        } else if message.previous > stands {
            Self::Apart
        } else {
            Self::Next
        }
    }
}

impl TopicReader {
    pub(super) fn open(log: &Arc<Log>, kafka: &Kafka, offset: Option<i64>) -> Result<Self> {
        let bell = Arc::downgrade(log);
        let ring = move || {
            if let Some(log) = bell.upgrade() {
                log.ring(true);
            }
        };
        // Whatever is asked for first may begin there: it is only where reading goes on.
        let began = Known { cursor: Cursor::default(), offset };
        Ok(Self {
            context: log.context,
            subscription: Subscription::open(kafka, log.context, ring)?,
            compares: kafka.compares(),
            stands: None,
            began,
            ended: began,
            is_unproven: false,
            is_said: false,
        })
    }

    pub(super) fn read(&mut self, after: Cursor, limit: usize) -> Result<Page> {
        let read = self.read_on(after, limit);
        if read.is_err() {
            self.stands = None;
        }
        read
    }

    fn read_on(&mut self, after: Cursor, limit: usize) -> Result<Page> {
        let mut page = Page { end: after, ..Page::default() };
        if self.stands == Some(after) {
            self.began = self.ended;
        } else if !self.go_to(after)? {
            return Ok(page);
        }
        let mut looked_at = 0;
        while page.events.len() < limit && looked_at < LOOKED_AT {
            let next = self.subscription.next(|taken| (taken.offset, Message::parse(taken.payload)))?;
            let Some((offset, message)) = next else { break };
            looked_at += 1;
            let Some(message) = message else {
                // If an event was meant, the next one says that something is missing.
                tracing::warn!(context = self.context, offset, "a message is not understood and is passed over");
                page.passed_over += 1;
                continue;
            };
            let fit = if self.compares { Fit::of(&message, page.end) } else { Fit::Next };
            match fit {
                Fit::Known => page.passed_over += 1,
                // It may be another topic than the one of that offset, so what is needed may stand in front of it.
                Fit::Apart if self.is_unproven => {
                    self.is_unproven = false;
                    if !self.subscription.go_to(None)? {
                        // The topic is gone meanwhile: the next piece looks for it again.
                        self.stands = None;
                        return Ok(page);
                    }
                }
                Fit::Apart => {
                    page.passed_over += 1;
                    page.missing += 1;
                    self.say_missing(page.end, &message);
                }
                Fit::Next => {
                    (self.is_said, self.is_unproven) = (false, true);
                    (page.end, page.offset) = (message.place, Some(offset));
                    page.events.extend(message.event);
                }
            }
        }
        page.offset = page.offset.or(self.began.offset);
        self.ended = Known { cursor: page.end, offset: page.offset };
        self.stands = Some(page.end);
        Ok(page)
    }

    /// Has the subscription go on at or before `after`; whether there is a topic.
    fn go_to(&mut self, after: Cursor) -> Result<bool> {
        self.stands = None;
        let offset = self.began.offset.filter(|_| self.began.cursor <= after);
        self.is_unproven = offset.is_some();
        self.began = Known { cursor: after, offset };
        self.subscription.go_to(offset)
    }

    fn say_missing(&mut self, stands: Cursor, message: &Message) {
        if !std::mem::replace(&mut self.is_said, true) {
            let context = self.context;
            tracing::error!(
                context,
                %stands,
                previous = %message.previous,
                "events are missing in the topic; nothing is taken in until they are published again: \
                 onepoint relay --context {context} --from {stands}"
            );
        }
    }
}
