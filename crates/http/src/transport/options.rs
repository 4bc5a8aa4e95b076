//! How connections are made, with either connector: trust, proxies, protocol, time to live.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::tls::{self, Verify};
use shoal_runtime::fork::PerProcess;

/// An idle connection is closed after this time: before the 60 to 75 s of common servers, so that a request rarely meets a
/// connection that its server is closing.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Interval of TCP keepalive probes (reqwest's default), which detect a peer that vanished.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(15);

/// Makes a TLS configuration when the first connection needs it.
pub(crate) type TlsConfigSource = Arc<dyn Fn() -> Result<ClientConfig, String> + Send + Sync>;

/// How the connections of a client are made.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// The certificates to trust.
    pub verify: Verify,
    /// Use the proxies of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub trust_env: bool,
    /// Offer HTTP/2 over TLS.
    pub http2: bool,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self { verify: Verify::System, trust_env: true, http2: true }
    }
}

impl ConnectionOptions {
    /// The TLS configuration, without ALPN.
    ///
    /// Reading the system's certificates takes 10 ms, so all clients of the process share that configuration and the
    /// sessions it can resume. A thread may hold the lock of those while the process forks, so a child reads them again.
    pub(crate) fn tls(&self) -> Result<ClientConfig, String> {
        static SYSTEM: PerProcess<ClientConfig> = PerProcess::new();
        match &self.verify {
            Verify::System => SYSTEM.get_or_try_init(|| tls::config(&Verify::System)).cloned(),
            named => tls::config(named),
        }
    }
}
