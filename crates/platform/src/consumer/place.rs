//! Where a consumer stands, and under which lease.

use super::Consumer;
use crate::db::{Cursor, Session};
use crate::error::Result;
use crate::funnel::{Standing, Writer, take_cursor};
use crate::lease::{self, LEASE_MS, STAND_BY_MS};
use crate::parked;

/// Where it stands and under which lease.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) cursor: Cursor,
    /// Where that stands in a topic, if it is known.
    pub(super) offset: Option<i64>,
    pub(super) fence: i64,
    pub(super) renew_at_ms: i64,
}

impl Place {
    pub(super) fn standing(self) -> Standing {
        Standing { cursor: self.cursor, offset: self.offset }
    }

    /// The same lease, further on.
    pub(super) fn at(self, standing: Standing) -> Self {
        let Standing { cursor, offset } = standing;
        Self { cursor, offset, ..self }
    }
}

impl<W: Writer> Consumer<W> {
    /// Where it stands; in a shared store only while this process holds the lease.
    pub(super) fn place(&mut self) -> Result<Option<Place>> {
        let now_ms = self.clock.monotonic_ms();
        if let Some(place) = self.place.filter(|place| now_ms < place.renew_at_ms) {
            return Ok(Some(place));
        }
        if self.place.is_none() && now_ms < self.asks_at_ms {
            return Ok(None);
        }
        // The consumer's own store decides: the log may be another context's, or come over a bus.
        let held = if self.funnel.is_shared() {
            self.funnel.with_session(|tx| self.hold(tx))?
        } else {
            let known = self.place.map(Place::standing);
            Some((1, known.map_or_else(|| self.funnel.standing(&self.name), Ok)?))
        };
        let Some((fence, Standing { cursor, offset })) = held else {
            self.place = None;
            self.asks_at_ms = now_ms + STAND_BY_MS;
            // Whoever holds it counts them, and says how far behind it is.
            self.parked.clear();
            self.parked_events.set(0.0);
            self.is_level();
            return Ok(None);
        };
        if !self.parked.is_empty() || self.place.is_none_or(|place| place.fence != fence) {
            self.load_parked()?;
        }
        self.place = Some(Place { cursor, offset, fence, renew_at_ms: now_ms + LEASE_MS / 3 });
        Ok(self.place)
    }

    /// Takes or renews the lease: its fence, and where to go on reading. Nothing if another process holds it.
    pub(super) fn hold(&self, tx: &mut dyn Session) -> Result<Option<(i64, Standing)>> {
        let Some(fence) = lease::hold(tx, &self.name, &self.holder, self.clock.now_ms())? else { return Ok(None) };
        let known = self.place.filter(|place| place.fence == fence);
        let standing = known.map_or_else(|| take_cursor(tx, &self.name, fence), |place| Ok(place.standing()))?;
        Ok(Some((fence, standing)))
    }
}

/// Takes the leases away from all who follow logs for this context, for a step that throws a read model away. Whoever
/// follows them next reads where the cursors stand then; what is delivered under an earlier lease is refused.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn depose_followers(tx: &mut dyn Session) -> Result<()> {
    tx.execute(
        "UPDATE lease SET holder = '', until_ms = 0, fence = fence + 1 WHERE name IN (SELECT consumer FROM cursor_position)",
        &[],
    )?;
    // An embedded store has no leases, and its one fence stays.
    let fence = "SELECT fence FROM lease WHERE name = consumer";
    let sql = format!("UPDATE cursor_position SET fence = ({fence}) WHERE consumer IN (SELECT name FROM lease)");
    tx.execute(&sql, &[]).map(|_| ())
}

/// Sets every consumer of a context back to the start of its logs (a rebuild of a read model). What the context itself
/// has published stays published.
///
/// # Errors
/// `Unavailable` when the store cannot be reached.
pub fn forget_cursors(tx: &mut dyn Session) -> Result<()> {
    // What was parked comes again.
    parked::forget_all(tx)?;
    // The fences stay, so that a holder that slept through the rebuild cannot put its old cursor back.
    let sql = "UPDATE cursor_position SET xid = 0, position = 0, topic_offset = -1 WHERE consumer NOT LIKE 'bus<%'";
    tx.execute(sql, &[]).map(|_| ())
}
