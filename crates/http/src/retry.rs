//! When to try again, and how long to wait before: urllib3's names and meaning.
//!
//! The wait before the n-th retry of a request (n counts from 1) is that of urllib3 2:
//!
//! ```text
//! n = 1:  0
//! n > 1:  min(backoff_max, backoff_factor * 2^(n-1) + backoff_jitter * random)      random in [0, 1)
//! ```
//!
//! The first retry is immediate unless the server sent `Retry-After`: that pause replaces the backoff and delays every
//! request to the origin (see [`Limiter::pause`](super::limits::Limiter::pause)).

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, StatusCode};

use super::error_kind::ErrorKind;

const DEFAULT_STATUS_FORCELIST: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// The retry policy; see `shoal.Retry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Retries after the first attempt.
    pub total: u32,
    /// Seconds; doubled with each retry after the first.
    pub backoff_factor: f64,
    /// The longest backoff.
    pub backoff_max: Duration,
    /// Seconds; up to this much random delay, so that clients that failed together don't return together.
    pub backoff_jitter: f64,
    /// Statuses that are retried.
    pub status_forcelist: BTreeSet<u16>,
    /// Methods that may be sent again when the first attempt may have had an effect.
    pub allowed_methods: RetryMethods,
    /// Obey the server's `Retry-After`.
    pub respect_retry_after: bool,
    /// The longest `Retry-After` that is obeyed in full.
    pub retry_after_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new(2)
    }
}

impl Retry {
    /// No retries.
    pub fn none() -> Self {
        Self::new(0)
    }

    /// `total` retries with the defaults of `shoal.Retry`.
    pub fn new(total: u32) -> Self {
        Self {
            total,
            backoff_factor: 0.2,
            backoff_max: Duration::from_secs(30),
            backoff_jitter: 1.0,
            status_forcelist: BTreeSet::from(DEFAULT_STATUS_FORCELIST),
            allowed_methods: RetryMethods::Idempotent,
            respect_retry_after: true,
            retry_after_max: Duration::from_secs(120),
        }
    }

    /// Whether a response to `method` with `status` is worth a retry. `has_key` tells whether the request has an
    /// `Idempotency-Key`.
    pub(crate) fn allows_status(&self, method: &Method, has_key: impl FnOnce() -> bool, status: StatusCode) -> bool {
        self.status_forcelist.contains(&status.as_u16()) && self.allowed_methods.allow(method, has_key)
    }

    /// Whether an error of `kind` is worth a retry: with any method if the request cannot have reached the server, with
    /// an allowed method if the error is transient. A TLS error (a bad certificate) never is.
    pub(crate) fn allows_error(&self, method: &Method, has_key: impl FnOnce() -> bool, kind: ErrorKind) -> bool {
        kind.is_before_request() || (kind.is_transient() && self.allowed_methods.allow(method, has_key))
    }

    /// The wait before the next retry after `retries_done` retries, by the formula in the module's head. `unit_random`
    /// is in 0..1.
    pub(crate) fn backoff(&self, retries_done: u32, unit_random: f64) -> Duration {
        if retries_done == 0 {
            return Duration::ZERO;
        }
        // 2^1100 is infinite; the cap below turns it into `backoff_max`.
        let doublings = i32::try_from(retries_done.min(1100)).unwrap_or(1100);
        let seconds = self.backoff_factor * 2f64.powi(doublings) + self.backoff_jitter * unit_random;
        // `max` also turns NaN (0 × ∞) into 0.
        let seconds = seconds.max(0.0).min(self.backoff_max.as_secs_f64());
        Duration::try_from_secs_f64(seconds).unwrap_or(self.backoff_max)
    }
}

/// The methods that may be sent twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryMethods {
    /// GET, HEAD, PUT, DELETE, OPTIONS and TRACE; any method with an `Idempotency-Key`.
    Idempotent,
    /// All methods.
    Any,
    /// These methods.
    Listed(Vec<Method>),
}

impl RetryMethods {
    fn allow(&self, method: &Method, has_key: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Idempotent => method.is_idempotent() || has_key(),
            Self::Any => true,
            Self::Listed(methods) => methods.contains(method),
        }
    }
}

/// The pause that a `Retry-After` header asks for (RFC 9110, 10.2.3): whole seconds or an HTTP date, of which a past
/// one is a pause of 0; `None` for any other text. At most 2^32 seconds, so that adding it to a point in time does not
/// overflow.
pub fn parse_retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    const MAX: Duration = Duration::from_secs(u32::MAX as u64);
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit into a u64 are a very long pause.
        return Some(text.parse().map_or(MAX, Duration::from_secs).min(MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MAX))
}
