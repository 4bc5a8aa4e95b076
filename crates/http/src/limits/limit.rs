//! The configured limits, and which of them made a request wait.

use super::rate::Rate;

/// The limits of a client or a call; `None` means no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Requests in flight; 0 counts as 1.
    pub concurrency: Option<usize>,
    /// Requests in flight per host (scheme, name and port); 0 counts as 1.
    pub per_host: Option<usize>,
    /// Requests started per time and host.
    pub rate: Option<Rate>,
}

/// What made a request wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::concurrency`].
    Concurrency,
    /// [`Limits::per_host`].
    PerHost,
    /// [`Limits::rate`].
    Rate,
    /// A pause that the server asked for.
    RetryAfter,
}

impl Limit {
    /// The name in Python.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::PerHost => "per_host",
            Self::Rate => "rate",
            Self::RetryAfter => "retry_after",
        }
    }
}
