//! The number of matches that `re.findall` finds.

use super::pattern::Pattern;
use super::search::each;
use super::slots::Haystack;
use crate::error::KernelError;
use crate::stop::Stop;

/// The number of matches in a text.
pub fn count(pattern: &Pattern, text: &str, stop: &Stop) -> Result<u64, KernelError> {
    count_matches(pattern, Haystack::Text(text), stop)
}

/// The number of matches in bytes.
pub fn count_bytes(pattern: &Pattern, bytes: &[u8], stop: &Stop) -> Result<u64, KernelError> {
    count_matches(pattern, Haystack::Bytes(bytes), stop)
}

fn count_matches(pattern: &Pattern, haystack: Haystack<'_>, stop: &Stop) -> Result<u64, KernelError> {
    let mut count = 0;
    each(pattern, haystack, false, stop, |_| count += 1)?;
    Ok(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let of = |pattern: &str, text: &str| count(&Pattern::text(pattern).unwrap(), text, &Stop::default()).unwrap();
        assert_eq!(of("a", "banana"), 3);
        assert_eq!(of("", "né"), 3);
        assert_eq!(of("(?<=n)a", "banana"), 2);
        assert_eq!(of("x", ""), 0);
        let bytes = Pattern::bytes(b"\xff|").unwrap();
        assert_eq!(count_bytes(&bytes, b"a\xffb", &Stop::default()), Ok(4));
    }
}
