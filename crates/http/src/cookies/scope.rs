//! Which URLs may set a cookie, and which it is sent to.

use std::net::Ipv4Addr;

use url::{Host, Url};

use super::set_cookie::SetCookie;

/// The longest cookie, name and value (RFC 6265, 6.1, asks for at least this length).
const MAX_LENGTH: usize = 4096;

/// The host of `url` and, if it is a name, the names above it.
pub(super) fn with_parents(url: &Url) -> impl Iterator<Item = &str> {
    let host = url.host_str().unwrap_or_default();
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    let parents = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..)).filter(move |_| is_name);
    std::iter::once(host).chain(parents)
}

/// The domain of a cookie from `url`, and whether it is for that host only; `None` if `url` may not set it.
pub(super) fn domain_of(cookie: &SetCookie<'_>, url: &Url) -> Option<(String, bool)> {
    let host = url.host_str()?;
    let Some(domain) = cookie.domain else { return Some((host.to_owned(), true)) };
    let domain = Host::parse(std::str::from_utf8(domain).ok()?).ok()?.to_string();
    let is_shared = domain.contains('.') && matches!(url.host(), Some(Host::Domain(_)));
    if domain == host {
        return Some((domain, !is_shared));
    }
    let is_parent = host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
    (is_shared && is_parent).then_some((domain, false))
}

/// Whether `url` may set the cookie: its length, its characters, `Secure`, and the prefix of its name.
pub(super) fn may_be_set(cookie: &SetCookie<'_>, url: &Url) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let has_prefix = |prefix: &[u8]| cookie.name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    cookie.name.len() + cookie.value.len() <= MAX_LENGTH
        && !cookie.name.iter().chain(cookie.value).any(is_control)
        && (!cookie.secure || is_secure(url))
        && (!has_prefix(b"__Secure-") || cookie.secure)
        && (!has_prefix(b"__Host-") || cookie.secure && cookie.domain.is_none() && cookie.path == Some(b"/"))
}

/// Whether secure cookies may be set by and sent to `url`: https, or the local machine.
pub(super) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The path of a cookie without one: the folder of the URL (RFC 6265, 5.1.4).
pub(super) fn default_path(url: &Url) -> &str {
    match url.path().rfind('/') {
        Some(end) if end > 0 => url.path().get(..end).unwrap_or("/"),
        _ => "/",
    }
}

/// Whether `path` is `folder` or below it (RFC 6265, 5.1.4).
pub(super) fn path_matches(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

/// The last two labels of a host name; an address as a whole.
pub(super) fn site(domain: &str) -> &str {
    if domain.parse::<Ipv4Addr>().is_ok() {
        return domain;
    }
    let start = domain.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    domain.get(start..).unwrap_or(domain)
}
