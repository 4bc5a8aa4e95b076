//! The work behind a job.

use super::job_result::WorkResult;
use shoal_http::stats::Stats;

/// Work that runs, as its job sees it.
pub trait Work: Send + Sync {
    /// Its name in messages.
    fn name(&self) -> &str;
    /// Stops the work, releases its sockets and returns the job's result; `None` if the work has just ended by itself.
    fn cancel(&self) -> Option<WorkResult>;
    /// How many items are finished, and of how many, where that is known.
    fn progress(&self) -> (usize, Option<usize>);
    /// A snapshot for `Job.stats`.
    fn stats(&self) -> Stats;
}
