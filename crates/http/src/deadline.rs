//! Deadlines of batches and streams.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::error::{AttemptError, ErrorKind, FetchError, Phase};
use super::request::Request;

/// Resolves when `limit` has passed since `started`; never without a limit.
pub(crate) async fn passed(started: Instant, limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep_until(started + limit).await,
        None => std::future::pending().await,
    }
}

/// The error of a request that was unfinished at the deadline. `attempts` is 0 if it never left the queue.
pub(crate) fn error(
    message: String,
    request: Option<Arc<Request>>,
    index: usize,
    attempts: u32,
    elapsed: Duration,
) -> FetchError {
    let phase = if attempts == 0 { Phase::Queue } else { Phase::Headers };
    let error = AttemptError::new(ErrorKind::DeadlineExceeded, phase, message);
    FetchError::new(error, request, index, attempts, elapsed)
}
