//! Parses `Set-Cookie` by RFC 6265, 5.2, and the draft of its successor (6265bis).

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;

use super::date;
use crate::control_bytes;

/// The longest value of an attribute; a longer one is ignored (6265bis, 5.6).
const MAX_ATTRIBUTE: usize = 1024;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SetCookie<'a> {
    /// Never empty.
    pub name: &'a [u8],
    /// As the server wrote it, quotes included.
    pub value: &'a [u8],
    /// Without a leading dot.
    pub domain: Option<&'a [u8]>,
    /// Begins with a slash.
    pub path: Option<&'a [u8]>,
    pub secure: bool,
    /// Seconds since 1970; `None` for as long as the jar exists.
    pub expires: Option<i64>,
}

/// Parses the value of one header at the time `now`; `None` if it is no cookie.
pub(super) fn parse(header: &[u8], now: i64) -> Option<SetCookie<'_>> {
    // 6265bis, 5.6: a header with a control byte is ignored.
    if control_bytes::has_any(header) {
        return None;
    }
    let mut parts = header.split(|byte| *byte == b';');
    let (name, value) = split(parts.next()?);
    let value = value?;
    if name.is_empty() {
        return None;
    }
    let mut cookie = SetCookie { name, value, ..SetCookie::default() };
    let (mut expires, mut max_age) = (None, None);
    for part in parts {
        let (attribute, value) = split(part);
        let value = value.unwrap_or_default();
        if value.len() > MAX_ATTRIBUTE {
            continue;
        }
        // The last valid one of a name counts.
        match attribute.to_ascii_lowercase().as_slice() {
            b"expires" => expires = date::parse(value).or(expires),
            b"max-age" => max_age = seconds(value).or(max_age),
            b"domain" => cookie.domain = Some(value.strip_prefix(b".").unwrap_or(value)).filter(|it| !it.is_empty()),
            b"path" => cookie.path = Some(value).filter(|path| path.starts_with(b"/")),
            b"secure" => cookie.secure = true,
            _ => {}
        }
    }
    cookie.expires = match max_age {
        Some(seconds) if seconds <= 0 => Some(i64::MIN),
        Some(seconds) => Some(now.saturating_add(seconds)),
        None => expires,
    };
    Some(cookie)
}

impl SetCookie<'_> {
    /// Whether the cookie has expired, by which a server deletes it.
    pub fn is_deletion(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The text before and after the first `=`, without surrounding blanks.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
    (parts.next().unwrap_or_default(), parts.next())
}

/// The value of `Max-Age`: digits with an optional minus, saturating.
fn seconds(text: &[u8]) -> Option<i64> {
    let (digits, sign) = text.strip_prefix(b"-").map_or((text, 1), |digits| (digits, -1));
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0_i64, |all, digit| all.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(number * sign)
}
