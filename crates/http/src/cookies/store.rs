//! The cookies that servers have set, by domain.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use url::Url;

use super::scope::{default_path, domain_of, is_secure, may_be_set, path_matches, site, with_parents};
use super::set_cookie::SetCookie;
use crate::headers::decode_text;

/// The most cookies of one domain, as in browsers; beyond that the oldest is dropped. Also the most sent to one URL.
pub(super) const MAX_PER_DOMAIN: usize = 180;

/// The most cookies in a jar (RFC 6265, 6.1, asks for at least this many).
pub(super) const MAX_COOKIES: usize = 3000;

/// Cookies by domain: a request looks only at its host and the names above it, however many domains the jar knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    /// The cookies of each domain, oldest first.
    pub domains: HashMap<Box<str>, Vec<Cookie>>,
    /// The number of cookies, expired ones included.
    pub count: usize,
    inserted: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Cookie {
    pub name: Box<[u8]>,
    pub value: Box<[u8]>,
    pub path: Box<str>,
    /// Not sent to subdomains.
    host_only: bool,
    secure: bool,
    /// Seconds since 1970.
    pub expires: Option<i64>,
    /// The cookie's position among all ever inserted.
    pub number: u64,
}

impl Cookie {
    pub fn is_alive(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl Store {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Cookie)> {
        self.domains.iter().flat_map(|(domain, cookies)| cookies.iter().map(|cookie| (&**domain, cookie)))
    }

    /// The cookies for a request to `url`. RFC 6265, 5.4: longer paths first, then older cookies.
    pub fn matching(&self, url: &Url, now: i64) -> Vec<&Cookie> {
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

    /// Inserts, replaces or deletes a cookie. RFC 6265, 5.3, with the rules of 6265bis for secure cookies and name
    /// prefixes.
    pub fn set(&mut self, cookie: &SetCookie<'_>, url: &Url, now: i64) {
        let Some((domain, host_only)) = domain_of(cookie, url) else { return };
        if !may_be_set(cookie, url) {
            return;
        }
        let path = match cookie.path {
            Some(path) => decode_text(path),
            None => default_path(url).to_owned(),
        };
        if !is_secure(url) && self.has_secure(cookie.name, &path, url) {
            return;
        }
        let cookies = self.domains.get_mut(&*domain);
        let known = cookies.and_then(|cookies| {
            let is_same =
                |known: &Cookie| *known.name == *cookie.name && *known.path == *path && known.host_only == host_only;
            cookies.iter().position(is_same).map(|at| (cookies, at))
        });
        match known {
            Some((cookies, at)) if cookie.is_deletion(now) => {
                cookies.remove(at);
                self.count -= 1;
            }
            None if cookie.is_deletion(now) => {}
            // A replaced cookie keeps its position.
            Some((cookies, at)) => {
                if let Some(known) = cookies.get_mut(at) {
                    (known.value, known.secure, known.expires) = (cookie.value.into(), cookie.secure, cookie.expires);
                }
            }
            None => {
                if self.count >= MAX_COOKIES {
                    self.make_room(now);
                }
                let cookies = self.domains.entry(domain.into()).or_default();
                if cookies.len() >= MAX_PER_DOMAIN {
                    let dropped = cookies.iter().position(|cookie| !cookie.is_alive(now)).unwrap_or(0);
                    cookies.remove(dropped);
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

    /// Whether there is a secure cookie that one of this name and path from `url` would replace or hide.
    fn has_secure(&self, name: &[u8], path: &str, url: &Url) -> bool {
        let is_hidden = |known: &Cookie| known.secure && *known.name == *name && path_matches(path, &known.path);
        with_parents(url).any(|domain| self.domains.get(domain).is_some_and(|cookies| cookies.iter().any(is_hidden)))
    }

    /// Drops the expired cookies and then, down to nine tenths of a full jar, the oldest of the sites with most cookies:
    /// no site can displace the cookies of others.
    fn make_room(&mut self, now: i64) {
        self.retain(|cookie| cookie.is_alive(now));
        let excess = self.count.saturating_sub(MAX_COOKIES / 10 * 9);
        let mut newest: Vec<(u64, &str)> = self.iter().map(|(domain, cookie)| (cookie.number, site(domain))).collect();
        newest.sort_unstable_by_key(|(number, _)| Reverse(*number));
        // The rank of a cookie is its position among those of its site, newest first.
        let mut sites: HashMap<&str, usize> = HashMap::new();
        let mut ranked: Vec<(usize, Reverse<u64>)> = newest
            .into_iter()
            .map(|(number, site)| {
                let rank = sites.entry(site).or_default();
                *rank += 1;
                (*rank, Reverse(number))
            })
            .collect();
        ranked.sort_unstable_by_key(|ranked| Reverse(*ranked));
        let dropped: HashSet<u64> = ranked.into_iter().take(excess).map(|(_, Reverse(number))| number).collect();
        self.retain(|cookie| !dropped.contains(&cookie.number));
    }

    fn retain(&mut self, keep: impl Fn(&Cookie) -> bool) {
        self.domains.retain(|_, cookies| {
            cookies.retain(&keep);
            !cookies.is_empty()
        });
        self.count = self.domains.values().map(Vec::len).sum();
    }
}
