//! The lean lane: HTTP/1.1 with as little as possible between the URL and the socket.
//!
//! A request takes an idle connection of its origin, or makes one; writes its head in one system call; and reads the
//! answer in the task that wants it. There is no task per connection, no channel and no wake-up between two tasks: a
//! small answer is one read into a buffer that all connections share, from which head and body are copied out in their
//! final size. A body of known length is read into its final buffer by the system itself.
//!
//! - [`head`] writes requests and reads responses (through `httparse`), and says how a body is framed; [`lenient`] reads
//!   the heads that `httparse` refuses.
//! - [`frames`] undoes `Transfer-Encoding: chunked`.
//! - [`connection`] is a connection with one request at a time, [`stream`] its TCP or TLS.
//! - [`connect`] makes them: Happy Eyeballs through hyper-util, TLS through rustls.
//! - [`pool`] keeps the idle ones.
//!
//! Connections that reqwest made ([`super::http`]) are used in the same way. What it does not know are HTTP/2 and
//! upgrades. How a body is framed is decided here: a `Transfer-Encoding` or `Content-Length` of the caller's is a wish.

mod connect;
mod connection;
mod frames;
pub mod head;
pub mod lenient;
mod pool;
#[cfg(not(fuzzing))]
mod stream;
#[cfg(fuzzing)]
pub mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::task::yield_now;
use url::{Position, Url};

use self::connect::Connector;
use self::connection::Answer;
pub use self::connection::Connection;
use self::head::{Framing, Via, Wishes};
use self::pool::Pool;
use self::stream::Stream;
use super::causes::exchange_failure;
use super::connections::Configure;
use super::descriptors::Counted;
use super::error::{AttemptError, Phase};
use super::http::Made;
use super::transport::{Body, Clock, Head, Outgoing};
use shoal_runtime::is_second_reactor;

/// The idle connections of a client, and the maker of new ones.
pub struct Http1 {
    pools: [Arc<Pool>; 2],
    connector: Connector,
}

/// Scheme, host and port: a slice of the URL, credentials included, which keeps requests of different users apart.
pub fn origin(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

impl Http1 {
    /// Connects to nothing yet. `tls` is asked for with the first connection that needs it.
    pub fn new(tls: Configure) -> Self {
        Self { pools: Default::default(), connector: Connector::new(tls) }
    }

    fn pool(&self) -> &Arc<Pool> {
        let [first, second] = &self.pools;
        if is_second_reactor() { second } else { first }
    }

    /// An idle connection of `origin`, on which nothing came that nobody asked for.
    pub async fn idle(&self, origin: &str) -> Option<Connection> {
        loop {
            let mut connection = self.pool().take(origin)?;
            if !connection.is_made() {
                return Some(connection);
            }
            // The system can't be asked about a socket that is out of reach. The reactor asks it before this goes on.
            yield_now().await;
            if connection.is_usable(false) {
                return Some(connection);
            }
            connection.part();
        }
    }

    /// A new connection to the host of `url`.
    pub async fn connect(&self, url: &Url, clock: &Clock) -> Result<Connection, AttemptError> {
        self.connector.connect(url, origin(url), clock).await
    }

    /// A connection that reqwest made, for requests to `origin`.
    pub fn adopt(made: Made, origin: &str, open: Counted) -> Connection {
        Connection::new(Stream::Made(made), origin, open)
    }

    /// Sends a request, and waits for the head of the response. `authorization` is the proxy's.
    pub async fn exchange(
        &self,
        mut connection: Connection,
        outgoing: Outgoing<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<(Head, Incoming), AttemptError> {
        let via = if connection.is_proxied() { Via::Proxy(authorization) } else { Via::Nobody };
        let Wishes { close, chunked } = head::write(&outgoing, &via, connection.request());
        // A tunnel has no body, and nothing follows it on the connection.
        let connect = outgoing.method == Method::CONNECT;
        let body = if chunked { outgoing.body.map(|body| one_chunk(&body)) } else { outgoing.body };
        let answer = connection.exchange(body, connect || outgoing.method == Method::HEAD).await;
        let Answer { head, framing, first } = answer.map_err(|error| exchange_failure(&error, Phase::Headers))?;
        let reusable = !close && !connect;
        let mut incoming =
            Incoming { connection: Some(connection), pool: self.pool().clone(), framing, first, reusable };
        incoming.settle();
        Ok((head, incoming))
    }
}

/// `body` in the chunked coding (RFC 9112, 7.1).
fn one_chunk(body: &[u8]) -> Bytes {
    let size = format!("{:x}\r\n", body.len());
    [size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat().into()
}

/// A body, and the connection it comes on for as long as it does.
pub struct Incoming {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    framing: Framing,
    /// What came with the head, without its framing; room for the rest of a body of known length.
    first: Vec<u8>,
    /// The request lets another one follow.
    reusable: bool,
}

impl Incoming {
    /// Gives the connection back, or closes it, if nothing of the body is left on it.
    fn settle(&mut self) {
        if self.framing.is_complete()
            && let Some(mut connection) = self.connection.take()
        {
            if self.reusable {
                self.pool.give(connection);
            } else {
                connection.part();
            }
        }
    }
}

impl Body for Incoming {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, AttemptError> {
        if !self.first.is_empty() {
            let count = self.first.len();
            if into.capacity() == 0 {
                *into = std::mem::take(&mut self.first);
            } else {
                into.append(&mut self.first);
            }
            return Ok(count);
        }
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let count = connection.read_body(&mut self.framing, into).await;
        let count = count.map_err(|error| exchange_failure(&error, Phase::Body))?;
        self.settle();
        Ok(count)
    }
}
