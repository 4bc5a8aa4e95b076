//! Requests over HTTP/1.1: a connection for each, and the body that comes on it.

use std::sync::Arc;

use http::{HeaderValue, Method};
use tokio::task::yield_now;
use tokio::time::sleep;
use url::{Position, Url};

use super::connect::Connector;
use super::connection::{Connection, Received};
use super::pool::Pool;
use super::request::{Directives, TargetForm, one_chunk, write};
use super::response::Framing;
use crate::error::{AttemptError, Phase};
use crate::transport::classify::exchange_failure;
use crate::transport::interface::{Body, Head, Outgoing};
use crate::transport::options::TlsConfigSource;
use crate::transport::timings::Timings;
use shoal_runtime::is_second_reactor;

/// The idle connections of a client, and the maker of new ones.
pub(crate) struct Http1 {
    /// One for each I/O thread.
    pools: [Arc<Pool>; 2],
    connector: Connector,
}

/// Scheme, host and port: a slice of the URL with its credentials, so that users don't share connections.
pub(crate) fn origin(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

impl Http1 {
    /// Opens no connection. `tls` is called for the first one that needs TLS.
    pub(crate) fn new(tls: TlsConfigSource) -> Self {
        Self { pools: Default::default(), connector: Connector::new(tls) }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        let [first, second] = &self.pools;
        if is_second_reactor() { second } else { first }
    }

    /// An idle connection to `origin` on which nothing was received since its last response.
    pub(crate) async fn idle(&self, origin: &str) -> Option<Connection> {
        loop {
            let (mut connection, rest) = self.pool().acquire(origin)?;
            if !rest.is_zero() {
                sleep(rest).await;
            } else if connection.is_by_reqwest() {
                // Its socket is out of reach: the reactor looks at it before this goes on.
                yield_now().await;
            }
            // Asks the system, for the price of a call: the reactor's state is that of its last turn, and a surplus
            // response would be taken for that of the next request.
            if connection.is_quiet(true) {
                return Some(connection);
            }
            connection.shut_down();
        }
    }

    pub(crate) async fn connect(&self, url: &Url, timings: &Timings) -> Result<Connection, AttemptError> {
        self.connector.connect(url, origin(url), timings).await
    }

    /// Sends a request, and waits for the head of the response. `authorization` is for the proxy.
    pub(crate) async fn exchange(
        &self,
        mut connection: Connection,
        outgoing: Outgoing<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<(Head, Incoming), AttemptError> {
        let form = if connection.is_proxied() { TargetForm::Absolute(authorization) } else { TargetForm::Origin };
        let Directives { close, chunked } = write(&outgoing, &form, connection.request());
        // A tunnel has no body, and no other request follows it.
        let connect = outgoing.method == Method::CONNECT;
        let body = if chunked { outgoing.body.map(|body| one_chunk(&body)) } else { outgoing.body };
        let received = connection.exchange(body, connect || outgoing.method == Method::HEAD).await;
        let Received { head, framing, first } = received.map_err(|error| exchange_failure(&error, Phase::Headers))?;
        let reusable = !close && !connect;
        let mut incoming =
            Incoming { connection: Some(connection), pool: self.pool().clone(), framing, first, reusable };
        incoming.release_if_complete();
        Ok((head, incoming))
    }
}

/// A body, and its connection until the body is complete.
pub struct Incoming {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    framing: Framing,
    /// The part that came with the head, decoded from its framing; with room for the rest of a body of known length.
    first: Vec<u8>,
    /// The request allows another one to follow.
    reusable: bool,
}

impl Incoming {
    fn release_if_complete(&mut self) {
        if self.framing.is_complete()
            && let Some(mut connection) = self.connection.take()
        {
            if self.reusable {
                self.pool.release(connection);
            } else {
                connection.shut_down();
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
        self.release_if_complete();
        Ok(count)
    }
}
