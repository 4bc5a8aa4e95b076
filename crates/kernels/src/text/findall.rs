//! What `re.findall` finds: of each match the whole, or its only group, or all its groups.
//!
//! One thread beside `re` before anything becomes a Python object, 2,000 documents of 20 KB of HTML with typographic
//! quotes and accents, ms:
//!
//! | pattern | `re` | here | |
//! |---|---|---|---|
//! | `[\w.+-]+@[\w-]+\.[\w.-]+` | 1,813 | 5 | 370× |
//! | `\b\d{4}-\d{2}-\d{2}\b` | 773 | 24 | 32× |
//! | `(\d{4})-(\d{2})-(\d{2})` | 498 | 22 | 22× |
//! | `\$\d{1,3}(?:,\d{3})*(?:\.\d{2})?` | 39 | 3 | 12× |
//! | `\b[A-Z][a-z]+ [A-Z][a-z]+\b` | 776 | 32 | 24× |
//! | `\w+` (6.9 million matches) | 1,216 | 390 | 3× |
//! | `href="([^"]+)"` (107,000 matches; `re` looks for the literal, too) | 45 | 22 | 2× |
//! | `(\w)\1` (backtracking) | 733 | 1,950 | 0.4× |

use super::pattern::Pattern;
use super::search::{Document, Slots, each, span};
use crate::error::KernelError;
use crate::packed::PackedBytes;
use crate::packed::PackedStrings;
use crate::stop::Stop;

/// The texts found in one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found<T> {
    /// The groups of the pattern: with two or more, so many texts in a row are one match (a tuple); else each is one.
    pub groups: usize,
    /// One after the other; empty for a group that took no part.
    pub texts: T,
}

/// In a text.
pub fn findall(pattern: &Pattern, document: &str, stop: &Stop) -> Result<Found<PackedStrings>, KernelError> {
    let mut texts = PackedStrings::new();
    let mut fits = true;
    spans(pattern, Document::Text(document), stop, |start, end| match document.get(start..end) {
        Some(text) => texts.push(text),
        None => fits = false,
    })?;
    if fits {
        Ok(Found { groups: pattern.groups(), texts })
    } else {
        Err(KernelError::internal("a match that cuts a character"))
    }
}

/// In bytes.
pub fn findall_bytes(pattern: &Pattern, document: &[u8], stop: &Stop) -> Result<Found<PackedBytes>, KernelError> {
    let mut texts = PackedBytes::new();
    spans(pattern, Document::Bytes(document), stop, |start, end| {
        texts.push(document.get(start..end).unwrap_or_default())
    })?;
    Ok(Found { groups: pattern.groups(), texts })
}

fn spans(
    pattern: &Pattern,
    document: Document<'_>,
    stop: &Stop,
    mut push: impl FnMut(usize, usize),
) -> Result<(), KernelError> {
    let groups = pattern.groups();
    each(pattern, document, groups > 0, stop, |slots: &Slots| {
        for group in usize::from(groups > 0)..=groups {
            let (start, end) = span(slots, group).unwrap_or((0, 0));
            push(start, end);
        }
    })
}

#[cfg(test)]
mod tests;
