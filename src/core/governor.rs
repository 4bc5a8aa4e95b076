//! Who may start when.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

/// The limits of one client.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Requests in flight.
    pub concurrency: Option<usize>,
    /// Requests in flight to one host.
    pub per_host: Option<usize>,
    /// Requests to one host per time.
    pub rate: Option<Rate>,
}

/// Requests per time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many requests.
    pub count: f64,
    /// In how long.
    pub period: Duration,
    /// How many may start at once after a rest.
    pub burst: u32,
}

impl Rate {
    /// From `"10/s"`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Err(format!("rate {text:?}"))
    }
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
    /// The server's `Retry-After`.
    RetryAfter,
}

/// One per client.
#[derive(Debug)]
pub struct Governor {
    limits: Limits,
}

impl Governor {
    /// With nothing in flight.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// As given.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits for a turn.
    pub async fn turn(self: &Arc<Self>, _url: &Url) -> Turn {
        Turn { limited_by: None, waited: Duration::ZERO }
    }

    /// A turn if nothing limits `url` now.
    pub fn try_turn(self: &Arc<Self>, _url: &Url) -> Option<Turn> {
        Some(Turn { limited_by: None, waited: Duration::ZERO })
    }

    /// Holds back all requests to the host of `url`.
    pub fn pause(&self, _url: &Url, _duration: Duration) {}
}

/// The right to send one request; dropping it gives it back.
#[derive(Debug)]
pub struct Turn {
    limited_by: Option<Limit>,
    waited: Duration,
}

impl Turn {
    /// The limit that made it wait longest, if any did.
    pub fn limited_by(&self) -> Option<Limit> {
        self.limited_by
    }

    /// How long it waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}
