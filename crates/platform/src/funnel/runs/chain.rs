//! The chain of runs: the first covers from position 0, each next one from where the one before it ends. A folder
//! after a crash, or with a file missing or broken, is cut back to the longest such chain.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use super::run::{ENDING, Run, Span, TEMPORARY, sync_folder};

/// Runs without a gap, oldest first; never changed, only replaced.
#[derive(Clone, Default)]
pub(super) struct Chain {
    pub(super) runs: Vec<Arc<Run>>,
    /// Every key up to this position is in a run or expired. May be past the last run, if there were no keys.
    pub(super) covered_to: i64,
}

impl Chain {
    /// Reads the chain in `folder` and removes what does not belong to it: temporary files, broken runs, runs
    /// behind a gap, and runs that a larger one contains. Files of other names stay.
    pub(super) fn load(folder: &Path) -> io::Result<Self> {
        let mut found = Vec::new();
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            found.extend(open_listed(&path)?);
        }
        // Of runs that start alike the largest comes first: it is the merged one, and the others are its sources.
        found.sort_by_key(|run| (run.span.after, -run.span.up_to));
        // A rename seen here may not be durable yet; its sources must not be removed before it is.
        sync_folder(folder)?;
        let mut chain = Self::default();
        for run in found {
            if run.span.after == chain.covered_to {
                chain = chain.with(run);
            } else {
                if run.span.up_to > chain.covered_to {
                    let (path, covered_to) = (run.path.display(), chain.covered_to);
                    tracing::warn!(%path, covered_to, "removing a run of keys behind a gap");
                }
                remove(&run.path);
            }
        }
        Ok(chain)
    }

    /// Where the last run ends, and the next one has to start.
    pub(super) fn written_to(&self) -> i64 {
        self.runs.last().map_or(0, |run| run.span.up_to)
    }

    /// The chain with one more run at its end.
    pub(super) fn with(&self, run: Run) -> Self {
        let covered_to = self.covered_to.max(run.span.up_to);
        let mut runs = self.runs.clone();
        runs.push(Arc::new(run));
        Self { runs, covered_to }
    }

    /// The chain with one run in the place of several neighbours.
    pub(super) fn with_merged(&self, replaced: Range<usize>, run: Run) -> Self {
        let mut runs = self.runs.clone();
        runs.splice(replaced, [Arc::new(run)]);
        Self { runs, covered_to: self.covered_to }
    }
}

/// The span and newest time (ms since 1970) of neighbouring runs taken together; `None` for no runs.
pub(super) fn extent(runs: &[Arc<Run>]) -> Option<(Span, i64)> {
    let span = Span { after: runs.first()?.span.after, up_to: runs.last()?.span.up_to };
    Some((span, runs.iter().map(|run| run.newest_at_ms).max()?))
}

/// Removes a file. If that fails it is only in the way: the next start tries again.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "cannot remove a file of the key runs");
    }
}

/// The run at `path`, unless it is something else or broken; removes what is ours and of no use.
fn open_listed(path: &Path) -> io::Result<Option<Run>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name == TEMPORARY {
        remove(path);
        return Ok(None);
    }
    if !name.ends_with(ENDING) {
        tracing::warn!(path = %path.display(), "a file that is not a run of keys is left alone");
        return Ok(None);
    }
    let opened = match Span::from_file_name(&name) {
        Some(span) => Run::open(path.to_owned(), span),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the name is not that of a run")),
    };
    match opened {
        Ok(run) => Ok(Some(run)),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            tracing::warn!(path = %path.display(), %error, "removing a broken run of keys");
            remove(path);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
