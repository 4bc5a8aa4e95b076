//! Cookies: a jar accepts any Set-Cookie, stays bounded, and sends no cookie to a host outside its domain.
#![no_main]

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use shoal_http::cookies::{CookieJar, response_cookies};
use url::Url;

fuzz_target!(|input: &[u8]| {
    let parse = |text: &str| Url::parse(text).expect("a URL");
    let sites =
        ["https://www.example.com/a/b", "http://example.com/", "https://example.org/", "http://127.0.0.1:8080/x"];
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(SET_COOKIE, value);
        }
    }
    let _ = response_cookies(&headers);
    let jar = CookieJar::default();
    jar.store(&parse(sites[0]), &headers);
    // Another domain gets no cookie.
    for elsewhere in &sites[2..] {
        assert_eq!(jar.header(&parse(elsewhere), &[], false), None);
    }
    let plain = jar.header(&parse(sites[1]), &[], false);
    let secure = jar.header(&parse("https://example.com/"), &[], false);
    let count = |header: &Option<HeaderValue>| {
        header.as_ref().map_or(0, |value| value.as_bytes().split(|b| *b == b';').count())
    };
    assert!(count(&plain) <= count(&secure));
    jar.header(&parse(sites[0]), &[("own".into(), "1".into())], false);
    for (name, value, domain, path) in jar.all() {
        assert!(name.len() + value.len() <= 4096 && domain.ends_with("example.com") && path.starts_with('/'));
    }
});
