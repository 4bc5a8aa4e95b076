//! Which way a request takes: the lean lane, or the full one. Decided here and nowhere else.
//!
//! On the lean lane, [`super::http1`] makes the connection itself. On the full lane reqwest makes it ([`super::http`])
//! and hands it out, to `http1` or [`super::http2`], or it is one of HTTP/2. The full lane is for
//!
//! - a request that goes through a proxy;
//! - one to an `https` server that may speak HTTP/2, which is to say any, until one of its connections has turned out to
//!   speak HTTP/1.1. As long as that is not known, one connection is made at a time ([`super::first_contact`]).
//!
//! HTTP/1.1 is read by the same code on both. `job.stats.by_lane` tells what was taken. `SHOAL_LANE=full` in the
//! environment lets reqwest make every connection.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::task::yield_now;
use url::Url;

use super::causes::connect_failure;
use super::connections::{Configure, Connections};
use super::error::{AttemptError, ErrorKind, Phase};
use super::first_contact::FirstContact;
use super::proxies::{Proxies, Proxy};
use super::tls::Verify;
use super::transport::{Body, Clock, Head, Outgoing, Transport};
use super::{http as maker, http1, http2};

const VARIABLE: &str = "SHOAL_LANE";

/// With more origins than these, all are forgotten and learnt again.
const REMEMBERED: usize = 10_000;

/// The way a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// HTTP/1.1, on a connection that `http1` made.
    Lean,
    /// A connection that reqwest made, or one of HTTP/2.
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
    http1: http1::Http1,
    http2: http2::Pool,
    tls: Configure,
    /// Made when it is needed.
    maker: OnceLock<maker::Http>,
    always_full: bool,
    first_contact: FirstContact,
    /// `https` origins that speak HTTP/1.1 though they were offered more.
    old: Mutex<HashSet<Box<str>>>,
}

/// A connection for one request.
enum Way {
    Http1(http1::Connection),
    Http2(Arc<http2::Connection>),
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
            http1: http1::Http1::new(tls.clone()),
            http2: http2::Pool::default(),
            tls,
            connections,
            maker: OnceLock::new(),
            always_full,
            first_contact: FirstContact::default(),
            old: Mutex::default(),
        })
    }

    fn maker(&self) -> Result<&maker::Http, AttemptError> {
        if let Some(made) = self.maker.get() {
            return Ok(made);
        }
        let Connections { http2, .. } = *self.connections;
        let made = (self.tls)().and_then(|tls| maker::Http::new(http2, self.proxies.clone(), tls));
        let made = made.map_err(|message| AttemptError::new(ErrorKind::Tls, Phase::Connect, message))?;
        Ok(self.maker.get_or_init(|| made))
    }

    fn old(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a server may turn out to speak HTTP/2.
    fn may_speak_http2(&self, url: &Url) -> bool {
        self.connections.http2 && url.scheme() == "https" && !self.old().contains(http1::origin(url))
    }

    /// The proxy for `url`; a failure if it can't be used.
    fn proxy(&self, url: &Url) -> Result<Option<Arc<Proxy>>, AttemptError> {
        self.proxies.as_ref().map_or(Ok(None), |proxies| proxies.find(url))
    }

    fn lane(&self, url: &Url, proxied: bool) -> Lane {
        if proxied || self.always_full || self.may_speak_http2(url) { Lane::Full } else { Lane::Lean }
    }

    async fn send_lean(&self, outgoing: Outgoing<'_>, clock: &Clock) -> Result<(Head, http1::Incoming), AttemptError> {
        let connection = match self.http1.idle(http1::origin(outgoing.url)).await {
            Some(idle) => idle,
            None => self.http1.connect(outgoing.url, clock).await?,
        };
        if connection.is_made() {
            clock.takes(Lane::Full);
        }
        self.http1.exchange(connection, outgoing, None).await
    }

    async fn send_full(
        &self,
        outgoing: Outgoing<'_>,
        clock: &Clock,
        proxy: Option<&Proxy>,
    ) -> Result<(Head, Incoming), AttemptError> {
        let (url, proxied) = (outgoing.url, proxy.is_some());
        if !outgoing.method.is_idempotent() {
            // What the reactor has not told yet, an end of the connection, it tells before this goes on.
            yield_now().await;
        }
        let key = key(url, proxied);
        let way = match self.kept(&key).await {
            Some(kept) => kept,
            None => {
                let made = clock.until_connected(self.connect(url, &key, clock, proxied)).await;
                made.unwrap_or_else(|timed_out| Err(connect_failure(&timed_out, proxied)))?
            }
        };
        match way {
            Way::Http1(connection) => {
                let authorization = proxy.and_then(|proxy| proxy.auth.clone());
                let (head, body) = self.http1.exchange(connection, outgoing, authorization).await?;
                Ok((head, Incoming::Http1(body)))
            }
            Way::Http2(connection) => {
                let (head, body) = connection.exchange(outgoing).await?;
                Ok((head, Incoming::Http2(Box::new(body))))
            }
        }
    }

    /// A connection that stands already.
    async fn kept(&self, key: &str) -> Option<Way> {
        match self.http2.get(key) {
            Some(shared) => Some(Way::Http2(shared)),
            None => self.http1.idle(key).await.map(Way::Http1),
        }
    }

    /// A new connection, unless another request has made one meanwhile that is shared.
    async fn connect(&self, url: &Url, key: &str, clock: &Clock, proxied: bool) -> Result<Way, AttemptError> {
        let mut leader = None;
        if self.may_speak_http2(url) {
            leader = self.first_contact.lead(key).await;
            if let Some(kept) = self.kept(key).await {
                if let Some(leader) = leader {
                    leader.decided();
                }
                return Ok(kept);
            }
        }
        if self.lane(url, proxied) == Lane::Lean {
            clock.takes(Lane::Lean);
            return Ok(Way::Http1(self.http1.connect(url, clock).await?));
        }
        let connect = async {
            let (made, open) = self.maker()?.connect(url, clock).await?;
            if made.http2 {
                return Ok(Way::Http2(self.http2.adopt(made, key, open).await?));
            }
            if self.may_speak_http2(url) {
                let mut old = self.old();
                if old.len() >= REMEMBERED {
                    old.clear();
                }
                old.insert(http1::origin(url).into());
            }
            Ok(Way::Http1(http1::Http1::adopt(made, key, open)))
        };
        match leader {
            None => connect.await,
            Some(mut leader) => {
                let way = leader.connect(connect).await;
                leader.decided();
                way
            }
        }
    }
}

/// Connections that end at a proxy are kept apart from those to the servers themselves.
fn key(url: &Url, proxied: bool) -> Cow<'_, str> {
    let origin = http1::origin(url);
    if proxied && url.scheme() == "http" { format!("proxy for {origin}").into() } else { origin.into() }
}

impl Transport for Lanes {
    type Body = Incoming;

    async fn send(&self, outgoing: Outgoing<'_>, clock: &Arc<Clock>) -> Result<(Head, Incoming), AttemptError> {
        let proxy = self.proxy(outgoing.url)?;
        let lane = self.lane(outgoing.url, proxy.is_some());
        clock.takes(lane);
        match lane {
            Lane::Lean => {
                let (head, body) = self.send_lean(outgoing, clock).await?;
                Ok((head, Incoming::Http1(body)))
            }
            // In a box, because its future is kilobytes, which every request of the other lane would carry.
            Lane::Full => Box::pin(self.send_full(outgoing, clock, proxy.as_deref())).await,
        }
    }
}

/// A body of either protocol.
pub enum Incoming {
    /// Of HTTP/1.
    Http1(http1::Incoming),
    /// Of HTTP/2.
    Http2(Box<http2::Incoming>),
}

impl Body for Incoming {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, AttemptError> {
        match self {
            Self::Http1(body) => body.read(into).await,
            Self::Http2(body) => body.read(into).await,
        }
    }
}
