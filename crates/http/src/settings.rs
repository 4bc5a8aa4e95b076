//! The settings of a request: those of its call, or its own.

use std::time::Duration;

use super::retry::Retry;

/// Time limits of one attempt; `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeout {
    /// From the permit to the last byte of the body.
    pub total: Option<Duration>,
    /// `total` was given as a number alone. It then limits each silence of a body that is saved to a file, and not the
    /// whole body, whose time depends on its length.
    pub plain: bool,
    /// Name resolution, TCP and TLS of a new connection.
    pub connect: Option<Duration>,
    /// The longest silence while waiting for the head or the next piece of the body.
    pub read: Option<Duration>,
    /// Waiting for a permit (concurrency, per-host and rate limits).
    pub pool: Option<Duration>,
}

impl Default for Timeout {
    fn default() -> Self {
        Self::seconds(Duration::from_secs(30))
    }
}

impl Timeout {
    /// No limits.
    pub const NONE: Self = Self { total: None, plain: false, connect: None, read: None, pool: None };

    /// A timeout that was given as a number of seconds.
    pub fn seconds(limit: Duration) -> Self {
        Self { total: Some(limit), plain: true, ..Self::NONE }
    }

    /// The longest silence in a body that is saved to a file.
    pub(crate) fn silence(&self) -> Option<Duration> {
        if self.plain { self.total } else { self.read }
    }
}

/// How a request is carried out, apart from what is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Per attempt.
    pub timeout: Timeout,
    /// When to try again, and how long to wait before.
    pub retry: Retry,
    /// Follow 301, 302, 303, 307 and 308.
    pub follow_redirects: bool,
    /// The number of redirects beyond which the request fails with `TooManyRedirects`.
    pub max_redirects: u32,
    /// The most bytes of a decoded body. The default is [`DEFAULT_MAX_BODY`] in memory; in a file, what fits the bytes
    /// received.
    pub max_body: Option<u64>,
    /// Turn 4xx and 5xx into errors.
    pub raise_for_status: bool,
}

/// 64 MiB: more than ordinary documents, and little enough to survive a decompression bomb.
pub(crate) const DEFAULT_MAX_BODY: u64 = 64 << 20;

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
