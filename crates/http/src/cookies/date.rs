//! Dates of cookies, by the algorithm of RFC 6265, 5.1.1.
//!
//! Servers write `Expires` in a dozen forms and browsers accept them all. The `httpdate` crate accepts the three forms of
//! RFC 9110 from 1970 on, so it can't replace this module: `Mon, 01-Jan-1601 00:00:00 UTC` deletes a cookie, too.

#[cfg(test)]
mod tests;

/// Seconds since 1970, UTC; `None` if the text is no date.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        // Each field counts once; a token is tried in this order.
        if time.is_none() && time_of(token).is_some() {
            time = time_of(token);
        } else if day.is_none() && number(token, 1, 2).is_some() {
            day = number(token, 1, 2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() && number(token, 2, 4).is_some() {
            year = number(token, 2, 4);
        }
    }
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let is_valid = year >= 1601 && (1..=days_in(month, year)).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_valid.then(|| days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// The number at the start of a token, if it has `min` to `max` digits.
fn number(token: &[u8], min: usize, max: usize) -> Option<i64> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(min..=max).contains(&digits) {
        return None;
    }
    Some(token.iter().take(digits).fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// A time such as `1:02:03`.
fn time_of(token: &[u8]) -> Option<(i64, i64, i64)> {
    let mut fields = token.splitn(3, |byte| *byte == b':');
    let whole = |field: &[u8]| number(field, 1, 2).filter(|_| field.iter().all(u8::is_ascii_digit));
    // Only the last field may be followed by other characters.
    Some((whole(fields.next()?)?, whole(fields.next()?)?, number(fields.next()?, 1, 2)?))
}

fn month_of(token: &[u8]) -> Option<i64> {
    const NAMES: [&[u8]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let start = token.get(..3)?;
    NAMES.iter().zip(1..).find(|(name, _)| start.eq_ignore_ascii_case(name)).map(|(_, number)| number)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 in the proleptic Gregorian calendar, counted in years that begin in March and end with the leap day.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_1970 = 719_468;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - days_before_1970
}
