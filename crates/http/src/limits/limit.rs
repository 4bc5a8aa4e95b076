//! The configured limits, and which of them made a request wait.

use super::rate::Rate;
use crate::named::named;

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

named! {
    /// What made a request wait.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Limit.as_str {
        /// [`Limits::concurrency`].
        Concurrency = "concurrency",
        /// [`Limits::per_host`].
        PerHost = "per_host",
        /// [`Limits::rate`].
        Rate = "rate",
        /// A pause that the server asked for.
        RetryAfter = "retry_after",
    }
}
