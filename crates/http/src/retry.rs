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
//! every request to the host (see [`super::limits`]).

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::error::ErrorKind;

/// The statuses that are worth another attempt by default.
pub const DEFAULT_STATUS_FORCELIST: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// See `shoal.Retry`.
#[derive(Clone, Debug, PartialEq)]
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
    pub allowed_methods: RetryMethods,
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
            allowed_methods: RetryMethods::Idempotent,
            respect_retry_after: true,
            retry_after_max: Duration::from_secs(120),
        }
    }

    /// Nothing is ever tried again.
    pub fn is_none(&self) -> bool {
        self.total == 0
    }

    /// Whether a response to `method` with `status` is worth another attempt. `keyed` tells of an `Idempotency-Key`. How
    /// many were made is the caller's count.
    pub fn status_retryable(&self, method: &Method, keyed: impl FnOnce() -> bool, status: StatusCode) -> bool {
        self.status_forcelist.contains(status.as_u16()) && self.allowed_methods.allow(method, keyed)
    }

    /// Whether a failure of `kind` is worth another attempt: any method when the request cannot have reached the
    /// server, allowed methods when it was a transient failure. A TLS failure (a bad certificate) never is.
    pub fn failure_retryable(&self, method: &Method, keyed: impl FnOnce() -> bool, kind: ErrorKind) -> bool {
        let allowed = || self.allowed_methods.allow(method, keyed);
        kind != ErrorKind::Tls && (kind.before_request() || (kind.transient() && allowed()))
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
pub enum RetryMethods {
    /// GET HEAD PUT DELETE OPTIONS TRACE.
    Idempotent,
    /// All of them, POST included.
    Any,
    /// These.
    Listed(Vec<Method>),
}

impl RetryMethods {
    /// Whether `method` is one of them.
    pub fn contains(&self, method: &Method) -> bool {
        match self {
            Self::Idempotent => method.is_idempotent(),
            Self::Any => true,
            Self::Listed(methods) => methods.contains(method),
        }
    }

    /// Whether a request with `method` may be sent twice; one that is `keyed` (has an `Idempotency-Key`) counts as
    /// idempotent.
    fn allow(&self, method: &Method, keyed: impl FnOnce() -> bool) -> bool {
        self.contains(method) || (*self == Self::Idempotent && keyed())
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn after(value: &'static str, now: u64) -> Option<Duration> {
        parse_retry_after(&HeaderValue::from_static(value), SystemTime::UNIX_EPOCH + Duration::from_secs(now))
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let retry = Retry::new(3);
        assert_eq!((retry.total, retry.backoff_factor, retry.backoff_jitter), (3, 0.2, 1.0));
        assert_eq!(retry.backoff_max, Duration::from_secs(30));
        assert_eq!(retry.retry_after_max, Duration::from_secs(120));
        assert!(retry.respect_retry_after);
        assert_eq!(retry.status_forcelist.iter().collect::<Vec<_>>(), DEFAULT_STATUS_FORCELIST);
        assert_eq!(retry.allowed_methods, RetryMethods::Idempotent);
        assert!(Retry::none().is_none() && !retry.is_none());
    }

    #[test]
    fn status_sets() {
        let set: StatusSet = [0, 63, 64, 200, 599, 1023, 1024, u16::MAX].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 200, 599, 1023]);
        assert!(!set.contains(1024) && !set.contains(u16::MAX) && !set.contains(201));
        assert_eq!(StatusSet::EMPTY.iter().count(), 0);
    }

    #[test]
    fn methods() {
        for (method, idempotent) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::OPTIONS, true),
            (Method::TRACE, true),
            (Method::POST, false),
            (Method::PATCH, false),
            (Method::CONNECT, false),
            (Method::from_bytes(b"PURGE").unwrap(), false),
        ] {
            assert_eq!(RetryMethods::Idempotent.contains(&method), idempotent, "{method}");
            assert!(RetryMethods::Any.contains(&method));
            assert_eq!(RetryMethods::Listed(vec![Method::POST]).contains(&method), method == Method::POST);
        }
    }

    #[test]
    fn statuses() {
        let retry = Retry::new(1);
        let status = |code| StatusCode::from_u16(code).unwrap();
        for code in DEFAULT_STATUS_FORCELIST {
            assert!(retry.status_retryable(&Method::GET, || false, status(code)));
            assert!(!retry.status_retryable(&Method::POST, || false, status(code)));
        }
        for code in [200, 304, 400, 404, 501, 505] {
            assert!(!retry.status_retryable(&Method::GET, || false, status(code)));
        }
        let all = Retry { allowed_methods: RetryMethods::Any, ..Retry::new(1) };
        assert!(all.status_retryable(&Method::POST, || false, status(503)));
    }

    #[test]
    fn a_key_makes_a_request_idempotent() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let retry = Retry::new(1);
        assert!(retry.status_retryable(&Method::POST, || true, status));
        assert!(retry.failure_retryable(&Method::PATCH, || true, ErrorKind::Read));
        assert!(!retry.failure_retryable(&Method::POST, || true, ErrorKind::Tls));
        let listed = Retry { allowed_methods: RetryMethods::Listed(vec![Method::GET]), ..Retry::new(1) };
        assert!(!listed.status_retryable(&Method::POST, || true, status), "a list says all there is to say");
    }

    #[test]
    fn failures() {
        let retry = Retry::new(1);
        for kind in [ErrorKind::Connect, ErrorKind::ConnectTimeout, ErrorKind::Dns, ErrorKind::Proxy] {
            assert!(retry.failure_retryable(&Method::POST, || false, kind), "{kind:?}");
        }
        for kind in [
            ErrorKind::Read,
            ErrorKind::ReadTimeout,
            ErrorKind::TotalTimeout,
            ErrorKind::Protocol,
            ErrorKind::IncompleteBody,
            ErrorKind::Write,
        ] {
            assert!(retry.failure_retryable(&Method::GET, || false, kind), "{kind:?}");
            assert!(!retry.failure_retryable(&Method::POST, || false, kind), "{kind:?}");
        }
        for kind in [
            ErrorKind::Tls,
            ErrorKind::InvalidUrl,
            ErrorKind::BodyTooLarge,
            ErrorKind::Decoding,
            ErrorKind::TooManyRedirects,
            ErrorKind::DeadlineExceeded,
            ErrorKind::PoolTimeout,
            ErrorKind::Memory,
            ErrorKind::Save,
            ErrorKind::Internal,
        ] {
            assert!(!retry.failure_retryable(&Method::GET, || false, kind), "{kind:?}");
        }
    }

    #[test]
    fn backoff_is_that_of_urllib3() {
        let retry = Retry { backoff_jitter: 0.0, ..Retry::new(9) };
        let seconds: Vec<f64> = (0..10).map(|done| retry.backoff(done, 0.9).as_secs_f64()).collect();
        assert_eq!(seconds, [0.0, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]);
        assert_eq!(retry.backoff(u32::MAX, 0.0), Duration::from_secs(30));
        let jitter = Retry::new(9);
        assert_eq!(jitter.backoff(0, 0.5), Duration::ZERO);
        assert_eq!(jitter.backoff(1, 0.5), Duration::from_secs_f64(0.9));
        assert_eq!(jitter.backoff(50, 0.5), Duration::from_secs(30));
    }

    #[test]
    fn odd_backoffs_are_bounded() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX] {
            for done in [0, 1, 5, 2000] {
                let retry = Retry { backoff_factor: factor, ..Retry::new(1) };
                assert!(retry.backoff(done, 1.0) <= retry.backoff_max);
            }
        }
        let endless = Retry { backoff_max: Duration::MAX, backoff_factor: f64::MAX, ..Retry::new(1) };
        assert_eq!(endless.backoff(5, 0.0), Duration::MAX);
    }

    #[test]
    fn retry_after_in_seconds() {
        assert_eq!(after("0", 0), Some(Duration::ZERO));
        assert_eq!(after("120", 0), Some(Duration::from_secs(120)));
        assert_eq!(after("  7 ", 0), Some(Duration::from_secs(7)));
        assert_eq!(after("99999999999999999999999999", 0), Some(Duration::from_secs(u32::MAX.into())));
    }

    #[test]
    fn retry_after_as_a_date() {
        // 784111777 is 1994-11-06 08:49:37 UTC, the example of RFC 9110.
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(after(date, 784_111_770), Some(Duration::from_secs(7)), "{date}");
            assert_eq!(after(date, 784_111_800), Some(Duration::ZERO), "{date}");
        }
    }

    #[test]
    fn retry_after_garbage() {
        for value in ["", " ", "soon", "-1", "1.5", "1e3", "0x10", "12 s", "Sun, 99 Nov 1994 08:49:37 GMT", "+5"] {
            assert_eq!(after(value, 0), None, "{value:?}");
        }
        let binary = HeaderValue::from_bytes(b"\xff1").unwrap();
        assert_eq!(parse_retry_after(&binary, SystemTime::now()), None);
    }

    #[test]
    fn retry_after_is_capped_or_ignored_as_told() {
        let mut headers = HeaderMap::new();
        let now = SystemTime::now();
        assert_eq!(Retry::new(1).retry_after(&headers, now), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("3600"));
        assert_eq!(Retry::new(1).retry_after(&headers, now), Some(Duration::from_secs(120)));
        let deaf = Retry { respect_retry_after: false, ..Retry::new(1) };
        assert_eq!(deaf.retry_after(&headers, now), None);
    }
}
