//! Proxies from the environment.
//!
//! The variables are read as urllib, requests and curl read them: `http_proxy` and `https_proxy` by the URL's scheme, else
//! `all_proxy`; a lower-case name wins over the same in upper case; `no_proxy` lists the exceptions ([`super::no_proxy`]).
//! Without any variable the system's settings count (macOS, Windows).
//!
//! A proxy that is set but can't be used fails closed: its requests end in an error before any I/O, and never go
//! directly.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;

use std::ffi::OsString;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::{Position, Url};

use super::no_proxy::NoProxy;
use crate::error::{AttemptError, ErrorKind, Phase};
use crate::redact::redact_input;
use crate::request::basic_auth;

pub(crate) struct Proxies(Source);

enum Source {
    Environment { http: Option<Setting>, https: Option<Setting>, no_proxy: NoProxy },
    System(Box<Matcher>),
}

/// A proxy, or why the variable can't be used.
type Setting = Result<Arc<Proxy>, String>;

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
        !matches!(self.find(url), Ok(None))
    }

    /// The proxy for `url`; `None` if it goes directly, a failure if the proxy can't be used.
    pub(super) fn find(&self, url: &Url) -> Result<Option<Arc<Proxy>>, AttemptError> {
        match &self.0 {
            Source::System(matcher) => Ok(system_proxy(matcher, url).map(Arc::new)),
            Source::Environment { http, https, no_proxy } => {
                let setting = if url.scheme() == "https" { https } else { http };
                let setting = setting.as_ref().filter(|_| !no_proxy.has(url)).cloned().transpose();
                setting.map_err(|reason| AttemptError::new(ErrorKind::InvalidUrl, Phase::Queue, reason))
            }
        }
    }
}

const VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The system's proxy for `url`. Path and query are left out: they may be longer than a `Uri` can be.
fn system_proxy(matcher: &Matcher, url: &Url) -> Option<Proxy> {
    let uri: Uri = url[..Position::BeforePath].parse().ok()?;
    let found = matcher.intercept(&uri)?;
    let url = Url::parse(&found.uri().to_string()).ok()?;
    Some(Proxy { auth: found.basic_auth().cloned(), ..Proxy::of(url).ok()? })
}

impl Proxy {
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
