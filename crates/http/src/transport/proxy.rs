//! Proxies from the environment.
//!
//! The variables are read as urllib, requests and curl read them: `http_proxy` and `https_proxy` by the URL's scheme, else
//! `all_proxy`; a lower-case name wins over the same in upper case; `no_proxy` lists the exceptions ([`super::no_proxy`]).
//! Without any variable the system's settings count (macOS, Windows).
//!
//! A proxy that is set but can't be used fails closed: its requests end in an error before any I/O, and never go
//! directly.

use std::ffi::OsString;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::{Position, Url};

use super::no_proxy::NoProxy;
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::redact::redact_input;
use crate::request::basic_auth;

/// The proxies of the environment.
pub(crate) struct Proxies(Source);

enum Source {
    Environment { http: Option<Setting>, https: Option<Setting>, no_proxy: NoProxy },
    System(Box<Matcher>),
}

/// A proxy, or why the variable can't be used.
type Setting = Result<Arc<Proxy>, String>;

/// One proxy.
#[derive(Clone, PartialEq)]
pub(crate) struct Proxy {
    /// The URL, with user name and password.
    url: Url,
    /// The value of `Proxy-Authorization`, if the URL has a user name or password.
    pub(super) auth: Option<HeaderValue>,
}

impl Proxies {
    /// The current proxies of the process; `None` if there are none.
    pub(super) fn from_env() -> Option<Self> {
        let lookup = |name: &str| std::env::var_os(name);
        if let Some(found) = Self::read(&lookup) {
            return Some(found);
        }
        // As in urllib, the system's settings count only if no variable is set.
        let named = VARIABLES.iter().any(|name| lookup(name).is_some());
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
        // In a CGI program HTTP_PROXY is the `Proxy` header of a request (CVE-2016-5385). On Windows names have no case.
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
        let no_proxy = first(["no_proxy", "NO_PROXY"]).map(|(_, value)| NoProxy::parse(&value.to_string_lossy()));
        Some(Self(Source::Environment { http, https, no_proxy: no_proxy.unwrap_or_default() }))
    }

    /// Whether `url` has a proxy, usable or not.
    pub(super) fn cover(&self, url: &Url) -> bool {
        match &self.0 {
            Source::Environment { .. } => self.setting(url).is_some(),
            Source::System(matcher) => system_proxy(matcher, url).is_some(),
        }
    }

    /// The proxy for `url`; `None` if it goes directly, a failure if the proxy can't be used.
    pub(super) fn find(&self, url: &Url) -> Result<Option<Arc<Proxy>>, AttemptError> {
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
        let Source::Environment { http, https, no_proxy } = &self.0 else { return None };
        let setting = if url.scheme() == "https" { https.as_ref() } else { http.as_ref() };
        setting.filter(|_| !no_proxy.has(url))
    }
}

/// The variables that name a proxy.
const VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The system's proxy for `url`. Path and query are left out: they may be longer than a `Uri` can be.
fn system_proxy(matcher: &Matcher, url: &Url) -> Option<Proxy> {
    let uri: Uri = url[..Position::BeforePath].parse().ok()?;
    let found = matcher.intercept(&uri)?;
    let url = Url::parse(&found.uri().to_string()).ok()?;
    Some(Proxy { auth: found.basic_auth().cloned(), ..Proxy::of(url).ok()? })
}

impl Proxy {
    /// The URL, with user name and password.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is blank".to_owned());
        }
        if text.contains(|char: char| char.is_whitespace() || char.is_control()) {
            return Err("it contains a blank or a control character".to_owned());
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
            return Err("the host name contains a forbidden character".to_owned());
        }
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let named = !url.username().is_empty() || url.password().is_some();
        let auth = named.then(|| basic_auth(&decoded(url.username()), &decoded(url.password().unwrap_or_default())));
        Ok(Self { url, auth })
    }
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
        Some(shown(&found))
    }

    fn shown(proxy: &Proxy) -> String {
        format!(
            "{}://{}:{}/",
            proxy.url.scheme(),
            proxy.url.host_str().unwrap(),
            proxy.url.port_or_known_default().unwrap()
        )
    }

    #[test]
    fn variables_by_scheme_then_all_and_lower_case_first() {
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
    fn a_cgi_program_ignores_http_proxy() {
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
            assert_eq!(Proxy::parse(value.trim()).map(|proxy| shown(&proxy)), Ok(uri.to_owned()), "{value}");
            assert_eq!(find(&[("HTTP_PROXY", value)], "http://h/").unwrap(), uri);
        }
        let auth = |value| Proxy::parse(value).map(|proxy| proxy.auth).unwrap_or_default();
        assert_eq!(auth("http://proxy"), None);
        assert_eq!(auth("http://user:p%40ss@proxy").unwrap(), "Basic dXNlcjpwQHNz");
        assert_eq!(auth("user:p@ss@proxy:1").unwrap(), "Basic dXNlcjpwQHNz");
        assert!(auth("http://user@proxy").unwrap().is_sensitive());
    }

    #[test]
    fn an_unusable_proxy_fails_closed() {
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
            // Other requests go on.
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
    fn a_variable_that_is_not_utf8_fails_closed() {
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
}
