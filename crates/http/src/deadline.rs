//! The deadline of a batch or a stream.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Resolves when `limit` has passed since `started`; never, without a limit.
pub async fn passed(started: Instant, limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep_until(started + limit).await,
        None => std::future::pending().await,
    }
}
