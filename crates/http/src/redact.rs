//! Cuts secrets out of what is shown: messages, `repr`, logs. What is sent is never touched.
//!
//! A URL loses its credentials and the values of query parameters (and of a query-like fragment) whose name says that
//! they are secret. Names are compared without case and without `-`, `_`, `.`, so `API-Key`, `api_key` and `apikey`
//! are one. A secret in a path cannot be recognised, and `code` (an OAuth code, but more often a country or an error)
//! stays.

use std::borrow::Cow;

use http::HeaderName;
use url::form_urlencoded;
use url::{Position, Url};

/// What stands for a secret.
const CUT: &str = "***";

/// A longer URL is shown without its middle.
const LONGEST_URL: usize = 500;

/// Text that is no URL is shown up to here.
const LONGEST_INPUT: usize = 200;

/// A message is shown up to here.
const LONGEST_MESSAGE: usize = 1000;

/// Names of secrets, in lower case and without punctuation.
const SECRET_NAMES: [&str; 24] = [
    "key",
    "accesskey",
    "accesskeyid",
    "awsaccesskeyid",
    "secretkey",
    "privatekey",
    "subscriptionkey",
    "ocpapimsubscriptionkey",
    "pass",
    "passwd",
    "passphrase",
    "pwd",
    "sig",
    "hmac",
    "auth",
    "authentication",
    "credentials",
    "session",
    "sessionid",
    "sid",
    "jsessionid",
    "phpsessid",
    "cookie",
    "cookie2",
];

/// Names that end so are secret too: `access_token`, `client_secret`, `X-Amz-Signature`, `x-goog-api-key`.
const SECRET_ENDINGS: [&str; 9] =
    ["token", "secret", "password", "signature", "credential", "apikey", "authorization", "assertion", "jwt"];

/// Headers that end in `-key` and are no secret.
const HARMLESS_KEYS: [&str; 4] = ["idempotency-key", "surrogate-key", "cache-key", "sec-websocket-key"];

/// Whether a parameter or header with this name carries a secret.
fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|char| !matches!(char, '-' | '_' | '.' | '[' | ']'))
        .map(|char| char.to_ascii_lowercase())
        .collect();
    SECRET_NAMES.contains(&&*plain) || SECRET_ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// Whether the value of the header must not be shown, nor sent to another origin: `Authorization`, `Cookie`,
/// `Set-Cookie`, and all that are named like a secret. One word of the name is enough (`X-Functions-Key`,
/// `X-Forwarded-Authorization`, `X-Hub-Signature-256`): services and gateways make up new names all the time.
pub fn is_secret_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    if HARMLESS_KEYS.iter().any(|harmless| name.ends_with(harmless)) {
        return false;
    }
    let mut words = name.split(['-', '_', '.']);
    // "key" counts as the last word only: `Public-Key-Pins` and the like are no secret.
    is_secret_name(name) || name.ends_with("-key") || words.any(|word| word != "key" && is_secret_name(word))
}

/// `url` fit for a message: without credentials and secret parameters, and of at most 500 characters; of a longer one
/// the middle is left out.
pub fn redact_url(url: &Url) -> String {
    let mut text = String::with_capacity(url.as_str().len());
    if url.username().is_empty() && url.password().is_none() {
        text.push_str(&url[..Position::AfterPath]);
    } else {
        text.push_str(&url[..Position::BeforeUsername]);
        text.push_str(&url[Position::BeforeHost..Position::AfterPath]);
    }
    if let Some(query) = url.query() {
        text.push('?');
        redact_pairs(query, &mut text);
    }
    if let Some(fragment) = url.fragment() {
        text.push('#');
        redact_pairs(fragment, &mut text);
    }
    shorten(text)
}

/// Copies `name=value&...`, the values of secrets cut.
fn redact_pairs(pairs: &str, text: &mut String) {
    for (number, pair) in pairs.split('&').enumerate() {
        if number > 0 {
            text.push('&');
        }
        match pair.split_once('=') {
            // The name may be percent-encoded, which a server sees through.
            Some((raw, _)) if form_urlencoded::parse(raw.as_bytes()).any(|(name, _)| is_secret_name(&name)) => {
                text.push_str(raw);
                text.push('=');
                text.push_str(CUT);
            }
            _ => text.push_str(pair),
        }
    }
}

/// Leaves out the middle of a long text.
fn shorten(text: String) -> String {
    let length = text.chars().count();
    if length <= LONGEST_URL {
        return text;
    }
    let head = LONGEST_URL / 2;
    let tail = LONGEST_URL - head - 1;
    text.chars().take(head).chain(std::iter::once('…')).chain(text.chars().skip(length - tail)).collect()
}

/// What was given as a URL, fit for a message. Text that is no URL may still hold a password (often it is the password,
/// with a `/` or `#` in it, that broke the URL): up to the last `@` and from the `?` on it is cut.
pub fn redact_input(text: &str) -> String {
    let (shown, longest) = match Url::parse(text) {
        Ok(url) if url.has_host() => {
            let redacted = redact_url(&url);
            // An innocent URL stays as it was written.
            (if redacted == url.as_str() { text.to_owned() } else { redacted }, LONGEST_URL)
        }
        _ => {
            let start = text.find("//").map_or(0, |slashes| slashes + 2);
            let (scheme, rest) = text.split_at(start);
            let credentials = rest.rfind('@').map_or("", |_| CUT);
            let rest = rest.rfind('@').and_then(|at| rest.get(at..)).unwrap_or(rest);
            let shown = match rest.split_once('?') {
                Some((path, query)) if !query.is_empty() => format!("{scheme}{credentials}{path}?{CUT}"),
                _ => format!("{scheme}{credentials}{rest}"),
            };
            (shown, LONGEST_INPUT)
        }
    };
    cut(&shown, longest)
}

/// `text`, a message of another library, with the secrets of its URLs cut. Text without a URL is not copied.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    // Words and what is between them; a URL holds none of these characters unescaped.
    for word in text.split_inclusive(|char: char| {
        char.is_whitespace() || matches!(char, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',')
    }) {
        let end = word.trim_end_matches(|char: char| !char.is_alphanumeric() && !matches!(char, '/' | '=' | '*')).len();
        let (url, rest) = word.split_at(end);
        match Url::parse(url) {
            Ok(mut parsed) if url.contains("://") => {
                if parsed.username() == CUT && parsed.password().is_none() {
                    // Cut already, by `redact_input`. It does not fail: there was one.
                    let _ = parsed.set_username("");
                }
                let redacted = redact_url(&parsed);
                // An innocent URL stays as it was written.
                shown.push_str(if redacted == parsed.as_str() { url } else { &redacted });
            }
            Err(_) if url.contains("://") => shown.push_str(&redact_input(url)),
            _ => shown.push_str(url),
        }
        shown.push_str(rest);
    }
    Cow::Owned(shown)
}

/// A message fit to be shown: the secrets of URLs in it cut, and of at most 1,000 characters.
pub fn redact_message(message: Cow<'static, str>) -> Cow<'static, str> {
    let message = match redact_text(&message) {
        Cow::Borrowed(_) => message,
        Cow::Owned(redacted) => Cow::Owned(redacted),
    };
    // No character is shorter than a byte.
    if message.len() <= LONGEST_MESSAGE { message } else { cut(&message, LONGEST_MESSAGE).into() }
}

/// Bytes of a peer as a quoted text in a message: secrets of URLs in them and of a form (`access_token=…&…`) cut, and of
/// at most 200 characters.
pub fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..LONGEST_INPUT * 4).unwrap_or(bytes));
    let shown = redact_text(&text);
    if !shown.contains('=') || shown.contains(|char: char| char.is_whitespace() || char == '<') {
        return format!("{:?}", cut(&shown, LONGEST_INPUT));
    }
    let mut form = String::with_capacity(shown.len());
    redact_pairs(&shown, &mut form);
    format!("{:?}", cut(&form, LONGEST_INPUT))
}

/// A text, or the beginning of one that is longer.
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => text.get(..end).unwrap_or(text).to_owned() + "…",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        redact_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn an_innocent_url_stays() {
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
    fn input_that_is_no_url_keeps_no_password() {
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
    fn secret_parameters_are_cut() {
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
        assert_eq!(text.chars().count(), LONGEST_URL);
        assert!(text.starts_with("http://example.com/xxx") && text.ends_with("x?last=1") && text.contains("x…x"));
        let fits = format!("http://h/{}", "x".repeat(LONGEST_URL - 9));
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
    fn foreign_messages() {
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
}
