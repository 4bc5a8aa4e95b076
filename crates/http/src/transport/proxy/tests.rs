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
