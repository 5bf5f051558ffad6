//! Drives one connection: a small runtime that runs only while the thread that asks waits for it.

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// The runtime of a session. There is one until it is dropped.
pub(super) struct Driver(Option<Runtime>);

impl Driver {
    pub(super) fn new() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime
            .map(|runtime| Self(Some(runtime)))
            .map_err(|error| Error::internal("no runtime for a database session").caused_by(error))
    }

    /// Waits for the future on this thread.
    ///
    /// # Errors
    /// `Internal` once the session has ended.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        let ended = || Error::internal("this database session has ended");
        Ok(self.0.as_ref().ok_or_else(ended)?.block_on(future))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The last one who knows a store may be a task of another runtime, in which no runtime may be waited for.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
