//! Moves what was committed from the write-ahead log into the file, beside the writer instead of inside its commits.
//!
//! A background thread copies passively. It can never finish while commits go on, so when the log has grown beyond
//! its bound it asks the writer to finish the little that is left between two batches, and the log starts anew.
//!
//! A log that starts anew still has in it what was written before. After an erasure it is therefore cut off: by the
//! writer between two batches too, or by the thread if the writer has nothing to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::BUSY_PATIENCE;
use crate::work::give_way;

/// Between two passes; long enough that hot pages are copied once for many changes.
const PAUSE: Duration = Duration::from_millis(100);
/// The log is started anew above this many pages (48 MiB of 1 KiB pages).
const LOG_BOUND_PAGES: i64 = 49_152;
/// Copying can wait longer than anything else.
const NICENESS: i32 = 10;
/// How long the writer waits for readers when it starts the log anew.
const RESTART_PATIENCE: Duration = Duration::from_millis(5);
/// The writer takes over only when the background passes have left no more than this (1 MiB).
const REST_PAGES: i64 = 1_024;
const MOST_PASSES: usize = 8;
/// From one cut to the next, however many erasures ask for one: each costs the writer two syncs.
const WIPE_PAUSE: Duration = Duration::from_secs(2);

/// Checkpoints one file.
pub(super) struct Checkpointer {
    path: PathBuf,
    dirty: Mutex<bool>,
    wake: Condvar,
    restart_due: AtomicBool,
    /// Whether the log is ever cut off.
    wipes: bool,
    /// Erasures that wish for a cut, counted.
    wipes_wanted: AtomicU64,
    /// How many of them have theirs.
    wipes_done: AtomicU64,
    cut_due: AtomicBool,
    stopping: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(super) fn new(path: PathBuf, wipes: bool) -> Arc<Self> {
        Arc::new(Self {
            path,
            dirty: Mutex::new(false),
            wake: Condvar::new(),
            restart_due: AtomicBool::new(false),
            wipes,
            // A program that was killed may have left something to be wiped.
            wipes_wanted: AtomicU64::new(u64::from(wipes)),
            wipes_done: AtomicU64::new(0),
            cut_due: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            thread: Mutex::new(None),
        })
    }

    /// Starts the background thread, once.
    pub(super) fn start(self: &Arc<Self>) {
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let this = Arc::clone(self);
            let spawned = std::thread::Builder::new()
                .name("checkpoint".to_owned())
                .stack_size(256 * 1024)
                .spawn(move || this.run());
            *thread = spawned.ok();
        }
    }

    /// A commit happened.
    pub(super) fn written(&self) {
        let mut dirty = self.dirty.lock();
        if !*dirty {
            *dirty = true;
            self.wake.notify_one();
        }
    }

    /// Something was erased, and is to leave the log.
    pub(super) fn wipe_soon(&self) {
        if self.wipes {
            self.wipes_wanted.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn has_to_wipe(&self) -> bool {
        self.wipes_done.load(Ordering::Acquire) < self.wipes_wanted.load(Ordering::Acquire)
    }

    /// Called by the writer between two batches: finishes the checkpoint when the background pass asked for it.
    pub(super) fn between_batches(&self, connection: &Connection) {
        if self.cut_due.swap(false, Ordering::AcqRel) {
            self.cut(connection);
            let _ = connection.busy_timeout(BUSY_PATIENCE);
        }
        if self.restart_due.swap(false, Ordering::AcqRel) {
            // A long reader may be in the way; then the log grows for now, which is better than waiting for it.
            let _ = connection.busy_timeout(RESTART_PATIENCE);
            let _ = checkpoint(connection, "RESTART");
            let _ = connection.busy_timeout(BUSY_PATIENCE);
        }
    }

    /// Moves everything into the file and cuts the log off to nothing. Readers may be in the way; then it is still to be
    /// done.
    fn cut(&self, connection: &Connection) {
        let wanted = self.wipes_wanted.load(Ordering::Acquire);
        let _ = connection.busy_timeout(RESTART_PATIENCE);
        let is_cut = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .is_ok_and(|(is_busy, log): (i64, i64)| is_busy == 0 && log == 0);
        if is_cut {
            self.wipes_done.fetch_max(wanted, Ordering::AcqRel);
        }
    }

    /// Has the log cut off when an erasure wishes it: asks the writer first, and does it a pass later if the writer
    /// had nothing to do meanwhile. `last` is when this was begun last; however often it fails or is wished for, the
    /// writer is not held up more often.
    fn wipe(&self, connection: &Connection, last: &mut Option<Instant>) {
        // Still due: nobody writes.
        if self.cut_due.swap(false, Ordering::AcqRel) {
            self.cut(connection);
        } else if self.has_to_wipe() && last.is_none_or(|last| last.elapsed() >= WIPE_PAUSE) {
            *last = Some(Instant::now());
            self.cut_due.store(true, Ordering::Release);
        }
    }

    /// Ends the thread and waits for it.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }

    /// Copies what is in the log. Above its bound, pass follows pass until so little is left that the writer, who has
    /// to finish it between two batches, is not held up.
    fn copy(&self, connection: &Connection) {
        for _ in 0..MOST_PASSES {
            let Some((log, copied)) = checkpoint(connection, "PASSIVE") else { return };
            if log <= LOG_BOUND_PAGES {
                return;
            }
            if log - copied <= REST_PAGES {
                self.restart_due.store(true, Ordering::Release);
                return;
            }
        }
    }

    fn run(&self) {
        give_way(NICENESS);
        let Ok(connection) = Connection::open(&self.path) else {
            tracing::error!(path = %self.path.display(), "no checkpoints: the file cannot be opened");
            return;
        };
        let mut last_cut = None;
        while !self.stopping.load(Ordering::Acquire) {
            let is_dirty = {
                let mut dirty = self.dirty.lock();
                while !*dirty && !self.has_to_wipe() && !self.stopping.load(Ordering::Acquire) {
                    self.wake.wait_for(&mut dirty, Duration::from_secs(1));
                }
                std::mem::take(&mut *dirty)
            };
            std::thread::sleep(PAUSE);
            if is_dirty {
                self.copy(&connection);
            }
            self.wipe(&connection, &mut last_cut);
        }
    }
}

/// Pages in the log and how many of them are in the file; nothing when a reader was in the way.
fn checkpoint(connection: &Connection, mode: &str) -> Option<(i64, i64)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    connection.query_row(&sql, [], |row| Ok((row.get(1)?, row.get(2)?))).ok()
}
