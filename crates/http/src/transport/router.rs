//! The transport of a client: finds or makes a connection for each request; the protocol follows from the connection.
//!
//! The `http1` transport makes its own connections. reqwest makes those
//!
//! - through a proxy;
//! - to an `https` origin that may speak HTTP/2, which is any until it has negotiated HTTP/1.1. Until then, one
//!   connection is made at a time ([`super::discovery`]).
//!
//! HTTP/1.1 is read by the same code on both. `SHOAL_TRANSPORT=reqwest` in the environment lets reqwest make every
//! connection.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use tokio::task::yield_now;
use url::Url;

use super::classify::connect_failure;
use super::discovery::Discovery;
use super::http1::{self, Http1, origin};
use super::http2;
use super::interface::{Body, Head, Outgoing, Transport};
use super::options::{ConnectionOptions, TlsConfigSource, Verify};
use super::proxy::{Proxies, Proxy};
use super::reqwest_connector::ReqwestConnector;
use super::timings::{Timings, TransportKind};
use crate::error::{AttemptError, ErrorKind, Phase};
use shoal_runtime::Mutex;

/// Environment variables that let reqwest make every connection, and the value that does; the second is deprecated.
const REQWEST_ONLY: [(&str, &str); 2] = [("SHOAL_TRANSPORT", "reqwest"), ("SHOAL_LANE", "full")];

/// With more origins than this, all are forgotten and learnt again.
const MAX_HTTP1_ONLY: usize = 10_000;

/// The connections of a client, and how new ones are made.
pub struct Router {
    offers_http2: bool,
    proxies: Option<Arc<Proxies>>,
    http1: Http1,
    http2: Arc<http2::Pool>,
    tls: TlsConfigSource,
    /// Made at first use: without HTTP/2, and with it.
    reqwest: [OnceLock<ReqwestConnector>; 2],
    reqwest_only: bool,
    discovery: Discovery,
    /// `https` origins that chose HTTP/1.1, or require it.
    http1_only: Mutex<HashSet<Box<str>>>,
}

/// A connection for one request.
enum Connection {
    Http1(http1::Connection),
    Http2(Arc<http2::Connection>),
}

impl Router {
    /// Opens no connection. A certificate file that can't be used is an error here.
    pub fn new(options: &ConnectionOptions) -> Result<Self, String> {
        let mut reqwest_only = false;
        for (variable, value) in REQWEST_ONLY {
            match std::env::var(variable).as_deref() {
                Err(_) | Ok("") => {}
                Ok(set) if set == value => reqwest_only = true,
                Ok(set) => return Err(format!("{variable} must be {value:?} or not set, not {set:?}")),
            }
        }
        // Reading the system's certificates takes 10 ms, so it waits for the first connection that needs them.
        let named = if options.verify == Verify::System { None } else { Some(options.tls()?) };
        let system = options.clone();
        let tls: TlsConfigSource = Arc::new(move || named.clone().map_or_else(|| system.tls(), Ok));
        Ok(Self {
            offers_http2: options.http2,
            proxies: options.trust_env.then(Proxies::from_env).flatten().map(Arc::new),
            http1: Http1::new(tls.clone()),
            http2: Arc::default(),
            tls,
            reqwest: Default::default(),
            reqwest_only,
            discovery: Discovery::default(),
            http1_only: Mutex::default(),
        })
    }

    fn reqwest(&self, http2: bool) -> Result<&ReqwestConnector, AttemptError> {
        let [plain, with_http2] = &self.reqwest;
        let slot = if http2 { with_http2 } else { plain };
        if let Some(connector) = slot.get() {
            return Ok(connector);
        }
        let connector = (self.tls)().and_then(|tls| ReqwestConnector::new(http2, self.proxies.clone(), tls));
        let connector = connector.map_err(|message| AttemptError::new(ErrorKind::Tls, Phase::Connect, message))?;
        Ok(slot.get_or_init(|| connector))
    }

    /// Whether a new connection to `url` may turn out to speak HTTP/2.
    fn may_speak_http2(&self, url: &Url) -> bool {
        self.offers_http2 && url.scheme() == "https" && !self.http1_only.lock().contains(origin(url))
    }

    fn remember_http1_only(&self, url: &Url) {
        let mut origins = self.http1_only.lock();
        if origins.len() >= MAX_HTTP1_ONLY {
            origins.clear();
        }
        origins.insert(origin(url).into());
    }

    fn kind(&self, url: &Url, proxied: bool) -> TransportKind {
        if proxied || self.reqwest_only || self.may_speak_http2(url) {
            TransportKind::Reqwest
        } else {
            TransportKind::Http1
        }
    }

    async fn send_reqwest(
        &self,
        outgoing: Outgoing<'_>,
        timings: &Timings,
        proxy: Option<&Proxy>,
    ) -> Result<(Head, Incoming), AttemptError> {
        let (url, proxied) = (outgoing.url, proxy.is_some());
        if !outgoing.method.is_idempotent() {
            // Lets the reactor deliver the end of a kept connection first: this request can't be sent twice.
            yield_now().await;
        }
        let key = key(url, proxied);
        let mut refused = false;
        loop {
            let connection = match self.kept(&key).await {
                Some(kept) => kept,
                None => {
                    let made = timings.within_connect_timeout(self.connect(url, &key, timings, proxied)).await;
                    made.unwrap_or_else(|timed_out| Err(connect_failure(&timed_out, proxied)))?
                }
            };
            match connection {
                Connection::Http1(connection) => {
                    let authorization = proxy.and_then(|proxy| proxy.auth.clone());
                    let (head, body) = self.http1.exchange(connection, outgoing, authorization).await?;
                    return Ok((head, Incoming::Http1(body)));
                }
                Connection::Http2(connection) => match connection.exchange(&outgoing).await {
                    Ok((head, body)) => return Ok((head, Incoming::Http2(Box::new(body)))),
                    // RFC 9113, 7: it takes the request over HTTP/1.1, the only protocol that new connections offer now.
                    Err(failure) if failure.http1_required && !refused => {
                        refused = true;
                        self.remember_http1_only(url);
                        self.http2.remove(&key);
                    }
                    Err(failure) => return Err(failure),
                },
            }
        }
    }

    async fn kept(&self, key: &str) -> Option<Connection> {
        match self.http2.get(key) {
            Some(shared) => Some(Connection::Http2(shared)),
            None => self.http1.idle(key).await.map(Connection::Http1),
        }
    }

    /// A new connection, or one that another request made while this one waited for the protocol.
    async fn connect(
        &self,
        url: &Url,
        key: &str,
        timings: &Timings,
        proxied: bool,
    ) -> Result<Connection, AttemptError> {
        let mut leader = None;
        if self.may_speak_http2(url) {
            leader = self.discovery.lead(key).await;
            if let Some(kept) = self.kept(key).await {
                if let Some(leader) = leader {
                    leader.decided();
                }
                return Ok(kept);
            }
        }
        if self.kind(url, proxied) == TransportKind::Http1 {
            timings.update(|state| state.transport = Some(TransportKind::Http1));
            return Ok(Connection::Http1(self.http1.connect(url, timings).await?));
        }
        let connect = async {
            let may_speak_http2 = self.may_speak_http2(url);
            let (connected, permit) = self.reqwest(may_speak_http2)?.connect(url, timings).await?;
            if connected.http2 {
                return Ok(Connection::Http2(self.http2.adopt(connected, key, permit).await?));
            }
            if may_speak_http2 {
                self.remember_http1_only(url);
            }
            Ok(Connection::Http1(http1::Connection::new(http1::Stream::Reqwest(connected), key, permit)))
        };
        match leader {
            None => connect.await,
            Some(mut leader) => {
                let connection = leader.connect(connect).await;
                leader.decided();
                connection
            }
        }
    }
}

/// The key of a connection in the pools: connections that end at a proxy are kept apart from those to the origin.
fn key(url: &Url, proxied: bool) -> Cow<'_, str> {
    let origin = origin(url);
    if proxied && url.scheme() == "http" { format!("proxy for {origin}").into() } else { origin.into() }
}

impl Transport for Router {
    type Body = Incoming;

    async fn send(&self, outgoing: Outgoing<'_>, timings: &Arc<Timings>) -> Result<(Head, Incoming), AttemptError> {
        let proxy = self.proxies.as_ref().map_or(Ok(None), |proxies| proxies.find(outgoing.url))?;
        let kind = self.kind(outgoing.url, proxy.is_some());
        timings.update(|state| state.transport = Some(kind));
        match kind {
            TransportKind::Http1 => {
                let connection = match self.http1.idle(origin(outgoing.url)).await {
                    Some(idle) => idle,
                    None => self.http1.connect(outgoing.url, timings).await?,
                };
                if connection.is_by_reqwest() {
                    timings.update(|state| state.transport = Some(TransportKind::Reqwest));
                }
                let (head, body) = self.http1.exchange(connection, outgoing, None).await?;
                Ok((head, Incoming::Http1(body)))
            }
            // Boxed: its future is kilobytes, which every request over `http1` would carry, too.
            TransportKind::Reqwest => Box::pin(self.send_reqwest(outgoing, timings, proxy.as_deref())).await,
        }
    }
}

/// A body of either protocol.
pub enum Incoming {
    /// Over HTTP/1.
    Http1(http1::Incoming),
    /// Over HTTP/2.
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
