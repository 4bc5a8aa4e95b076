//! How connections are made, whichever lane makes them: trust, proxies, protocol, time to live.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use url::Url;

use super::tls::{self, Verify};

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
    /// shares one configuration of them, and with it the sessions it can resume.
    pub fn tls(&self) -> Result<ClientConfig, String> {
        static SYSTEM: OnceLock<ClientConfig> = OnceLock::new();
        match (&self.verify, SYSTEM.get()) {
            (Verify::System, Some(known)) => Ok(known.clone()),
            (Verify::System, None) => {
                let config = tls::config(&Verify::System)?;
                Ok(SYSTEM.get_or_init(|| config).clone())
            }
            (verify, _) => tls::config(verify),
        }
    }

    /// The proxies of the environment; `None` if there can be none.
    pub fn proxies(&self) -> Option<Proxies> {
        if !self.trust_env || forbidden() {
            return None;
        }
        // Elsewhere the system's settings may name one too.
        let possible =
            cfg!(any(target_os = "macos", windows)) || VARIABLES.iter().any(|name| std::env::var(name).is_ok());
        possible.then(|| Proxies(Matcher::from_system()))
    }
}

const VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// `NO_PROXY=*` means no proxy for anything; the matcher takes it for names only, and asks the proxy for addresses.
fn forbidden() -> bool {
    let list = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
    list.split(',').any(|entry| entry.trim() == "*")
}

/// The proxies of the environment.
pub struct Proxies(Matcher);

impl Proxies {
    /// What the proxy for `url`, one of plain HTTP, wants to be told.
    pub fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        self.0.intercept(&url.as_str().parse().ok()?)?.basic_auth().cloned()
    }

    /// Whether `url` is reached through one of them.
    pub fn cover(&self, url: &Url) -> bool {
        // What is no URI for the matcher is none for whoever connects either: it fails there, with its own words.
        url.as_str().parse().is_ok_and(|uri| self.0.intercept(&uri).is_some())
    }
}
