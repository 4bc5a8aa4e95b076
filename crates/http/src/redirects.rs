//! One attempt: a request, its redirects, and the body of the final response.
//!
//! Redirects are followed here and not in the transports, so that cookies, credentials and the history are handled once.

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

struct Hop {
    method: Method,
    /// `None` for the request's own URL.
    url: Option<Url>,
    /// A redirect turned the request into a GET without a body.
    became_get: bool,
    /// A redirect led to another origin.
    crossed: bool,
}

/// Carries `request` out once. `base` has the headers of client and call.
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
        let body = if hop.became_get { None } else { request.body.clone() };
        let is_empty = body.as_ref().is_none_or(Bytes::is_empty);
        if is_empty && matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
            // RFC 9110, 8.6: servers may refuse a request of unknown length (411).
            headers.to_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        let (head, body) = {
            let bare = without_fragment(url);
            let outgoing = Outgoing { method: hop.method.clone(), url: &bare, headers, body };
            let sending = pin!(session.transport.send(outgoing, timings));
            within_read_timeout(settings.timeout.read, timings, sending).await?
        };
        timings.head_arrived();
        session.jar.store(url, &head.headers);
        let next = if settings.follow_redirects { redirect_target(&head, url) } else { None };
        let Some(next) = next else {
            let path = target(request, head.status);
            if path.is_some() {
                timings.update(|state| state.saves = true);
            }
            let reading = Reading {
                max_body: settings.max_body,
                read_timeout: if path.is_some() { settings.timeout.silence() } else { settings.timeout.read },
                save_to: path.map(|path| (path, &session.saves)),
                absent: is_absent(&hop.method, head.status),
            };
            let loaded = load(&head, body, reading).await?;
            timings.update(|state| state.bytes = loaded.length);
            return Ok(response(head, loaded, hop.url, history, request));
        };
        let seen = response(head, Loaded::default(), hop.url.clone(), Vec::new(), request);
        let status = seen.status;
        if history.len() as u32 >= settings.max_redirects {
            let last = next.as_ref().map_or_else(String::clone, redact_url);
            let message = format!("more than {} redirects, the last to {last}", settings.max_redirects);
            let mut error = AttemptError::new(ErrorKind::TooManyRedirects, Phase::Headers, message);
            error.response = Some(Box::new(Response { history, ..seen }));
            return Err(error);
        }
        let next = next.map_err(|message| AttemptError::new(ErrorKind::Protocol, Phase::Headers, message))?;
        if !is_absent(&hop.method, status) {
            drain(body).await;
        }
        history.push(seen);
        hop = hop.next(&request.url, status, next);
        timings.next_hop();
    }
}

/// Applies the read timeout, which begins when the connection is established; connecting has its own limit.
async fn within_read_timeout<T>(
    limit: Option<Duration>,
    timings: &Timings,
    send: impl Future<Output = Result<T, AttemptError>>,
) -> Result<T, AttemptError> {
    let Some(limit) = limit else { return send.await };
    let mut send = pin!(send);
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

/// Adds the jar's cookies in front of the request's own, which win name by name.
fn add_cookies<T>(session: &Session<T>, url: &Url, headers: &mut Cow<'_, HeaderMap>, crossed: bool) {
    let own: Vec<(String, String)> = match headers.get(COOKIE).map(HeaderValue::to_str) {
        None => Vec::new(),
        Some(Ok(own)) => own
            .split(';')
            .map(|pair| pair.trim().split_once('=').unwrap_or(("", pair.trim())))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        // A header that is no list of cookies is sent as it is.
        Some(Err(_)) => return,
    };
    if let Some(cookies) = session.jar.header(url, &own, crossed) {
        headers.to_mut().insert(COOKIE, cookies);
    }
}

/// `url` without its fragment, which is never sent and must not make the URL too long.
fn without_fragment(url: &Url) -> Cow<'_, Url> {
    if url.fragment().is_none() {
        return Cow::Borrowed(url);
    }
    let mut bare = url.clone();
    bare.set_fragment(None);
    Cow::Owned(bare)
}

/// The URL to which a response redirects; `None` if it does not redirect.
fn redirect_target(head: &Head, url: &Url) -> Option<Result<Url, String>> {
    if !matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = control_bytes::decode(head.headers.get(LOCATION)?.as_bytes());
    let location = location.trim_ascii();
    if location.is_empty() {
        // No redirect, as for browsers and requests.
        return None;
    }
    if is_too_long(location) {
        return Some(Err(format!("the redirect's Location is too long ({} bytes)", location.len())));
    }
    // Bytes beyond ASCII are percent-encoded as they are; for UTF-8 that is what browsers do.
    let text = percent_encode(location, NON_ASCII).to_string();
    Some(match url.join(&text) {
        Ok(mut next) if matches!(next.scheme(), "http" | "https") && next.has_host() => {
            // RFC 9110, 10.2.2: the fragment is inherited.
            if next.fragment().is_none() {
                next.set_fragment(url.fragment());
            }
            // Credentials in a Location are dropped, as by requests and httpx. Neither call fails for http and https.
            let _ = next.set_username("");
            let _ = next.set_password(None);
            Ok(next)
        }
        Ok(next) => Err(format!("the redirect leads to {}, which is not HTTP", quote(next.scheme().as_bytes()))),
        Err(error) => {
            let location = redact_input(&String::from_utf8_lossy(location));
            Err(format!("the redirect's Location {location:?} is not a URL: {error}"))
        }
    })
}

/// The longest URL that is followed; browsers and servers accept less. Parsing 300 KB blocks the reactor for 10 ms.
const MAX_LOCATION: usize = 128 << 10;

/// The longest segment between two slashes. The host is one of them in any spelling, and its labels are the most
/// expensive part to parse.
const MAX_SEGMENT: usize = 16 << 10;

/// Whether parsing `location` would take too long.
fn is_too_long(location: &[u8]) -> bool {
    let before_query = location.split(|byte| b"?#".contains(byte)).next().unwrap_or(location);
    let mut segments = before_query.split(|byte| b"/\\".contains(byte));
    location.len() > MAX_LOCATION || segments.any(|segment| segment.len() > MAX_SEGMENT)
}

/// The bytes from 0x80 on, which every set contains.
const NON_ASCII: &AsciiSet = &AsciiSet::EMPTY;

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
            // Credentials are meant for the origin they were first sent to. A redirect back does not restore them.
            let secrets: Vec<_> = headers.keys().filter(|name| is_secret_header(name)).cloned().collect();
            for name in secrets.into_iter().chain([HOST]) {
                headers.remove(name);
            }
        }
        Cow::Owned(headers)
    }

    /// The hop after a redirect with `status` to `next`. RFC 9110, 15.4: 303 becomes GET; 301 and 302 turn POST into GET,
    /// as in every browser; 307 and 308 keep the method.
    fn next(mut self, original: &Url, status: StatusCode, next: Url) -> Self {
        let becomes_get = match status.as_u16() {
            303 => self.method != Method::HEAD && self.method != Method::GET,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.became_get = true;
        }
        let current = self.url.as_ref().unwrap_or(original);
        self.crossed |= current.origin() != next.origin();
        self.url = Some(next);
        self
    }
}

fn response(
    head: Head,
    loaded: Loaded,
    final_url: Option<Url>,
    history: Vec<Response>,
    request: &Arc<Request>,
) -> Response {
    Response {
        status: head.status,
        version: head.version,
        headers: head.headers,
        final_url,
        body: loaded.body,
        history,
        elapsed: Duration::ZERO,
        attempts: 1,
        index: 0,
        path: loaded.path,
        request: request.clone(),
    }
}
