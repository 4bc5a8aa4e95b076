//! The full lane: reqwest, with everything that is the engine's business turned off.
//!
//! reqwest contributes the connection pool, HTTP/1.1 and HTTP/2, TLS, and proxies from the environment. A layer around
//! its connector (`ConnectLayer`) tells the attempt when a connection is made and bounds the time for it: the
//! connector runs inside the future of the request that needs it, so a task-local finds that request's [`Clock`].

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use rustls::ClientConfig;
use tower_layer::Layer;
use tower_service::Service;

use super::causes::{BoxError, connect_failure, deepest, exchange_failure};
use super::connections::{IDLE, Proxies};
use super::error::{Failure, Phase};
use super::resolve::Resolver;
use super::transport::{Body, Clock, Head, Outgoing, Transport, reserve};

tokio::task_local! {
    static CLOCK: Arc<Clock>;
}

/// A pool of connections.
pub struct Http {
    client: reqwest::Client,
    proxies: Option<Arc<Proxies>>,
}

impl Http {
    /// Sets up a pool that trusts what `tls` does; connects to nothing.
    pub fn new(http2: bool, proxies: Option<Arc<Proxies>>, mut tls: ClientConfig) -> Result<Self, String> {
        // reqwest leaves ALPN to whoever brings the configuration: without it no server would ever speak HTTP/2.
        let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        tls.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connector_layer(ConnectLayer)
            .dns_resolver(Resolver)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true);
        if !http2 {
            builder = builder.http1_only();
        }
        if proxies.is_none() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| deepest(&error))?;
        Ok(Self { client, proxies })
    }
}

impl Transport for Http {
    type Body = Incoming;

    async fn send(&self, outgoing: Outgoing<'_>, clock: &Arc<Clock>) -> Result<(Head, Incoming), Failure> {
        let Outgoing { method, url, headers, body } = outgoing;
        let mut request = reqwest::Request::new(method, url.clone());
        *request.headers_mut() = headers.into_owned();
        *request.body_mut() = body.map(Into::into);
        let execution = pin!(self.client.execute(request));
        let response = CLOCK.scope(clock.clone(), execution).await.map_err(|error| {
            if error.is_connect() {
                connect_failure(&error, self.proxies.as_ref().is_some_and(|proxies| proxies.cover(url)))
            } else {
                exchange_failure(&error, Phase::Headers)
            }
        })?;
        let length = response.content_length();
        let response: http::Response<reqwest::Body> = response.into();
        let (mut parts, body) = response.into_parts();
        detach_values(&mut parts.headers);
        let head = Head { status: parts.status, version: parts.version, headers: parts.headers, length };
        Ok((head, Incoming { body, length }))
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
pub struct Incoming {
    body: reqwest::Body,
    length: Option<u64>,
}

impl Body for Incoming {
    async fn read(&mut self, into: &mut Vec<u8>) -> Result<usize, Failure> {
        use http_body_util::BodyExt;
        loop {
            match self.body.frame().await {
                None => return Ok(0),
                Some(Ok(frame)) => {
                    // Trailers are read, so that the connection can be used again, and dropped.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        // Copied: a slice of the connection's read buffer would keep all of that alive (8 KB and more
                        // for a body of 100 bytes).
                        if into.capacity() == 0 {
                            into.reserve_exact(reserve(self.length).max(data.len()));
                        }
                        into.extend_from_slice(&data);
                        return Ok(data.len());
                    }
                }
                Some(Err(error)) => return Err(exchange_failure(&error, Phase::Body)),
            }
        }
    }
}

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
            clock.connecting(connect).await
        })
    }
}
