//! Proxies from the environment: which URL goes through which proxy, and which goes directly.
//!
//! The variables are read as urllib, requests and curl read them: `http_proxy` and `https_proxy` by the URL's scheme, else
//! `all_proxy`; the name in lower case wins over the one in upper case; `no_proxy` lists what goes directly. Without any
//! variable the system's settings count (macOS, Windows).
//!
//! A proxy that is set but cannot be used fails closed: the requests that it is for end in an error before any I/O. They
//! never go directly.

use std::ffi::OsString;
use std::net::IpAddr;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Position, Url};

use super::error::{AttemptError, ErrorKind, Phase};
use super::redact::redact_input;
use super::request::basic_auth;

/// The proxies of the environment.
pub struct Proxies(Source);

enum Source {
    Environment { http: Option<Setting>, https: Option<Setting>, direct: Direct },
    System(Box<Matcher>),
}

/// A proxy, or why the variable names none.
type Setting = Result<Arc<Proxy>, String>;

/// One proxy.
#[derive(Clone, PartialEq)]
pub struct Proxy {
    /// Scheme (http or https), host and port, the port always given; the path is `/`.
    pub uri: Uri,
    /// The value of `Proxy-Authorization`, if the variable has a user name or password.
    pub auth: Option<HeaderValue>,
    /// With user name and password.
    url: Url,
}

impl Proxies {
    /// Those that the process has now; `None` if there are none.
    pub fn from_env() -> Option<Self> {
        let lookup = |name: &str| std::env::var_os(name);
        if let Some(found) = Self::read(&lookup) {
            return Some(found);
        }
        // Settings of the system count only where no variable is set, as in urllib.
        let named = NAMES.iter().any(|name| lookup(name).is_some());
        let possible = cfg!(any(target_os = "macos", windows)) && !named;
        possible.then(|| Self(Source::System(Box::new(Matcher::from_system()))))
    }

    fn read(lookup: &dyn Fn(&str) -> Option<OsString>) -> Option<Self> {
        let first = |names: [&'static str; 2]| {
            let (name, value) = names.into_iter().find_map(|name| Some((name, lookup(name)?)))?;
            (!value.is_empty()).then_some((name, value))
        };
        let setting = |(name, value): (&str, OsString)| {
            let text = value.to_str().ok_or("it is not UTF-8".to_owned());
            let proxy = text.and_then(|text| Proxy::parse(text.trim()));
            proxy.map(Arc::new).map_err(|reason| {
                let shown = redact_input(&value.to_string_lossy());
                format!("{name}={shown:?} cannot be used as a proxy: {reason}")
            })
        };
        // A web server hands a request's `Proxy` header to its CGI programs as HTTP_PROXY (CVE-2016-5385). Names on
        // Windows have no case.
        let names = match lookup("REQUEST_METHOD") {
            None => ["http_proxy", "HTTP_PROXY"],
            Some(_) if cfg!(windows) => ["", ""],
            Some(_) => ["http_proxy", ""],
        };
        let all = first(["all_proxy", "ALL_PROXY"]).map(setting);
        let http = first(names).map(setting).or_else(|| all.clone());
        let https = first(["https_proxy", "HTTPS_PROXY"]).map(setting).or(all);
        if http.is_none() && https.is_none() {
            return None;
        }
        let direct = first(["no_proxy", "NO_PROXY"]).map(|(_, value)| Direct::parse(&value.to_string_lossy()));
        Some(Self(Source::Environment { http, https, direct: direct.unwrap_or_default() }))
    }

    /// Whether `url` is not reached directly.
    pub fn cover(&self, url: &Url) -> bool {
        match &self.0 {
            Source::Environment { .. } => self.setting(url).is_some(),
            Source::System(matcher) => system_proxy(matcher, url).is_some(),
        }
    }

    /// The proxy for `url`; `None` if it is reached directly, a failure if the proxy cannot be used.
    pub fn find(&self, url: &Url) -> Result<Option<Arc<Proxy>>, AttemptError> {
        match &self.0 {
            Source::Environment { .. } => self
                .setting(url)
                .cloned()
                .transpose()
                .map_err(|reason| AttemptError::new(ErrorKind::InvalidUrl, Phase::Queue, reason)),
            Source::System(matcher) => Ok(system_proxy(matcher, url).map(Arc::new)),
        }
    }

    fn setting(&self, url: &Url) -> Option<&Setting> {
        let Source::Environment { http, https, direct } = &self.0 else { return None };
        let setting = if url.scheme() == "https" { https.as_ref() } else { http.as_ref() };
        setting.filter(|_| !direct.has(url))
    }
}

/// All variables that name a proxy.
const NAMES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Scheme, host and port decide; a path or query may be longer than a `Uri` can be.
fn system_proxy(matcher: &Matcher, url: &Url) -> Option<Proxy> {
    let uri: Uri = url[..Position::BeforePath].parse().ok()?;
    let found = matcher.intercept(&uri)?;
    let url = Url::parse(&found.uri().to_string()).ok()?;
    Some(Proxy { auth: found.basic_auth().cloned(), ..Proxy::of(url).ok()? })
}

impl Proxy {
    /// With user name and password, for a library that takes them from there.
    pub fn url(&self) -> &Url {
        &self.url
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is blank".to_owned());
        }
        if text.contains(|char: char| char.is_whitespace() || char.is_control()) {
            return Err("it has a blank or a control character in it".to_owned());
        }
        let has_scheme = text.contains("://");
        let parsed = if has_scheme { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = parsed.map_err(|error| error.to_string())?;
        if !has_scheme && url.path() != "/" {
            return Err("it has a path but no scheme".to_owned());
        }
        Self::of(url)
    }

    fn of(url: Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the scheme must be http or https".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[:]".contains(&byte);
        if !host.bytes().all(fit) {
            return Err("the host name has a character that no host name may have".to_owned());
        }
        let authority = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
        let parts = Uri::builder().scheme(url.scheme()).authority(authority);
        let uri = parts.path_and_query(PathAndQuery::from_static("/")).build().map_err(|error| error.to_string())?;
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let named = !url.username().is_empty() || url.password().is_some();
        let auth = named.then(|| basic_auth(&decoded(url.username()), &decoded(url.password().unwrap_or_default())));
        Ok(Self { uri, auth, url })
    }
}

/// What `no_proxy` lists.
#[derive(Debug, Default)]
struct Direct(Vec<Entry>);

#[derive(Debug, PartialEq)]
struct Entry {
    place: Place,
    /// Any, if there is none.
    port: Option<u16>,
}

#[derive(Debug, PartialEq)]
enum Place {
    /// `*`
    Everywhere,
    /// A host and all below it, in lower case, without dots at its ends.
    Name(String),
    Address(IpAddr),
    /// All addresses with the same first bits.
    Network(IpAddr, u32),
}

impl Direct {
    /// Entries between commas or blanks. One that cannot be understood is left out: then the proxy is asked.
    fn parse(text: &str) -> Self {
        let entries = text.split(|char: char| char == ',' || char.is_whitespace());
        Self(entries.filter_map(Entry::parse).collect())
    }

    fn has(&self, url: &Url) -> bool {
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
        self.0.iter().any(|entry| (entry.port.is_none() || entry.port == port) && entry.place.has(name, address))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self { place: Place::Everywhere, port: None });
        }
        let bare =
            |text: &str| text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).to_owned();
        let address = |text: &str| bare(text).parse::<IpAddr>().ok();
        if let Some((start, bits)) = text.split_once('/') {
            let (start, bits) = (address(start)?, bits.parse().ok()?);
            let most = if start.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self { place: Place::Network(start, bits), port: None });
        }
        if let Some(address) = address(text) {
            return Some(Self { place: Place::Address(address.to_canonical()), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if let Some(address) = address(host) {
            return Some(Self { place: Place::Address(address.to_canonical()), port });
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        let place = match Host::parse(name).ok()? {
            Host::Domain(name) => Place::Name(name),
            Host::Ipv4(address) => Place::Address(address.into()),
            Host::Ipv6(address) => Place::Address(IpAddr::V6(address).to_canonical()),
        };
        Some(Self { place, port })
    }
}

impl Place {
    fn has(&self, name: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Address(own) => address == Some(*own),
            Self::Network(start, bits) => address.is_some_and(|address| same_start(*start, address, *bits)),
            // An address has no subdomains.
            Self::Name(own) => {
                address.is_none()
                    && name.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

fn same_start(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= bits
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Proxies> {
        Proxies::read(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    fn find(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let found = read(variables)?.find(&Url::parse(url).unwrap()).unwrap()?;
        Some(found.uri.to_string())
    }

    fn is_direct(no_proxy: &str, url: &str) -> bool {
        find(&[("ALL_PROXY", "http://proxy"), ("NO_PROXY", no_proxy)], url).is_none()
    }

    #[test]
    fn the_scheme_then_all_and_lower_case_first() {
        let all = [("HTTP_PROXY", "a:1"), ("https_proxy", "b:2"), ("ALL_PROXY", "c:3")];
        assert_eq!(find(&all, "http://h/").unwrap(), "http://a:1/");
        assert_eq!(find(&all, "https://h/").unwrap(), "http://b:2/");
        assert_eq!(find(&[("ALL_PROXY", "https://c")], "http://h/").unwrap(), "https://c:443/");
        assert_eq!(find(&[("HTTP_PROXY", "a"), ("http_proxy", "b")], "http://h/").unwrap(), "http://b:80/");
        assert_eq!(find(&[("HTTP_PROXY", "a"), ("http_proxy", "")], "http://h/"), None);
        assert_eq!(find(&[("HTTP_PROXY", "a")], "https://h/"), None);
        assert_eq!(find(&[], "http://h/"), None);
    }

    #[test]
    fn a_header_of_a_cgi_request_is_no_proxy() {
        assert_eq!(find(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "a")], "http://h/"), None);
        let lower = [("REQUEST_METHOD", "GET"), ("http_proxy", "a")];
        assert_eq!(find(&lower, "http://h/").is_some(), !cfg!(windows));
    }

    #[test]
    fn forms_of_a_proxy() {
        for (value, uri) in [
            ("proxy", "http://proxy:80/"),
            ("proxy:3128", "http://proxy:3128/"),
            ("localhost:3128", "http://localhost:3128/"),
            (" http://proxy:3128/\n", "http://proxy:3128/"),
            ("HTTP://PROXY:3128/ignored?x", "http://proxy:3128/"),
            ("https://proxy", "https://proxy:443/"),
            ("[::1]:3128", "http://[::1]:3128/"),
            ("http://user:p%40ss@10.0.0.1:8080", "http://10.0.0.1:8080/"),
            ("http://pröxy", "http://xn--prxy-6qa:80/"),
            ("http://corp_proxy:1", "http://corp_proxy:1/"),
        ] {
            assert_eq!(Proxy::parse(value.trim()).map(|proxy| proxy.uri.to_string()), Ok(uri.to_owned()), "{value}");
            assert_eq!(find(&[("HTTP_PROXY", value)], "http://h/").unwrap(), uri);
        }
        let auth = |value| Proxy::parse(value).map(|proxy| proxy.auth).unwrap_or_default();
        assert_eq!(auth("http://proxy"), None);
        assert_eq!(auth("http://user:p%40ss@proxy").unwrap(), "Basic dXNlcjpwQHNz");
        assert_eq!(auth("user:p@ss@proxy:1").unwrap(), "Basic dXNlcjpwQHNz");
        assert!(auth("http://user@proxy").unwrap().is_sensitive());
    }

    #[test]
    fn what_cannot_be_used_fails_closed() {
        for value in [
            " ",
            "\t\n",
            "http://pro xy:3128",
            "http://proxy :3128",
            "pro\txy",
            "\"http://proxy:3128\"",
            "'http://proxy:3128'",
            "\"proxy:3128\"",
            "\"proxy\"",
            "'proxy'",
            "http//proxy:3128",
            "http:/proxy:3128",
            "http:proxy:3128",
            "http://[::1",
            "http://[::1]x",
            "http://",
            "://proxy",
            "http://proxy:99999",
            "http://proxy:port",
            "http://:3128",
            "socks5://proxy:1080",
            "socks5h://user:very-secret@proxy:1080",
            "ftp://proxy",
            "file:///proxy",
            "http://user:very-secret@pro xy",
            "http://user:very-sec/ret@proxy:3128",
            "http//user:very-secret@proxy",
            "$PROXY",
            "<proxy>",
            "proxy;proxy2",
        ] {
            let proxies = read(&[("HTTP_PROXY", value), ("NO_PROXY", "inner.example")]).unwrap();
            let there = Url::parse("http://example.com/").unwrap();
            assert!(proxies.cover(&there), "{value}");
            let failure = proxies.find(&there).err().unwrap();
            assert_eq!(failure.kind, ErrorKind::InvalidUrl);
            assert!(failure.message.starts_with("HTTP_PROXY="), "{}", failure.message);
            assert!(!failure.message.contains("very-"), "{}", failure.message);
            // Those that it is not for are not concerned.
            for url in ["http://inner.example/", "https://example.com/"] {
                assert!(proxies.find(&Url::parse(url).unwrap()).unwrap().is_none(), "{value} {url}");
            }
        }
        let long = "x".repeat(100_000) + " ";
        let failure = read(&[("ALL_PROXY", &format!("a {long}"))]).unwrap();
        let message = failure.find(&Url::parse("http://h/").unwrap()).err().unwrap().message;
        assert!(message.len() < 400, "{}", message.len());
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_fail_closed() {
        use std::os::unix::ffi::OsStringExt;
        let odd = |name: &str| (name == "HTTP_PROXY").then(|| OsString::from_vec(b"http://\xff".to_vec()));
        assert!(Proxies::read(&odd).unwrap().find(&Url::parse("http://h/").unwrap()).is_err());
    }

    #[test]
    fn the_length_of_a_url_does_not_matter() {
        let proxies = read(&[("HTTP_PROXY", "proxy")]).unwrap();
        for length in [1_000, 65_000, 66_000, 1_000_000] {
            for start in ["http://h/?q=", "http://h/#"] {
                let url = Url::parse(&(start.to_owned() + &"x".repeat(length))).unwrap();
                assert!(proxies.cover(&url) && proxies.find(&url).unwrap().is_some());
            }
        }
    }

    #[test]
    fn what_goes_directly() {
        for (no_proxy, url) in [
            ("*", "http://anything/"),
            ("a.com, *", "http://[::1]:8080/"),
            ("localhost:8080", "http://localhost:8080/"),
            ("localhost:80", "http://localhost/"),
            ("localhost:443", "https://localhost/"),
            ("localhost:", "https://localhost/"),
            ("[::1]", "http://[::1]:8080/"),
            ("::1", "http://[::1]:8080/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("0:0:0:0:0:0:0:1", "http://[::1]/"),
            ("fe80::/10", "http://[fe80::5]/"),
            ("[fe80::]/10", "http://[febf::5]/"),
            ("::/0", "http://[::1]/"),
            ("127.0.0.1", "http://127.0.0.1:9/"),
            ("127.0.0.1:9", "http://127.0.0.1:9/"),
            ("127.0.0.1", "http://[::ffff:127.0.0.1]/"),
            ("10.0.0.0/8", "http://10.255.1.2/"),
            ("10.9.9.9/8", "http://10.255.1.2/"),
            ("0.0.0.0/0", "http://1.2.3.4/"),
            ("1.2.3.4/32", "http://1.2.3.4/"),
            ("example.com", "http://example.com/"),
            ("example.com", "http://a.b.example.com:8080/"),
            (".example.com", "http://a.example.com/"),
            (".example.com", "http://example.com/"),
            ("*.example.com", "http://a.example.com/"),
            ("example.com.", "http://example.com/"),
            ("example.com", "http://example.com./"),
            ("EXAMPLE.com", "http://Example.COM/"),
            ("münchen.example", "http://www.xn--mnchen-3ya.example/"),
            ("xn--mnchen-3ya.example", "http://MÜNCHEN.example/"),
            ("  a.com ,\tb.com\n", "http://b.com/"),
            ("a.com b.com", "http://b.com/"),
            ("a.com,,b.com,", "http://b.com/"),
            ("a.com:1, a.com:2", "http://a.com:2/"),
        ] {
            assert!(is_direct(no_proxy, url), "{no_proxy:?} {url}");
        }
        for (no_proxy, url) in [
            ("", "http://a.com/"),
            (" , ", "http://a.com/"),
            (".", "http://a.com/"),
            ("com.", "http://a.org/"),
            ("localhost:8080", "http://localhost/"),
            ("localhost:8080", "http://localhost:80801/"),
            ("localhost", "http://notlocalhost/"),
            ("example.com", "http://example.com.evil.org/"),
            ("a.example.com", "http://example.com/"),
            ("[::1]:8080", "http://[::1]:8081/"),
            ("[::1]", "http://[::2]/"),
            ("fe80::/10", "http://[fec0::1]/"),
            ("10.0.0.0/8", "http://11.0.0.1/"),
            ("10.0.0.0/33", "http://10.0.0.0/"),
            ("10.0.0.0/8", "http://[a00::]/"),
            ("0.0.1", "http://127.0.0.1/"),
            ("1", "http://127.0.0.1/"),
            ("a.com:x", "http://a.com/"),
            (":80", "http://a.com/"),
            ("[::1", "http://[::1]/"),
        ] {
            if let Ok(url) = Url::parse(url) {
                assert!(!is_direct(no_proxy, url.as_str()), "{no_proxy:?} {url}");
            }
        }
    }
}
