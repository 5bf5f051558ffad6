//! Threads that do the same small step again and again: consumers, workers, sweeps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::log::{Log, Scope};

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a thread that follows a busy log lets events gather after each piece, which keeps pieces large.
const GATHER: Duration = Duration::from_millis(15);
/// A log is busy when more than this comes for a while; below it everything is taken in at once.
const CALM_PER_MS: u64 = 2;
/// As much as that may come at once and still be no load.
const CALM_BURST: u64 = 40;
/// After the last sign of life a shared log is looked at again this soon, then ever less often.
const SHARED_POLL: Duration = Duration::from_millis(4);
const SHORTEST_LOOK: Duration = Duration::from_millis(2);
const SHARED_POLL_MOST: Duration = Duration::from_millis(128);

/// Lets the scheduler prefer other threads to this one; 0 to 19. A machine that refuses goes on as before.
pub fn give_way(niceness: i32) {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), niceness) {
        tracing::debug!(%error, "a background thread keeps its priority");
    }
}

/// When an idle step is tried again.
pub enum Wake {
    /// After a commit in this part of a log; at the latest after the pause.
    Bell(Arc<Log>, Scope, Duration),
    /// After a commit of this process in a log that others write too, and every now and then: soon after the last sign
    /// of life, then ever less often.
    Look(Arc<Log>),
    /// After the pause.
    Pause(Duration),
    /// After the pause and a commit in this part of a log, at the latest after the longest pause: what comes meanwhile is
    /// done at once.
    Glance(Arc<Log>, Scope, Duration),
}

/// The threads of a program, ended together.
#[derive(Default)]
pub struct Workers {
    stopping: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// Starts a thread that steps while there is something to do, waits when there is not, and slows down while a
    /// step fails.
    ///
    /// # Errors
    /// `Internal` if the machine has no thread left.
    pub fn spawn(
        &self,
        name: String,
        wake: Wake,
        mut step: impl FnMut() -> Result<usize> + Send + 'static,
    ) -> Result<()> {
        let stopping = Arc::clone(&self.stopping);
        let label = name.clone();
        let run = move || {
            let mut pause = SHORTEST_PAUSE;
            let mut silence = SHARED_POLL;
            let mut pressure = Pressure::new();
            while !stopping.load(Ordering::Acquire) {
                let heard = wake.count();
                match guarded(&mut step) {
                    Ok(0) => {
                        silence =
                            if wake.wait(heard, silence) { SHARED_POLL } else { (silence * 2).min(SHARED_POLL_MOST) }
                    }
                    Ok(count) => {
                        (pause, silence) = (SHORTEST_PAUSE, SHARED_POLL);
                        if matches!(wake, Wake::Glance(..)) || pressure.is_high_after(count) {
                            wake.gather();
                        }
                    }
                    Err(error) => {
                        tracing::warn!(worker = label, %error, "a step failed and will be repeated");
                        std::thread::sleep(pause);
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name(name).stack_size(1024 * 1024).spawn(run);
        self.threads.lock().push(thread.map_err(|error| Error::internal("no thread for a worker").caused_by(error))?);
        Ok(())
    }

    /// Lets every thread finish its step and waits for them.
    pub fn stop(&self, logs: &[Arc<Log>]) {
        self.stopping.store(true, Ordering::Release);
        for log in logs {
            log.ring(true);
        }
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }
}

/// How much came lately: fills with what comes and drains at the calm rate.
struct Pressure {
    level: u64,
    since: Instant,
}

impl Pressure {
    fn new() -> Self {
        Self { level: 0, since: Instant::now() }
    }

    fn is_high_after(&mut self, count: usize) -> bool {
        let now = Instant::now();
        let drained = (now - self.since).as_millis().try_into().unwrap_or(u64::MAX).saturating_mul(CALM_PER_MS);
        // Time that is too short to drain anything still counts the next time.
        if drained > 0 {
            self.since = now;
        }
        self.level = (self.level.saturating_sub(drained) + count as u64).min(2 * CALM_BURST);
        self.level > CALM_BURST
    }
}

/// A step that panics is a defect, but not a reason never to step again.
fn guarded(step: &mut impl FnMut() -> Result<usize>) -> Result<usize> {
    catch_unwind(AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(Error::internal("a step broke off; its panic is above")))
}

impl Wake {
    fn count(&self) -> u64 {
        match self {
            Self::Bell(log, scope, _) | Self::Glance(log, scope, _) => log.bell(*scope).count(),
            Self::Look(log) => log.bell(Scope::Everything).count(),
            Self::Pause(_) => 0,
        }
    }

    fn gather(&self) {
        match self {
            Self::Bell(..) => std::thread::sleep(GATHER),
            Self::Glance(_, _, pause) => std::thread::sleep(*pause),
            Self::Pause(_) | Self::Look(_) => {}
        }
    }

    /// Waits for the next try; whether the bell rang. `silence` is how long a shared log is not looked at.
    fn wait(&self, heard: u64, silence: Duration) -> bool {
        match self {
            Self::Bell(log, scope, pause) => log.bell(*scope).wait_beyond(heard, *pause) != heard,
            Self::Look(log) => {
                // Whoever commits without pause is looked at no more often than this.
                std::thread::sleep(SHORTEST_LOOK);
                log.bell(Scope::Everything).wait_beyond(heard, silence) != heard
            }
            Self::Glance(log, scope, pause) => {
                std::thread::sleep(*pause);
                log.bell(*scope).wait_beyond(heard, LONGEST_PAUSE) != heard
            }
            Self::Pause(pause) => {
                std::thread::sleep(*pause);
                false
            }
        }
    }
}
