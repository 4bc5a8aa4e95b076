//! The full-featured transport: reqwest, with everything that is the engine's business turned off.
//!
//! reqwest contributes the connection pool, HTTP/1.1 and HTTP/2, TLS, and proxies from the environment. A layer around
//! its connector (`ConnectLayer`) tells the attempt when a connection is made and bounds the time for it: the
//! connector runs inside the future of the request that needs it, so a task-local finds that request's [`Clock`].

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use tower_layer::Layer;
use tower_service::Service;

use super::error::{Failure, Kind, Phase};
use super::tls;
use super::transport::{Body, Clock, Head, Outgoing, Transport};

type BoxError = Box<dyn StdError + Send + Sync>;

/// An idle connection is closed after this long: below the 60 to 75 s at which common servers close theirs, so that a
/// request rarely meets a connection that dies under it.
const IDLE: Duration = Duration::from_secs(50);

tokio::task_local! {
    static CLOCK: Arc<Clock>;
}

/// Which certificates to trust.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verify {
    /// The system's.
    #[default]
    System,
    /// Any: no verification at all.
    Nothing,
    /// Only those of this PEM file.
    File(PathBuf),
    /// Only those of this PEM text.
    Pem(Vec<u8>),
}

/// How connections are made.
#[derive(Clone, Debug)]
pub struct Connections {
    /// TLS trust.
    pub verify: Verify,
    /// Proxies from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub trust_env: bool,
    /// Offer HTTP/2 over TLS.
    pub http2: bool,
}

impl Default for Connections {
    fn default() -> Self {
        Self { verify: Verify::System, trust_env: true, http2: true }
    }
}

/// A pool of connections.
pub struct Http {
    client: reqwest::Client,
    proxies: Option<Matcher>,
}

impl Http {
    /// Sets up a pool; connects to nothing.
    pub fn new(connections: &Connections) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(connections)?)
            .connector_layer(ConnectLayer)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true);
        if !connections.http2 {
            builder = builder.http1_only();
        }
        let proxies = if connections.trust_env && !environment_forbids_proxies() {
            Some(Matcher::from_env())
        } else {
            builder = builder.no_proxy();
            None
        };
        let client = builder.build().map_err(|error| deepest(&error))?;
        Ok(Self { client, proxies })
    }

    fn failure(&self, error: &reqwest::Error, phase: Phase, url: &url::Url) -> Failure {
        let via_proxy = || {
            let uri = url.as_str().parse::<http::Uri>().ok()?;
            self.proxies.as_ref()?.intercept(&uri)
        };
        if error.is_connect() { connect_failure(error, via_proxy().is_some()) } else { exchange_failure(error, phase) }
    }
}

/// `NO_PROXY=*` means no proxy for anything; the matcher takes it for names only, and asks the proxy for addresses.
fn environment_forbids_proxies() -> bool {
    let list = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
    list.split(',').any(|entry| entry.trim() == "*")
}

/// The system's certificates take 10 ms to read, so every client of the process shares one configuration.
fn tls_config(connections: &Connections) -> Result<ClientConfig, String> {
    static SYSTEM: OnceLock<ClientConfig> = OnceLock::new();
    let mut config = match (&connections.verify, SYSTEM.get()) {
        (Verify::System, Some(known)) => known.clone(),
        (Verify::System, None) => {
            let config = tls::config(&Verify::System)?;
            SYSTEM.get_or_init(|| config).clone()
        }
        (verify, _) => tls::config(verify)?,
    };
    // reqwest leaves ALPN to whoever brings the configuration: without it no server would ever speak HTTP/2.
    let offered: &[&[u8]] = if connections.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

impl Transport for Http {
    type Body = Incoming;

    async fn send(&self, outgoing: Outgoing<'_>, clock: &Arc<Clock>) -> Result<(Head, Incoming), Failure> {
        let Outgoing { method, url, headers, body } = outgoing;
        let mut request = reqwest::Request::new(method, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(Into::into);
        let execution = pin!(self.client.execute(request));
        let sent = CLOCK.scope(clock.clone(), execution).await;
        let response = sent.map_err(|error| self.failure(&error, Phase::Headers, url))?;
        let length = response.content_length();
        let response: http::Response<reqwest::Body> = response.into();
        let (mut parts, body) = response.into_parts();
        detach_values(&mut parts.headers);
        let head = Head { status: parts.status, version: parts.version, headers: parts.headers, length };
        Ok((head, Incoming(body)))
    }
}

/// hyper's header values are slices of the connection's read buffer. Kept, each response would hold all of one (6 KB
/// with a body of 100 bytes), and the connection would need another for its next response; so they are copied.
fn detach_values(headers: &mut HeaderMap) {
    let mut all = Vec::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| all.extend_from_slice(value.as_bytes()));
    let mut all = Bytes::from(all);
    for value in headers.values_mut() {
        // Never fails: it was a value before.
        if let Ok(own) = HeaderValue::from_maybe_shared(all.split_to(value.len())) {
            *value = own;
        }
    }
}

/// A body on one of the pool's connections.
pub struct Incoming(reqwest::Body);

impl Body for Incoming {
    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        use http_body_util::BodyExt;
        loop {
            match self.0.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    // Trailers are read, so that the connection can be used again, and dropped.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(exchange_failure(&error, Phase::Body)),
            }
        }
    }
}

/// What the chain of causes holds, by type.
#[derive(Default)]
struct Causes<'a> {
    hyper: Option<&'a hyper::Error>,
    io: Option<&'a io::Error>,
    tls: bool,
    connect_timeout: Option<Duration>,
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Causes<'a> {
    let mut found = Causes::default();
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            found.hyper = Some(hyper);
        } else if let Some(timeout) = cause.downcast_ref::<ConnectTimedOut>() {
            found.connect_timeout = Some(timeout.0);
        } else if cause.is::<rustls::Error>() {
            found.tls = true;
        } else if let Some(io) = cause.downcast_ref::<io::Error>() {
            found.io = Some(io);
            // `io::Error::source` skips the error it wraps.
            if let Some(wrapped) = io.get_ref() {
                next = Some(wrapped);
                continue;
            }
        }
        next = cause.source();
    }
    found
}

/// The innermost cause in words: the outer ones say "error sending request" and the like.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    loop {
        let inner = match cause.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|wrapped| wrapped as &(dyn StdError + 'static)),
            None => cause.source(),
        };
        match inner {
            Some(inner) => cause = inner,
            None => return cause.to_string(),
        }
    }
}

fn connect_failure(error: &reqwest::Error, via_proxy: bool) -> Failure {
    let found = causes(error);
    if let Some(limit) = found.connect_timeout {
        let message = format!("no connection within {} s", limit.as_secs_f64());
        return Failure::new(Kind::ConnectTimeout, Phase::Connect, message);
    }
    let (kind, what) = if found.tls {
        (Kind::Tls, "TLS handshake failed")
    } else if via_proxy {
        (Kind::Proxy, "could not connect through the proxy")
    } else if error.is_dns() {
        (Kind::Dns, "could not resolve the host name")
    } else {
        (Kind::Connect, "could not connect")
    };
    Failure::new(kind, Phase::Connect, format!("{what}: {}", deepest(error)))
}

fn exchange_failure(error: &reqwest::Error, phase: Phase) -> Failure {
    let found = causes(error);
    let io = found.io.map(io::Error::kind);
    let (kind, what) = match (found.hyper, io) {
        (Some(hyper), _) if hyper.is_parse() => (Kind::Protocol, "the server broke the protocol"),
        (_, Some(io::ErrorKind::UnexpectedEof)) => match phase {
            Phase::Body => (Kind::IncompleteBody, "the connection closed in the middle of the body"),
            _ => (Kind::Read, "the connection closed before a response came"),
        },
        (_, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)) => {
            (Kind::Protocol, "the server broke the protocol")
        }
        (_, Some(io::ErrorKind::BrokenPipe)) => (Kind::Write, "the connection closed while sending"),
        (_, Some(_)) => (Kind::Read, "the connection broke"),
        (Some(hyper), None) if hyper.is_incomplete_message() => match phase {
            Phase::Body => (Kind::IncompleteBody, "the connection closed in the middle of the body"),
            _ => (Kind::Read, "the connection closed before a response came"),
        },
        (Some(hyper), None) if hyper.is_body_write_aborted() => (Kind::Write, "the request body could not be sent"),
        (Some(hyper), None) if hyper.is_canceled() || hyper.is_closed() => {
            (Kind::Read, "the connection closed before a response came")
        }
        _ => (Kind::Protocol, "the exchange failed"),
    };
    Failure::new(kind, phase, format!("{what}: {}", deepest(error)))
}

/// Raised inside the connector, found again by its type.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", .0.as_secs_f64())]
struct ConnectTimedOut(Duration);

#[derive(Clone, Copy)]
struct ConnectLayer;

impl<S> Layer<S> for ConnectLayer {
    type Service = Connecting<S>;

    fn layer(&self, inner: S) -> Connecting<S> {
        Connecting(inner)
    }
}

#[derive(Clone)]
struct Connecting<S>(S);

impl<S, R> Service<R> for Connecting<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connect = self.0.call(target);
        let clock = CLOCK.try_with(Arc::clone).ok();
        Box::pin(async move {
            let Some(clock) = clock else { return connect.await };
            clock.connect_started();
            let begun = Instant::now();
            let connected = match clock.connect_timeout {
                None => connect.await,
                Some(limit) => match tokio::time::timeout(limit, connect).await {
                    Ok(connected) => connected,
                    Err(_) => Err(ConnectTimedOut(limit).into()),
                },
            };
            clock.connect_finished(begun.elapsed());
            connected
        })
    }
}
