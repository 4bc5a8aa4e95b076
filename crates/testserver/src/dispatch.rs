//! The dispatch: from a request to its answer, without waiting. The small well-behaved routes are here themselves.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use super::answer::{Answer, Body, Reply, Script, Step, write_status_line};
use super::body::{Received, Wanted};
use super::coding::Coding;
use super::content::{Cache, MEMORY_LIMIT, json_rest, json_start};
use super::counters::Counters;
use super::head::Head;
use super::players::Players;
use super::route::Route;
use super::{auth, cookies, echo, fault, fault_coding, range, redirect, stats_api, text};

/// Longest time a query may ask for: a day.
const LONGEST_MS: u64 = 86_400_000;

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) counters: Counters,
    pub(super) latency: Duration,
    pub(super) encoded: Cache<(Coding, u64)>,
    pub(super) bombs: Cache<(Coding, u64)>,
    documents: Cache<u64>,
    count: usize,
    players: OnceLock<Players>,
}

impl Shared {
    pub(super) fn new(latency: Duration, players: usize) -> Self {
        Self {
            counters: Counters::default(),
            latency,
            encoded: Cache::default(),
            bombs: Cache::default(),
            documents: Cache::default(),
            count: players,
            players: OnceLock::new(),
        }
    }

    /// The players, made at first use.
    pub(super) fn players(&self) -> &Players {
        self.players.get_or_init(|| Players::new(self.count))
    }
}

/// A request with what is needed to answer it.
pub(super) struct Ask<'a> {
    pub(super) head: &'a Head<'a>,
    /// The path after the route's name.
    pub(super) rest: &'a str,
    pub(super) body: &'a Received,
    pub(super) shared: &'a Shared,
    pub(super) client: SocketAddr,
}

impl Ask<'_> {
    /// The path's argument as a number, or `default` where the path ends before it.
    pub(super) fn argument(&self, default: u64) -> Result<u64, String> {
        if self.rest.is_empty() {
            return Ok(default);
        }
        self.rest.parse().map_err(|_| format!("the path must end in a whole number, not {:?}", self.rest))
    }

    /// A query parameter in milliseconds.
    pub(super) fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, String> {
        self.head.number(name, default).and_then(milliseconds)
    }

    /// The head of a 200 whose length is not known beforehand, and whether its body is framed in chunks (an HTTP/1.0
    /// client gets it up to the connection's end instead).
    pub(super) fn streamed_head(&self, content_type: &str, more: &str) -> (String, bool) {
        let framed = !self.head.http10;
        let framing = if framed { "transfer-encoding: chunked" } else { "connection: close" };
        let close = if framed && !self.head.keep_alive { "connection: close\r\n" } else { "" };
        (format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{framing}\r\n{close}{more}\r\n"), framed)
    }
}

/// A number of milliseconds, of a day at most.
fn milliseconds(number: u64) -> Result<Duration, String> {
    if number > LONGEST_MS {
        return Err(format!("at most {LONGEST_MS} ms, not {number}"));
    }
    Ok(Duration::from_millis(number))
}

/// What of a request's body the route looks at.
pub(super) fn wanted_body(route: Route) -> Wanted {
    match route {
        Route::Echo | Route::Redirect => Wanted::Bytes,
        Route::Upload => Wanted::Checksum,
        _ => Wanted::Length,
    }
}

/// The answer to a request; one that makes no sense gets a 400 that says why.
pub(super) fn decide(route: Route, ask: &Ask<'_>) -> Answer {
    let attempt = count_attempt(route, ask);
    answer(route, ask, attempt).unwrap_or_else(|message| Reply::error(400, &message).into())
}

/// Counts the request under its key. The routes that fail a number of times use their path where there is none.
fn count_attempt(route: Route, ask: &Ask<'_>) -> u64 {
    let counters = &ask.shared.counters;
    if !ask.head.query.is_empty()
        && ask.head.query.contains("key=")
        && let Some(key) = ask.head.param("key")
    {
        return counters.attempt(&key);
    }
    match route {
        Route::FaultFlaky | Route::Fault429 | Route::FaultRetryAfterDate => counters.attempt(ask.head.path),
        _ => 0,
    }
}

fn answer(route: Route, ask: &Ask<'_>, attempt: u64) -> Result<Answer, String> {
    Ok(match route {
        Route::Json => json(ask)?,
        Route::Bytes => {
            Reply::ok("application/octet-stream", Body::Pattern { from: 0, len: ask.argument(1024)? }).into()
        }
        Route::AllPlayers => stats_api::all_players(ask)?,
        Route::PlayerInfo => stats_api::player_info(ask)?,
        Route::Delay => {
            let body = match ask.head.number("n", 0)? {
                0 => Body::Static("late\n"),
                len => Body::Pattern { from: 0, len },
            };
            Answer::Later(milliseconds(ask.argument(0)?)?, Reply::ok("application/octet-stream", body))
        }
        Route::Status => status(ask)?,
        Route::Echo => echo::echo(ask).into(),
        Route::Empty => Reply::bare(204).into(),
        Route::Upload => {
            let Received { length, crc32, .. } = ask.body;
            Reply::json(format!("{{\"length\":{length},\"crc32\":{crc32}}}")).into()
        }
        Route::Redirect => redirect::chain(ask)?,
        Route::RedirectTo => redirect::to(ask)?,
        Route::RedirectLoop => redirect::to_location(ask, "/redirect-loop")?,
        Route::Gzip => encoded(ask, Coding::Gzip)?,
        Route::Brotli => encoded(ask, Coding::Brotli)?,
        Route::Zstd => encoded(ask, Coding::Zstd)?,
        Route::Deflate => {
            let raw = ask.head.param("raw").is_some();
            encoded(ask, if raw { Coding::RawDeflate } else { Coding::Deflate })?
        }
        Route::ResponseHeaders | Route::Headers => echo::response_headers(ask).into(),
        Route::Cookies => cookies::show(ask).into(),
        Route::CookiesSet => cookies::set(ask).into(),
        Route::Etag => range::etag(ask).into(),
        Route::Range => range::range(ask)?.into(),
        Route::Sse => {
            let (head, framed) = ask.streamed_head("text/event-stream", "cache-control: no-store\r\n");
            let n = ask.head.number("n", 10)?;
            streamed(head, Step::Events { n, interval: ask.milliseconds("interval_ms", 0)?, framed }, framed)
        }
        Route::Charset => text::charset(ask)?.into(),
        Route::Chunked => {
            let trailers = ask.head.param("trailers").is_some();
            let more = if trailers { "trailer: x-checksum, x-length\r\n" } else { "" };
            let (head, framed) = ask.streamed_head("application/octet-stream", more);
            let piece = ask.head.number("piece", 4096)?.max(1);
            streamed(head, Step::Chunks { n: ask.argument(1024)?, piece, trailers, framed }, framed)
        }
        Route::Close => {
            let mut reply = Reply::ok("text/plain", Body::Static("the connection ends here\n"));
            reply.close = true;
            reply.into()
        }
        Route::Http10 => {
            let head = "HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n";
            let body = Bytes::from_static(b"up to the end of the connection\n");
            Script::new(head, vec![Step::Send(body), Step::Close]).into()
        }
        Route::BasicAuth => auth::basic(ask).into(),
        Route::Bearer => auth::bearer(ask).into(),
        Route::FaultGzipBomb => fault_coding::bomb(ask, Coding::Gzip)?,
        Route::FaultBrotliBomb => fault_coding::bomb(ask, Coding::Brotli)?,
        Route::FaultZstdBomb => fault_coding::bomb(ask, Coding::Zstd)?,
        Route::FaultCorruptGzip => fault_coding::corrupt_gzip(ask)?,
        Route::FaultTruncatedGzip => fault_coding::truncated_gzip(ask)?,
        Route::FaultReset
        | Route::FaultTruncate
        | Route::FaultStall
        | Route::FaultDrip
        | Route::FaultFlaky
        | Route::Fault429
        | Route::FaultRetryAfterDate
        | Route::FaultOversizedHeaders
        | Route::FaultBadChunk
        | Route::FaultBadHead
        | Route::FaultBadLength => fault::answer(route, ask, attempt)?,
        Route::Index => index().into(),
        Route::Unknown => Reply::error(404, "there is no such route").into(),
    })
}

fn streamed(head: String, step: Step, framed: bool) -> Answer {
    let mut steps = vec![step];
    if !framed {
        steps.push(Step::Close);
    }
    Script::new(head, steps).into()
}

/// Refuses documents that would have to be built in memory and are too large for it.
pub(super) fn in_memory(n: u64) -> Result<u64, String> {
    if n > MEMORY_LIMIT { Err(format!("at most {MEMORY_LIMIT} bytes, not {n}")) } else { Ok(n) }
}

fn json(ask: &Ask<'_>) -> Result<Answer, String> {
    let n = in_memory(ask.argument(1024)?)?;
    let rest = ask.shared.documents.get(n, || json_rest(n));
    let start = json_start(n, ask.head.param("i").as_deref(), rest.len());
    Ok(Reply::ok("application/json", Body::Parts(start, rest)).into())
}

fn encoded(ask: &Ask<'_>, coding: Coding) -> Result<Answer, String> {
    let n = in_memory(ask.argument(1024)?)?;
    let index = ask.head.param("i");
    let render = || {
        let rest = ask.shared.documents.get(n, || json_rest(n));
        let mut plain = json_start(n, index.as_deref(), rest.len());
        plain.extend_from_slice(&rest);
        coding.encode(&plain)
    };
    let body = match index {
        None => Body::Parts(Vec::new(), ask.shared.encoded.get((coding, n), render)),
        Some(_) => Body::Owned(render()),
    };
    Ok(Reply::ok("application/json", body).with_header("content-encoding", coding.name()).into())
}

fn status(ask: &Ask<'_>) -> Result<Answer, String> {
    let code = ask.argument(200)?;
    match u16::try_from(code) {
        // An interim response, then the final one.
        Ok(code @ (100 | 102 | 103)) => {
            let mut head = Vec::new();
            write_status_line(&mut head, code);
            head.extend_from_slice(b"\r\n");
            let reply = Reply::json(format!("{{\"status\":200,\"interim\":{code}}}"));
            reply.write_head(&mut head, ask.head.http10, ask.head.keep_alive);
            let steps = match reply.body {
                Body::Owned(bytes) => vec![Step::Send(bytes.into())],
                _ => Vec::new(),
            };
            Ok(Script::new(head, steps).into())
        }
        Ok(code @ 200..=999) => Ok(Reply::json(format!("{{\"status\":{code}}}")).with_status(code).into()),
        _ => Err(format!("{code} is no status this server can send")),
    }
}

fn index() -> Reply {
    let mut page = String::from("shoal's test server. Its routes:\n");
    for name in Route::NAMES.iter().filter(|name| !name.is_empty() && !name.starts_with('(')) {
        page.push('/');
        page.push_str(name);
        page.push('\n');
    }
    Reply::ok("text/plain; charset=utf-8", Body::Owned(page.into_bytes()))
}
