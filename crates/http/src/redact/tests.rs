use super::*;

fn shown(url: &str) -> String {
    redact_url(&Url::parse(url).unwrap())
}

#[test]
fn a_url_without_secrets_stays() {
    for url in [
        "http://example.com/",
        "https://example.com:8443/a/b;c?season=2016-17&page=2&code=us&keyword=x&monkey=1#top",
        "http://[::1]:8000/?",
        "http://example.com/?token&empty=#",
        "http://example.com/%C3%BC?q=%26",
    ] {
        assert_eq!(shown(url), url);
    }
}

#[test]
fn passwords_are_cut_from_invalid_urls() {
    assert_eq!(redact_input("ftp://user:pass@host/x"), "ftp://host/x");
    assert_eq!(redact_input("http://user:pass@ho st/x"), "http://***@ho st/x");
    assert_eq!(redact_input("http://user:pa/ss@host/x"), "http://***@host/x");
    assert_eq!(redact_input("http://user:pass@host:99999/?token=t"), "http://***@host:99999/?***");
    assert_eq!(redact_input("//user:pass@host/x"), "//***@host/x");
    assert_eq!(redact_input("user:pass@host"), "***@host");
    assert_eq!(redact_input("localhost:8000/x"), "localhost:8000/x");
    assert_eq!(redact_input("HTTP://Host/a?b=c"), "HTTP://Host/a?b=c");
    assert_eq!(redact_input(&"ü".repeat(300)).chars().count(), 201);
}

#[test]
fn credentials_are_removed() {
    assert_eq!(shown("http://user:pass@example.com:8080/a?b=1"), "http://example.com:8080/a?b=1");
    assert_eq!(shown("http://user@example.com/"), "http://example.com/");
    assert_eq!(shown("http://:pass@example.com/"), "http://example.com/");
}

#[test]
fn values_of_secret_parameters_are_cut() {
    for name in [
        "token",
        "access_token",
        "ACCESS-TOKEN",
        "refreshToken",
        "key",
        "api_key",
        "apikey",
        "Api-Key",
        "secret",
        "client_secret",
        "password",
        "passwd",
        "pwd",
        "signature",
        "sig",
        "auth",
        "authorization",
        "credential",
        "session",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "X-Goog-Signature",
        "AWSAccessKeyId",
        "auth[token]",
        "%74oken",
        "api%5Fkey",
    ] {
        let text = shown(&format!("http://h/p?a=1&{name}=hidden%20value&b=2"));
        assert_eq!(text, format!("http://h/p?a=1&{name}=***&b=2"));
    }
    assert_eq!(shown("http://h/?token=a=b=c"), "http://h/?token=***");
    assert_eq!(shown("http://h/?token=a&token=b"), "http://h/?token=***&token=***");
    assert_eq!(shown("http://h/#access_token=hidden&state=1"), "http://h/#access_token=***&state=1");
}

#[test]
fn long_urls_lose_their_middle() {
    let url = format!("http://example.com/{}?last=1", "x".repeat(10_000));
    let text = shown(&url);
    assert_eq!(text.chars().count(), MAX_URL);
    assert!(text.starts_with("http://example.com/xxx") && text.ends_with("x?last=1") && text.contains("x…x"));
    let fits = format!("http://h/{}", "x".repeat(MAX_URL - 9));
    assert_eq!(shown(&fits), fits);
}

#[test]
fn secret_headers() {
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-amz-security-token",
        "x-goog-api-key",
        "private-token",
        "ocp-apim-subscription-key",
        "x-vault-token",
        "x-session-id",
        "x-functions-key",
        "x-forwarded-authorization",
        "x-jwt-assertion",
        "x-goog-iap-jwt-assertion",
        "cf-access-jwt-assertion",
        "cf-access-client-secret",
        "cookie2",
        "set-cookie2",
        "x-hub-signature",
        "x-hub-signature-256",
        "x-ms-authorization-auxiliary",
        "x-amz-server-side-encryption-customer-key",
        "x-rapidapi-key",
        "dd-application-key",
        "x-registry-auth",
        "x-auth",
        "x-amzn-oidc-accesstoken",
        "x-user-password",
        "mcp-session-id",
        "x_api_key",
        "authentication",
    ] {
        assert!(is_secret_header(&HeaderName::from_static(name)), "{name}");
    }
    for name in [
        "accept",
        "content-type",
        "etag",
        "x-request-id",
        "user-agent",
        "www-authenticate",
        "location",
        "idempotency-key",
        "x-idempotency-key",
        "surrogate-key",
        "public-key-pins",
        "x-ratelimit-remaining-tokens",
        "x-monkey",
        "x-author",
        "accept-encoding",
    ] {
        assert!(!is_secret_header(&HeaderName::from_static(name)), "{name}");
    }
}

#[test]
fn messages_of_libraries() {
    assert!(matches!(redact_text("connection refused: token=1"), Cow::Borrowed(_)));
    assert_eq!(
        redact_text("error for url (http://u:p@h/x?token=1): refused, see \"https://h/?a=1\"."),
        "error for url (http://h/x?token=***): refused, see \"https://h/?a=1\"."
    );
    assert_eq!(redact_text("proxy socks5://user:pw@proxy:1080 failed"), "proxy socks5://proxy:1080 failed");
    assert_eq!(redact_text("http://Example.com and :// odd"), "http://Example.com and :// odd");
    assert_eq!(redact_text("GET http://h/?api_key=a,b"), "GET http://h/?api_key=***,b");
    assert_eq!(redact_text("to http://u:pw@[::1/?token=t"), "to http://***@[::1/?***");
    for twice in ["to http://***@[::1/?***", "to \"http://***@ho st/?***\""] {
        assert_eq!(redact_text(twice), twice);
    }
    assert_eq!(redact_text("http://***:pw@h/ http://***@h/?token=t"), "http://h/ http://h/?token=***");
}

#[test]
fn messages_are_bounded() {
    assert!(matches!(redact_message("short".into()), Cow::Borrowed("short")));
    assert_eq!(redact_message("see http://u:p@h/".into()), "see http://h/");
    assert_eq!(redact_message("ü".repeat(1000).into()).chars().count(), 1000);
    assert_eq!(redact_message("ü".repeat(100_000).into()).chars().count(), 1001);
    assert_eq!(quote(b"a\"\xff\x00 http://u:p@h/"), "\"a\\\"\u{fffd}\\0 http://h/\"");
    assert!(quote(&[b'x'; 100_000]).len() < 210);
    assert_eq!(quote(b"access_token=hidden&scope=a"), r#""access_token=***&scope=a""#);
    assert_eq!(quote(b"text/html;charset=utf-8"), r#""text/html;charset=utf-8""#);
}
