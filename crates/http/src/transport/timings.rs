//! The times of one attempt: connection, head, body.

use std::future::Future;
use std::time::{Duration, Instant};

use super::classify::{BoxError, ConnectTimedOut};
use crate::error::Phase;
use crate::named::named;
use shoal_runtime::Mutex;

named! {
    /// The transport of a request: what made its connection.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TransportKind.as_str {
        /// HTTP/1.1 on a connection that `http1` made.
        Http1 = "http1",
        /// A connection that reqwest made: through a proxy, or to a server that may speak HTTP/2.
        Reqwest = "reqwest",
    }
}

/// Records the times of one attempt. Shared with the connector, which may outlive the attempt.
pub struct Timings {
    /// When the attempt got its permit.
    pub started: Instant,
    connect_timeout: Option<Duration>,
    state: Mutex<Snapshot>,
}

/// What was recorded so far; times count from the start of the attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// A new connection is being made.
    pub connecting: bool,
    /// New connections that were begun.
    pub connects: u32,
    /// How long the last one took.
    pub connect: Option<Duration>,
    /// When the head of the last hop arrived.
    pub first_byte: Option<Duration>,
    /// When the connection of the last hop was made, or when the hop began on a kept connection.
    pub ready: Duration,
    /// The bytes of the body, decoded.
    pub bytes: u64,
    /// The body goes to a file.
    pub saves: bool,
    /// The transport of the last hop.
    pub transport: Option<TransportKind>,
}

impl Timings {
    /// Starts now, with a limit on making a connection.
    pub fn start(connect_timeout: Option<Duration>) -> Self {
        Self { started: Instant::now(), connect_timeout, state: Mutex::default() }
    }

    /// Notes something about the attempt.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.state.lock());
    }

    /// Makes a connection within the limit, and notes how long that takes.
    pub(crate) async fn time_connect<T>(
        &self,
        connect: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        self.update(|state| state.connects += 1);
        let begun = Instant::now();
        let connected = self.within_connect_timeout(connect).await;
        let took = begun.elapsed();
        self.update(|state| state.connect = Some(took));
        connected.unwrap_or_else(|timed_out| Err(timed_out.into()))
    }

    /// Waits within the limit for a connection that this or another request makes.
    pub(crate) async fn within_connect_timeout<T>(
        &self,
        connect: impl Future<Output = T>,
    ) -> Result<T, ConnectTimedOut> {
        self.update(|state| state.connecting = true);
        let connected = match self.connect_timeout {
            None => Ok(connect.await),
            Some(limit) => tokio::time::timeout(limit, connect).await.map_err(|_| ConnectTimedOut(limit)),
        };
        let ready = self.started.elapsed();
        self.update(|state| {
            state.connecting = false;
            state.ready = ready;
        });
        connected
    }

    /// How long the response of this hop has been awaited; zero while there is no connection.
    pub(crate) fn waiting_for_head(&self) -> Duration {
        let state = self.snapshot();
        if state.connecting { Duration::ZERO } else { self.started.elapsed().saturating_sub(state.ready) }
    }

    pub(crate) fn head_arrived(&self) {
        let elapsed = self.started.elapsed();
        self.update(|state| {
            state.connecting = false;
            state.first_byte = Some(elapsed);
        });
    }

    /// Notes that a redirect is followed.
    pub(crate) fn next_hop(&self) {
        let ready = self.started.elapsed();
        self.update(|state| {
            state.first_byte = None;
            state.ready = ready;
        });
    }

    /// What was recorded so far.
    pub fn snapshot(&self) -> Snapshot {
        *self.state.lock()
    }

    /// What the attempt is doing.
    pub(crate) fn phase(&self) -> Phase {
        let state = self.snapshot();
        if state.first_byte.is_some() {
            Phase::Body
        } else if state.connecting {
            Phase::Connect
        } else {
            Phase::Headers
        }
    }
}
