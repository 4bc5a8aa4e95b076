//! The cookies of a client: RFC 6265 and the draft of its successor (6265bis), thread-safe and bounded.
//!
//! Cookies come from three sources. For one name, the first of them wins: the request's own cookies; those that servers
//! have set, sent where domain, path and `Secure` allow; the client's own, sent to every host that a request names but
//! not to the target of a redirect.
//!
//! There is no list of public suffixes, as in Python's `http.cookiejar`; as there, a `Domain` without a dot (`com`) is
//! refused unless it is the host itself.

mod date;
mod scope;
mod set_cookie;
mod store;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

use self::store::{Cookie, Store};
use super::headers::decode_text;

/// The most cookies that one response may set. Each is searched for among those of its domain, on the reactor.
const MAX_PER_RESPONSE: usize = 1000;

/// A cookie of a jar: name, value (as the server wrote it), domain, path. The domain of the client's own cookies, which
/// are sent to every host, is empty.
pub type StoredCookie = (String, String, String, String);

/// The cookies of one client.
#[derive(Debug, Default)]
pub struct CookieJar {
    /// Set with the first cookie, so that a client without cookies pays for one atomic load.
    used: AtomicBool,
    own: Arc<[(String, String)]>,
    store: RwLock<Store>,
}

impl CookieJar {
    /// A jar with the client's own cookies.
    pub fn new(own: &[(String, String)]) -> Self {
        Self { used: AtomicBool::new(!own.is_empty()), own: own.into(), store: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the jar never had a cookie.
    pub fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    /// The `Cookie` header for a request to `url` with the cookies `extra` of its own, marked sensitive. It has the
    /// client's own cookies unless a redirect led to another origin (`crossed`). Cookies that no header can carry (with a
    /// line break) are left out.
    pub fn header(&self, url: &Url, extra: &[(String, String)], crossed: bool) -> Option<HeaderValue> {
        let mut header = Vec::new();
        let mut push = |name: &[u8], value: &[u8]| {
            let before = header.len();
            if before > 0 {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(name);
            if !name.is_empty() {
                header.push(b'=');
            }
            header.extend_from_slice(value);
            let is_valid = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
            if !header.iter().skip(before).all(is_valid) || name.is_empty() && value.is_empty() {
                header.truncate(before);
            }
        };
        if !self.is_empty() {
            let store = self.read();
            let matching = store.matching(url, now());
            let is_extra = |name: &[u8]| extra.iter().any(|(known, _)| known.as_bytes() == name);
            for (name, value) in self.own.iter().filter(|_| !crossed) {
                let name = name.as_bytes();
                if !is_extra(name) && !matching.iter().any(|cookie| *cookie.name == *name) {
                    push(name, value.as_bytes());
                }
            }
            for cookie in matching.iter().filter(|cookie| !is_extra(&cookie.name)) {
                push(&cookie.name, &cookie.value);
            }
        }
        extra.iter().for_each(|(name, value)| push(name.as_bytes(), value.as_bytes()));
        if header.is_empty() {
            return None;
        }
        let mut header = HeaderValue::from_bytes(&header).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Stores the cookies that the response `headers` from `url` set, and removes those they delete. Cookies that the
    /// server may not set, and cookies beyond the limits, are ignored.
    pub fn store(&self, url: &Url, headers: &HeaderMap) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let (now, mut store) = (now(), self.store.write().unwrap_or_else(PoisonError::into_inner));
        for value in headers.get_all(SET_COOKIE).iter().take(MAX_PER_RESPONSE) {
            if let Some(cookie) = set_cookie::parse(value.as_bytes(), now) {
                store.set(&cookie, url, now);
            }
        }
        if store.count > 0 {
            self.used.store(true, Ordering::Release);
        }
    }

    /// All unexpired cookies: the client's own, then those set by servers, oldest first.
    pub fn all(&self) -> Vec<StoredCookie> {
        let own = self.own.iter().map(|(name, value)| (name.clone(), value.clone(), String::new(), "/".to_owned()));
        let (now, store) = (now(), self.read());
        let mut set: Vec<(&str, &Cookie)> = store.iter().filter(|(_, cookie)| cookie.is_alive(now)).collect();
        set.sort_unstable_by_key(|(_, cookie)| cookie.number);
        let set = set.into_iter().map(|(domain, cookie)| {
            (decode_text(&cookie.name), decode_text(&cookie.value), domain.to_owned(), cookie.path.to_string())
        });
        own.chain(set).collect()
    }

    /// A copy for a forked child. It never blocks: a lock that a thread of the parent held at the fork stays held in the
    /// child, and the copy is then without the cookies set by servers.
    pub(crate) fn fork_copy(&self) -> Self {
        let store = match self.store.try_read() {
            Ok(store) => store.clone(),
            Err(TryLockError::Poisoned(store)) => store.into_inner().clone(),
            Err(TryLockError::WouldBlock) => Store::default(),
        };
        let used = AtomicBool::new(!self.own.is_empty() || store.count > 0);
        Self { used, own: self.own.clone(), store: RwLock::new(store) }
    }
}

/// The cookies that one response sets, for `Response.cookies`: names and values in order, without deletions; the last
/// of a name counts.
pub fn response_cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let (now, mut seen) = (now(), HashSet::new());
    let all: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    let last_first = all.into_iter().rev().filter_map(|value| set_cookie::parse(value.as_bytes(), now));
    let mut cookies: Vec<_> = last_first
        .filter(|cookie| seen.insert(cookie.name) && !cookie.is_deletion(now))
        .map(|cookie| (decode_text(cookie.name), decode_text(cookie.value)))
        .collect();
    cookies.reverse();
    cookies
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(now).unwrap_or(i64::MAX)
}
