//! One attempt: a request, the redirects it is sent on, and the body at the end.
//!
//! Redirects are followed here, not in a transport, so that cookies, credentials and the history are right in the same
//! way over each of them.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HOST, LOCATION,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, percent_encode};
use url::Url;

use super::body::{Loaded, Reading, drain, is_absent, load, target};
use super::client::Session;
use super::control_bytes;
use super::error::{AttemptError, ErrorKind, Phase};
use super::headers;
use super::redact::{is_secret_header, quote, redact_input, redact_url};
use super::request::Request;
use super::response::Response;
use super::settings::Settings;
use super::transport::{Head, Outgoing, Timings, Transport};

/// One hop: what is sent, and where.
struct Hop {
    method: Method,
    /// `None` while it is the request's own.
    url: Option<Url>,
    /// A redirect turned the request into a GET without body.
    became_get: bool,
    /// A redirect led to another origin.
    crossed: bool,
}

/// Carries `request` out once. `base` are the headers of client and call, without those of the request.
pub async fn exchange<T: Transport>(
    session: &Session<T>,
    request: &Arc<Request>,
    settings: &Settings,
    base: &HeaderMap,
    timings: &Arc<Timings>,
) -> Result<Response, AttemptError> {
    let mut hop = Hop { method: request.method.clone(), url: None, became_get: false, crossed: false };
    let mut history: Vec<Response> = Vec::new();
    loop {
        let url = hop.url.as_ref().unwrap_or(&request.url);
        let mut headers = hop.headers(base, request);
        if !session.jar.is_empty() {
            add_cookies(session, url, &mut headers, hop.crossed);
        }
        let body = hop.body(request);
        let empty = body.as_ref().is_none_or(Bytes::is_empty);
        if empty && matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
            // RFC 9110, 8.6: servers may refuse one that does not say how long it is (411).
            headers.to_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        let (head, body) = {
            let bare = without_fragment(url);
            let outgoing = Outgoing { method: hop.method.clone(), url: &bare, headers, body };
            let sending = pin!(session.transport.send(outgoing, timings));
            within_read(settings.timeout.read, timings, sending).await?
        };
        timings.head_arrived();
        session.jar.store(url, &head.headers);
        let next = if settings.follow_redirects { redirected(&head, url) } else { None };
        let Some(next) = next else {
            let path = target(request, head.status);
            if path.is_some() {
                timings.body_is_saved();
            }
            let reading = Reading {
                max_body: settings.max_body,
                read_timeout: if path.is_some() { settings.timeout.silence() } else { settings.timeout.read },
                save_to: path.map(|path| (path, &session.saves)),
                absent: is_absent(&hop.method, head.status),
            };
            let loaded = load(&head, body, reading).await?;
            timings.body_loaded(loaded.bytes());
            return Ok(finished(head, loaded, hop.url, history, request));
        };
        let seen = finished(head, Loaded::Memory(Bytes::new()), hop.url.clone(), Vec::new(), request);
        let status = seen.status;
        if history.len() as u32 >= settings.max_redirects {
            let message = format!("more than {} redirects, the last to {}", settings.max_redirects, shown(&next));
            let mut failure = AttemptError::new(ErrorKind::TooManyRedirects, Phase::Headers, message);
            failure.response = Some(Box::new(Response { history, ..seen }));
            return Err(failure);
        }
        let next = next.map_err(|message| AttemptError::new(ErrorKind::Protocol, Phase::Headers, message))?;
        if !is_absent(&hop.method, status) {
            drain(body).await;
        }
        history.push(seen);
        hop = hop.redirected(&request.url, status, next);
        timings.next_hop();
    }
}

/// The silence that counts begins when the connection stands; making one has a limit of its own.
async fn within_read<T>(
    limit: Option<Duration>,
    timings: &Timings,
    send: impl Future<Output = Result<T, AttemptError>>,
) -> Result<T, AttemptError> {
    let Some(limit) = limit else { return send.await };
    let mut send = std::pin::pin!(send);
    let mut wait = limit;
    loop {
        if let Ok(sent) = tokio::time::timeout(wait, &mut send).await {
            return sent;
        }
        wait = limit.saturating_sub(timings.waiting_for_head());
        if wait.is_zero() {
            let message = format!("no answer within {} s", limit.as_secs_f64());
            return Err(AttemptError::new(ErrorKind::ReadTimeout, Phase::Headers, message));
        }
    }
}

/// The jar's cookies go before those the request brings itself, which win name by name.
fn add_cookies<T>(session: &Session<T>, url: &Url, headers: &mut Cow<'_, HeaderMap>, crossed: bool) {
    let own = match headers.get(COOKIE).map(|own| own.to_str()) {
        None => Vec::new(),
        Some(Ok(own)) => own.split(';').map(|pair| pair.trim().split_once('=').unwrap_or(("", pair.trim()))).collect(),
        // Not a list of cookies: the caller's own business, sent as it is.
        Some(Err(_)) => return,
    };
    let own: Vec<_> = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some(cookies) = session.jar.header(url, &own, crossed) {
        headers.to_mut().insert(COOKIE, cookies);
    }
}

fn shown(next: &Result<Url, String>) -> String {
    next.as_ref().map_or_else(String::clone, redact_url)
}

/// What is sent: a fragment never is, and a long one must not make a URL too long.
fn without_fragment(url: &Url) -> Cow<'_, Url> {
    if url.fragment().is_none() {
        return Cow::Borrowed(url);
    }
    let mut bare = url.clone();
    bare.set_fragment(None);
    Cow::Owned(bare)
}

/// Where the response leads, if it does.
fn redirected(head: &Head, url: &Url) -> Option<Result<Url, String>> {
    if !matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = control_bytes::decode(head.headers.get(LOCATION)?.as_bytes());
    let location = location.trim_ascii();
    if location.is_empty() {
        // As browsers and requests: it leads nowhere.
        return None;
    }
    if is_too_long(location) {
        return Some(Err(format!("the redirect's Location is too long ({} bytes)", location.len())));
    }
    // Bytes beyond ASCII are asked for as they are. Where they are UTF-8, a browser's reading gives the same.
    let text = percent_encode(location, BEYOND_ASCII).to_string();
    Some(match url.join(&text) {
        Ok(mut next) if matches!(next.scheme(), "http" | "https") && next.has_host() => {
            // RFC 9110, 10.2.2: the fragment is inherited.
            if next.fragment().is_none() {
                next.set_fragment(url.fragment());
            }
            // A server has no credentials to give, say requests and httpx. Both can't fail for http and https.
            let _ = next.set_username("");
            let _ = next.set_password(None);
            Ok(next)
        }
        Ok(next) => Err(format!("the redirect leads to {}, which is not HTTP", quote(next.scheme().as_bytes()))),
        Err(error) => {
            let shown = redact_input(&String::from_utf8_lossy(location));
            Err(format!("the redirect's Location {shown:?} is not a URL: {error}"))
        }
    })
}

/// The longest URL that is followed: browsers and servers take less. One of 300 KB holds the reactor for 10 ms.
const MAX_LOCATION: usize = 128 << 10;

/// The same between two slashes. One of these parts is the host, however the URL is written, and its labels cost most.
const MAX_SEGMENT: usize = 16 << 10;

/// Whether to parse `location` would take too long.
fn is_too_long(location: &[u8]) -> bool {
    let before_query = location.split(|byte| b"?#".contains(byte)).next().unwrap_or(location);
    let mut segments = before_query.split(|byte| b"/\\".contains(byte));
    location.len() > MAX_LOCATION || segments.any(|segment| segment.len() > MAX_SEGMENT)
}

/// Nothing but bytes from 0x80 on, which are always encoded.
const BEYOND_ASCII: &AsciiSet = &AsciiSet::EMPTY;

impl Hop {
    fn headers<'a>(&self, base: &'a HeaderMap, request: &Request) -> Cow<'a, HeaderMap> {
        if !self.became_get && !self.crossed && request.without.is_empty() && request.headers.is_empty() {
            return Cow::Borrowed(base);
        }
        let mut headers = headers::merge(base, &request.headers, &request.without);
        if self.became_get {
            for name in
                [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, TRANSFER_ENCODING]
            {
                headers.remove(name);
            }
        }
        if self.crossed {
            // Whoever set them meant the origin they were sent to. They don't come back on the way home either.
            let secrets: Vec<_> = headers.keys().filter(|name| is_secret_header(name)).cloned().collect();
            for name in secrets.into_iter().chain([HOST]) {
                headers.remove(name);
            }
        }
        Cow::Owned(headers)
    }

    fn body(&self, request: &Request) -> Option<Bytes> {
        if self.became_get { None } else { request.body.clone() }
    }

    /// RFC 9110, 15.4: 303 becomes GET; 301 and 302 turn POST into GET, as every browser does; 307 and 308 change
    /// nothing.
    fn redirected(mut self, original: &Url, status: StatusCode, next: Url) -> Self {
        let becomes_get = match status.as_u16() {
            303 => self.method != Method::HEAD && self.method != Method::GET,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.became_get = true;
        }
        let here = self.url.as_ref().unwrap_or(original);
        self.crossed |= here.origin() != next.origin();
        self.url = Some(next);
        self
    }
}

fn finished(
    head: Head,
    loaded: Loaded,
    final_url: Option<Url>,
    history: Vec<Response>,
    request: &Arc<Request>,
) -> Response {
    let (body, path) = match loaded {
        Loaded::Memory(body) => (body, None),
        Loaded::File(path, _) => (Bytes::new(), Some(path)),
    };
    Response {
        status: head.status,
        version: head.version,
        headers: head.headers,
        final_url,
        body,
        history,
        elapsed: Duration::ZERO,
        attempts: 1,
        index: 0,
        path,
        request: request.clone(),
    }
}
