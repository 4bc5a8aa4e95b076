//! A client's cookies: RFC 6265 by the `cookie_store` crate, made safe to share and bounded.
//!
//! There are three sources, the nearer wins by name: the cookies of a request, what servers have set (sent only where
//! domain, path and `Secure` allow), the client's own cookies (sent to every host).
//!
//! There is no list of public suffixes, as in Python's `http.cookiejar`; as there, a `Domain` without a dot (`com`) is
//! refused unless it is the host itself.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie_store::{Cookie, CookieError, CookieStore, RawCookie, StoreAction};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use super::control_bytes;

/// The most cookies one URL may be sent, as in browsers; a server that sets more is not served.
const MOST_PER_URL: usize = 180;

/// The most cookies in a jar (RFC 6265 6.1 asks for at least this).
const MOST: usize = 3000;

/// The longest cookie, name and value (RFC 6265 6.1 asks for at least this).
const LONGEST: usize = 4096;

/// One cookie of a jar: name, value (as the server wrote it), the domain and the path it is sent to. The domain of the
/// client's own cookies, which go everywhere, is empty.
pub type StoredCookie = (String, String, String, String);

/// The cookies of one client. All methods may be called from any thread; the locks are held for the work on the jar
/// alone.
#[derive(Debug, Default)]
pub struct Jar {
    /// Set with the first cookie, so that clients without cookies pay for one load.
    used: AtomicBool,
    /// The client's own. Written when the client is made and hardly ever again.
    seeds: RwLock<Arc<[(String, String)]>>,
    store: RwLock<Stored>,
}

/// The crate's store looks at every domain for every request, so each site has a store of its own: a crawler's jar
/// knows thousands of domains.
#[derive(Clone, Debug, Default)]
struct Stored {
    sites: HashMap<Box<str>, CookieStore>,
    /// How many were inserted, expired ones included.
    count: usize,
}

impl Jar {
    /// An empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the client's own cookies, which are sent to every host; earlier ones are replaced.
    pub fn seed(&self, pairs: &[(String, String)]) {
        *self.seeds.write().unwrap_or_else(PoisonError::into_inner) = pairs.into();
        if !pairs.is_empty() {
            self.used.store(true, Ordering::Release);
        }
    }

    fn seeds(&self) -> Arc<[(String, String)]> {
        Arc::clone(&self.seeds.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn stored(&self) -> RwLockReadGuard<'_, Stored> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stored_mut(&self) -> RwLockWriteGuard<'_, Stored> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is nothing to send to any host: an atomic load.
    pub fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    /// The `Cookie` header for a request to `url` with the cookies `extra` of its own; marked sensitive. A cookie that
    /// no header can carry (a line break) is left out.
    pub fn header(&self, url: &Url, extra: &[(String, String)]) -> Option<HeaderValue> {
        let mut header = Vec::new();
        let mut push = |name: &str, value: &str| {
            let pair = if name.is_empty() { value.to_owned() } else { format!("{name}={value}") };
            if HeaderValue::from_str(&pair).is_err() || pair.is_empty() {
                return;
            }
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(pair.as_bytes());
        };
        if self.is_empty() {
            extra.iter().for_each(|(name, value)| push(name, value));
        } else {
            let seeds = self.seeds();
            let stored = self.stored();
            let mut matching = stored.matches(url);
            // RFC 6265 5.4: the more specific path first; the order of insertion decides among equals.
            matching.sort_by_key(|cookie| Reverse(cookie.path.len()));
            let asked = |name: &str| extra.iter().any(|(known, _)| known == name);
            for (name, value) in seeds.iter() {
                if !asked(name) && !matching.iter().any(|cookie| cookie.name() == name) {
                    push(name, value);
                }
            }
            for cookie in matching.iter().filter(|cookie| !asked(cookie.name())) {
                push(cookie.name(), cookie.value());
            }
            extra.iter().for_each(|(name, value)| push(name, value));
        }
        if header.is_empty() {
            return None;
        }
        let mut header = HeaderValue::from_bytes(&header).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Keeps what the response `headers` from `url` set, and drops what they delete. What a server may not set, and what
    /// is too much, is ignored.
    pub fn store(&self, url: &Url, headers: &HeaderMap) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let mut stored = self.stored_mut();
        for cookie in set_cookies(headers) {
            stored.insert(&cookie, url);
        }
        if stored.count > 0 {
            self.used.store(true, Ordering::Release);
        }
    }

    /// All unexpired cookies: the client's own, then what servers have set.
    pub fn all(&self) -> Vec<StoredCookie> {
        let seeds = self.seeds();
        let own = seeds.iter().map(|(name, value)| (name.clone(), value.clone(), String::new(), "/".to_owned()));
        let stored = self.stored();
        let set = stored.sites.values().flat_map(CookieStore::iter_unexpired).map(|cookie| {
            let (name, value) = cookie.name_value();
            (name.to_owned(), value.to_owned(), String::from(&cookie.domain), String::from(&cookie.path))
        });
        own.chain(set).collect()
    }

    /// Forgets all cookies, the client's own too.
    pub fn clear(&self) {
        *self.seeds.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        *self.stored_mut() = Stored::default();
        self.used.store(false, Ordering::Release);
    }

    /// A copy for a forked child. It never blocks: a lock that another thread of the parent held at the fork is held
    /// for ever here, and what it guards is left out. (For the client's own cookies that means a fork in the middle of
    /// [`Self::seed`].)
    pub fn fork_copy(&self) -> Self {
        fn copy<T: Clone + Default>(lock: &RwLock<T>) -> T {
            match lock.try_read() {
                Ok(guard) => guard.clone(),
                Err(TryLockError::Poisoned(guard)) => guard.into_inner().clone(),
                Err(TryLockError::WouldBlock) => T::default(),
            }
        }
        let (seeds, store) = (copy(&self.seeds), copy(&self.store));
        let used = !seeds.is_empty() || store.count > 0;
        Self { used: AtomicBool::new(used), seeds: RwLock::new(seeds), store: RwLock::new(store) }
    }
}

/// The last two labels of a host name, or an address. A cookie's domain is its host or an end of it with a dot inside
/// ([`Stored::insert`]), so hosts that share a cookie share a site.
fn site(url: &Url) -> &str {
    match url.host() {
        Some(Host::Domain(name)) => {
            let mut dots = name.rmatch_indices('.').map(|(dot, _)| dot);
            let start = dots.nth(1).map_or(0, |dot| dot + 1);
            name.get(start..).unwrap_or(name)
        }
        _ => url.host_str().unwrap_or_default(),
    }
}

impl Stored {
    fn matches(&self, url: &Url) -> Vec<&Cookie<'static>> {
        self.sites.get(site(url)).map(|cookies| cookies.matches(url)).unwrap_or_default()
    }

    fn insert(&mut self, cookie: &RawCookie<'static>, url: &Url) {
        if cookie.name().len() + cookie.value().len() > LONGEST {
            return;
        }
        if let Some(domain) = cookie.domain() {
            let domain = domain.trim_matches('.');
            let is_host = url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(domain));
            if !domain.contains('.') && !is_host && !domain.is_empty() {
                return;
            }
        }
        // Deleting is always allowed.
        if !is_deletion(cookie) && self.count >= MOST_PER_URL {
            if self.count >= MOST {
                self.drop_expired();
            }
            let matching = self.matches(url);
            let full = self.count >= MOST || matching.len() >= MOST_PER_URL;
            if full && !matching.iter().any(|known| known.name() == cookie.name()) {
                return;
            }
        }
        let known = self.sites.get_mut(site(url));
        match known {
            Some(cookies) => self.count += usize::from(inserted(&cookies.insert_raw(cookie, url))),
            None => {
                let mut cookies = CookieStore::default();
                if inserted(&cookies.insert_raw(cookie, url)) {
                    self.sites.insert(site(url).into(), cookies);
                    self.count += 1;
                }
            }
        }
    }

    /// A store keeps expired cookies until they are removed.
    fn drop_expired(&mut self) {
        self.count = 0;
        self.sites.retain(|_, cookies| {
            if cookies.iter_any().any(|cookie| cookie.is_expired()) {
                let alive = cookies.iter_unexpired().cloned().map(Ok);
                let Ok(alive) = CookieStore::from_cookies::<_, Infallible>(alive, false);
                *cookies = alive;
            }
            let alive = cookies.iter_any().count();
            self.count += alive;
            alive > 0
        });
    }
}

fn inserted(result: &Result<StoreAction, CookieError>) -> bool {
    matches!(result, Ok(StoreAction::Inserted))
}

/// The cookies that `headers` set; what is no cookie is left out.
fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = RawCookie<'static>> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        // RFC 6265bis, 5.6: one with a control byte is ignored.
        .filter(|value| !control_bytes::has_any(value.as_bytes()))
        .filter_map(|value| RawCookie::parse(String::from_utf8_lossy(value.as_bytes()).into_owned()).ok())
}

/// A server deletes a cookie by setting one that has expired.
fn is_deletion(cookie: &RawCookie<'_>) -> bool {
    match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(age), _) => !age.is_positive(),
        (None, Some(expires)) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            expires.unix_timestamp() <= i64::try_from(now).unwrap_or(i64::MAX)
        }
        (None, None) => false,
    }
}

/// What one response sets, for `Response.cookies`: names and values in their order, without those it deletes; the last
/// of a name counts.
pub fn response_cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut cookies: Vec<(String, String)> = Vec::new();
    for cookie in set_cookies(headers) {
        cookies.retain(|(name, _)| name != cookie.name());
        if !is_deletion(&cookie) {
            cookies.push((cookie.name().to_owned(), cookie.value().to_owned()));
        }
    }
    cookies
}
