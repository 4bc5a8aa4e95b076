use super::scope::{default_path, may_be_set, path_matches, site};
use super::store::{MAX_COOKIES, MAX_PER_DOMAIN};
use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(SET_COOKIE, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A jar with the cookies `values` from `from`.
fn jar(from: &str, values: &[&str]) -> CookieJar {
    jar_with(&[], from, values)
}

/// A jar with cookies of the client (`own`) and the cookies `values` from `from`.
fn jar_with(own: &[(&str, &str)], from: &str, values: &[&str]) -> CookieJar {
    let jar = CookieJar::new(&pairs(own));
    jar.store(&url(from), &headers(values));
    jar
}

fn sent(jar: &CookieJar, to: &str) -> String {
    let header = jar.header(&url(to), &[], false);
    header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn an_empty_jar_sends_nothing() {
    let jar = CookieJar::default();
    assert!(jar.is_empty());
    assert!(jar.header(&url("http://a.com/"), &[], false).is_none());
    jar.store(&url("http://a.com/"), &HeaderMap::new());
    assert!(jar.is_empty() && jar.all().is_empty());
}

#[test]
fn a_cookie_goes_back_to_its_host_only() {
    let jar = jar("http://a.example.com/x/y", &["id=1", "b=\"quoted\"; HttpOnly"]);
    assert!(!jar.is_empty());
    assert_eq!(sent(&jar, "http://a.example.com/x/z"), "id=1; b=\"quoted\"");
    assert_eq!(sent(&jar, "http://a.example.com:8080/x"), "id=1; b=\"quoted\"");
    assert_eq!(sent(&jar, "http://a.example.com/other"), "");
    assert_eq!(sent(&jar, "http://b.example.com/x/"), "");
    assert_eq!(sent(&jar, "http://sub.a.example.com/x/"), "");
    let header = jar.header(&url("http://a.example.com/x/"), &[], false).unwrap();
    assert!(header.is_sensitive());
}

#[test]
fn a_domain_is_shared_by_its_subdomains_only() {
    let jar = jar("http://a.example.com/", &["id=1; Domain=.example.com; Path=/"]);
    assert_eq!(sent(&jar, "http://b.example.com/"), "id=1");
    assert_eq!(sent(&jar, "http://example.com/"), "id=1");
    assert_eq!(sent(&jar, "http://badexample.com/"), "");
    for (from, domain) in [
        ("http://a.example.com/", "other.com"),
        ("http://a.example.com/", "b.example.com"),
        ("http://a.example.com/", "com"),
        ("http://a.example.com/", ".com"),
        ("http://127.0.0.1/", "0.0.1"),
        ("http://127.0.0.1/", "1"),
    ] {
        let jar = self::jar(from, &[&format!("id=1; Domain={domain}")]);
        assert!(jar.is_empty(), "{from} {domain}");
    }
    assert_eq!(sent(&self::jar("http://localhost:80/", &["id=1; Domain=localhost"]), "http://localhost/"), "id=1");
    assert_eq!(sent(&self::jar("http://127.0.0.1:9/", &["id=1; Domain=127.0.0.1"]), "http://127.0.0.1/"), "id=1");
}

#[test]
fn a_site_is_the_last_two_labels_of_a_host() {
    for (domain, expected) in [
        ("a.b.example.com", "example.com"),
        ("example.com", "example.com"),
        ("localhost", "localhost"),
        ("192.168.1.2", "192.168.1.2"),
        ("[::1]", "[::1]"),
    ] {
        assert_eq!(site(domain), expected);
    }
}

#[test]
fn secure_cookies_need_tls() {
    let jar = jar("https://a.com/", &["id=1; Secure"]);
    assert_eq!(sent(&jar, "https://a.com/"), "id=1");
    assert_eq!(sent(&jar, "http://a.com/"), "");
}

#[test]
fn the_more_specific_path_comes_first() {
    let values = ["a=root; Path=/", "a=deep; Path=/x/y", "b=mid; Path=/x", "c=root; Path=/"];
    let jar = jar("http://a.com/", &values);
    assert_eq!(sent(&jar, "http://a.com/x/y/z"), "a=deep; b=mid; a=root; c=root");
}

#[test]
fn cookies_are_replaced_deleted_and_expire() {
    let jar = jar("http://a.com/", &["a=1", "b=1", "c=1; Max-Age=3600", "a=2"]);
    assert_eq!(sent(&jar, "http://a.com/"), "a=2; b=1; c=1");
    let deletions = headers(&["b=; Max-Age=0", "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
    jar.store(&url("http://a.com/"), &deletions);
    assert_eq!(sent(&jar, "http://a.com/"), "a=2");
    assert_eq!(jar.all().len(), 1);
    let gone = self::jar("http://a.com/", &["x=1; Max-Age=-1"]);
    assert_eq!(sent(&gone, "http://a.com/"), "");
}

#[test]
fn the_more_specific_source_wins_by_name() {
    let own = [("own", "client"), ("both", "client"), ("all", "client")];
    let jar = jar_with(&own, "http://a.com/", &["set=server", "both=server"]);
    assert_eq!(sent(&jar, "http://a.com/"), "own=client; all=client; set=server; both=server");
    assert_eq!(sent(&jar, "http://b.com/"), "own=client; both=client; all=client");
    let extra = pairs(&[("all", "request"), ("set", "request")]);
    let header = jar.header(&url("http://a.com/"), &extra, false).unwrap();
    assert_eq!(header, "own=client; both=server; all=request; set=request");
    let only_extra = CookieJar::default().header(&url("http://a.com/"), &extra, false).unwrap();
    assert_eq!(only_extra, "all=request; set=request");
    let names: Vec<_> = jar.all().into_iter().map(|(name, _, domain, path)| (name, domain, path)).collect();
    assert_eq!(names.first().unwrap(), &("own".to_owned(), String::new(), "/".to_owned()));
    assert_eq!(names.last().unwrap(), &("both".to_owned(), "a.com".to_owned(), "/".to_owned()));
}

#[test]
fn cookies_invalid_in_a_header_are_omitted() {
    let jar = CookieJar::default();
    let odd = pairs(&[("a", "x\r\nHost: evil"), ("b", "ü"), ("", ""), ("c", "nul\0"), ("d", "1")]);
    let header = jar.header(&url("http://a.com/"), &odd, false).unwrap();
    assert_eq!(header.as_bytes(), "b=ü; d=1".as_bytes());
    assert!(jar.header(&url("http://a.com/"), &pairs(&[("a", "\n")]), false).is_none());
    let mut binary = HeaderMap::new();
    binary.append(SET_COOKIE, HeaderValue::from_bytes(b"bin=\xff\xfe").unwrap());
    binary.append(SET_COOKIE, HeaderValue::from_static("no cookie at all"));
    binary.append(SET_COOKIE, HeaderValue::from_static(""));
    jar.store(&url("http://a.com/"), &binary);
    assert!(jar.header(&url("http://a.com/"), &[], false).is_some());
}

#[test]
fn the_cookies_of_a_server_are_bounded() {
    let jar = CookieJar::default();
    let (a, b) = (url("http://a.com/"), url("http://b.com/"));
    jar.store(&a, &headers(&[&format!("big={}", "x".repeat(5000))]));
    assert!(jar.is_empty());
    jar.store(&b, &headers(&["id=1"]));
    for number in 0..500 {
        jar.store(&a, &headers(&[&format!("c{number}=1")]));
    }
    // The oldest are dropped, as in browsers.
    assert_eq!(jar.all().len(), MAX_PER_DOMAIN + 1);
    jar.store(&a, &headers(&["c320=changed", "c321=; Max-Age=0"]));
    let header = sent(&jar, "http://a.com/");
    assert_eq!(header.split("; ").count(), MAX_PER_DOMAIN - 1);
    assert!(header.starts_with("c320=changed; c322=1"), "{header}");
    assert_eq!(sent(&jar, "http://b.com/"), "id=1");
    // Expired cookies are dropped first.
    for number in 0..MAX_PER_DOMAIN {
        jar.store(&b, &headers(&[&format!("c{number}=1; Max-Age=1")]));
    }
    jar.store.write().unwrap().domains.values_mut().flatten().for_each(|cookie| {
        cookie.expires = cookie.expires.map(|_| 1);
    });
    jar.store(&b, &headers(&["late=1"]));
    assert_eq!(sent(&jar, "http://b.com/"), "late=1");
}

#[test]
fn a_full_jar_drops_the_cookies_of_large_sites() {
    let jar = jar("http://login.small.com/", &["session=1"]);
    // One site with many hosts, each below the limit per domain.
    for host in 0..60 {
        let from = url(&format!("http://host{host}.greedy.com/"));
        for number in 0..100 {
            jar.store(&from, &headers(&[&format!("c{number}=1")]));
        }
        assert!(jar.all().len() <= MAX_COOKIES);
    }
    assert_eq!(sent(&jar, "http://login.small.com/"), "session=1");
    jar.store(&url("http://late.com/"), &headers(&["id=1"]));
    assert_eq!(sent(&jar, "http://late.com/"), "id=1");
    // A crawl of many sites keeps the newest cookies.
    for number in 0..4000 {
        jar.store(&url(&format!("http://host{number}.com/")), &headers(&["id=1"]));
    }
    assert!(jar.all().len() <= MAX_COOKIES);
    assert_eq!(sent(&jar, "http://host3999.com/"), "id=1");
    assert_eq!(jar.read().count, jar.read().iter().count());
}

#[test]
fn the_cookies_of_a_request_are_bounded() {
    let deep = "http://a.b.c.d.e.f.com/";
    let jar = CookieJar::default();
    for domain in ["f.com", "e.f.com", "d.e.f.com", "c.d.e.f.com"] {
        for number in 0..MAX_PER_DOMAIN {
            jar.store(&url(deep), &headers(&[&format!("c{number}=1; Domain={domain}")]));
        }
    }
    assert_eq!(sent(&jar, deep).split("; ").count(), MAX_PER_DOMAIN);
}

#[test]
fn name_prefixes_are_enforced() {
    for (from, value, kept) in [
        ("https://a.com/", "__Secure-id=1; Secure", true),
        ("https://a.com/", "__Secure-id=1; Secure; Domain=a.com", true),
        ("https://a.com/", "__Secure-id=1", false),
        ("http://a.com/", "__Secure-id=1; Secure", false),
        ("https://a.com/", "__secure-id=1", false),
        ("https://a.com/", "__Host-id=1; Secure; Path=/", true),
        ("https://a.com/", "__Host-id=1; Secure", false),
        ("https://a.com/", "__Host-id=1; Path=/", false),
        ("https://a.com/", "__Host-id=1; Secure; Path=/x", false),
        ("https://a.com/", "__Host-id=1; Secure; Path=/; Domain=a.com", false),
        ("https://a.com/", "__HOST-id=1; Secure; Path=/; Domain=a.com", false),
        ("http://a.com/", "__Host-id=1; Secure; Path=/", false),
        ("http://127.0.0.1/", "__Host-id=1; Secure; Path=/", true),
        ("http://localhost/", "__Secure-id=1; Secure", true),
        ("http://[::1]/", "id=1; Secure", true),
        ("http://10.0.0.1/", "id=1; Secure", false),
        ("https://a.com/", "_Host-id=1", true),
    ] {
        assert_eq!(!jar(from, &[value]).is_empty(), kept, "{from} {value}");
    }
}

#[test]
fn http_neither_replaces_nor_hides_secure_cookies() {
    let jar = jar("https://a.example.com/", &["id=1; Secure; Path=/; Domain=example.com"]);
    for value in [
        "id=evil; Path=/; Domain=example.com",
        "id=evil; Path=/",
        "id=evil; Path=/deep",
        "id=; Max-Age=0; Path=/; Domain=example.com",
    ] {
        jar.store(&url("http://a.example.com/"), &headers(&[value]));
        assert_eq!(sent(&jar, "https://a.example.com/deep/"), "id=1", "{value}");
    }
    jar.store(&url("http://a.example.com/"), &headers(&["other=2; Path=/"]));
    jar.store(&url("https://a.example.com/"), &headers(&["id=3; Secure; Path=/; Domain=example.com"]));
    assert_eq!(sent(&jar, "https://a.example.com/"), "id=3; other=2");
}

#[test]
fn odd_domains() {
    for (from, domain, kept) in [
        ("http://a.example.com/", "EXAMPLE.com", true),
        ("http://a.example.com/", "..example.com", false),
        ("http://a.example.com/", "example.com.", false),
        ("http://a.example.com./", "example.com", false),
        ("http://a.example.com/", "a.example.com", true),
        ("http://a.example.com/", "xample.com", false),
        ("http://a.example.com/", "exa mple.com", false),
        ("http://a.example.com/", "example.com:80", false),
        ("http://a.example.com/", "http://example.com", false),
        ("http://www.xn--mnchen-3ya.de/", "münchen.de", true),
        ("http://[::1]/", "[::1]", true),
        ("http://[::1]/", "::1", false),
        ("http://1.2.3.4/", "1.2.3.4", true),
        ("http://1.2.3.4/", "2.3.4", false),
        ("http://1.2.3.4/", "3.4", false),
        ("http://localhost/", "localhost", true),
        ("http://a.localhost/", "localhost", false),
    ] {
        let value = HeaderValue::from_bytes(format!("id=1; Domain={domain}").as_bytes()).unwrap();
        let (jar, mut set) = (CookieJar::default(), HeaderMap::new());
        set.append(SET_COOKIE, value);
        jar.store(&url(from), &set);
        assert_eq!(!jar.is_empty(), kept, "{from} {domain}");
    }
    // An empty Domain is ignored.
    let jar = jar("http://a.example.com/", &["id=1; Domain=", "other=1; Domain=."]);
    assert_eq!(sent(&jar, "http://a.example.com/"), "id=1; other=1");
    assert_eq!(sent(&jar, "http://b.example.com/"), "");
}

#[test]
fn bytes_are_sent_back_unchanged() {
    let (jar, mut set) = (CookieJar::default(), HeaderMap::new());
    set.append(SET_COOKIE, HeaderValue::from_bytes(b"caf\xe9=\xff\xfe").unwrap());
    set.append(SET_COOKIE, HeaderValue::from_bytes("ü=é".as_bytes()).unwrap());
    jar.store(&url("http://a.com/"), &set);
    let header = jar.header(&url("http://a.com/"), &[], false).unwrap();
    assert_eq!(header.as_bytes(), [b"caf\xe9=\xff\xfe; ", "ü=é".as_bytes()].concat());
    let shown: Vec<_> = jar.all().into_iter().map(|(name, value, _, _)| (name, value)).collect();
    assert_eq!(shown, pairs(&[("café", "ÿþ"), ("ü", "é")]));
    assert_eq!(response_cookies(&set), shown);
}

#[test]
fn control_characters_are_not_kept() {
    for text in ["a\u{1}=1", "a=1\u{1}2", "a=\u{7f}", "a=\0"] {
        let cookie = set_cookie::parse(text.as_bytes(), 0).unwrap();
        assert!(!may_be_set(&cookie, &url("http://a.com/")), "{text:?}");
    }
    assert!(may_be_set(&set_cookie::parse(b"a=1\t2", 0).unwrap(), &url("http://a.com/")));
}

#[test]
fn own_cookies_are_not_sent_across_origins() {
    let jar = jar_with(&[("own", "1")], "http://a.com/", &["set=1"]);
    let header = |crossed| jar.header(&url("http://a.com/"), &[], crossed).unwrap();
    assert_eq!(header(false), "own=1; set=1");
    assert_eq!(header(true), "set=1");
}

#[test]
fn paths() {
    for (path, folder, matches) in [
        ("/", "/", true),
        ("/a", "/", true),
        ("/a", "/a", true),
        ("/a/", "/a", true),
        ("/a/b", "/a", true),
        ("/a/b", "/a/", true),
        ("/ab", "/a", false),
        ("/a", "/a/", false),
        ("/", "/a", false),
    ] {
        assert_eq!(path_matches(path, folder), matches, "{path} {folder}");
    }
    for (address, path) in [("http://h", "/"), ("http://h/x", "/"), ("http://h/x/", "/x"), ("http://h/x/y?/z", "/x")] {
        assert_eq!(default_path(&url(address)), path, "{address}");
    }
}

#[test]
fn a_copy_is_independent_and_never_blocks() {
    let jar = jar_with(&[("own", "1")], "http://a.com/", &["a=1"]);
    let copy = jar.fork_copy();
    copy.store(&url("http://a.com/"), &headers(&["a=2"]));
    assert_eq!(sent(&copy, "http://a.com/"), "own=1; a=2");
    assert_eq!(sent(&jar, "http://a.com/"), "own=1; a=1");
    let reading = jar.read();
    assert_eq!(sent(&jar.fork_copy(), "http://a.com/"), "own=1; a=1");
    drop(reading);
    let writing = jar.store.write().unwrap();
    let copy = jar.fork_copy();
    drop(writing);
    assert_eq!(sent(&copy, "http://a.com/"), "own=1");
    let broken = self::jar("http://a.com/", &["a=1"]);
    std::thread::scope(|scope| {
        let panics = scope.spawn(|| {
            let _guard = broken.store.write().unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(panics.join().is_err());
    });
    assert_eq!(sent(&broken.fork_copy(), "http://a.com/"), "a=1");
    assert_eq!(sent(&broken, "http://a.com/"), "a=1");
}

#[test]
fn threads_share_a_jar() {
    let jar = CookieJar::default();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let jar = &jar;
            scope.spawn(move || {
                let url = url(&format!("http://host{thread}.com/"));
                for number in 0..100 {
                    jar.store(&url, &headers(&[&format!("c={number}")]));
                    assert!(jar.header(&url, &[], false).is_some());
                }
            });
        }
    });
    assert_eq!(jar.all().len(), 4);
}

#[test]
fn cookies_of_a_response() {
    assert!(response_cookies(&HeaderMap::new()).is_empty());
    let headers = headers(&[
        "a=1; Path=/x; Secure",
        "b=two words",
        "gone=1; Max-Age=0",
        "old=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
        "new=1; Expires=Fri, 21 Oct 2095 07:28:00 GMT",
        "garbage",
        "a=2",
    ]);
    assert_eq!(response_cookies(&headers), pairs(&[("b", "two words"), ("new", "1"), ("a", "2")]));
}
