//! Which way a request takes: the lean lane, or the full one. Decided here and nowhere else.
//!
//! The lean lane ([`super::http1`]) costs half of what the full one ([`super::http`], reqwest) does, and speaks plain
//! HTTP/1.1. What needs more takes the full lane:
//!
//! - a request that goes through a proxy;
//! - one to an `https` server that may speak HTTP/2, which is to say any, until it has answered in HTTP/1.1 ten times
//!   for each connection that it was sent. (To find out by an attempt of our own would cost every server of HTTP/2 a
//!   second handshake; to change lanes at the first answer would cost every other one as many connections again.)
//! - one with hop-by-hop headers of the caller's, or a length that is not that of its body: how hyper reads the caller's
//!   mind is hyper's to know.
//!
//! `job.stats.by_lane` tells what was taken. `SHOAL_LANE=full` in the environment sends everything through reqwest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Method, Version};
use url::{Position, Url};

use super::connections::{Configure, Connections};
use super::error::{Failure, Kind, Phase};
use super::proxies::Proxies;
use super::tls::Verify;
use super::transport::{Body, Clock, Head, Outgoing, Transport};
use super::{http as full, http1 as lean};

const VARIABLE: &str = "SHOAL_LANE";

/// With more origins than these, all are forgotten and learnt again.
const REMEMBERED: usize = 10_000;

/// So many answers must a connection of the full lane have carried before it is left behind for one of the lean lane.
const WORN: u64 = 10;

/// Headers that are about the connection.
const HOP_BY_HOP: [HeaderName; 6] = [CONNECTION, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The way a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// HTTP/1.1 and nothing else.
    Lean,
    /// reqwest.
    Full,
}

impl Lane {
    /// The name Python shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lean => "lean",
            Self::Full => "full",
        }
    }
}

/// Both lanes.
pub struct Lanes {
    connections: Arc<Connections>,
    proxies: Option<Arc<Proxies>>,
    lean: lean::Http1,
    tls: Configure,
    /// Made when it is needed.
    full: OnceLock<full::Http>,
    always_full: bool,
    /// `https` origins that speak HTTP/1.1 though they were offered more.
    old: Mutex<HashMap<Box<str>, Old>>,
}

/// What an origin has answered in HTTP/1.1 on the full lane.
#[derive(Clone, Copy, Default)]
struct Old {
    answers: u64,
    connections: u64,
}

impl Lanes {
    /// Connects to nothing. A certificate file that is none is told at once.
    pub fn new(connections: &Connections) -> Result<Self, String> {
        let always_full = match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("") => false,
            Ok("full") => true,
            Ok(other) => return Err(format!("{VARIABLE} must be \"full\" or not set, not {other:?}")),
        };
        // What the caller names is looked at now; the system's certificates take 10 ms, and perhaps nobody needs them.
        let named = if connections.verify == Verify::System { None } else { Some(connections.tls()?) };
        let connections = Arc::new(connections.clone());
        let known = connections.clone();
        let tls: Configure = Arc::new(move || named.clone().map_or_else(|| known.tls(), Ok));
        Ok(Self {
            proxies: connections.proxies().map(Arc::new),
            lean: lean::Http1::new(tls.clone()),
            tls,
            connections,
            full: OnceLock::new(),
            always_full,
            old: Mutex::default(),
        })
    }

    /// The lane of a request.
    fn lane(&self, outgoing: &Outgoing<'_>) -> Lane {
        let full = self.always_full
            || self.proxies.as_ref().is_some_and(|proxies| proxies.cover(outgoing.url))
            || self.may_speak_http2(outgoing.url)
            || outgoing.method == Method::CONNECT
            || is_special(&outgoing.headers, outgoing.body.as_ref().map_or(0, |body| body.len()));
        if full { Lane::Full } else { Lane::Lean }
    }

    fn is_offered_http2(&self, url: &Url) -> bool {
        self.connections.http2 && url.scheme() == "https"
    }

    fn may_speak_http2(&self, url: &Url) -> bool {
        let worn = |old: &Old| old.answers >= WORN * old.connections;
        self.is_offered_http2(url) && !self.old().get(origin(url)).is_some_and(worn)
    }

    fn old(&self) -> MutexGuard<'_, HashMap<Box<str>, Old>> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_full(&self, outgoing: Outgoing<'_>, clock: &Arc<Clock>) -> Result<(Head, full::Incoming), Failure> {
        let url = outgoing.url;
        let before = clock.marks().connects;
        let sent = self.full()?.send(outgoing, clock).await?;
        if self.is_offered_http2(url) && sent.0.version <= Version::HTTP_11 {
            let mut all = self.old();
            if all.len() >= REMEMBERED {
                all.clear();
            }
            let old = all.entry(origin(url).into()).or_default();
            old.answers += 1;
            old.connections += u64::from(clock.marks().connects - before);
        }
        Ok(sent)
    }

    fn full(&self) -> Result<&full::Http, Failure> {
        if let Some(made) = self.full.get() {
            return Ok(made);
        }
        let Connections { http2, .. } = *self.connections;
        let made = (self.tls)().and_then(|tls| full::Http::new(http2, self.proxies.clone(), tls));
        let made = made.map_err(|message| Failure::new(Kind::Tls, Phase::Connect, message))?;
        Ok(self.full.get_or_init(|| made))
    }
}

fn origin(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

fn is_special(headers: &HeaderMap, length: usize) -> bool {
    HOP_BY_HOP.iter().any(|name| headers.contains_key(name))
        || headers.get_all(CONTENT_LENGTH).iter().any(|value| value.as_bytes() != length.to_string().as_bytes())
}

impl Transport for Lanes {
    type Body = Incoming;

    async fn send(&self, outgoing: Outgoing<'_>, clock: &Arc<Clock>) -> Result<(Head, Incoming), Failure> {
        let lane = self.lane(&outgoing);
        clock.takes(lane);
        match lane {
            Lane::Lean => {
                let (head, body) = self.lean.send(outgoing, clock).await?;
                Ok((head, Incoming::Lean(body)))
            }
            Lane::Full => {
                // In a box, because its future is kilobytes, which every request of the other lane would carry.
                let (head, body) = Box::pin(self.send_full(outgoing, clock)).await?;
                Ok((head, Incoming::Full(Box::new(body))))
            }
        }
    }
}

/// A body on either lane.
pub enum Incoming {
    /// On the lean one.
    Lean(lean::Incoming),
    /// On the full one.
    Full(Box<full::Incoming>),
}

impl Body for Incoming {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, Failure> {
        match self {
            Self::Lean(body) => body.read(into).await,
            Self::Full(body) => body.read(into).await,
        }
    }
}
