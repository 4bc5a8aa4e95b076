//! Makes connections: hyper-util's connector (Happy Eyeballs), then TLS.

use std::sync::{Arc, OnceLock};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::{Host, Position, Url};

use super::connection::Connection;
use super::stream::Stream;
use crate::causes::{BoxError, connect_failure};
use crate::connections::{Configure, KEEPALIVE};
use crate::descriptors::Opening;
use crate::error::AttemptError;
use crate::resolve::Resolver;
use crate::transport::Clock;

/// For what cannot be sent anyhow: as reqwest does by default.
const KEEPALIVE_RETRIES: u32 = 3;
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: std::time::Duration = std::time::Duration::from_secs(30);

/// Makes connections.
pub struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: OnceLock<TlsConnector>,
    configure: Configure,
}

impl Connector {
    /// `configure` is called when TLS is first needed.
    pub fn new(configure: Configure) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Self { tcp, tls: OnceLock::new(), configure }
    }

    /// A new connection to the host of `url`.
    pub async fn connect(&self, url: &Url, origin: &str, clock: &Clock) -> Result<Connection, AttemptError> {
        match clock.connecting(self.open(url, origin)).await {
            Ok(connection) => Ok(connection),
            Err(error) => Err(connect_failure(error.as_ref(), false)),
        }
    }

    async fn open(&self, url: &Url, origin: &str) -> Result<Connection, BoxError> {
        let opening = Opening::begin();
        let open = opening.permit().await;
        loop {
            match self.stream(url).await {
                Err(error) if opening.again(&error).await => {}
                Err(error) => return Err(error),
                Ok(stream) => return Ok(Connection::new(stream, origin, open)),
            }
        }
    }

    async fn stream(&self, url: &Url) -> Result<Stream, BoxError> {
        let place = format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]);
        let place: Uri = place.parse()?;
        let tcp = self.tcp.clone().call(place).await?.into_inner();
        if url.scheme() == "http" {
            return Ok(Stream::Plain(tcp));
        }
        let name = match url.host() {
            Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::V6(address)),
            Some(Host::Domain(domain)) => ServerName::try_from(domain.to_owned())?,
            None => return Err("the URL has no host".into()),
        };
        Ok(Stream::Tls(Box::new(self.tls()?.connect(name, tcp).await?)))
    }

    fn tls(&self) -> Result<&TlsConnector, String> {
        if let Some(known) = self.tls.get() {
            return Ok(known);
        }
        let mut config = (self.configure)()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))))
    }
}
