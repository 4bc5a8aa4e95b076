//! How many matches `re.findall` would find.

use super::pattern::Pattern;
use super::search::{Document, each};
use crate::error::KernelError;
use crate::stop::Stop;

/// In a text.
pub fn count(pattern: &Pattern, document: &str, stop: &Stop) -> Result<u64, KernelError> {
    number(pattern, Document::Text(document), stop)
}

/// In bytes.
pub fn count_bytes(pattern: &Pattern, document: &[u8], stop: &Stop) -> Result<u64, KernelError> {
    number(pattern, Document::Bytes(document), stop)
}

fn number(pattern: &Pattern, document: Document<'_>, stop: &Stop) -> Result<u64, KernelError> {
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
        let of = |pattern: &str, text: &str| count(&Pattern::text(pattern).unwrap(), text, &Stop::default()).unwrap();
        assert_eq!(of("a", "banana"), 3);
        assert_eq!(of("", "né"), 3);
        assert_eq!(of("(?<=n)a", "banana"), 2);
        assert_eq!(of("x", ""), 0);
        let bytes = Pattern::bytes(b"\xff|").unwrap();
        assert_eq!(count_bytes(&bytes, b"a\xffb", &Stop::default()), Ok(4));
    }
}
