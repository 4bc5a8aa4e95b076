//! How many matches `re.findall` would find.

use super::pattern::Pattern;
use super::search::each;
use crate::cpu::failure::Failure;
use crate::cpu::stop::Stop;

/// In a text's bytes, or in bytes: as the pattern is made for.
pub fn count(pattern: &Pattern, document: &[u8], stop: &Stop) -> Result<u64, Failure> {
    let mut count = 0;
    each(pattern, document, false, stop, |_| count += 1)?;
    Ok(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let of = |pattern: &str, text: &str| {
            count(&Pattern::text(pattern).unwrap(), text.as_bytes(), &Stop::default()).unwrap()
        };
        assert_eq!(of("a", "banana"), 3);
        assert_eq!(of("", "né"), 3);
        assert_eq!(of("(?<=n)a", "banana"), 2);
        assert_eq!(of("x", ""), 0);
        let bytes = Pattern::bytes(b"\xff|").unwrap();
        assert_eq!(count(&bytes, b"a\xffb", &Stop::default()), Ok(4));
    }
}
