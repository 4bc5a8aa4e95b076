//! reqwest as a connector: through proxies and tunnels, with ALPN.
//!
//! A layer around reqwest's own connector puts each connection into a task-local slot and fails, so that reqwest never
//! sends a request on it: the connector runs inside the future of the request that needs it. So [`super::http1`] parses
//! HTTP/1 on every connection, and [`super::http2`] can watch the frames of HTTP/2.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Method;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use reqwest::{Client, Request};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_layer::layer_fn;
use tower_service::Service;
use url::{Position, Url};

use super::classify::{BoxError, connect_failure, innermost, os_error};
use super::proxy::Proxies;
use super::resolve::Resolver;
use super::timings::Timings;
use crate::descriptors::{self, Counted};
use crate::error::AttemptError;
use shoal_runtime::Mutex;

/// A byte stream.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that reqwest made.
pub struct Connected {
    /// Its byte stream.
    pub io: Box<dyn Io>,
    /// The server chose HTTP/2.
    pub http2: bool,
    /// It ends at a proxy that takes requests for any server, in absolute form. A tunnel does not.
    pub proxied: bool,
}

/// Where the layer leaves the connection.
type Slot = Arc<Mutex<Option<Connected>>>;

tokio::task_local! {
    static SLOT: Slot;
}

pub(super) struct ReqwestConnector {
    client: Client,
    proxies: Option<Arc<Proxies>>,
}

impl ReqwestConnector {
    /// Opens no connection. The trust is that of `tls`.
    pub(super) fn new(http2: bool, proxies: Option<Arc<Proxies>>, mut tls: ClientConfig) -> Result<Self, String> {
        // With a given configuration reqwest does not set ALPN itself.
        let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        tls.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .connector_layer(layer_fn(HandOut))
            .dns_resolver(Resolver)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true);
        // Else reqwest reads the environment by rules of its own.
        builder = builder.no_proxy();
        if let Some(proxies) = proxies.clone() {
            let find = move |url: &Url| proxies.find(url).ok().flatten().map(|proxy| proxy.url().clone());
            builder = builder.proxy(reqwest::Proxy::custom(find));
        }
        let client = builder.build().map_err(|error| innermost(&error))?;
        Ok(Self { client, proxies })
    }

    /// A new connection to the host of `url`, or to the proxy that it is reached through.
    pub(super) async fn connect(&self, url: &Url, timings: &Timings) -> Result<(Connected, Counted), AttemptError> {
        timings.time_connect(descriptors::connect(|| self.open(url), os_error)).await.map_err(|error| {
            connect_failure(error.as_ref(), self.proxies.as_ref().is_some_and(|proxies| proxies.cover(url)))
        })
    }

    async fn open(&self, url: &Url) -> Result<Connected, BoxError> {
        // reqwest is told where to connect, and nothing else.
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let target = Url::parse(&format!("{}://{host}/", url.scheme()))?;
        let slot = Slot::default();
        let execution = self.client.execute(Request::new(Method::GET, target));
        let outcome = SLOT.scope(slot.clone(), execution).await;
        let connected = slot.lock().take();
        match (connected, outcome) {
            (Some(connected), _) => Ok(connected),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) => Err("the connection was not handed out".into()),
        }
    }
}

/// The error that reqwest gets instead of a connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection was handed out")]
struct HandedOut;

/// The service around reqwest's connector.
#[derive(Clone)]
struct HandOut<S>(S);

impl<S, R> Service<R> for HandOut<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Read + Write + Connection + Send + Unpin + 'static,
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
        let slot = SLOT.try_with(Arc::clone).ok();
        Box::pin(async move {
            let connection = connect.await?;
            let Some(slot) = slot else { return Ok(connection) };
            let info = connection.connected();
            let connected = Connected {
                http2: info.is_negotiated_h2(),
                proxied: info.is_proxied(),
                io: Box::new(TokioIo::new(connection)),
            };
            *slot.lock() = Some(connected);
            Err(HandedOut.into())
        })
    }
}
