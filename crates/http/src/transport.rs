//! The interface to whatever moves the bytes.
//!
//! There are two: `http1` and `http2`; `lanes` decides which of them a request takes, and who makes its connection.
//!
//! A transport sends one request to one URL and gives back the head and a body to read. It follows no redirect, retries
//! nothing, decodes nothing and knows no cookies: all that is the engine's, once, above every transport.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use url::Url;

use super::causes::{BoxError, ConnectTimedOut};
use super::error::{AttemptError, Phase};
use super::lanes::Lane;

/// One request as it goes on the wire: headers complete but for those of the transport itself (`Host`, framing).
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// All headers.
    pub headers: Cow<'a, HeaderMap>,
    /// The whole body.
    pub body: Option<Bytes>,
}

/// The head of a response.
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// The version spoken.
    pub version: Version,
    /// Its headers, as sent.
    pub headers: HeaderMap,
    /// How many bytes the body has on the wire, if the server said so.
    pub length: Option<u64>,
}

/// The most memory set aside at once on the word of a `Content-Length`; more is, once so much has really come.
pub const RESERVE: usize = 2 << 20;

/// What to set aside for a body of this length, of which nothing has come yet.
pub fn reserve(length: Option<u64>) -> usize {
    length.map_or(0, |length| length.min(RESERVE as u64) as usize)
}

/// A body that is still on the wire. Dropping it early closes the connection (HTTP/1) or resets the stream (HTTP/2).
pub trait Body: Send {
    /// Adds what has come, undecoded, to `into`, and says how many bytes that was; 0 at the proper end.
    ///
    /// An `into` without capacity gets one that suits the body; one with capacity is filled before it grows.
    fn read(&mut self, into: &mut Vec<u8>) -> impl Future<Output = Result<usize, AttemptError>> + Send;
}

/// Sends requests.
pub trait Transport: Send + Sync + 'static {
    /// The bodies it gives.
    type Body: Body;

    /// Sends one request and waits for the head of its response. Dropping the future stops it and releases its socket.
    fn send(
        &self,
        outgoing: Outgoing<'_>,
        clock: &std::sync::Arc<Clock>,
    ) -> impl Future<Output = Result<(Head, Self::Body), AttemptError>> + Send;
}

/// What happened when, in one attempt. Shared with the connector, which may outlive the attempt.
pub struct Clock {
    /// The attempt's turn.
    pub started: Instant,
    /// The limit on a new connection.
    pub connect_timeout: Option<Duration>,
    marks: Mutex<Marks>,
}

/// The marks of a [`Clock`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// A new connection is being made.
    pub connecting: bool,
    /// A new connection was asked for.
    pub connects: u32,
    /// How long making it took.
    pub connect: Option<Duration>,
    /// From the attempt's turn to the head of its last hop.
    pub first_byte: Option<Duration>,
    /// From the attempt's turn to the connection its last hop opened, or to the beginning of that hop.
    pub ready: Duration,
    /// The bytes of its body, decoded.
    pub bytes: u64,
    /// The body goes to a file.
    pub saves: bool,
    /// The way its last hop took.
    pub lane: Option<Lane>,
}

impl Clock {
    /// Starts now.
    pub fn start(connect_timeout: Option<Duration>) -> Self {
        Self { started: Instant::now(), connect_timeout, marks: Mutex::new(Marks::default()) }
    }

    fn update(&self, change: impl FnOnce(&mut Marks)) {
        change(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The lane is chosen.
    pub fn takes(&self, lane: Lane) {
        self.update(|marks| marks.lane = Some(lane));
    }

    /// Makes the new connection that is needed, within the limit, and notes how long that takes.
    pub async fn connecting<T>(&self, connect: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
        self.update(|marks| marks.connects += 1);
        let begun = Instant::now();
        let connected = self.until_connected(connect).await;
        let took = begun.elapsed();
        self.update(|marks| marks.connect = Some(took));
        connected.unwrap_or_else(|timed_out| Err(timed_out.into()))
    }

    /// Waits for a connection, whoever makes it, within the limit.
    pub async fn until_connected<T>(&self, connect: impl Future<Output = T>) -> Result<T, ConnectTimedOut> {
        self.update(|marks| marks.connecting = true);
        let connected = match self.connect_timeout {
            None => Ok(connect.await),
            Some(limit) => tokio::time::timeout(limit, connect).await.map_err(|_| ConnectTimedOut(limit)),
        };
        let ready = self.started.elapsed();
        self.update(|marks| {
            marks.connecting = false;
            marks.ready = ready;
        });
        connected
    }

    /// How long the server has had to answer this hop; nothing as long as there is no connection.
    pub fn silent_for(&self) -> Duration {
        let marks = self.marks();
        if marks.connecting { Duration::ZERO } else { self.started.elapsed().saturating_sub(marks.ready) }
    }

    /// The whole body was read.
    pub fn body_loaded(&self, bytes: u64) {
        self.update(|marks| marks.bytes = bytes);
    }

    /// The body goes to a file.
    pub fn saves(&self) {
        self.update(|marks| marks.saves = true);
    }

    /// The head has arrived.
    pub fn head_arrived(&self) {
        let elapsed = self.started.elapsed();
        self.update(|marks| {
            marks.connecting = false;
            marks.first_byte = Some(elapsed);
        });
    }

    /// Another hop begins.
    pub fn next_hop(&self) {
        let ready = self.started.elapsed();
        self.update(|marks| {
            marks.first_byte = None;
            marks.ready = ready;
        });
    }

    /// What is marked so far.
    pub fn marks(&self) -> Marks {
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the attempt is.
    pub fn phase(&self) -> Phase {
        let marks = self.marks();
        if marks.first_byte.is_some() {
            Phase::Body
        } else if marks.connecting {
            Phase::Connect
        } else {
            Phase::Headers
        }
    }
}
