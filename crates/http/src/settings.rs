//! What a call decides for all its requests, and a single item may decide for itself.

use std::time::Duration;

use super::retry::Retry;

/// Limits on the time of one attempt; `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeout {
    /// From the attempt's turn to the last byte of its body.
    pub total: Option<Duration>,
    /// `total` is a number of seconds without a name: of a body that is saved it bounds each silence, not the whole,
    /// which depends on its length.
    pub plain: bool,
    /// Name resolution, TCP and TLS of a new connection.
    pub connect: Option<Duration>,
    /// The longest silence while waiting for the head or the next piece of the body.
    pub read: Option<Duration>,
    /// Waiting for a turn (concurrency, per-host and rate limits).
    pub pool: Option<Duration>,
}

impl Default for Timeout {
    fn default() -> Self {
        Self::seconds(Duration::from_secs(30))
    }
}

impl Timeout {
    /// No limit at all.
    pub const NONE: Self = Self { total: None, plain: false, connect: None, read: None, pool: None };

    /// A number of seconds.
    pub fn seconds(limit: Duration) -> Self {
        Self { total: Some(limit), plain: true, ..Self::NONE }
    }

    /// The longest silence in a body that is saved.
    pub fn silence(&self) -> Option<Duration> {
        if self.plain { self.total } else { self.read }
    }
}

/// Everything that steers how a request is carried out, apart from what is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Per attempt.
    pub timeout: Timeout,
    /// When to try again, and how long to wait before.
    pub retry: Retry,
    /// Follow 301, 302, 303, 307 and 308.
    pub follow_redirects: bool,
    /// More hops than this end in `TooManyRedirects`.
    pub max_redirects: u32,
    /// The most bytes a body may have after decoding. If none was given, [`DEFAULT_MAX_BODY`] in memory; in a file, what
    /// fits the bytes received.
    pub max_body: Option<u64>,
    /// Turn 4xx and 5xx into errors.
    pub raise_for_status: bool,
}

/// 64 MiB: room for every ordinary document, small enough that a bomb does no harm.
pub const DEFAULT_MAX_BODY: u64 = 64 << 20;

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Timeout::default(),
            retry: Retry::default(),
            follow_redirects: true,
            max_redirects: 10,
            max_body: None,
            raise_for_status: false,
        }
    }
}
