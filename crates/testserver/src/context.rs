//! The context of a request: its head and body, the shared state of the server, and helpers for arguments.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use crate::body::Received;
use crate::coding::Coding;
use crate::content::{Cache, MEMORY_LIMIT};
use crate::counters::Counters;
use crate::head::Head;
use crate::players::Players;

/// The longest delay that a query may ask for: a day.
const MAX_MS: u64 = 86_400_000;

/// The state that all connections of a server share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    pub(crate) latency: Duration,
    pub(crate) encoded: Cache<(Coding, u64)>,
    pub(crate) bombs: Cache<(Coding, u64)>,
    pub(crate) documents: Cache<u64>,
    player_count: usize,
    players: OnceLock<Players>,
}

impl Shared {
    pub(crate) fn new(latency: Duration, players: usize) -> Self {
        Self { latency, player_count: players, ..Self::default() }
    }

    /// The players, made at first use.
    pub(crate) fn players(&self) -> &Players {
        self.players.get_or_init(|| Players::new(self.player_count))
    }
}

/// A request, and the state that its handler needs.
pub(crate) struct Context<'a> {
    pub(crate) head: &'a Head<'a>,
    /// The rest of the path after the route's name.
    pub(crate) rest: &'a str,
    pub(crate) body: &'a Received,
    pub(crate) shared: &'a Shared,
    pub(crate) client: SocketAddr,
}

impl Context<'_> {
    /// The path's argument as a number, or `default` if there is none.
    pub(crate) fn argument(&self, default: u64) -> Result<u64, String> {
        if self.rest.is_empty() {
            return Ok(default);
        }
        self.rest.parse().map_err(|_| format!("the path must end in a whole number, not {:?}", self.rest))
    }

    /// A query parameter in milliseconds, a day at most.
    pub(crate) fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, String> {
        self.head.number(name, default).and_then(milliseconds)
    }

    /// The head of a 200 of unknown length, and whether its body is chunked (for an HTTP/1.0 client it ends with the
    /// connection).
    pub(crate) fn streamed_head(&self, content_type: &str, more: &str) -> (String, bool) {
        let framed = !self.head.http10;
        let framing = if framed { "transfer-encoding: chunked" } else { "connection: close" };
        let close = if framed && !self.head.keep_alive { "connection: close\r\n" } else { "" };
        (format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{framing}\r\n{close}{more}\r\n"), framed)
    }
}

/// A duration of a day at most.
pub(crate) fn milliseconds(number: u64) -> Result<Duration, String> {
    if number > MAX_MS {
        return Err(format!("at most {MAX_MS} ms, not {number}"));
    }
    Ok(Duration::from_millis(number))
}

/// Checks the size of a document that is built in memory.
pub(crate) fn in_memory(n: u64) -> Result<u64, String> {
    if n > MEMORY_LIMIT { Err(format!("at most {MEMORY_LIMIT} bytes, not {n}")) } else { Ok(n) }
}
