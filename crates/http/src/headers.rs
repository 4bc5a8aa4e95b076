//! Header maps and header values as text.

use http::{HeaderMap, HeaderName};

/// `base` without the names in `without`, with `over` on top: the values of a name in `over` replace those in `base`.
pub fn merge(base: &HeaderMap, over: &HeaderMap, without: &[HeaderName]) -> HeaderMap {
    let mut headers = base.clone();
    for name in without {
        headers.remove(name);
    }
    headers.extend(over.clone());
    headers
}

/// A header value, or a part of one, as text: UTF-8 if it is valid, else Latin-1.
pub fn decode_text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    }
}
