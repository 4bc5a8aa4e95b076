//! Replaces all matches, as `re.sub` does.

use super::pattern::Pattern;
use super::replacement::Replacement;
use super::search::each;
use super::slots::{Haystack, span};
use crate::error::KernelError;
use crate::stop::Stop;

/// A text with all matches replaced.
pub fn replace(pattern: &Pattern, text: &str, by: &Replacement, stop: &Stop) -> Result<String, KernelError> {
    let replaced = replaced(pattern, Haystack::Text(text), by, stop)?;
    String::from_utf8(replaced).map_err(|_| KernelError::internal("a match that splits a character"))
}

/// Bytes with all matches replaced.
pub fn replace_bytes(pattern: &Pattern, bytes: &[u8], by: &Replacement, stop: &Stop) -> Result<Vec<u8>, KernelError> {
    replaced(pattern, Haystack::Bytes(bytes), by, stop)
}

fn replaced(pattern: &Pattern, haystack: Haystack<'_>, by: &Replacement, stop: &Stop) -> Result<Vec<u8>, KernelError> {
    let bytes = haystack.bytes();
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut done = 0;
    each(pattern, haystack, by.has_groups(), stop, |slots| {
        let (start, end) = span(slots, 0).unwrap_or((done, done));
        replaced.extend_from_slice(bytes.get(done..start).unwrap_or_default());
        by.write(&mut replaced, bytes, slots);
        done = end;
    })?;
    replaced.extend_from_slice(bytes.get(done..).unwrap_or_default());
    Ok(replaced)
}

#[cfg(test)]
mod tests;
