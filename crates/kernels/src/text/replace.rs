//! What `re.sub` makes of a document.

use super::pattern::Pattern;
use super::replacement::Replacement;
use super::search::{Document, each, span};
use crate::error::KernelError;
use crate::stop::Stop;

/// A text with all matches replaced.
pub fn replace(pattern: &Pattern, document: &str, by: &Replacement, stop: &Stop) -> Result<String, KernelError> {
    let replaced = write(pattern, Document::Text(document), document.as_bytes(), by, stop)?;
    String::from_utf8(replaced).map_err(|_| KernelError::internal("a match that cuts a character"))
}

/// Bytes with all matches replaced.
pub fn replace_bytes(
    pattern: &Pattern,
    document: &[u8],
    by: &Replacement,
    stop: &Stop,
) -> Result<Vec<u8>, KernelError> {
    write(pattern, Document::Bytes(document), document, by, stop)
}

fn write(
    pattern: &Pattern,
    document: Document<'_>,
    bytes: &[u8],
    by: &Replacement,
    stop: &Stop,
) -> Result<Vec<u8>, KernelError> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut done = 0;
    each(pattern, document, by.has_groups(), stop, |slots| {
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
