//! When to try again, and how long to wait before: urllib3's names and meaning.
//!
//! The wait before the n-th retry of a request (n counts from 1) is urllib3 2's:
//!
//! ```text
//! n = 1:  0
//! n > 1:  min(backoff_max, backoff_factor * 2^(n-1) + backoff_jitter * random)      random in [0, 1)
//! ```
//!
//! So the first retry is immediate, unless the server sent `Retry-After`: that pause replaces the backoff and holds
//! every request to the host (see [`super::governor`]).

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::error::Kind;

/// The statuses that are worth another attempt by default.
pub const DEFAULT_STATUS_FORCELIST: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// See `shoal.Retry`.
#[derive(Clone, Debug)]
pub struct Retry {
    /// How many more attempts than the first.
    pub total: u32,
    /// Seconds; doubled with each retry after the first.
    pub backoff_factor: f64,
    /// No backoff is longer.
    pub backoff_max: Duration,
    /// Seconds; up to this much is added at random, so that clients that failed together don't return together.
    pub backoff_jitter: f64,
    /// Statuses worth another attempt.
    pub status_forcelist: StatusSet,
    /// Methods that may be sent again when the first try may have had an effect.
    pub allowed_methods: Methods,
    /// Obey the server's `Retry-After`.
    pub respect_retry_after: bool,
    /// A longer `Retry-After` counts as this.
    pub retry_after_max: Duration,
}

impl Default for Retry {
    /// Two retries.
    fn default() -> Self {
        Self::new(2)
    }
}

impl Retry {
    /// Never.
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
            status_forcelist: StatusSet::from_iter(DEFAULT_STATUS_FORCELIST),
            allowed_methods: Methods::Idempotent,
            respect_retry_after: true,
            retry_after_max: Duration::from_secs(120),
        }
    }

    /// Nothing is ever tried again.
    pub fn is_none(&self) -> bool {
        self.total == 0
    }

    /// Whether a response to `method` with `status` is worth another attempt. How many were made is the caller's count.
    pub fn status_retryable(&self, method: &Method, status: StatusCode) -> bool {
        self.status_forcelist.contains(status.as_u16()) && self.allowed_methods.contains(method)
    }

    /// Whether a failure of `kind` is worth another attempt: any method when the request cannot have reached the
    /// server, allowed methods when it was a transient failure. A TLS failure (a bad certificate) never is.
    pub fn failure_retryable(&self, method: &Method, kind: Kind) -> bool {
        kind != Kind::Tls && (kind.before_request() || (kind.transient() && self.allowed_methods.contains(method)))
    }

    /// The wait before another retry when `retries_done` were made already; the formula is in the module's head.
    /// `unit_random` is in 0..1.
    pub fn backoff(&self, retries_done: u32, unit_random: f64) -> Duration {
        if retries_done == 0 {
            return Duration::ZERO;
        }
        // 2^1100 is infinite already; the cap below makes it `backoff_max`.
        let doublings = i32::try_from(retries_done.min(1100)).unwrap_or(1100);
        let seconds = self.backoff_factor * 2f64.powi(doublings) + self.backoff_jitter * unit_random;
        // `max` turns NaN (0 × ∞) into 0 too.
        let seconds = seconds.max(0.0).min(self.backoff_max.as_secs_f64());
        Duration::try_from_secs_f64(seconds).unwrap_or(self.backoff_max)
    }

    /// The pause a response asks for, capped at `retry_after_max`; `None` if it asks for none or shall not be obeyed.
    pub fn retry_after(&self, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        if !self.respect_retry_after {
            return None;
        }
        let pause = parse_retry_after(headers.get(RETRY_AFTER)?, now)?;
        Some(pause.min(self.retry_after_max))
    }
}

/// Which methods may be sent twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Methods {
    /// GET HEAD PUT DELETE OPTIONS TRACE.
    Idempotent,
    /// All of them, POST included.
    Any,
    /// These.
    Listed(Vec<Method>),
}

impl Methods {
    /// Whether `method` is one of them.
    pub fn contains(&self, method: &Method) -> bool {
        match self {
            Self::Idempotent => method.is_idempotent(),
            Self::Any => true,
            Self::Listed(methods) => methods.contains(method),
        }
    }
}

/// A set of status codes (0 to 1023) as bits: copied freely, asked in a nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusSet([u64; 16]);

impl StatusSet {
    /// No status.
    pub const EMPTY: Self = Self([0; 16]);

    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.get(usize::from(status >> 6)).is_some_and(|word| word >> (status & 63) & 1 == 1)
    }

    /// Adds `status`; one above 1023 is no HTTP status and is ignored.
    pub fn insert(&mut self, status: u16) {
        if let Some(word) = self.0.get_mut(usize::from(status >> 6)) {
            *word |= 1 << (status & 63);
        }
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..1024).filter(|status| self.contains(*status))
    }
}

impl FromIterator<u16> for StatusSet {
    fn from_iter<I: IntoIterator<Item = u16>>(statuses: I) -> Self {
        let mut set = Self::EMPTY;
        for status in statuses {
            set.insert(status);
        }
        set
    }
}

/// The pause a `Retry-After` header asks for (RFC 9110 10.2.3): whole seconds or an HTTP date. A date in the past is a
/// pause of 0, anything else than these is `None`. Not capped, except that it never exceeds 2^32 seconds, so that
/// adding it to a point in time cannot overflow.
pub fn parse_retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    const LONGEST: u64 = u32::MAX as u64;
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds is a very long pause, not garbage.
        return Some(Duration::from_secs(text.parse::<u64>().unwrap_or(u64::MAX).min(LONGEST)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(Duration::from_secs(LONGEST)))
}
