//! Idempotency keys: which command left which row of the log.
//!
//! The key stands in the row that the command writes anyway. In an embedded store the recent ones are held in memory
//! and older ones in sorted runs beside the store, both rebuilt from the rows; in a store that several processes
//! share, a unique index answers, because another process may have written the row a moment ago.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use metrics::gauge;
use sha2::{Digest as _, Sha256};

use super::Surroundings;
use super::runs::{Entry, KeyRuns};
use crate::db::{Row, Session, Table, Value};
use crate::error::{Error, Result};
use crate::log::{EVENT_SOURCE, Event, LogSource, remembered_event};
use crate::work::give_way;

/// Keys held in memory before they become a run.
const RUN_KEYS: usize = 65_536;
/// Log rows after which what keys there were become a run all the same, so that a start has few rows to look through.
const RUN_SPAN: i64 = 262_144;
/// Writing and merging runs can wait.
const RUN_NICENESS: i32 = 10;
/// How long a key is remembered (SPEC section 3).
const KEEP_MS: i64 = 35 * 24 * 60 * 60 * 1_000;
/// Log rows read at once when the memory is rebuilt.
const REBUILD_ROWS: i64 = 4_096;

/// An idempotency key as it is stored: who asked what where under which key, and a digest of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStamp {
    /// Of principal, method, path and key.
    pub hash: [u8; 16],
    /// Of the body.
    pub digest: i64,
}

impl KeyStamp {
    /// The stamp of a request: a key belongs to its principal, method and path.
    #[must_use]
    pub fn new(principal: &str, method: &str, path: &str, key: &str, body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for part in [principal, method, path, key] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let full = hasher.finalize();
        let mut hash = [0; 16];
        hash.copy_from_slice(&full[..16]);
        let mut digest = [0; 8];
        // The key, which is not stored, salts the digest: nobody can find out from a row what stood in its body.
        let mut salted = Sha256::new();
        salted.update((key.len() as u64).to_le_bytes());
        salted.update(key.as_bytes());
        salted.update(body);
        digest.copy_from_slice(&salted.finalize()[..8]);
        Self { hash, digest: i64::from_le_bytes(digest) }
    }
}

/// A key that was seen before.
pub(super) struct Known {
    pub(super) digest: i64,
    /// The row it left.
    pub(super) event: Event,
}

type Recent = HashMap<[u8; 16], (i64, i64)>;

/// Keys on their way into a run that covers everything up to a position.
struct Frozen {
    keys: Arc<Recent>,
    up_to: i64,
    thread: JoinHandle<()>,
}

/// What is known about keys.
pub(super) struct KeyMemory {
    sources: Vec<LogSource>,
    /// None in a shared store.
    local: Option<Local>,
    enabled: bool,
}

/// The memory of an embedded store.
struct Local {
    context: &'static str,
    recent: Recent,
    newest_position: i64,
    /// Everything up to here is in a run, or on its way.
    frozen_to: i64,
    /// On its way into a run; still searched here until it is there.
    frozen: Option<Frozen>,
    runs: Arc<KeyRuns>,
}

impl KeyMemory {
    pub(super) fn open(around: &Surroundings) -> Result<Self> {
        let sources = around.log.sources().to_vec();
        let local = match around.database.side_folder() {
            Some(folder) => {
                // A session of its own: what is looked through once must not fill the writer's cache.
                let mut session = around.database.read_session()?;
                let runs = Arc::new(open_runs(&folder, &mut *session, &sources)?);
                runs.expire(around.clock.now_ms() - KEEP_MS)?;
                let (recent, newest_position) = read_recent(&mut *session, &sources, runs.covered_to())?;
                Some(Local {
                    context: around.database.context(),
                    recent,
                    newest_position,
                    frozen_to: runs.covered_to(),
                    frozen: None,
                    runs,
                })
            }
            None => None,
        };
        Ok(Self { sources, local, enabled: around.remembers_keys })
    }

    /// The rows that these keys left, for those that were seen before.
    pub(super) fn find(
        &self,
        tx: &mut dyn Session,
        stamps: impl Iterator<Item = KeyStamp>,
    ) -> Result<HashMap<[u8; 16], Known>> {
        if !self.enabled {
            return Ok(HashMap::new());
        }
        match &self.local {
            Some(local) => self.find_local(local, tx, stamps),
            None => self.find_shared(tx, stamps),
        }
    }

    fn find_local(
        &self,
        local: &Local,
        tx: &mut dyn Session,
        stamps: impl Iterator<Item = KeyStamp>,
    ) -> Result<HashMap<[u8; 16], Known>> {
        let mut known = HashMap::new();
        for stamp in stamps {
            let Some((digest, position)) = local.find(&stamp.hash)? else { continue };
            for source in &self.sources {
                if let Some(row) = tx.load_many(source.table, &[position.into()])?.pop() {
                    known.extend(read_known(source, row).map(|event| (stamp.hash, Known { digest, event })));
                    break;
                }
            }
        }
        Ok(known)
    }

    fn find_shared(
        &self,
        tx: &mut dyn Session,
        stamps: impl Iterator<Item = KeyStamp>,
    ) -> Result<HashMap<[u8; 16], Known>> {
        let hashes: Vec<Value> = stamps.map(|stamp| Value::Blob(stamp.hash.to_vec())).collect();
        let mut known = HashMap::new();
        if hashes.is_empty() {
            return Ok(known);
        }
        for source in &self.sources {
            let (key_place, digest_place) = stamp_places(source.table);
            for row in tx.load_by(source.table, "key", &hashes)? {
                let hash = row.blob(key_place).and_then(|bytes| bytes.try_into().ok());
                let digest = row.int(digest_place);
                let event = read_known(source, row);
                known.extend(hash.zip(event).map(|(hash, event): ([u8; 16], Event)| (hash, Known { digest, event })));
            }
        }
        Ok(known)
    }

    /// Remembers what was committed up to `last_position`.
    pub(super) fn remember(&mut self, stamped: Vec<(KeyStamp, i64)>, last_position: i64, now_ms: i64) {
        let Some(local) = &mut self.local else { return };
        for (stamp, position) in stamped {
            local.recent.insert(stamp.hash, (stamp.digest, position));
        }
        local.newest_position = local.newest_position.max(last_position);
        if local.recent.len() >= RUN_KEYS || local.newest_position - local.frozen_to >= RUN_SPAN {
            local.freeze(now_ms);
        }
    }
}

impl Local {
    fn find(&self, hash: &[u8; 16]) -> Result<Option<(i64, i64)>> {
        let frozen = || self.frozen.as_ref().and_then(|frozen| frozen.keys.get(hash));
        match self.recent.get(hash).or_else(frozen) {
            Some(found) => Ok(Some(*found)),
            None => self.runs.find(hash),
        }
    }

    /// Hands the recent keys to a thread that writes them as a run; the next ones gather meanwhile.
    fn freeze(&mut self, now_ms: i64) {
        if self.frozen.as_ref().is_some_and(|frozen| !frozen.thread.is_finished()) {
            return;
        }
        if let Some(frozen) = self.frozen.take()
            && self.runs.covered_to() < frozen.up_to
        {
            // It could not be written; these keys are still only known here.
            for (hash, found) in frozen.keys.iter() {
                self.recent.entry(*hash).or_insert(*found);
            }
        }
        self.frozen_to = self.newest_position;
        let keys = Arc::new(std::mem::take(&mut self.recent));
        let (runs, moved, up_to) = (Arc::clone(&self.runs), Arc::clone(&keys), self.newest_position);
        let context = self.context;
        let write = move || {
            give_way(RUN_NICENESS);
            let entry = |(hash, (digest, position)): (&[u8; 16], &(i64, i64))| Entry {
                hash: *hash,
                digest: *digest,
                position: *position,
            };
            let entries = moved.iter().map(entry).collect();
            let written = runs.add(entries, up_to, now_ms).and_then(|()| runs.expire(now_ms - KEEP_MS));
            if let Err(error) = written {
                tracing::error!(%error, "idempotency keys could not be written beside the store");
            }
            gauge!("idempotency_run_keys", "context" => context).set(runs.key_count() as f64);
        };
        match std::thread::Builder::new().name("keys".to_owned()).spawn(write) {
            Ok(thread) => self.frozen = Some(Frozen { keys, up_to, thread }),
            // Without a thread they stay where they are.
            Err(_) => self.recent = Arc::try_unwrap(keys).unwrap_or_default(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Whoever opens the folder next must find it quiet.
        if let Some(frozen) = self.frozen.take() {
            let _ = frozen.thread.join();
        }
    }
}

/// The runs beside the store. They are thrown away if they know of rows that the log does not have: then the store
/// was restored from a backup that is older than they are.
fn open_runs(folder: &Path, session: &mut dyn Session, sources: &[LogSource]) -> Result<KeyRuns> {
    let runs = KeyRuns::open(folder)?;
    let mut newest = 0;
    for source in sources {
        newest = newest.max(newest_position(session, source)?);
    }
    if runs.covered_to() <= newest {
        return Ok(runs);
    }
    tracing::warn!("the keys beside the store are newer than the store; they are built anew");
    drop(runs);
    std::fs::remove_dir_all(folder).map_err(|error| Error::internal("old keys cannot be removed").caused_by(error))?;
    KeyRuns::open(folder)
}

fn stamp_places(table: &Table) -> (usize, usize) {
    let place = |name| table.columns.iter().position(|(column, _)| *column == name).unwrap_or(usize::MAX);
    (place("key"), place("digest"))
}

/// A row as an event, answers that are only remembered included.
fn read_known(source: &LogSource, row: Row) -> Option<Event> {
    if std::ptr::eq(source.table, EVENT_SOURCE.table) { Some(remembered_event(row)) } else { (source.render)(row) }
}

/// The keys of all rows that no run covers yet, and where the log ends.
fn read_recent(session: &mut dyn Session, sources: &[LogSource], covered_to: i64) -> Result<(Recent, i64)> {
    let mut recent = Recent::new();
    let mut newest = covered_to;
    for source in sources {
        let name = source.table.name;
        let sql = format!(
            "SELECT position, key, digest FROM {name} WHERE position > $1 AND key IS NOT NULL ORDER BY position LIMIT $2"
        );
        let mut after = covered_to;
        loop {
            let rows = session.query(&sql, &[after.into(), REBUILD_ROWS.into()])?;
            let Some(last) = rows.last() else { break };
            after = last.int(0);
            let keyed = |row: &Row| Some((row.blob(1)?.try_into().ok()?, (row.int(2), row.int(0))));
            recent.extend(rows.iter().filter_map(keyed));
        }
        newest = newest.max(newest_position(session, source)?);
    }
    Ok((recent, newest))
}

fn newest_position(session: &mut dyn Session, source: &LogSource) -> Result<i64> {
    let rows = session.query(&format!("SELECT MAX(position) FROM {}", source.table.name), &[])?;
    Ok(rows.first().map_or(0, |row| row.int(0)))
}
