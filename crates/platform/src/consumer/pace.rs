//! How many log rows a consumer takes in at once: fewer for a while where a piece cannot be stored in time.

use crate::error::{Error, ErrorKind, Result};
use crate::funnel::Writer;

use super::Consumer;

/// Log rows read and delivered at once; whoever asks the same context meanwhile waits for them.
pub(super) const PIECE_ROWS: usize = 2_000;
/// As many for a read model, where no one waits: the more rows, the more of them share a page that is written.
const LARGE_PIECE_ROWS: usize = 16_000;
/// A piece is halved after so many failures in a row. One or two are an outage that repeating mends.
const FAILURES: u32 = 3;
/// A piece is doubled again, up to its full size, after so many that were taken in.
const SUCCESSES: u32 = 8;

/// The size of the next piece. A piece that takes longer than the store allows comes back as `Unavailable`, as an outage
/// does; repeated at the same size it would fail for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    full: usize,
    rows: usize,
    failures: u32,
    successes: u32,
}

impl Pace {
    /// Pieces of this many rows, at least 1.
    pub(super) fn of(rows: usize) -> Self {
        let full = rows.max(1);
        Self { full, rows: full, failures: 0, successes: 0 }
    }

    /// Rows of the next piece.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Learns what became of a piece.
    pub(super) fn note(&mut self, consumer: &str, taken: &Result<()>) {
        match taken {
            Ok(()) => {
                self.failures = 0;
                if self.rows < self.full {
                    self.successes += 1;
                    if self.successes >= SUCCESSES {
                        self.successes = 0;
                        self.rows = (self.rows * 2).min(self.full);
                    }
                }
            }
            Err(Error { kind: ErrorKind::Unavailable, .. }) => {
                self.successes = 0;
                self.failures += 1;
                if self.failures >= FAILURES && self.rows > 1 {
                    self.failures = 0;
                    self.rows /= 2;
                    tracing::warn!(
                        consumer,
                        rows = self.rows,
                        "a piece of the log could not be stored repeatedly; smaller ones are tried"
                    );
                }
            }
            Err(_) => {}
        }
    }
}

impl<W: Writer> Consumer<W> {
    /// The same consumer for a read model, which takes more in at once when there is more.
    #[must_use]
    pub fn in_large_pieces(self) -> Self {
        self.in_pieces_of(LARGE_PIECE_ROWS)
    }

    /// The same consumer, taking in at most so many log rows at once (at least 1), for a context in which a single event
    /// may be much to store.
    #[must_use]
    pub fn in_pieces_of(mut self, rows: usize) -> Self {
        self.pace = Pace::of(rows);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{FAILURES, Pace, SUCCESSES};
    use crate::error::{Error, Result};

    fn note(pace: &mut Pace, times: u32, taken: &Result<()>) -> usize {
        (0..times).for_each(|_| pace.note("a<b", taken));
        pace.rows()
    }

    #[test]
    fn a_piece_that_cannot_be_stored_is_halved_down_to_one_row_and_grows_again() {
        let away = Err(Error::unavailable("store.unavailable", "away"));
        let mut pace = Pace::of(200);
        assert_eq!(note(&mut pace, FAILURES - 1, &away), 200, "an outage that is short");
        assert_eq!(note(&mut pace, 1, &Ok(())), 200);
        assert_eq!(note(&mut pace, FAILURES - 1, &away), 200, "they were not in a row");
        assert_eq!(note(&mut pace, 1, &away), 100);
        assert_eq!(note(&mut pace, SUCCESSES - 1, &Ok(())), 100);
        assert_eq!(note(&mut pace, 1, &Ok(())), 200);
        assert_eq!(note(&mut pace, 100, &Ok(())), 200, "its full size is the most");
        assert_eq!(note(&mut pace, 100 * FAILURES, &away), 1);
        assert_eq!(note(&mut pace, 8 * SUCCESSES, &Ok(())), 200);
    }

    #[test]
    fn a_defect_is_not_a_question_of_size() {
        let mut pace = Pace::of(200);
        assert_eq!(note(&mut pace, 100, &Err(Error::internal("a defect"))), 200);
    }
}
