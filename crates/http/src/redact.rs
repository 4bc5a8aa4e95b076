//! Cuts secrets from messages, `repr` and logs. What is sent is never changed.
//!
//! A URL loses its credentials and the values of secret parameters in its query or fragment. A parameter is secret by its
//! name, compared without case and without `-`, `_` and `.`: `API-Key`, `api_key` and `apikey` are equal. A secret in a
//! path is not recognised, and `code` stays: it is an OAuth code, but more often a country or an error.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::borrow::Cow;

use http::HeaderName;
use url::form_urlencoded;
use url::{Position, Url};

const CUT: &str = "***";

/// The middle of a longer URL is left out.
const MAX_URL: usize = 500;

/// Text that is no URL is cut at this length.
const MAX_INPUT: usize = 200;

const MAX_MESSAGE: usize = 1000;

/// Names with these endings are secret, too: `access_token`, `client_secret`, `X-Amz-Signature`, `x-goog-api-key`.
const SECRET_ENDINGS: [&str; 9] =
    ["token", "secret", "password", "signature", "credential", "apikey", "authorization", "assertion", "jwt"];

/// Whether a parameter or header with this name has a secret value.
fn is_secret_name(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|char| !matches!(char, '-' | '_' | '.' | '[' | ']'))
        .map(|char| char.to_ascii_lowercase())
        .collect();
    matches!(
        &*name,
        "key"
            | "accesskey"
            | "accesskeyid"
            | "awsaccesskeyid"
            | "secretkey"
            | "privatekey"
            | "subscriptionkey"
            | "ocpapimsubscriptionkey"
            | "pass"
            | "passwd"
            | "passphrase"
            | "pwd"
            | "sig"
            | "hmac"
            | "auth"
            | "authentication"
            | "credentials"
            | "session"
            | "sessionid"
            | "sid"
            | "jsessionid"
            | "phpsessid"
            | "cookie"
            | "cookie2"
    ) || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether the value of a header is secret, so that it is neither shown nor sent to another origin: `Authorization`,
/// `Cookie`, `Set-Cookie`, and any header with a secret name. One word of the name is enough (`X-Functions-Key`,
/// `X-Forwarded-Authorization`, `X-Hub-Signature-256`), because services and gateways keep inventing names.
pub fn is_secret_header(name: &HeaderName) -> bool {
    const PUBLIC_KEYS: [&str; 4] = ["idempotency-key", "surrogate-key", "cache-key", "sec-websocket-key"];
    let name = name.as_str();
    if PUBLIC_KEYS.iter().any(|public| name.ends_with(public)) {
        return false;
    }
    let mut words = name.split(['-', '_', '.']);
    // "key" counts as the last word only: `Public-Key-Pins` is no secret.
    is_secret_name(name) || name.ends_with("-key") || words.any(|word| word != "key" && is_secret_name(word))
}

/// `url` for a message: without credentials and secret parameters, and without the middle if it is longer than 500
/// characters.
pub fn redact_url(url: &Url) -> String {
    let mut text = String::with_capacity(url.as_str().len());
    if url.username().is_empty() && url.password().is_none() {
        text.push_str(&url[..Position::AfterPath]);
    } else {
        text.push_str(&url[..Position::BeforeUsername]);
        text.push_str(&url[Position::BeforeHost..Position::AfterPath]);
    }
    for (mark, pairs) in [('?', url.query()), ('#', url.fragment())] {
        if let Some(pairs) = pairs {
            text.push(mark);
            redact_pairs(pairs, &mut text);
        }
    }
    let length = text.chars().count();
    if length <= MAX_URL {
        return text;
    }
    let head = MAX_URL / 2;
    let tail = MAX_URL - head - 1;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
}

/// Copies `name=value&...` without the values of secrets.
fn redact_pairs(pairs: &str, text: &mut String) {
    for (number, pair) in pairs.split('&').enumerate() {
        if number > 0 {
            text.push('&');
        }
        match pair.split_once('=') {
            // The name may be percent-encoded.
            Some((raw, _)) if form_urlencoded::parse(raw.as_bytes()).any(|(name, _)| is_secret_name(&name)) => {
                text.extend([raw, "=", CUT]);
            }
            _ => text.push_str(pair),
        }
    }
}

/// Text that was given as a URL, for a message. Text that is no URL may still have a password, often the one whose `/` or
/// `#` broke the URL: everything up to the last `@` and after the `?` is cut.
pub fn redact_input(text: &str) -> String {
    if let Ok(mut url) = Url::parse(text)
        && url.has_host()
    {
        if url.username() == CUT && url.password().is_none() {
            // The text was cut before. Removing a user name does not fail.
            let _ = url.set_username("");
        }
        let redacted = redact_url(&url);
        // A URL without secrets stays as it was written.
        return truncate(if redacted == url.as_str() { text } else { &redacted }, MAX_URL);
    }
    let (scheme, rest) = text.split_at(text.find("//").map_or(0, |slashes| slashes + 2));
    let (credentials, rest) = rest.rfind('@').and_then(|at| rest.get(at..)).map_or(("", rest), |rest| (CUT, rest));
    let redacted = match rest.split_once('?') {
        Some((path, query)) if !query.is_empty() => format!("{scheme}{credentials}{path}?{CUT}"),
        _ => format!("{scheme}{credentials}{rest}"),
    };
    truncate(&redacted, MAX_INPUT)
}

/// The message of a library without the secrets in its URLs; text without a URL is not copied.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    // A URL has none of these characters unescaped.
    let is_separator =
        |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',');
    let is_punctuation = |char: char| !char.is_alphanumeric() && !matches!(char, '/' | '=' | '*');
    let mut redacted = String::with_capacity(text.len());
    for word in text.split_inclusive(is_separator) {
        let (url, rest) = word.split_at(word.trim_end_matches(is_punctuation).len());
        redacted.push_str(&if url.contains("://") { Cow::Owned(redact_input(url)) } else { Cow::Borrowed(url) });
        redacted.push_str(rest);
    }
    Cow::Owned(redacted)
}

/// A message without the secrets in its URLs, of at most 1,000 characters.
pub(crate) fn redact_message(message: Cow<'static, str>) -> Cow<'static, str> {
    let message = match redact_text(&message) {
        Cow::Borrowed(_) => message,
        Cow::Owned(redacted) => Cow::Owned(redacted),
    };
    // A character has at least one byte.
    if message.len() <= MAX_MESSAGE { message } else { truncate(&message, MAX_MESSAGE).into() }
}

/// Bytes from a peer, quoted for a message: without the secrets in URLs and forms (`access_token=…&…`), and of at most
/// 200 characters.
pub fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..MAX_INPUT * 4).unwrap_or(bytes));
    let mut redacted = redact_text(&text);
    if redacted.contains('=') && !redacted.contains(|char: char| char.is_whitespace() || char == '<') {
        let mut form = String::with_capacity(redacted.len());
        redact_pairs(&redacted, &mut form);
        redacted = Cow::Owned(form);
    }
    format!("{:?}", truncate(&redacted, MAX_INPUT))
}

/// The first `max` characters of `text`, followed by `…` if it is longer.
pub fn truncate(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => text.get(..end).unwrap_or(text).to_owned() + "…",
    }
}
