//! How connections are made, whichever lane makes them: trust, proxies, protocol, time to live.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::proxies::Proxies;
use super::tls::{self, Verify};
use shoal_runtime::fork::PerProcess;

/// An idle connection is closed after this long: below the 60 to 75 s at which common servers close theirs, so that a
/// request rarely meets a connection that dies under it.
pub const IDLE: Duration = Duration::from_secs(50);

/// TCP probes a silent connection this often (reqwest's default): a peer that vanished is noticed.
pub const KEEPALIVE: Duration = Duration::from_secs(15);

/// Makes a TLS configuration, for whoever turns out to need one.
pub type Configure = Arc<dyn Fn() -> Result<ClientConfig, String> + Send + Sync>;

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

impl Connections {
    /// The TLS configuration, without ALPN. The system's certificates take 10 ms to read, so every client of the process
    /// shares one configuration of them, and with it the sessions it can resume. Those are behind a lock that a thread in
    /// a handshake may hold when the process forks, so a child reads the certificates again.
    pub fn tls(&self) -> Result<ClientConfig, String> {
        static SYSTEM: PerProcess<ClientConfig> = PerProcess::new();
        match &self.verify {
            Verify::System => SYSTEM.get_or_try_init(|| tls::config(&Verify::System)).cloned(),
            named => tls::config(named),
        }
    }

    /// The proxies of the environment; `None` if there can be none.
    pub fn proxies(&self) -> Option<Proxies> {
        if self.trust_env { Proxies::from_env() } else { None }
    }
}
