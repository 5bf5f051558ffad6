//! The memory of idempotency keys older than those held in RAM: immutable sorted files ("runs") in a folder, with
//! only their filters in memory. A projection of the log: what is lost or broken is built again from there, and
//! [`KeyRuns::covered_to`] says from where on.

mod chain;
mod filter;
mod merge;
mod run;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::{fs, io, iter, ops::Range};

use parking_lot::{Mutex, RwLock};

use self::chain::Chain;
use self::merge::Merged;
use self::run::{Run, Span};
use crate::error::{Error, Result};

/// One key as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Hash of the key; has to be spread evenly.
    pub hash: [u8; 16],
    /// Digest of the body that came with the key.
    pub digest: i64,
    /// Place of the row in the log; above 0.
    pub position: i64,
}

/// Positions without keys after which coverage is written down all the same, so that no start has to look through them.
const EMPTY_SPAN: i64 = 200_000;

/// Finds old keys. Shared by the thread that asks and the one that adds; asking never waits for a merge.
pub struct KeyRuns {
    folder: PathBuf,
    chain: RwLock<Arc<Chain>>,
    /// Held through every change, so that there is one at a time.
    changing: Mutex<()>,
    /// Pages of 4 KiB that `find` has read: shows whether the filters do their work.
    pages_read: AtomicU64,
}

impl KeyRuns {
    /// Opens the runs in `folder`, which is made if it is missing. Broken runs and runs behind a gap are removed
    /// with a warning, and leftovers of a crash without one. One process at a time may have a folder open.
    ///
    /// # Errors
    /// `Internal` if the folder or a file in it cannot be read for a reason other than its content.
    pub fn open(folder: &Path) -> Result<Self> {
        let load = || {
            fs::create_dir_all(folder)?;
            Chain::load(folder)
        };
        let chain = load().map_err(|error| trouble(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            chain: RwLock::new(Arc::new(chain)),
            changing: Mutex::new(()),
            pages_read: AtomicU64::new(0),
        })
    }

    /// The position up to which every key of the log is in a readable run, or expired; 0 when nothing is.
    #[must_use]
    pub fn covered_to(&self) -> i64 {
        self.chain().covered_to
    }

    /// How many keys the runs hold; one that stands in several is counted in each.
    #[must_use]
    pub fn key_count(&self) -> u64 {
        self.chain().runs.iter().map(|run| run.key_count).sum()
    }

    #[cfg(test)]
    fn pages_read(&self) -> u64 {
        self.pages_read.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Digest and position of the newest row with this hash. An unknown key is nearly always answered from memory.
    ///
    /// # Errors
    /// `Internal` if a file cannot be read: then nobody knows whether the key was used.
    pub fn find(&self, hash: &[u8; 16]) -> Result<Option<(i64, i64)>> {
        for run in self.chain().runs.iter().rev() {
            let found = run.find(hash, &self.pages_read).map_err(|error| trouble(&self.folder, error))?;
            if let Some(Entry { digest, position, .. }) = found {
                return Ok(Some((digest, position)));
            }
        }
        Ok(None)
    }

    /// Takes in all keys of the log in `(covered_to, up_to]`, the newest made at `newest_at_ms` (since 1970), then
    /// merges what is due. Without entries coverage advances in memory only, and on disk with the next run or when it
    /// has advanced far.
    ///
    /// # Errors
    /// `Internal` if an entry lies outside of the range (nothing is changed), or if a file cannot be written. Then
    /// `covered_to` tells whether the entries were taken in; a merge that failed is tried again at the next call.
    pub fn add(&self, mut entries: Vec<Entry>, up_to: i64, newest_at_ms: i64) -> Result<()> {
        let _turn = self.changing.lock();
        let chain = self.chain();
        if entries.iter().any(|entry| entry.position <= chain.covered_to || entry.position > up_to) {
            return Err(Error::internal("a key was handed to the key runs twice, or ahead of its turn"));
        }
        if entries.is_empty() && up_to - chain.written_to() < EMPTY_SPAN {
            let covered_to = chain.covered_to.max(up_to);
            self.swap(Chain { runs: chain.runs.clone(), covered_to });
            return Ok(());
        }
        entries.sort_unstable_by_key(|entry| (entry.hash, Reverse(entry.position)));
        entries.dedup_by_key(|entry| entry.hash);
        let span = Span { after: chain.written_to(), up_to };
        let key_count = entries.len() as u64;
        Run::write(&self.folder, span, newest_at_ms, key_count, entries.into_iter().map(Ok))
            .map(|run| self.swap(chain.with(run)))
            .and_then(|()| self.merge_due())
            .map_err(|error| trouble(&self.folder, error))
    }

    /// Forgets whole runs, oldest first, while their newest key is older than `before_ms` (since 1970). What they
    /// covered stays covered: an empty run takes their place.
    ///
    /// # Errors
    /// `Internal` if the empty run cannot be written; then nothing is forgotten.
    pub fn expire(&self, before_ms: i64) -> Result<()> {
        let _turn = self.changing.lock();
        let chain = self.chain();
        let expired = chain.runs.iter().take_while(|run| run.newest_at_ms < before_ms).count();
        if chain.runs[..expired].iter().all(|run| run.key_count == 0) {
            return Ok(());
        }
        self.replace(0..expired, 0, iter::empty()).map_err(|error| trouble(&self.folder, error))
    }

    fn merge_due(&self) -> io::Result<()> {
        loop {
            let chain = self.chain();
            let key_counts: Vec<u64> = chain.runs.iter().map(|run| run.key_count).collect();
            let Some(start) = merge::due_from(&key_counts) else { return Ok(()) };
            let sources = chain.runs[start..].iter().map(|run| run.entries()).collect();
            let most_keys = key_counts[start..].iter().sum();
            self.replace(start..key_counts.len(), most_keys, Merged::new(sources)?)?;
        }
    }

    /// Puts one run with `entries` in the place of several neighbours. A crash in between leaves both, and the
    /// next start keeps the one that contains the others.
    fn replace(
        &self,
        replaced: Range<usize>,
        most_keys: u64,
        entries: impl Iterator<Item = io::Result<Entry>>,
    ) -> io::Result<()> {
        let chain = self.chain();
        let sources = &chain.runs[replaced.clone()];
        let Some((span, newest_at_ms)) = chain::extent(sources) else { return Ok(()) };
        let run = Run::write(&self.folder, span, newest_at_ms, most_keys, entries)?;
        let path = run.path.clone();
        self.swap(chain.with_merged(replaced, run));
        // A single source has the same name, and the rename has replaced it.
        for source in sources.iter().filter(|source| source.path != path) {
            chain::remove(&source.path);
        }
        Ok(())
    }

    fn chain(&self) -> Arc<Chain> {
        Arc::clone(&self.chain.read())
    }

    fn swap(&self, chain: Chain) {
        *self.chain.write() = Arc::new(chain);
    }
}

fn trouble(folder: &Path, error: io::Error) -> Error {
    Error::internal(format!("the key runs in {} cannot be read or written", folder.display())).caused_by(error)
}
