//! The connector of the http1 transport: hyper-util's (Happy Eyeballs), then TLS.

use std::sync::{Arc, OnceLock};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::{Host, Position, Url};

use super::connection::Connection;
use super::stream::Stream;
use crate::descriptors;
use crate::error::AttemptError;
use crate::transport::classify::{BoxError, connect_failure, os_error};
use crate::transport::options::{KEEPALIVE, TlsConfigSource};
use crate::transport::resolve::Resolver;
use crate::transport::timings::Timings;

/// Unanswered keepalive probes after which a connection is dead (reqwest's default).
const KEEPALIVE_RETRIES: u32 = 3;

/// How long sent bytes may stay unacknowledged (reqwest's default).
#[cfg(target_os = "linux")]
const USER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: OnceLock<TlsConnector>,
    configure: TlsConfigSource,
}

impl Connector {
    /// `configure` is called when TLS is first needed.
    pub(super) fn new(configure: TlsConfigSource) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(USER_TIMEOUT));
        Self { tcp, tls: OnceLock::new(), configure }
    }

    pub(super) async fn connect(&self, url: &Url, origin: &str, timings: &Timings) -> Result<Connection, AttemptError> {
        let connected = timings.time_connect(descriptors::connect(|| self.stream(url), os_error)).await;
        let (stream, permit) = connected.map_err(|error| connect_failure(error.as_ref(), false))?;
        Ok(Connection::new(stream, origin, permit))
    }

    async fn stream(&self, url: &Url) -> Result<Stream, BoxError> {
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let uri: Uri = format!("{}://{host}", url.scheme()).parse()?;
        let tcp = self.tcp.clone().call(uri).await?.into_inner();
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
