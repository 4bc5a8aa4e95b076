//! A client's cookies: RFC 6265 and the draft of its successor (6265bis), safe to share between threads and bounded.
//!
//! There are three sources, the nearer wins by name: the cookies of a request, what servers have set (sent only where
//! domain, path and `Secure` allow), the client's own cookies (sent to every host that a request names, not to where a
//! redirect leads).
//!
//! There is no list of public suffixes, as in Python's `http.cookiejar`; as there, a `Domain` without a dot (`com`) is
//! refused unless it is the host itself.

pub mod date;
pub mod set_cookie;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use self::set_cookie::SetCookie;
use super::headers::decode_text;

/// The most cookies of one domain, as in browsers; then the oldest goes. Also the most that one URL is sent.
const MAX_PER_DOMAIN: usize = 180;

/// The most cookies in a jar (RFC 6265 6.1 asks for at least this).
const MAX_COOKIES: usize = 3000;

/// The most that one response may set: each is looked for among those of its domain, on the reactor.
const MAX_PER_RESPONSE: usize = 1000;

/// The longest cookie, name and value (RFC 6265 6.1 asks for at least this).
const MAX_LENGTH: usize = 4096;

/// One cookie of a jar: name, value (as the server wrote it), the domain and the path it is sent to. The domain of the
/// client's own cookies, which go everywhere, is empty.
pub type StoredCookie = (String, String, String, String);

/// The cookies of one client. All methods may be called from any thread; the locks are held for the work on the jar
/// alone.
#[derive(Debug, Default)]
pub struct CookieJar {
    /// Set with the first cookie, so that clients without cookies pay for one load.
    used: AtomicBool,
    /// The client's own. Written when the client is made and hardly ever again.
    seeds: RwLock<Arc<[(String, String)]>>,
    store: RwLock<Stored>,
}

/// By domain: a request looks at its host and the names above it only, however many domains a crawler's jar knows.
#[derive(Clone, Debug, Default)]
struct Stored {
    /// The cookies of each domain from the oldest to the newest.
    domains: HashMap<Box<str>, Vec<Cookie>>,
    /// How many there are, expired ones included.
    count: usize,
    /// How many were ever inserted.
    inserted: u64,
}

#[derive(Clone, Debug)]
struct Cookie {
    name: Box<[u8]>,
    value: Box<[u8]>,
    path: Box<str>,
    /// Not for the hosts below its domain.
    host_only: bool,
    secure: bool,
    /// Seconds since 1970.
    expires: Option<i64>,
    /// Its number among all that were inserted.
    number: u64,
}

impl CookieJar {
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

    /// The `Cookie` header for a request to `url` with the cookies `extra` of its own; marked sensitive. The client's own
    /// cookies are among them unless a redirect led to another origin (`crossed`). A cookie that no header can carry (a
    /// line break) is left out.
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
            let fit = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
            if !header.iter().skip(before).all(fit) || name.is_empty() && value.is_empty() {
                header.truncate(before);
            }
        };
        if !self.is_empty() {
            let seeds = if crossed { Arc::default() } else { self.seeds() };
            let stored = self.stored();
            let matching = stored.matching(url, now());
            let asked = |name: &[u8]| extra.iter().any(|(known, _)| known.as_bytes() == name);
            for (name, value) in seeds.iter() {
                let name = name.as_bytes();
                if !asked(name) && !matching.iter().any(|cookie| *cookie.name == *name) {
                    push(name, value.as_bytes());
                }
            }
            for cookie in matching.iter().filter(|cookie| !asked(&cookie.name)) {
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

    /// Keeps what the response `headers` from `url` set, and drops what they delete. What a server may not set, and what
    /// is too much, is ignored.
    pub fn store(&self, url: &Url, headers: &HeaderMap) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let (now, mut stored) = (now(), self.stored_mut());
        for value in headers.get_all(SET_COOKIE).iter().take(MAX_PER_RESPONSE) {
            if let Some(cookie) = set_cookie::parse(value.as_bytes(), now) {
                stored.set(&cookie, url, now);
            }
        }
        if stored.count > 0 {
            self.used.store(true, Ordering::Release);
        }
    }

    /// All unexpired cookies: the client's own, then what servers have set, the oldest first.
    pub fn all(&self) -> Vec<StoredCookie> {
        let seeds = self.seeds();
        let own = seeds.iter().map(|(name, value)| (name.clone(), value.clone(), String::new(), "/".to_owned()));
        let (now, stored) = (now(), self.stored());
        let mut set: Vec<(&str, &Cookie)> = stored.each().filter(|(_, cookie)| cookie.is_alive(now)).collect();
        set.sort_unstable_by_key(|(_, cookie)| cookie.number);
        let set = set.into_iter().map(|(domain, cookie)| {
            (decode_text(&cookie.name), decode_text(&cookie.value), domain.to_owned(), cookie.path.to_string())
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

impl Stored {
    fn each(&self) -> impl Iterator<Item = (&str, &Cookie)> {
        self.domains.iter().flat_map(|(domain, cookies)| cookies.iter().map(|cookie| (&**domain, cookie)))
    }

    /// What a request to `url` is sent. RFC 6265 5.4: the more specific path first, then the older cookie.
    fn matching(&self, url: &Url, now: i64) -> Vec<&Cookie> {
        let host = url.host_str().unwrap_or_default();
        let mut found: Vec<&Cookie> = Vec::new();
        for domain in with_parents(url) {
            let cookies = self.domains.get(domain).map(Vec::as_slice).unwrap_or_default();
            found.extend(cookies.iter().filter(|cookie| {
                (domain == host || !cookie.host_only)
                    && path_matches(url.path(), &cookie.path)
                    && (!cookie.secure || is_secure(url))
                    && cookie.is_alive(now)
            }));
        }
        found.sort_unstable_by_key(|cookie| (Reverse(cookie.path.len()), cookie.number));
        found.truncate(MAX_PER_DOMAIN);
        found
    }

    /// RFC 6265 5.3, with the rules of 6265bis for secure cookies and the prefixes of names.
    fn set(&mut self, cookie: &SetCookie<'_>, url: &Url, now: i64) {
        let Some((domain, host_only)) = domain_of(cookie, url) else { return };
        if !may_be_set(cookie, url) {
            return;
        }
        let path = match cookie.path {
            Some(path) => decode_text(path),
            None => default_path(url).to_owned(),
        };
        // What https has set, http neither replaces nor hides.
        let is_guarded =
            |known: &Cookie| known.secure && *known.name == *cookie.name && path_matches(&path, &known.path);
        if !is_secure(url)
            && with_parents(url).any(|name| self.domains.get(name).is_some_and(|c| c.iter().any(is_guarded)))
        {
            return;
        }
        let known = self.domains.get_mut(&*domain).and_then(|cookies| {
            let same =
                |known: &Cookie| *known.name == *cookie.name && *known.path == *path && known.host_only == host_only;
            cookies.iter().position(same).map(|at| (cookies, at))
        });
        match known {
            Some((cookies, at)) if cookie.is_deletion(now) => {
                cookies.remove(at);
                self.count -= 1;
            }
            None if cookie.is_deletion(now) => {}
            Some((cookies, at)) => {
                if let Some(known) = cookies.get_mut(at) {
                    // It keeps its place.
                    (known.value, known.secure, known.expires) = (cookie.value.into(), cookie.secure, cookie.expires);
                }
            }
            None => {
                if self.count >= MAX_COOKIES {
                    self.make_room(now);
                }
                let cookies = self.domains.entry(domain.into()).or_default();
                if cookies.len() >= MAX_PER_DOMAIN {
                    let gone = cookies.iter().position(|cookie| !cookie.is_alive(now)).unwrap_or(0);
                    cookies.remove(gone);
                    self.count -= 1;
                }
                cookies.push(Cookie {
                    name: cookie.name.into(),
                    value: cookie.value.into(),
                    path: path.into(),
                    host_only,
                    secure: cookie.secure,
                    expires: cookie.expires,
                    number: self.inserted,
                });
                self.count += 1;
                self.inserted += 1;
            }
        }
    }

    /// Drops what has expired and, down to nine tenths of a full jar, the oldest cookies of the sites that have most: no
    /// site can push out the cookies of the others.
    fn make_room(&mut self, now: i64) {
        self.keep(|cookie| cookie.is_alive(now));
        let excess = self.count.saturating_sub(MAX_COOKIES / 10 * 9);
        let mut newest: Vec<(u64, &str)> = self.each().map(|(domain, cookie)| (cookie.number, site(domain))).collect();
        newest.sort_unstable_by_key(|(number, _)| Reverse(*number));
        let mut of_site: HashMap<&str, usize> = HashMap::new();
        let mut ranked: Vec<(usize, Reverse<u64>)> = newest
            .into_iter()
            .map(|(number, site)| {
                let newer = of_site.entry(site).or_default();
                *newer += 1;
                (*newer, Reverse(number))
            })
            .collect();
        ranked.sort_unstable_by_key(|ranked| Reverse(*ranked));
        let gone: HashSet<u64> = ranked.into_iter().take(excess).map(|(_, Reverse(number))| number).collect();
        self.keep(|cookie| !gone.contains(&cookie.number));
    }

    fn keep(&mut self, keep: impl Fn(&Cookie) -> bool) {
        self.domains.retain(|_, cookies| {
            cookies.retain(&keep);
            !cookies.is_empty()
        });
        self.count = self.domains.values().map(Vec::len).sum();
    }
}

impl Cookie {
    fn is_alive(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// The host of `url` and, if it is a name, the names above it.
fn with_parents(url: &Url) -> impl Iterator<Item = &str> {
    let host = url.host_str().unwrap_or_default();
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    let parents = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..)).filter(move |_| is_name);
    std::iter::once(host).chain(parents)
}

/// The domain a cookie from `url` is for, and whether it is for that host only; `None` if it may not be set there.
fn domain_of(cookie: &SetCookie<'_>, url: &Url) -> Option<(String, bool)> {
    let host = url.host_str()?;
    let Some(domain) = cookie.domain else { return Some((host.to_owned(), true)) };
    let domain = Host::parse(std::str::from_utf8(domain).ok()?).ok()?.to_string();
    let shared = domain.contains('.') && matches!(url.host(), Some(Host::Domain(_)));
    if domain == host {
        return Some((domain, !shared));
    }
    let below = host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
    (shared && below).then_some((domain, false))
}

/// Whether `url` may set it: its length, its characters, and what `Secure` and the prefix of its name promise.
fn may_be_set(cookie: &SetCookie<'_>, url: &Url) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let starts = |prefix: &[u8]| cookie.name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    cookie.name.len() + cookie.value.len() <= MAX_LENGTH
        && !cookie.name.iter().chain(cookie.value).any(is_control)
        && (!cookie.secure || is_secure(url))
        && (!starts(b"__Secure-") || cookie.secure)
        && (!starts(b"__Host-") || cookie.secure && cookie.domain.is_none() && cookie.path == Some(b"/"))
}

/// Whether secure cookies may come from there and go there: https, and what never leaves this machine.
fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// RFC 6265 5.1.4: the folder of the URL.
fn default_path(url: &Url) -> &str {
    match url.path().rfind('/') {
        Some(end) if end > 0 => url.path().get(..end).unwrap_or("/"),
        _ => "/",
    }
}

/// RFC 6265 5.1.4: the same, or a folder above.
fn path_matches(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

/// The last two labels of a host name, or an address.
fn site(domain: &str) -> &str {
    if domain.parse::<Ipv4Addr>().is_ok() {
        return domain;
    }
    let start = domain.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    domain.get(start..).unwrap_or(domain)
}

/// What one response sets, for `Response.cookies`: names and values in their order, without those it deletes; the last
/// of a name counts.
pub fn response_cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let (now, mut seen) = (now(), HashSet::new());
    let all: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    let last = all.into_iter().rev().filter_map(|value| set_cookie::parse(value.as_bytes(), now));
    let mut cookies: Vec<_> = last
        .filter(|cookie| seen.insert(cookie.name) && !cookie.is_deletion(now))
        .map(|cookie| (decode_text(cookie.name), decode_text(cookie.value)))
        .collect();
    cookies.reverse();
    cookies
}
