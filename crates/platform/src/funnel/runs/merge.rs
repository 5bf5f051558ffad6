//! Which runs are merged when, and the merge itself: by streaming, so that its memory does not grow with the runs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use super::Entry;

/// So many runs of one tier become one of a higher tier; also how much larger each tier is than the one below.
const FAN_IN: usize = 8;

/// Where the newest runs start that should become one, if it is time. A tier is due when it has eight runs among
/// the newest ones with no larger run between; smaller ones in between go along, or uneven runs would never meet.
/// The merged run is of a higher tier, so a key is rewritten at most once per tier.
pub(super) fn due_from(key_counts: &[u64]) -> Option<usize> {
    let highest = key_counts.iter().copied().map(tier).max()?;
    (0..=highest).find_map(|due| {
        let start = key_counts.iter().rposition(|&count| tier(count) > due).map_or(0, |larger| larger + 1);
        let of_tier = key_counts[start..].iter().filter(|&&count| tier(count) == due).count();
        (of_tier >= FAN_IN).then_some(start)
    })
}

fn tier(key_count: u64) -> u32 {
    key_count.max(1).ilog(FAN_IN as u64)
}

/// Sorted sources, oldest first, as one sorted sequence; of rows with the same hash the newest is kept.
pub(super) struct Merged<I> {
    sources: Vec<I>,
    heads: BinaryHeap<Reverse<Head>>,
    last: Option<[u8; 16]>,
}

/// The next row of a source, ordered by hash and, under one hash, newest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    hash: [u8; 16],
    position: Reverse<i64>,
    digest: i64,
    source: usize,
}

impl<I: Iterator<Item = io::Result<Entry>>> Merged<I> {
    /// Starts the merge by reading the first row of each source.
    pub(super) fn new(sources: Vec<I>) -> io::Result<Self> {
        let mut merged = Self { heads: BinaryHeap::with_capacity(sources.len()), sources, last: None };
        for source in 0..merged.sources.len() {
            merged.advance(source)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, source: usize) -> io::Result<()> {
        if let Some(Entry { hash, digest, position }) = self.sources[source].next().transpose()? {
            self.heads.push(Reverse(Head { hash, position: Reverse(position), digest, source }));
        }
        Ok(())
    }

    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        while let Some(Reverse(Head { hash, position, digest, source })) = self.heads.pop() {
            self.advance(source)?;
            if self.last.replace(hash) != Some(hash) {
                return Ok(Some(Entry { hash, digest, position: position.0 }));
            }
        }
        Ok(None)
    }
}

impl<I: Iterator<Item = io::Result<Entry>>> Iterator for Merged<I> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}
