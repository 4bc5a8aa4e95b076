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
//! What it does not know: HTTP/2, proxies, upgrades, hop-by-hop headers of the caller's. Requests that need any of them
//! take the other lane ([`super::lanes`]).

mod connect;
mod connection;
mod frames;
pub mod head;
pub mod lenient;
mod pool;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;

use std::sync::Arc;

use http::Method;
use url::{Position, Url};

use self::connect::Connector;
use self::connection::{Answer, Connection};
use self::head::Framing;
use self::pool::Pool;
use super::causes::exchange_failure;
use super::connections::Configure;
use super::error::{Failure, Phase};
use super::transport::{Body, Clock, Head, Outgoing, Transport};
use crate::runtime::is_second;

/// The lean lane's connections.
pub struct Http1 {
    pools: [Arc<Pool>; 2],
    connector: Connector,
}

impl Http1 {
    /// Connects to nothing yet. `tls` is asked for with the first connection that needs it.
    pub fn new(tls: Configure) -> Self {
        Self { pools: Default::default(), connector: Connector::new(tls) }
    }

    fn pool(&self) -> &Arc<Pool> {
        let [first, second] = &self.pools;
        if is_second() { second } else { first }
    }
}

/// Scheme, host and port: a slice of the URL, credentials included, which keeps requests of different users apart.
fn origin(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

impl Transport for Http1 {
    type Body = Incoming;

    async fn send(&self, outgoing: Outgoing<'_>, clock: &Arc<Clock>) -> Result<(Head, Incoming), Failure> {
        let (origin, pool) = (origin(outgoing.url), self.pool());
        let mut connection = match pool.take(origin) {
            Some(idle) => idle,
            None => self.connector.connect(outgoing.url, origin, clock).await?,
        };
        head::write(&outgoing, connection.request());
        let to_head = outgoing.method == Method::HEAD;
        let answer = connection.exchange(outgoing.body, to_head).await;
        let Answer { head, framing, first } = answer.map_err(|error| exchange_failure(&error, Phase::Headers))?;
        let mut incoming = Incoming { connection: Some(connection), pool: pool.clone(), framing, first };
        incoming.settle();
        Ok((head, incoming))
    }
}

/// A body, and the connection it comes on for as long as it does.
pub struct Incoming {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    framing: Framing,
    /// What came with the head, without its framing; room for the rest of a body of known length.
    first: Vec<u8>,
}

impl Incoming {
    /// Gives the connection back, or closes it, if nothing of the body is left on it.
    fn settle(&mut self) {
        if self.framing.is_complete()
            && let Some(connection) = self.connection.take()
        {
            self.pool.give(connection);
        }
    }
}

impl Body for Incoming {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, Failure> {
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
