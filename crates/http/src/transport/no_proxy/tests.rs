use super::*;

fn is_direct(no_proxy: &str, url: &str) -> bool {
    NoProxy::parse(no_proxy).has(&Url::parse(url).unwrap())
}

#[test]
fn what_goes_directly() {
    for (no_proxy, url) in [
        ("*", "http://anything/"),
        ("a.com, *", "http://[::1]:8080/"),
        ("localhost:8080", "http://localhost:8080/"),
        ("localhost:80", "http://localhost/"),
        ("localhost:443", "https://localhost/"),
        ("localhost:", "https://localhost/"),
        ("[::1]", "http://[::1]:8080/"),
        ("::1", "http://[::1]:8080/"),
        ("[::1]:8080", "http://[::1]:8080/"),
        ("0:0:0:0:0:0:0:1", "http://[::1]/"),
        ("fe80::/10", "http://[fe80::5]/"),
        ("[fe80::]/10", "http://[febf::5]/"),
        ("::/0", "http://[::1]/"),
        ("127.0.0.1", "http://127.0.0.1:9/"),
        ("127.0.0.1:9", "http://127.0.0.1:9/"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/"),
        ("10.0.0.0/8", "http://10.255.1.2/"),
        ("10.9.9.9/8", "http://10.255.1.2/"),
        ("0.0.0.0/0", "http://1.2.3.4/"),
        ("1.2.3.4/32", "http://1.2.3.4/"),
        ("example.com", "http://example.com/"),
        ("example.com", "http://a.b.example.com:8080/"),
        (".example.com", "http://a.example.com/"),
        (".example.com", "http://example.com/"),
        ("*.example.com", "http://a.example.com/"),
        ("example.com.", "http://example.com/"),
        ("example.com", "http://example.com./"),
        ("EXAMPLE.com", "http://Example.COM/"),
        ("münchen.example", "http://www.xn--mnchen-3ya.example/"),
        ("xn--mnchen-3ya.example", "http://MÜNCHEN.example/"),
        ("  a.com ,\tb.com\n", "http://b.com/"),
        ("a.com b.com", "http://b.com/"),
        ("a.com,,b.com,", "http://b.com/"),
        ("a.com:1, a.com:2", "http://a.com:2/"),
    ] {
        assert!(is_direct(no_proxy, url), "{no_proxy:?} {url}");
    }
    for (no_proxy, url) in [
        ("", "http://a.com/"),
        (" , ", "http://a.com/"),
        (".", "http://a.com/"),
        ("com.", "http://a.org/"),
        ("localhost:8080", "http://localhost/"),
        ("localhost:8080", "http://localhost:80801/"),
        ("localhost", "http://notlocalhost/"),
        ("example.com", "http://example.com.evil.org/"),
        ("a.example.com", "http://example.com/"),
        ("[::1]:8080", "http://[::1]:8081/"),
        ("[::1]", "http://[::2]/"),
        ("fe80::/10", "http://[fec0::1]/"),
        ("10.0.0.0/8", "http://11.0.0.1/"),
        ("10.0.0.0/33", "http://10.0.0.0/"),
        ("10.0.0.0/8", "http://[a00::]/"),
        ("0.0.1", "http://127.0.0.1/"),
        ("1", "http://127.0.0.1/"),
        ("a.com:x", "http://a.com/"),
        (":80", "http://a.com/"),
        ("[::1", "http://[::1]/"),
    ] {
        if let Ok(url) = Url::parse(url) {
            assert!(!is_direct(no_proxy, url.as_str()), "{no_proxy:?} {url}");
        }
    }
}
