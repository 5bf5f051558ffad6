//! The bounded queue in front of a funnel: many senders, one taker, who takes everything that waits at once.

use std::time::Duration;

use metrics::{Gauge, gauge};
use parking_lot::{Condvar, Mutex};

/// What waits for the next batch.
pub(super) struct Queue<T> {
    waiting: Mutex<Vec<T>>,
    arrived: Condvar,
    bound: usize,
    depth: Gauge,
}

impl<T> Queue<T> {
    pub(super) fn new(context: &'static str, bound: usize) -> Self {
        let depth = gauge!("funnel_queue_depth", "context" => context);
        Self { waiting: Mutex::new(Vec::new()), arrived: Condvar::new(), bound, depth }
    }

    /// Adds one; gives it back if the queue is full.
    pub(super) fn push(&self, item: T) -> Result<(), T> {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.bound {
            return Err(item);
        }
        waiting.push(item);
        if waiting.len() == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Adds all of them, in this order, or gives them back if there is no room for all.
    pub(super) fn push_all(&self, items: Vec<T>) -> Result<(), Vec<T>> {
        let mut waiting = self.waiting.lock();
        if waiting.len() + items.len() > self.bound {
            return Err(items);
        }
        let was_empty = waiting.is_empty();
        waiting.extend(items);
        if was_empty {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes up to `most`, oldest first.
    pub(super) fn take(&self, most: usize) -> Vec<T> {
        let mut waiting = self.waiting.lock();
        self.depth.set(waiting.len() as f64);
        if waiting.len() <= most {
            return std::mem::take(&mut *waiting);
        }
        let rest = waiting.split_off(most);
        std::mem::replace(&mut *waiting, rest)
    }

    /// Waits until there is something, at most for `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            self.arrived.wait_for(&mut waiting, limit);
        }
    }

    pub(super) fn wake(&self) {
        self.arrived.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.lock().len()
    }
}
