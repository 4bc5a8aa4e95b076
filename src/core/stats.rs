//! What a batch did.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::error::Kind;
use super::governor::Limit;

/// Collects; one per batch.
#[derive(Debug, Default)]
pub struct Collector {}

impl Collector {
    /// Starts the clock.
    pub fn new() -> Self {
        Self {}
    }

    /// One finished request.
    pub fn record(&self, _outcome: Recorded) {}

    /// One more attempt.
    pub fn retry(&self, _cause: Cause) {}

    /// One more connection.
    pub fn connection_opened(&self) {}

    /// Stops the clock.
    pub fn finish(&self) {}

    /// So far.
    pub fn snapshot(&self) -> Stats {
        Stats::default()
    }
}

/// Why another attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A status of the forcelist.
    Status(u16),
    /// A failure.
    Failure(Kind),
}

/// How long the parts of one exchange took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Waiting for its turn.
    pub queue: Duration,
    /// Opening the connection, if one was opened.
    pub connect: Option<Duration>,
    /// From sending to the head of the response.
    pub first_byte: Option<Duration>,
    /// From the head to the last byte.
    pub body: Option<Duration>,
}

/// One finished request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded {
    /// Of the response.
    pub status: Option<u16>,
    /// Of the error.
    pub error: Option<Kind>,
    /// Of the body.
    pub bytes: u64,
    /// Of the last attempt.
    pub times: Times,
    /// What made it wait.
    pub limited_by: Option<Limit>,
}

/// What a batch did.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Finished requests.
    pub total: u64,
    /// With a response.
    pub ok: u64,
    /// With an error.
    pub failed: u64,
    /// Responses by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Errors by class name.
    pub by_error: BTreeMap<&'static str, u64>,
    /// Attempts after the first.
    pub retries: u64,
    /// By status or class name.
    pub retries_by_cause: BTreeMap<Cow<'static, str>, u64>,
    /// Of all bodies.
    pub bytes: u64,
    /// Since the start.
    pub wall: Duration,
    /// New connections.
    pub connections_opened: u64,
    /// Waiting for turns.
    pub queue: Percentiles,
    /// Opening connections.
    pub connect: Percentiles,
    /// Waiting for heads.
    pub first_byte: Percentiles,
    /// Reading bodies.
    pub body: Percentiles,
    /// What limited the batch.
    pub limited_by: LimitedBy,
}

/// Of a duration, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half of them are not above.
    pub p50: f64,
    /// 90 % are not above.
    pub p90: f64,
    /// 99 % are not above.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The average.
    pub mean: f64,
}

/// What limited a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitedBy {
    /// The concurrency.
    Concurrency,
    /// The rate.
    Rate,
    /// The per-host limit.
    PerHost,
    /// The server's pauses.
    RetryAfter,
    /// The server.
    Server,
    /// The wire.
    Bandwidth,
    /// Nothing measured.
    #[default]
    Nothing,
}
