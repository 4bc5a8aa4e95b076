//! The `no_proxy` variable: which URLs go directly.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

#[derive(Debug, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Debug, PartialEq)]
struct Entry {
    target: Target,
    /// `None`: any port.
    port: Option<u16>,
}

#[derive(Debug, PartialEq)]
enum Target {
    /// `*`
    All,
    /// A host and its subdomains, in lower case, without dots at the ends.
    Name(String),
    /// One address, or those with the same first bits.
    Network(IpNet),
}

impl NoProxy {
    /// Parses entries between commas or blanks. An invalid one is left out, so that its requests use the proxy.
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.split(|char: char| char == ',' || char.is_whitespace());
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Whether `url` goes directly.
    pub(super) fn has(&self, url: &Url) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address).to_canonical()),
            _ => None,
        };
        let name = url.host_str().unwrap_or_default().trim_end_matches('.');
        let port = url.port_or_known_default();
        self.0.iter().any(|entry| (entry.port.is_none() || entry.port == port) && entry.target.has(name, address))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self { target: Target::All, port: None });
        }
        let bare =
            |text: &str| text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).to_owned();
        let address = |text: &str| bare(text).parse::<IpAddr>().ok();
        if let Some((start, bits)) = text.split_once('/') {
            let network = IpNet::new(address(start)?, bits.parse().ok()?).ok()?;
            return Some(Self { target: Target::Network(network), port: None });
        }
        let one = |address: IpAddr| Target::Network(address.to_canonical().into());
        if let Some(address) = address(text) {
            return Some(Self { target: one(address), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if let Some(address) = address(host) {
            return Some(Self { target: one(address), port });
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        let target = match Host::parse(name).ok()? {
            Host::Domain(name) => Target::Name(name),
            Host::Ipv4(address) => one(address.into()),
            Host::Ipv6(address) => one(address.into()),
        };
        Some(Self { target, port })
    }
}

impl Target {
    fn has(&self, name: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            // An address has no subdomains.
            Self::Name(own) => {
                address.is_none()
                    && name.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}
