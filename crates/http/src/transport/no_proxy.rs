//! The `no_proxy` variable: which URLs go directly.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::net::IpAddr;

use url::{Host, Url};

/// The entries of `no_proxy`.
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
    Address(IpAddr),
    /// The addresses with the same first bits.
    Network(IpAddr, u32),
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
            let (start, bits) = (address(start)?, bits.parse().ok()?);
            let max = if start.is_ipv4() { 32 } else { 128 };
            return (bits <= max).then_some(Self { target: Target::Network(start, bits), port: None });
        }
        if let Some(address) = address(text) {
            return Some(Self { target: Target::Address(address.to_canonical()), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if let Some(address) = address(host) {
            return Some(Self { target: Target::Address(address.to_canonical()), port });
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        let target = match Host::parse(name).ok()? {
            Host::Domain(name) => Target::Name(name),
            Host::Ipv4(address) => Target::Address(address.into()),
            Host::Ipv6(address) => Target::Address(IpAddr::V6(address).to_canonical()),
        };
        Some(Self { target, port })
    }
}

impl Target {
    fn has(&self, name: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Address(own) => address == Some(*own),
            Self::Network(start, bits) => address.is_some_and(|address| has_prefix(*start, address, *bits)),
            // An address has no subdomains.
            Self::Name(own) => {
                address.is_none()
                    && name.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

/// Whether the first `bits` of both addresses are the same.
fn has_prefix(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= bits
}
