//! reqwest as a maker of connections: through the proxies of the environment, through tunnels, with ALPN.
//!
//! Each connection is handed out as soon as it stands, so that one parser reads HTTP/1 ([`super::http1`]), whoever made
//! the connection, and [`super::http2`] can watch the frames of an HTTP/2 one. A layer around reqwest's connector puts
//! the connection into a task-local slot and fails: the connector runs inside the future of the request that needs it.
//! reqwest itself never sends a byte of a request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Method;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use reqwest::{Client, Request};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_layer::Layer;
use tower_service::Service;
use url::{Position, Url};

use super::causes::{BoxError, connect_failure, deepest};
use super::descriptors::{Counted, Opening};
use super::error::AttemptError;
use super::proxies::Proxies;
use super::resolve::Resolver;
use super::transport::Clock;

/// What HTTP needs of a connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that reqwest made.
pub struct Made {
    /// The bytes.
    pub io: Box<dyn Io>,
    /// The server chose HTTP/2.
    pub http2: bool,
    /// It ends at a proxy that takes requests for any server, in absolute form. A tunnel does not.
    pub proxied: bool,
}

/// Where the connector leaves what it has made.
type Slot = Arc<Mutex<Option<Made>>>;

tokio::task_local! {
    static SLOT: Slot;
}

/// Makes connections.
pub struct Http {
    client: Client,
    proxies: Option<Arc<Proxies>>,
}

impl Http {
    /// Connects to nothing yet; trusts what `tls` does.
    pub fn new(http2: bool, proxies: Option<Arc<Proxies>>, mut tls: ClientConfig) -> Result<Self, String> {
        // reqwest leaves ALPN to whoever brings the configuration: without it no server would ever speak HTTP/2.
        let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        tls.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .connector_layer(HandOut)
            .dns_resolver(Resolver)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true);
        // reqwest would read the environment in its own way.
        builder = builder.no_proxy();
        if let Some(proxies) = proxies.clone() {
            let find = move |url: &Url| proxies.find(url).ok().flatten().map(|proxy| proxy.url().clone());
            builder = builder.proxy(reqwest::Proxy::custom(find));
        }
        let client = builder.build().map_err(|error| deepest(&error))?;
        Ok(Self { client, proxies })
    }

    /// A new connection to the host of `url`, or to the proxy that it is reached through.
    pub async fn connect(&self, url: &Url, clock: &Clock) -> Result<(Made, Counted), AttemptError> {
        clock.connecting(self.open(url)).await.map_err(|error| {
            connect_failure(error.as_ref(), self.proxies.as_ref().is_some_and(|proxies| proxies.cover(url)))
        })
    }

    async fn open(&self, url: &Url) -> Result<(Made, Counted), BoxError> {
        // Whom to connect to is all that reqwest is told.
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let target = Url::parse(&format!("{}://{host}/", url.scheme()))?;
        let opening = Opening::begin();
        let open = opening.permit().await;
        loop {
            let slot = Slot::default();
            let execution = self.client.execute(Request::new(Method::GET, target.clone()));
            let outcome = SLOT.scope(slot.clone(), execution).await;
            let made = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let error: BoxError = match (made, outcome) {
                (Some(made), _) => return Ok((made, open)),
                (None, Err(error)) => error.into(),
                (None, Ok(_)) => "the connection was not handed out".into(),
            };
            if !opening.again(&error).await {
                return Err(error);
            }
        }
    }
}

/// What reqwest is told instead of a connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection was handed out")]
struct HandedOut;

/// The layer around reqwest's connector.
#[derive(Clone, Copy)]
struct HandOut;

impl<S> Layer<S> for HandOut {
    type Service = HandingOut<S>;

    fn layer(&self, inner: S) -> HandingOut<S> {
        HandingOut(inner)
    }
}

#[derive(Clone)]
struct HandingOut<S>(S);

impl<S, R> Service<R> for HandingOut<S>
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
            let connected = connection.connected();
            let made = Made {
                http2: connected.is_negotiated_h2(),
                proxied: connected.is_proxied(),
                io: Box::new(TokioIo::new(connection)),
            };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
            Err(HandedOut.into())
        })
    }
}
